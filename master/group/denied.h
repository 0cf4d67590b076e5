/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the group still denied?  That it was is an event; that it is no more,
 * none.
 *
 * Where there is something to commit commit.c does so anew, which takes the
 * very right.  Where there is not, with exactly-once or with no partition, the
 * group's committed offset of one partition is asked for every few seconds.
 */
#ifndef FBY_DENIED_H
#define FBY_DENIED_H

#include "shared/fby.h"

struct fby_call;
struct fby_context;
struct fby_group;

struct fby_denied {
	struct fby_context *ctx;
	struct fby_group *group;
	struct fby_call *call; /* under way, or NULL */
	int64_t asked_at;      /* monotonic */
};

void fby_denied_init(struct fby_denied *d, struct fby_context *ctx,
    struct fby_group *group);
void fby_denied_forget(struct fby_denied *d); /* the client is going */

/* Each second. */
void fby_denied_tick(struct fby_denied *d, bool can_commit);

#endif
