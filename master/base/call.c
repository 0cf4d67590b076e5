/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Calls of librdkafka that wait; see call.h.
 */
#include "shared/fby.h"

#include "master/base/call.h"

#include <errno.h>
#include <event2/event.h>
#include <librdkafka/rdkafka.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

struct fby_call {
	TAILQ_ENTRY(fby_call) entry;
	enum fby_call_kind kind;
	rd_kafka_t *rk;
	rd_kafka_topic_partition_list_t *list;    /* or NULL */
	const struct rd_kafka_metadata *md;       /* or NULL */
	char *group;                              /* heap, or NULL */
	const struct rd_kafka_group_list *groups; /* or NULL */
	int timeout_ms;
	rd_kafka_resp_err_t err;
	bool is_forgotten; /* under the lock, until the thread has it */
	/* The loop's alone, NULL if forgotten: one of them, by kind. */
	fby_call_committed_fn *on_committed;
	fby_call_metadata_fn *on_metadata;
	fby_call_members_fn *on_members;
	fby_call_destroyed_fn *on_destroyed;
	void *arg;
};

/* ---- the thread ------------------------------------------------------- */

/*
 * One request for all: metadata of the topics that the client knows, which
 * these are for as long as they are open.
 */
static rd_kafka_resp_err_t
get_metadata(struct fby_call *call)
{
	rd_kafka_topic_t **topics = calloc((size_t)call->list->cnt + 1,
	    sizeof(topics[0]));
	rd_kafka_resp_err_t err;

	if (topics == NULL)
		return RD_KAFKA_RESP_ERR__FAIL;
	for (int i = 0; i < call->list->cnt; i++)
		topics[i] = rd_kafka_topic_new(call->rk,
		    call->list->elems[i].topic, NULL);
	err = rd_kafka_metadata(call->rk, 0, NULL, &call->md, call->timeout_ms);
	for (int i = 0; i < call->list->cnt; i++)
		if (topics[i])
			rd_kafka_topic_destroy(topics[i]);
	free(topics);
	return err;
}

