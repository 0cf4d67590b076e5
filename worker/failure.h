/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master is told of failures: the reason for which a partition may
 * stand still, for its alarms.  A report that came too often is left out, and
 * so is each while the master does not read the last ones: it may be called for
 * each refused record.
 */
#ifndef FBY_WORKER_FAILURE_H
#define FBY_WORKER_FAILURE_H

#include "shared/fby.h"

#include "shared/manifest.h"
#include "shared/proto.h"

struct fby_lane;
struct fby_worker;

/* The last of a role that was sent. */
struct fby_failure_last {
	int64_t at; /* monotonic; 0: none */
	int code;
	const char *text; /* where it was: only to be compared */
};

/* What may still be sent in this second. */
struct fby_failure_limit {
	int64_t since; /* monotonic */
	unsigned sent;
	struct fby_failure_last last[FBY_FAILURE_NROLES]; /* without a lane */
};

static inline enum fby_failure_role
fby_failure_role(enum fby_sink_role role)
{
	return (enum fby_failure_role)(FBY_FAILURE_SINK + (int)role);
}

_Static_assert(FBY_FAILURE_NROLES == FBY_FAILURE_SINK + FBY_SINK_N &&
	FBY_FAILURE_DEAD_LETTER == FBY_FAILURE_SINK + (int)FBY_SINK_DEAD_LETTER,
    "roles of sinks, in their order");

/*
 * `ln` is NULL if it concerns all of them; `code` is librdkafka's or 0.  The
 * text is copied.
 */
void fby_failure_send(struct fby_worker *w, struct fby_lane *ln,
    enum fby_failure_role role, int code, const char *text);

#endif
