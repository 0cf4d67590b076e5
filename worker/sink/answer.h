/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sink that is a function answers about a record: delivered, failed, or
 * bound for elsewhere.
 */
#ifndef FBY_ANSWER_H
#define FBY_ANSWER_H

#include "shared/fby.h"

#include "worker/batch.h"
#include "worker/function/proto/sink.pb-c.h"

struct fby_outlet;

enum fby_answer_mark {            /* of a record, in rec->mark */
	FBY_ANSWER_DEATHS = 0x7f, /* of the function, with it alone */
	FBY_ANSWER_ALONE = 0x80   /* is to be sent alone */
};

/* The record is the pipeline's again. */
void fby_answer(struct fby_outlet *out, struct fby_record *rec,
    const Pb__SinkResponse__Result *result);

/* It would be refused again: too large, the end of the function.  Static. */
void fby_answer_refuse(struct fby_record *rec, const char *why);

/*
 * The function ended while it had this record alone.  True: that has happened
 * `most` times, and the count begins anew.
 */
bool fby_answer_death(struct fby_record *rec, unsigned most);

#endif
