/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another process has our group.instance.id: two who go on joining would fence
 * each other without end, and repeat what was in flight each time.
 *
 * The broker keeps the one that came last.  So whoever is fenced stands by: it
 * asks every few seconds, by a client that joins nothing, who has the name
 * now, says from which host (alarm `instance`), and joins when nobody has it
 * any more.
 */
#ifndef FBY_INSTANCE_H
#define FBY_INSTANCE_H

#include "shared/fby.h"

#include <event2/event_struct.h>

typedef struct rd_kafka_s rd_kafka_t;
struct fby_call;
struct fby_context;

struct fby_instance {
	struct fby_context *ctx;
	void (*is_free)(void *arg); /* nobody has it: standing by is over */
	void *arg;
	char *id;       /* heap; NULL: not standing by */
	rd_kafka_t *rk; /* NULL: to be made */
	struct fby_call *call;
	struct event ev_look;
};

void fby_instance_init(struct fby_instance *in, struct fby_context *ctx,
    void (*is_free)(void *arg), void *arg);

/* Stand by until that name is free. */
void fby_instance_wait(struct fby_instance *in, const char *id);
bool fby_instance_is_waiting(const struct fby_instance *in);

/* No longer; is_free() is not called. */
void fby_instance_stop(struct fby_instance *in);

#endif
