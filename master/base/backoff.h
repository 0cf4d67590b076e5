/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A listener that cannot accept, for want of a descriptor, rests for a while:
 * its socket stays readable, and asking at once again would take a whole CPU.
 */
#ifndef FBY_BACKOFF_H
#define FBY_BACKOFF_H

#include "shared/fby.h"

#include <event2/event_struct.h>

struct event_base;
struct evconnlistener;

struct fby_backoff {
	struct evconnlistener *listener;
	const char *name; /* for the log */
	struct event ev;
	int64_t said_at; /* monotonic */
};

void fby_backoff_init(struct fby_backoff *bo, struct event_base *base,
    struct evconnlistener *listener, const char *name);
void fby_backoff_fini(struct fby_backoff *bo); /* before the listener goes */

/* It rests: to be left disabled. */
bool fby_backoff_is_on(const struct fby_backoff *bo);

/* The last accept(2) has failed; see errno. */
void fby_backoff_rest(struct fby_backoff *bo);

#endif
