/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A request of ours to the broker, through the group member's client.  It is
 * embedded in who asks, who has at most one of each kind under way; the reply
 * comes back through the member's queue (group_events.c).  One that is sent in
 * slices (listing.h) has as many replies.
 */
#ifndef FBY_REQUEST_H
#define FBY_REQUEST_H

#include "shared/fby.h"

typedef struct rd_kafka_op_s rd_kafka_event_t;

/* The event is the caller's: it is destroyed afterwards. */
typedef void (*fby_request_fn)(void *arg, rd_kafka_event_t *ev);

struct fby_request {
	fby_request_fn fn;
	void *arg;
	unsigned under_way; /* replies still to come */
};

#endif
