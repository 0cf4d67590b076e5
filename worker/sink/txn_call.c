/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactional calls on a thread of their own; see txn_call.h.
 *
 * The thread that has written to an eventfd has let go of the request until the
 * other one
 * is readable: that is all the synchronisation there is, and all that is
 * needed.
 */
#include "shared/fby.h"

#include "worker/sink/txn_call.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"

#define WITHOUT_END (-1) /* the broker ends a transaction, not we */
#define PATIENCE_MS 2000

struct fby_txn_call {
	rd_kafka_t *rk;
	pthread_t thread;
	int go, done; /* eventfds: to the thread, and back */
	bool under_way;
	/* the request: of whom it is, see above */
	enum fby_txn_verb verb;
	bool over; /* no request: the thread is to end */
	rd_kafka_topic_partition_list_t *offsets;
	rd_kafka_consumer_group_metadata_t *group;
	rd_kafka_error_t *error;
	/* the loop's */
	fby_txn_call_fn fn;
	void *arg;
	struct event ev;
};

/* ---- the thread ------------------------------------------------------- */

static rd_kafka_error_t *
call(struct fby_txn_call *c)
{
	rd_kafka_error_t *error = NULL;

	switch (c->verb) {
	case FBY_TXN_CALL_INIT:
		return rd_kafka_init_transactions(c->rk, WITHOUT_END);
	case FBY_TXN_CALL_BEGIN:
		return rd_kafka_begin_transaction(c->rk);
	case FBY_TXN_CALL_OFFSETS:
		error = rd_kafka_send_offsets_to_transaction(c->rk, c->offsets,
		    c->group, WITHOUT_END);
		rd_kafka_topic_partition_list_destroy(c->offsets);
		rd_kafka_consumer_group_metadata_destroy(c->group);
		return error;
	case FBY_TXN_CALL_COMMIT:
		return rd_kafka_commit_transaction(c->rk, WITHOUT_END);
	case FBY_TXN_CALL_ABORT:
		return rd_kafka_abort_transaction(c->rk, WITHOUT_END);
	}
	return error;
}

static void *
run(void *arg)
{
	struct fby_txn_call *c = arg;
	const uint64_t one = 1;
	uint64_t n;

	fby_mem_thread_arena(FBY_ARENA_KAFKA);
	while (read(c->go, &n, sizeof(n)) == sizeof(n) && !c->over) {
		c->error = call(c);
		if (write(c->done, &one, sizeof(one)) != sizeof(one))
			break;
	}
	return NULL;
}

/* ---- the loop --------------------------------------------------------- */

static void
go(struct fby_txn_call *c)
{
	const uint64_t one = 1;

	FBY_BUG_ON(write(c->go, &one, sizeof(one)) != sizeof(one));
}

static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	struct fby_txn_call *c = arg;
	rd_kafka_error_t *error;
	uint64_t n;

	(void)what;
	if (read(fd, &n, sizeof(n)) != sizeof(n))
		return;
	error = c->error;
	c->error = NULL;
	c->under_way = false;
	c->fn(c->arg, error);
}

void
fby_txn_call_start(struct fby_txn_call *c, enum fby_txn_verb verb,
    rd_kafka_topic_partition_list_t *offsets,
    rd_kafka_consumer_group_metadata_t *group)
{
	FBY_BUG_ON(c->under_way);
	c->under_way = true;
	c->verb = verb;
	c->offsets = offsets;
	c->group = group;
	go(c);
}

/* ---- life ------------------------------------------------------------- */

static void
close_all(struct fby_txn_call *c)
{
	if (c->go != -1)
		close(c->go);
	if (c->done != -1)
		close(c->done);
	free(c);
}

/* Signals are the loop's. */
static int
start_thread(struct fby_txn_call *c)
{
	sigset_t all, before;
	int rc;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return rc;
}

struct fby_txn_call *
fby_txn_call_new(struct event_base *base, rd_kafka_t *rk, fby_txn_call_fn done,
    void *arg)
{
	struct fby_txn_call *c = fby_calloc(1, sizeof(*c));
	int rc;

	c->rk = rk;
	c->fn = done;
	c->arg = arg;
	c->go = eventfd(0, EFD_CLOEXEC);
	c->done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (c->go == -1 || c->done == -1) {
		fby_error("transactions: eventfd: %m");
		close_all(c);
		return NULL;
	}
	rc = start_thread(c);
	if (rc != 0) {
		fby_error("transactions: thread: %s", strerror(rc));
		close_all(c);
		return NULL;
	}
	event_assign(&c->ev, base, c->done, EV_READ | EV_PERSIST, on_done, c);
	event_add(&c->ev, NULL);
	return c;
}

/* Its answer is nobody's any more. */
static bool
has_ended(struct fby_txn_call *c)
{
	struct pollfd pfd = { .fd = c->done, .events = POLLIN };
	uint64_t n;

	/* What the thread wrote before is visible after this read. */
	if (poll(&pfd, 1, PATIENCE_MS) != 1 ||
	    read(c->done, &n, sizeof(n)) != sizeof(n))
		return false;
	if (c->error != NULL)
		rd_kafka_error_destroy(c->error);
	return true;
}

bool
fby_txn_call_free(struct fby_txn_call *c)
{
	if (c == NULL)
		return true;
	event_del(&c->ev);
	if (c->under_way && !has_ended(c))
		return false;
	c->over = true;
	go(c);
	pthread_join(c->thread, NULL);
	close_all(c);
	return true;
}
