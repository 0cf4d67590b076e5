/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in flight: what they cost while they are, and their end.
 *
 * What may free a lane or a batch is a record's end.  So a loop over a batch
 * holds it open: fby_flight_hold(), and fby_flight_unhold() after it.
 */
#ifndef FBY_FLIGHT_H
#define FBY_FLIGHT_H

#include "shared/fby.h"

#include <sys/queue.h>

#include "worker/batch.h"
#include "worker/derived.h"

struct fby_lane;
struct fby_record;
struct fby_run;
struct fby_worker;

struct fby_flight {
	/*
	 * main.c's: nothing of a lane that drains may be left, or no batch of
	 * one that is released.  May free the lane.
	 */
	void (*drained)(struct fby_lane *ln);
	struct fby_batches batches;
	STAILQ_HEAD(, fby_lane) touched; /* have completions to settle */
};

void fby_flight_init(struct fby_flight *fl);

/* Frees what never ended. */
void fby_flight_fini(struct fby_flight *fl);

/* The messages are the batch's; acks, event time and budget have them. */
struct fby_batch *fby_flight_begin(struct fby_lane *ln,
    const struct fby_run *run);

void fby_flight_hold(struct fby_batch *b);
void fby_flight_unhold(struct fby_batch *b); /* may free it, and its lane */

/*
 * It is complete, and so is the source's record with the last that was made of
 * it: the acks may pass it.  May free its batch, and the lane.
 */
void fby_flight_complete(struct fby_record *rec, enum fby_outcome outcome);

/* It is to be settled. */
void fby_flight_touch(struct fby_lane *ln);

/* It ends, and no ack knows of it. */
void fby_flight_give_back(struct fby_record *rec);

/* The slot of the ledger. */
void fby_flight_publish(struct fby_worker *w);

#endif
