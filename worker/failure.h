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

#include "shared/boundary/proto.h"
#include "shared/manifest/manifest.h"

#include "worker/stage.h"

struct fby_channel;

/* The last of a role that was sent, for a lane or for the worker. */
struct fby_failure_last {
	int64_t at; /* monotonic; 0: none */
	int code;
	const char *text; /* where it was: only to be compared */
};

/* The way to the master, and what may still be sent in this second. */
struct fby_failures {
	struct fby_channel *ch;
	int64_t since; /* monotonic */
	unsigned sent;
};

static inline enum fby_failure_role
fby_failure_role(unsigned role)
{
	return (enum fby_failure_role)(FBY_FAILURE_SINK + role);
}

_Static_assert((int)FBY_FAILURE_NROLES ==
	    FBY_FAILURE_SINK + (int)FBY_OUTLET_N &&
	FBY_FAILURE_DEAD_LETTER == FBY_FAILURE_SINK + (int)FBY_SINK_DEAD_LETTER,
    "roles of sinks and functions, in their order");

/*
 * The message has row, epoch, role and code (librdkafka's, or 0); the text is
 * copied into it.  For lanes and for the worker as a whole there are
 * fby_lane_failed() and fby_worker_failed().
 */
void fby_failure_send(struct fby_failures *f, struct fby_failure_last *last,
    struct fby_msg_failure *msg, const char *text);

#endif
