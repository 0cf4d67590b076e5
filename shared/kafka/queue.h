/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of librdkafka's in an event loop.
 *
 * librdkafka writes to a queue's eventfd when something is put into it while
 * it is empty.  The event is edge-triggered and the counter is never read: a
 * reader that leaves something in the queue calls fby_kafka_queue_wake().
 */
#ifndef FBY_KAFKA_QUEUE_H
#define FBY_KAFKA_QUEUE_H

#include "shared/fby.h"

#include <event2/event.h>
#include <event2/event_struct.h>

typedef struct rd_kafka_queue_s rd_kafka_queue_t;

struct fby_kafka_queue {
	rd_kafka_queue_t *queue; /* NULL: closed */
	int fd;                  /* its eventfd */
	struct event ev;
};

/*
 * Takes the queue; -1 with errno: it is gone.  What was in it before is not
 * reported: wake it once.
 */
int fby_kafka_queue_open(struct fby_kafka_queue *kq, struct event_base *base,
    rd_kafka_queue_t *queue, event_callback_fn on_queue,
    void *arg) FBY_MUSTCHECK;

/* Idempotent, and fine for one that is zeroed. */
void fby_kafka_queue_close(struct fby_kafka_queue *kq);

/* The callback is called in this turn of the loop. */
void fby_kafka_queue_wake(struct fby_kafka_queue *kq);

#endif
