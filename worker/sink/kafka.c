/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kafka sink: an idempotent producer, for the sink, its fallback,
 * onSuccess and the dead-letter topic.
 *
 * Key, value, headers and timestamp are those of the record, byte for byte:
 * absent stays absent, empty stays empty, headers keep their order and may
 * repeat.  Key and value are borrowed until the delivery report, which
 * completes the record.
 *
 * A record whose delivery failed goes through retryStrategy (pipeline.c).
 *
 * The broker takes or refuses a whole request, so one record that is too
 * large or invalid takes its neighbours along.  A record that is refused for
 * such a reason is "accused": it is sent once more, alone, while all others
 * wait, and only what is refused then will never be taken.  If it is tried
 * again nevertheless, it is alone again.
 *
 * When idempotence breaks down for good ("fatal" to librdkafka) the producer
 * is replaced: what it still held fails, and is tried again with the next.
 */
#include "shared/fby.h"

#include "worker/sink/sink.h"

#include <event2/event.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/kafka/kafka.h"
#include "shared/kafka/queue.h"
#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/lane.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/rdkafka.h"
#include "worker/sink/cluster.h"
#include "worker/sink/produce.h"
#include "worker/sink/unanswered.h"
#include "worker/worker.h"

#define EVENT_BUDGET 25 /* for each turn of the loop */
#define FULL_MS 100     /* look again if no report comes */
#define PURGE_MS 2000   /* for a purge to report */
#define REPLACE_MS 100  /* before a new producer; doubles */
#define REPLACE_MAX_MS 10000

struct sink_kafka {
	struct fby_outlet out;
	struct fby_cluster_check cluster;
	rd_kafka_t *rk;
	rd_kafka_topic_t *topic;
	struct fby_kafka_queue kq; /* reports, errors, logs */
	bool refused;              /* somebody waits for room */
	bool is_broken;            /* to be replaced */
	int64_t replace_ms;
	size_t open; /* records that have no report yet */
	struct fby_unanswered unanswered;
	struct fby_record **accused; /* in order; none is with librdkafka */
	size_t first, naccused, accused_cap;
	struct fby_record *alone; /* the one that is being tried */
	struct event ev_full, ev_replace;
};

/* In rec->mark: it was refused alone. */
enum { CONDEMNED = 1 };

/* ---- producing -------------------------------------------------------- */

/* No room until a report comes, or for a while. */
static enum fby_rc
wait_for_room(struct sink_kafka *s)
{
	struct timeval tv = { .tv_usec = FULL_MS * 1000 };

	s->refused = true;
	event_add(&s->ev_full, &tv);
	return FBY_AGAIN;
}

/* Not at once: a broker that forbids idempotence would keep us busy. */
static void
on_fatal(struct sink_kafka *s)
{
	struct timeval tv = fby_clock_tv(s->replace_ms);
	char text[512];

	if (s->is_broken)
		return;
	s->is_broken = true;
	rd_kafka_fatal_error(s->rk, text, sizeof(text));
	fby_error("producer: %s; it is replaced in %" PRId64 " ms", text,
	    s->replace_ms);
	s->replace_ms = FBY_MIN(2 * s->replace_ms, REPLACE_MAX_MS);
	event_add(&s->ev_replace, &tv);
}

static enum fby_rc
refuse(struct sink_kafka *s, struct fby_record *rec, rd_kafka_resp_err_t code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		return wait_for_room(s);
	case RD_KAFKA_RESP_ERR__FATAL:
		on_fatal(s);
		return wait_for_room(s);
	default:
		s->out.why = rd_kafka_err2str(code);
		s->out.is_permanent = fby_produce_is_final(rec, code);
		return FBY_FAIL;
	}
}

static enum fby_rc
produce(struct sink_kafka *s, struct fby_record *rec)
{
	int code = fby_produce(s->rk, s->topic, s->out.role, rec);

	if (code != 0)
		return refuse(s, rec, (rd_kafka_resp_err_t)code);
	s->open++;
	return FBY_OK;
}

static void
kafka_tick(struct fby_outlet *out, int64_t mono)
{
	struct sink_kafka *s = (struct sink_kafka *)out;
	const struct fby_unanswered_topic topic = {
		.name = out->w->m->sinks[out->role].kafka.topic,
		.role = out->role,
	};

	if (!s->is_broken)
		fby_unanswered_tick(&s->unanswered, s->open, s->rk, s->kq.queue,
		    &topic, 1, mono);
}

/* ---- accused records -------------------------------------------------- */

