/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline: from the source through the sinks to the acks.
 *
 * Every record that enters completes exactly once, in any order, with one of
 * four outcomes: delivered, written to the fallback sink, dead-lettered,
 * dropped by rule.  On its way it may be bound for several sinks, one after
 * the other (rec->role).  Order of submission is kept within a partition: as
 * long as a record of a lane is being retried, no later one of that lane is
 * handed over.  (Those that a sink already has may overtake it, unless it is
 * one that wants them in order.)
 */
#ifndef FBY_PIPELINE_H
#define FBY_PIPELINE_H

#include "shared/fby.h"

#include <sys/queue.h>

#include "shared/manifest/manifest.h"

struct fby_lane;
struct fby_nack;
struct fby_record;
struct fby_run;
struct fby_worker;

struct fby_pipeline {
	bool by_run;                     /* whole runs, one sink only */
	unsigned first;                  /* where records go at first */
	STAILQ_HEAD(, fby_lane) blocked; /* the sink had no room */
};

void fby_pipeline_init(struct fby_worker *w);

/* The sinks are open. */
void fby_pipeline_start(struct fby_worker *w);

/* The messages are the pipeline's from here on. */
void fby_pipeline_submit(struct fby_lane *ln, const struct fby_run *run);

/* ---- for sinks -------------------------------------------------------- */

/*
 * Exactly one of these for each record whose submission answered FBY_OK; the
 * second for those that came by `drop`.
 */
void fby_pipeline_delivered(struct fby_record *rec);
void fby_pipeline_dropped(struct fby_record *rec);

/*
 * The sink refused it: retry.h judges.  `why` is static; `permanent`: it would
 * refuse it again.
 */
void fby_pipeline_failed(struct fby_record *rec, const char *why,
    bool permanent);

/*
 * The sink has it, and what it has made of it goes on to onSuccess, which is
 * there.  For a sink that says so for each record (names_success).
 */
void fby_pipeline_succeeded(struct fby_record *rec);

/* On to the fallback sink, which is there, at its own wish. */
void fby_pipeline_fall_back(struct fby_record *rec, const char *why);

/* It is to be given to the sink once more, later; no other waits for it. */
void fby_pipeline_nacked(struct fby_record *rec, const struct fby_nack *nack);

/* The sink could not do it, through no fault of the record: once more. */
void fby_pipeline_again(struct fby_record *rec);

/*
 * A function has come to its end with it, alone, `attempts` times: where what
 * would be refused again goes.  If that is nowhere, it is held back, so that
 * the function works for others: it holds up its own partition, and is tried
 * once in ten minutes.
 */
void fby_pipeline_condemned(struct fby_record *rec, uint32_t attempts,
    const char *why);

/* After a burst of them, never from within a submission: move the ledger. */
void fby_pipeline_settle(struct fby_worker *w);

/* There is room again after an FBY_AGAIN. */
void fby_pipeline_ready(struct fby_worker *w);

/* ---- for functions ---------------------------------------------------- */

/*
 * Exactly one of these for each record whose submission answered FBY_OK, but
 * that it comes again after the last three.
 *
 * It has an answer: n results, which derived.h has made of it; 0: it is
 * dropped.
 */
void fby_pipeline_answered(struct fby_record *rec, size_t n);

/*
 * ... and fby_pipeline_failed(), fby_pipeline_nacked() and
 * fby_pipeline_condemned(), which are not the last word.
 */

/* ---- for lanes -------------------------------------------------------- */

void fby_pipeline_lane_init(struct fby_lane *ln);

/*
 * Nothing of it is handed to the sink any more, apart from retries; the sinks
 * are told to be quick.
 */
void fby_pipeline_stop(struct fby_lane *ln);

/* It is released: its completions no longer count. */
void fby_pipeline_forget(struct fby_lane *ln);

#endif
