/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the logs of our partitions end: what lag is counted from.
 *
 * While a worker fetches a partition each answer tells its end, and the row's
 * `high` moves.  A partition that is not fetched (its sink stands still, the
 * memory is used up, nobody holds it) or at whose end nothing happens tells
 * nothing, so the broker is asked for the end of every log whose `high` has
 * not moved, every two seconds, without waiting for the answer.
 *
 * What is older than six seconds is unknown, not a figure.
 */
#ifndef FBY_ENDS_H
#define FBY_ENDS_H

#include "shared/fby.h"

#include "master/group/request.h"

struct fby_group;
struct fby_handoff;
struct fby_ledger_row;

struct fby_end {
	int64_t end;    /* of the log; FBY_NONE: unknown */
	int64_t at;     /* monotonic: when that was so */
	int64_t high;   /* the row's, at the last look */
	int64_t stable; /* where an open transaction begins, or the end */
	int64_t stable_at;
	int64_t open_since; /* wall clock: seen to be open; 0: it is not */
};

struct fby_ends {
	const struct fby_handoff *handoff;
	const struct fby_group *group; /* whose client asks */
	struct fby_end *parts;         /* by row */
	uint32_t nparts;
	struct fby_request latest, stable;
	int64_t asked_at; /* monotonic */
};

void fby_ends_init(struct fby_ends *e, const struct fby_handoff *handoff,
    const struct fby_group *group);
void fby_ends_fini(struct fby_ends *e);

/* Every second: look at the rows, and ask for what they do not tell. */
void fby_ends_tick(struct fby_ends *e, int64_t now);

/* The client is gone, and its answers with it. */
void fby_ends_forget(struct fby_ends *e);

/* As it was at most six seconds ago; FBY_NONE: unknown. */
int64_t fby_ends_get(const struct fby_ends *e, uint32_t row, int64_t now);

/*
 * The same less what is committed, or less the start of the log if that is
 * later; never negative.
 */
int64_t fby_ends_lag(const struct fby_ends *e, uint32_t row, int64_t now);

/*
 * Is the end, as far as records may be read, no further than this?  Behind it
 * may be an open transaction.
 */
bool fby_ends_is_last(const struct fby_ends *e, uint32_t row, int64_t offset,
    int64_t now);

/*
 * Since when an open transaction has been seen to keep back what is in the log
 * already (wall clock, ms); FBY_NONE: there is none.
 */
int64_t fby_ends_open_since(const struct fby_ends *e, uint32_t row);

#endif