/* Room behind the last one; those before the first are gone. */
static void
make_room(struct sink_kafka *s)
{
	if (s->first + s->naccused < s->accused_cap)
		return;
	if (s->first > 0 && s->first >= s->naccused) {
		memmove(s->accused, s->accused + s->first,
		    s->naccused * sizeof(s->accused[0]));
		s->first = 0;
		return;
	}
	s->accused_cap = FBY_MAX(2 * s->accused_cap, 16);
	s->accused = fby_realloc(s->accused,
	    s->accused_cap * sizeof(s->accused[0]));
}

static void
accuse(struct sink_kafka *s, struct fby_record *rec)
{
	make_room(s);
	s->accused[s->first + s->naccused++] = rec;
}

static enum fby_rc
kafka_record(struct fby_outlet *out, struct fby_record *rec)
{
	struct sink_kafka *s = (struct sink_kafka *)out;

	if (!fby_cluster_may_write(&s->cluster, out->w, out->role, s->rk))
		return wait_for_room(s);
	if (s->is_broken || s->naccused > 0 || s->alone != NULL)
		return wait_for_room(s);
	if (rec->mark & CONDEMNED) {
		accuse(s, rec);
		fby_kafka_queue_wake(&s->kq);
		return FBY_OK;
	}
	return produce(s, rec);
}

/* The next of them, when no other record is with the broker. */
static void
try_alone(struct sink_kafka *s)
{
	while (s->naccused > 0 && s->open == 0 && !s->is_broken) {
		struct fby_record *rec = s->accused[s->first++];
		bool is_stale = rec->b->ln->state == FBY_LANE_DRAINED;

		s->naccused--;
		switch (is_stale ? FBY_AGAIN : produce(s, rec)) {
		case FBY_OK:
			s->alone = rec;
			break;
		case FBY_FAIL:
			fby_pipeline_failed(rec, s->out.why,
			    s->out.is_permanent);
			break;
		default:
			fby_pipeline_again(rec);
			break;
		}
	}
}

/* ---- events ----------------------------------------------------------- */

static void
on_report(struct sink_kafka *s, const rd_kafka_message_t *msg)
{
	struct fby_record *rec = msg->_private;
	bool was_alone = s->alone == rec;

	s->open--;
	s->unanswered.reports++;
	if (was_alone)
		s->alone = NULL;
	if (!msg->err) {
		s->replace_ms = REPLACE_MS;
		rec->mark = 0;
		fby_pipeline_delivered(rec);
	} else if (fby_produce_is_about_record(msg->err) && !was_alone) {
		accuse(s, rec);
	} else {
		if (fby_produce_is_about_record(msg->err))
			rec->mark |= CONDEMNED;
		fby_pipeline_failed(rec, rd_kafka_err2str(msg->err),
		    fby_produce_is_final(rec, msg->err));
	}
}

static void
on_reports(struct sink_kafka *s, rd_kafka_event_t *ev)
{
	const rd_kafka_message_t *msgs[256];
	size_t n;

	while (
	    (n = rd_kafka_event_message_array(ev, msgs, FBY_NELEM(msgs))) > 0) {
		for (size_t i = 0; i < n; i++)
			on_report(s, msgs[i]);
	}
}

static void
on_event(struct sink_kafka *s, rd_kafka_event_t *ev)
{
	switch (rd_kafka_event_type(ev)) {
	case RD_KAFKA_EVENT_DR:
		on_reports(s, ev);
		break;
	case RD_KAFKA_EVENT_LOG:
		fby_rdkafka_on_log("producer", ev);
		break;
	case RD_KAFKA_EVENT_ERROR:
		if (rd_kafka_event_error_is_fatal(ev)) {
			on_fatal(s);
			break;
		}
		fby_worker_on_client_error(s->out.w, "producer",
		    fby_failure_role(s->out.role), rd_kafka_event_error(ev),
		    rd_kafka_event_error_string(ev));
		break;
	case RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT:
		fby_unanswered_described(&s->unanswered, s->out.w, ev);
		break;
	default:
		break;
	}
}

/* True if the queue is empty now. */
static bool
serve(struct sink_kafka *s, int budget)
{
	while (budget-- > 0) {
		rd_kafka_event_t *ev = rd_kafka_queue_poll(s->kq.queue, 0);

		if (ev == NULL)
			return true;
		on_event(s, ev);
		rd_kafka_event_destroy(ev);
	}
	return false;
}

/* ---- the client ------------------------------------------------------- */

static void
disconnect(struct sink_kafka *s)
{
	fby_kafka_queue_close(&s->kq);
	if (s->topic != NULL)
		rd_kafka_topic_destroy(s->topic);
	if (s->rk != NULL)
		rd_kafka_destroy(s->rk);
	s->topic = NULL;
	s->rk = NULL;
}

