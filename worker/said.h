/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function says of a record beside its result, kept with it: in words,
 * as user metadata, and how a nacked one is to come again.
 */
#ifndef FBY_SAID_H
#define FBY_SAID_H

#include "shared/fby.h"

#include "worker/batch.h"
#include "worker/function/proto/common.pb-c.h"
#include "worker/retry.h"

/*
 * The text, printable and cut.  A record has one room for it, which the next
 * text takes: a record may be refused without end.
 */
const char *fby_said_text(struct fby_record *rec, const char *text);

/* The user's part alone: the system's is ours. */
void fby_said_metadata(struct fby_record *rec, const Pb__Metadata *from);

/* NULL: no options. */
struct fby_nack fby_said_nack(struct fby_record *rec,
    const Pb__NackOptions *options);

#endif
