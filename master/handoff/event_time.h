/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event times that are wrong: records from the future would make all others
 * late, on all hosts, since watermarks travel with the offsets.
 *
 * A worker believes no record beyond watermark.maxFuture, and the master no
 * watermark beyond that, wherever it comes from: the metadata of a commit,
 * the ledger of the master before, a row.  Each is counted in its row
 * (`future`), and while the count rises there is an alarm.
 *
 * What is wrong by less is healed by hand: `forebay watermark reset`.
 */
#ifndef FBY_EVENT_TIME_H
#define FBY_EVENT_TIME_H

#include "shared/fby.h"

struct fby_context;
struct fby_handoff;

struct fby_event_time {
	uint64_t seen;   /* counted in all rows at the last look */
	int64_t grew_at; /* monotonic: when it last had grown; 0: never */
};

/* Each second, and before the first watermark is read. */
void fby_event_time_look(struct fby_event_time *et, struct fby_handoff *h,
    struct fby_context *ctx);

/*
 * Forget the watermarks of all partitions that are ours: workers give them
 * back and get them again without one, and the next commit says so.  How many
 * they are.
 */
size_t fby_event_time_reset(struct fby_handoff *h, int64_t drain_ms);

#endif
