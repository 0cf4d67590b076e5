/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a transformer or a map has made of a record.
 *
 * A result with the tag of a drop is left out; the tags of a nack and of a
 * failure are about the whole record.  No result at all is none of these: the
 * SDKs mark a drop, and a record that was forgotten is not to be lost, so it
 * is taken for a failure.
 */
#ifndef FBY_STAGE_RESULT_H
#define FBY_STAGE_RESULT_H

#include "shared/fby.h"

#include "worker/function/proto/map.pb-c.h"
#include "worker/function/proto/transform.pb-c.h"

struct fby_record;
struct fby_request;

/* The record is the pipeline's again. */
void fby_result_transformed(struct fby_record *rec, struct fby_request *req,
    const Pb__TransformResponse *msg);
void fby_result_mapped(struct fby_record *rec, struct fby_request *req,
    const Pb__MapResponse *msg);

#endif