static void on_queue(evutil_socket_t fd, short what, void *arg);

static int
connect_producer(struct sink_kafka *s)
{
	const struct fby_manifest *m = s->out.w->m;
	const char *topic = m->sinks[s->out.role].kafka.topic;
	rd_kafka_queue_t *queue;

	s->rk = fby_rdkafka_new(m,
	    (enum fby_kafka_client)(FBY_KAFKA_PRODUCER + s->out.role));
	if (s->rk == NULL)
		return -1;
	s->topic = rd_kafka_topic_new(s->rk, topic, NULL);
	if (s->topic == NULL) {
		fby_error("sink kafka: topic %s: %s", topic,
		    rd_kafka_err2str(rd_kafka_last_error()));
		disconnect(s);
		return -1;
	}
	queue = rd_kafka_queue_get_main(s->rk);
	rd_kafka_set_log_queue(s->rk, queue);
	if (fby_kafka_queue_open(&s->kq, s->out.w->base, queue, on_queue, s) ==
	    -1) {
		fby_error("sink kafka: eventfd: %m");
		disconnect(s);
		return -1;
	}
	fby_kafka_queue_wake(&s->kq);
	return 0;
}

/* What the old producer holds comes back as failed and is tried again. */
static void
replace(struct sink_kafka *s)
{
	int64_t until = fby_clock_mono() + PURGE_MS;

	rd_kafka_purge(s->rk,
	    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	while (rd_kafka_outq_len(s->rk) > 0 && fby_clock_mono() < until) {
		rd_kafka_event_t *ev = rd_kafka_queue_poll(s->kq.queue, 10);

		if (ev == NULL)
			continue;
		if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
			on_event(s, ev);
		rd_kafka_event_destroy(ev);
	}
	if (rd_kafka_outq_len(s->rk) > 0) {
		/* Crash-only: the ledger knows what was delivered. */
		fby_error("producer: does not give its records back");
		fby_worker_exit(s->out.w, FBY_EXIT_KAFKA);
		return;
	}
	disconnect(s);
	s->is_broken = false;
	s->unanswered = (struct fby_unanswered){ .since = 0 };
	if (connect_producer(s) == -1)
		fby_worker_exit(s->out.w, FBY_EXIT_KAFKA);
}

static void
go_on(struct sink_kafka *s)
{
	struct fby_worker *w = s->out.w;

	try_alone(s);
	if (s->refused && !s->is_broken) {
		s->refused = false;
		event_del(&s->ev_full);
		fby_pipeline_ready(w);
	} else {
		fby_pipeline_settle(w);
	}
}

static void
on_queue(evutil_socket_t fd, short what, void *arg)
{
	struct sink_kafka *s = arg;

	(void)fd;
	(void)what;
	if (!serve(s, EVENT_BUDGET))
		fby_kafka_queue_wake(&s->kq);
	go_on(s);
}

static void
on_replace(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	replace(arg);
	go_on(arg);
}

static void
on_full(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_on(arg);
}

/* ---- life ------------------------------------------------------------- */

static void
kafka_close(struct fby_outlet *out)
{
	struct sink_kafka *s = (struct sink_kafka *)out;

	event_del(&s->ev_full);
	event_del(&s->ev_replace);
	/* Reports go unread; what they would say is in no ledger. */
	if (s->rk != NULL)
		rd_kafka_purge(s->rk,
		    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	disconnect(s);
	free(s->accused);
	free(s);
}

static void
kafka_login(struct fby_outlet *out)
{
	const struct sink_kafka *s = (const struct sink_kafka *)out;

	if (s->rk != NULL)
		fby_kafka_login_anew(s->rk, out->w->m,
		    (enum fby_kafka_client)(FBY_KAFKA_PRODUCER + out->role));
}

static const struct fby_outlet_ops kafka_ops = {
	.name = "kafka",
	.copies = 1,
	.record = kafka_record,
	.login = kafka_login,
	.tick = kafka_tick,
	.close = kafka_close,
};

struct fby_outlet *
fby_sink_kafka_open(struct fby_worker *w, enum fby_sink_role role)
{
	struct sink_kafka *s = fby_calloc(1, sizeof(*s));

	s->out.ops = &kafka_ops;
	s->out.w = w;
	s->out.role = role;
	fby_cluster_check_init(&s->cluster, w->m, role);
	s->replace_ms = REPLACE_MS;
	evtimer_assign(&s->ev_full, w->base, on_full, s);
	evtimer_assign(&s->ev_replace, w->base, on_replace, s);
	if (connect_producer(s) == -1) {
		free(s);
		return NULL;
	}
	return &s->out;
}
