/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues in an event loop; see kafka/queue.h.
 */
#include "shared/fby.h"

#include "shared/kafka/queue.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

static const uint64_t one = 1;

int
fby_kafka_queue_open(struct fby_kafka_queue *kq, struct event_base *base,
    rd_kafka_queue_t *queue, event_callback_fn on_queue, void *arg)
{
	kq->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (kq->fd == -1) {
		const int saved = errno;

		rd_kafka_queue_destroy(queue);
		errno = saved;
		return -1;
	}
	kq->queue = queue;
	event_assign(&kq->ev, base, kq->fd, EV_READ | EV_PERSIST | EV_ET,
	    on_queue, arg);
	event_add(&kq->ev, NULL);
	rd_kafka_queue_io_event_enable(queue, kq->fd, &one, sizeof(one));
	return 0;
}

void
fby_kafka_queue_close(struct fby_kafka_queue *kq)
{
	if (kq->queue == NULL)
		return;
	event_del(&kq->ev);
	rd_kafka_queue_io_event_enable(kq->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(kq->queue);
	kq->queue = NULL;
	close(kq->fd);
	kq->fd = -1;
}

void
fby_kafka_queue_wake(struct fby_kafka_queue *kq)
{
	event_active(&kq->ev, EV_READ, 0);
}
