/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the subscribed topics every few seconds: are all of them there,
 * and how far has the whole group come?  librdkafka says once that a topic is
 * missing and never that it is there; and an answer, whatever it says, is how
 * we learn that a broker can be reached again.
 *
 * The look waits for its answer, for a fraction of a second (see offsets.c
 * for why), and hardly at all while no broker can be reached.
 */
#ifndef FBY_TOPICS_H
#define FBY_TOPICS_H

#include "shared/fby.h"

#include <event2/event_struct.h>

struct fby_master;

struct fby_topics {
	struct fby_master *mst;
	struct event ev_timer;
	int64_t wait_ms;
};

void fby_topics_init(struct fby_topics *t, struct fby_master *mst);
void fby_topics_fini(struct fby_topics *t);

/* Look after the usual while; soon if something is wrong. */
void fby_topics_look(struct fby_topics *t);

/* librdkafka has complained about one. */
void fby_topics_missing(struct fby_topics *t, const char *text);

/* The client is gone, and with it what it complained about. */
void fby_topics_forget(struct fby_topics *t);

#endif
