/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which partitions make no progress, whatever the cause: their acked offset
 * stands still for spec.progressTimeout although there is something to read,
 * or something in flight.  It follows from the ledger and the ends of the logs
 * alone, looked at each second; what workers say (failure.h) is the reason
 * that is given, no more.  That a partition cannot be fetched librdkafka says
 * once, perhaps before there was something to read in it: it is the reason
 * until acked moves.
 *
 * In flight: the role that holds the records has the alarm (SINK, FALLBACK,
 * ON_SUCCESS, DEAD_LETTER).  Nothing in flight: STUCK, the source.  It goes
 * when acked moves, when there is nothing left to do, or with the partition.
 * What is QUARANTINED has an alarm of its own.
 */
#ifndef FBY_PROGRESS_H
#define FBY_PROGRESS_H

#include "shared/fby.h"

#include "shared/boundary/proto.h"

struct fby_context;
struct fby_ends;
struct fby_failure;
struct fby_failures;
struct fby_handoff;

struct fby_progress_part {
	bool is_ours;
	bool is_stuck;
	enum fby_failure_role role; /* that holds it up, if it is stuck */
	int64_t acked;
	int64_t since; /* monotonic: of acked; or when there was work again */
	int64_t since_wall; /* the same, for people */
	int64_t moved_at;   /* monotonic: of acked; or when it became ours */
};

struct fby_progress {
	struct fby_context *ctx;
	const struct fby_handoff *handoff;
	const struct fby_ends *ends;
	const struct fby_failures *failures;
	struct fby_progress_part *parts; /* by row */
	uint32_t nparts;
	int64_t ticked_at; /* monotonic */
};

void fby_progress_init(struct fby_progress *p, struct fby_context *ctx,
    const struct fby_handoff *handoff, const struct fby_ends *ends,
    const struct fby_failures *failures);
void fby_progress_fini(struct fby_progress *p);

/* Every second: look, and set or clear the alarms. */
void fby_progress_tick(struct fby_progress *p, int64_t now);

/* NULL: it is not ours. */
const struct fby_progress_part *fby_progress_get(const struct fby_progress *p,
    uint32_t row);

/*
 * The last reason that a worker gave since the partition got on; of `role` if
 * it is stuck, else of any.  NULL: none has said anything.
 */
const struct fby_failure *fby_progress_reason(const struct fby_progress *p,
    uint32_t row, enum fby_failure_role *role);

#endif
