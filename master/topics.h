/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the subscribed topics every few seconds: are all of them there,
 * and how far has the whole group come?  librdkafka says once that a topic is
 * missing and never that it is there; and the reply, whatever it says, is how
 * we learn that a broker can be reached again.
 */
#ifndef FBY_TOPICS_H
#define FBY_TOPICS_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/request.h"

struct fby_master;

struct fby_topics {
	struct fby_master	*mst;
	struct fby_request	 request;
	struct event		 ev_timer;
};

void	fby_topics_init(struct fby_topics *t, struct fby_master *mst);
void	fby_topics_fini(struct fby_topics *t);

/* librdkafka has complained about one: look at once, then more often. */
void	fby_topics_missing(struct fby_topics *t, const char *text);

/* The client is gone: forget what is under way. */
void	fby_topics_forget(struct fby_topics *t);

#endif
