/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline: from the source through the sink to the acks.
 *
 * Every record that enters completes exactly once, delivered or dropped, in
 * any order.  Order of submission is kept within a partition: as long as a
 * record of a lane is being retried, no later one of that lane is handed to
 * the sink.  (Those that the sink already has may overtake it.)
 *
 * Two ceilings, and hysteresis of a quarter for both:
 *  - of the worker: memory.maxRecords read and not acked, memory.budget bytes
 *    that a sink has or waits for;
 *  - of each lane: limits.concurrency records that are not complete, and half
 *    of the worker's ceilings as long as it is not alone, so that a partition
 *    which is stuck leaves room for the others.
 */
#ifndef FBY_PIPELINE_H
#define FBY_PIPELINE_H

#include "shared/fby.h"

#include <sys/queue.h>

#include "worker/batch.h"

/* What librdkafka keeps for a record beside key and value, bytes. */
#define FBY_RECORD_OVERHEAD 256

struct fby_lane;
struct fby_run;
struct fby_worker;

struct fby_pipeline {
	struct fby_batches batches;
	uint64_t records;                /* read and not acked */
	uint64_t open_bytes;             /* of records not complete */
	bool closed;                     /* the worker's ceiling is hit */
	STAILQ_HEAD(, fby_lane) touched; /* have completions to settle */
	STAILQ_HEAD(, fby_lane) blocked; /* the sink had no room */
};

void fby_pipeline_init(struct fby_worker *w);

/* After the sink is closed: frees what never completed. */
void fby_pipeline_fini(struct fby_worker *w);

/* How many records the lane may read now. */
size_t fby_pipeline_room(struct fby_lane *ln);

/* The messages are the pipeline's from here on. */
void fby_pipeline_submit(struct fby_lane *ln, const struct fby_run *run);

/* ---- for sinks -------------------------------------------------------- */

/* Exactly one of these for each record whose submission answered FBY_OK. */
void fby_pipeline_delivered(struct fby_record *rec);
void fby_pipeline_dropped(struct fby_record *rec);
void fby_pipeline_failed(struct fby_record *rec, const char *why);

/* After a burst of them, never from within a submission: move the ledger. */
void fby_pipeline_settle(struct fby_worker *w);

/* There is room again after an FBY_AGAIN. */
void fby_pipeline_ready(struct fby_worker *w);

/* ---- for lanes -------------------------------------------------------- */

void fby_pipeline_lane_init(struct fby_lane *ln);

/* Nothing of it is handed to the sink any more, apart from retries. */
void fby_pipeline_stop(struct fby_lane *ln);

/* It is released: its completions no longer count. */
void fby_pipeline_forget(struct fby_lane *ln);

#endif