static void
make(struct fby_call *call)
{
	switch (call->kind) {
	case FBY_CALL_COMMITTED:
		call->err = rd_kafka_committed(call->rk, call->list,
		    call->timeout_ms);
		break;
	case FBY_CALL_METADATA:
		call->err = get_metadata(call);
		break;
	case FBY_CALL_MEMBERS:
		call->err = rd_kafka_list_groups(call->rk, call->group,
		    &call->groups, call->timeout_ms);
		break;
	case FBY_CALL_DESTROY:
		rd_kafka_destroy_flags(call->rk,
		    RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
		break;
	}
}

/* NULL: there will be none.  *wanted: somebody waits for its answer. */
static struct fby_call *
next_call(struct fby_calls *c, bool *wanted)
{
	struct fby_call *call;

	pthread_mutex_lock(&c->lock);
	while ((call = TAILQ_FIRST(&c->todo)) == NULL && !c->is_over)
		pthread_cond_wait(&c->wanted, &c->lock);
	if (call) {
		TAILQ_REMOVE(&c->todo, call, entry);
		c->kind = call->kind;
		*wanted = !call->is_forgotten;
	}
	pthread_mutex_unlock(&c->lock);
	return call;
}

static void
hand_back(struct fby_calls *c, struct fby_call *call)
{
	const uint64_t one = 1;
	ssize_t n;

	pthread_mutex_lock(&c->lock);
	TAILQ_INSERT_TAIL(&c->done, call, entry);
	pthread_mutex_unlock(&c->lock);
	/* It fails only if the loop has 2^64 of them to look at. */
	n = write(c->efd, &one, sizeof(one));
	(void)n;
}

static void *
run(void *arg)
{
	struct fby_calls *c = arg;
	struct fby_call *call;
	bool wanted;

	while ((call = next_call(c, &wanted)) != NULL) {
		if (wanted)
			make(call);
		hand_back(c, call);
	}
	return NULL;
}

/* ---- the loop --------------------------------------------------------- */

static void
finish(struct fby_call *call)
{
	if (call->on_committed)
		call->on_committed(call->arg, call->list, call->err);
	if (call->on_metadata)
		call->on_metadata(call->arg, call->md, call->err);
	if (call->on_members)
		call->on_members(call->arg,
		    call->groups && call->groups->group_cnt > 0 ?
			call->groups->groups :
			NULL,
		    call->err);
	if (call->on_destroyed)
		call->on_destroyed(call->arg);
	if (call->list)
		rd_kafka_topic_partition_list_destroy(call->list);
	if (call->md)
		rd_kafka_metadata_destroy(call->md);
	if (call->groups)
		rd_kafka_group_list_destroy(call->groups);
	free(call->group);
	free(call);
}

static struct fby_call *
next_done(struct fby_calls *c)
{
	struct fby_call *call;

	pthread_mutex_lock(&c->lock);
	if ((call = TAILQ_FIRST(&c->done)) != NULL)
		TAILQ_REMOVE(&c->done, call, entry);
	pthread_mutex_unlock(&c->lock);
	return call;
}

static void
on_done(evutil_socket_t fd, short what, void *arg)
{
	struct fby_calls *c = arg;
	struct fby_call *call;
	uint64_t n;
	ssize_t got = read(fd, &n, sizeof(n));

	(void)got;
	(void)what;
	while ((call = next_done(c)) != NULL)
		finish(call);
}

static struct fby_call *
put(struct fby_calls *c, struct fby_call call)
{
	struct fby_call *new = fby_malloc(sizeof(*new));

	*new = call;
	pthread_mutex_lock(&c->lock);
	TAILQ_INSERT_TAIL(&c->todo, new, entry);
	pthread_cond_signal(&c->wanted);
	pthread_mutex_unlock(&c->lock);
	return new;
}

struct fby_call *
fby_call_committed(struct fby_calls *c, rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *list, int timeout_ms,
    fby_call_committed_fn *fn, void *arg)
{
	return put(c,
	    (struct fby_call){
		.kind = FBY_CALL_COMMITTED,
		.rk = rk,
		.list = list,
		.timeout_ms = timeout_ms,
		.on_committed = fn,
		.arg = arg,
	    });
}

struct fby_call *
fby_call_metadata(struct fby_calls *c, rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *topics, int timeout_ms,
    fby_call_metadata_fn *fn, void *arg)
{
	return put(c,
	    (struct fby_call){
		.kind = FBY_CALL_METADATA,
		.rk = rk,
		.list = topics,
		.timeout_ms = timeout_ms,
		.on_metadata = fn,
		.arg = arg,
	    });
}

struct fby_call *
fby_call_members(struct fby_calls *c, rd_kafka_t *rk, const char *group,
    int timeout_ms, fby_call_members_fn *fn, void *arg)
{
	return put(c,
	    (struct fby_call){
		.kind = FBY_CALL_MEMBERS,
		.rk = rk,
		.group = fby_strdup(group),
		.timeout_ms = timeout_ms,
		.on_members = fn,
		.arg = arg,
	    });
}

void
fby_call_destroy(struct fby_calls *c, rd_kafka_t *rk, fby_call_destroyed_fn *fn,
    void *arg)
{
	put(c,
	    (struct fby_call){
		.kind = FBY_CALL_DESTROY,
		.rk = rk,
		.on_destroyed = fn,
		.arg = arg,
	    });
}

void
fby_call_forget(struct fby_calls *c, struct fby_call *call)
{
	if (call == NULL)
		return;
	call->on_committed = NULL;
	call->on_metadata = NULL;
	call->on_members = NULL;
	pthread_mutex_lock(&c->lock);
	call->is_forgotten = true;
	pthread_mutex_unlock(&c->lock);
}

/* ---- life ------------------------------------------------------------- */

/* Signals are the loop's, as they are with librdkafka's threads. */
static int
start(struct fby_calls *c)
{
	sigset_t all, before;
	int error;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	error = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return error;
}

int
fby_calls_init(struct fby_calls *c, struct event_base *base)
{
	int error;

	memset(c, 0, sizeof(*c));
	TAILQ_INIT(&c->todo);
	TAILQ_INIT(&c->done);
	pthread_mutex_init(&c->lock, NULL);
	pthread_cond_init(&c->wanted, NULL);
	c->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (c->efd == -1) {
		fby_error("eventfd: %s", strerror(errno));
		return -1;
	}
	if ((error = start(c)) != 0) {
		fby_error("thread: %s", strerror(error));
		close(c->efd);
		c->efd = -1;
		return -1;
	}
	c->is_running = true;
	event_assign(&c->ev, base, c->efd, EV_READ | EV_PERSIST, on_done, c);
	event_add(&c->ev, NULL);
	return 0;
}

/* false: it is still in a call when the time is up. */
static bool
join(struct fby_calls *c)
{
	int64_t by = fby_clock_wall() + FBY_CALLS_WAIT_MS;
	struct timespec ts = { by / 1000, by % 1000 * 1000000 };

	return pthread_timedjoin_np(c->thread, NULL, &ts) == 0;
}

static void
say_what_hangs(struct fby_calls *c)
{
	static const char *const what[] = {
		[FBY_CALL_COMMITTED] = "asks for committed offsets",
		[FBY_CALL_METADATA] = "asks for metadata",
		[FBY_CALL_MEMBERS] = "asks for the group's members",
		[FBY_CALL_DESTROY] =
		    "closes a client that waits for a resolver or a broker",
	};
	enum fby_call_kind kind;

	pthread_mutex_lock(&c->lock);
	kind = c->kind;
	pthread_mutex_unlock(&c->lock);
	fby_warn("the thread that calls Kafka %s, for more than %d s; not "
		 "waited for",
	    what[kind], FBY_CALLS_WAIT_MS / 1000);
}

bool
fby_calls_fini(struct fby_calls *c)
{
	struct fby_call *call;

	if (!c->is_running)
		return true;
	c->is_running = false;
	pthread_mutex_lock(&c->lock);
	c->is_over = true;
	pthread_cond_signal(&c->wanted);
	pthread_mutex_unlock(&c->lock);
	event_del(&c->ev);
	if (!join(c)) {
		say_what_hangs(c);
		return false;
	}
	while ((call = next_done(c)) != NULL) {
		call->on_committed = NULL;
		call->on_metadata = NULL;
		call->on_members = NULL;
		call->on_destroyed = NULL;
		finish(call);
	}
	close(c->efd);
	pthread_cond_destroy(&c->wanted);
	pthread_mutex_destroy(&c->lock);
	return true;
}
