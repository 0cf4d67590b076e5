/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes of records: the counters of row and slot, and what the log says.
 * Nothing is decided here; pipeline.c does that.
 */
#ifndef FBY_OUTCOME_H
#define FBY_OUTCOME_H

#include "shared/fby.h"

#include "worker/derived.h"
#include "worker/retry.h"

struct fby_batch;
struct fby_lane;
struct fby_record;

/* A sink has taken it: its own writes are counted, for each role. */
void fby_outcome_written(const struct fby_record *rec);

/* What became of one that is bound for no other place. */
enum fby_outcome fby_outcome_of(const struct fby_record *rec);

/* A sink's rule drops it, or a function has: that is counted there. */
void fby_outcome_dropped(const struct fby_record *rec);

/* It is with a function, which leaves out n results of it; or it is dropped. */
void fby_outcome_left_out(const struct fby_record *rec, size_t n);

/* The function has answered that it failed. */
void fby_outcome_refused(const struct fby_record *rec);

/* A record of the source is complete.  fby_lane_publish() tells the row. */
void fby_outcome_final(struct fby_lane *ln, enum fby_outcome outcome);

/* A sink returns a record of a lane that is released. */
void fby_outcome_stale(const struct fby_lane *ln);

/* All records of the batch are complete: how long that took. */
void fby_outcome_batch(const struct fby_batch *b);

/* A refused record waits; the first of a lane, and the recovery, are said. */
void fby_outcome_waits(const struct fby_record *rec, const char *why);

/* One that ends the function each time waits: the master is told, too. */
void fby_outcome_held_back(const struct fby_record *rec);

/* A refused record goes elsewhere, is dropped, or was nacked. */
void fby_outcome_moved(const struct fby_record *rec, enum fby_retry verdict);

#endif
