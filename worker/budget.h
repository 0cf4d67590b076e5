/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much more may be read.
 *
 * Two ceilings, and hysteresis of a quarter for both:
 *  - of the worker: memory.maxRecords read and not acked, and half of
 *    memory.budget in bytes that a sink has or waits for;
 *  - of each lane: limits.concurrency records that are not complete, and half
 *    of the worker's ceilings as long as it is not alone, so that a partition
 *    which is stuck leaves room for the others.  As long as one of them has
 *    nothing in flight and waits for room, it is the same part for each.
 */
#ifndef FBY_BUDGET_H
#define FBY_BUDGET_H

#include "shared/fby.h"

/* What librdkafka keeps for a record beside key and value, bytes. */
#define FBY_RECORD_OVERHEAD 256

struct fby_lane;
struct fby_worker;

struct fby_budget {
	/* main.c's: there is room for a lane that had none.  Reads nothing. */
	void (*wake)(struct fby_lane *ln);
	uint64_t records;    /* read and not acked */
	uint64_t open_bytes; /* of records not complete */
	size_t nhungry;      /* lanes that wait for room for their first */
	bool closed;         /* the worker's ceiling is hit */
	unsigned weight;     /* a record weighs so many times its bytes */
};

/* How many records the lane may read now. */
size_t fby_budget_get(struct fby_lane *ln);

/* It has records to read, and was told none: it waits for room. */
void fby_budget_refused(struct fby_lane *ln);

/* It has read, is at the end, or is gone. */
void fby_budget_served(struct fby_lane *ln);

/* Wake it if it waits, and there is room. */
void fby_budget_offer(struct fby_lane *ln);

/*
 * Is the worker's ceiling hit?  Wakes the lanes that waited if it no longer is.
 */
bool fby_budget_check(struct fby_worker *w);

#endif
