/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kafka sink of `delivery: exactlyOnce`: one transactional producer for
 * all roles.  What becomes of a transaction is in txn.c; here its records are
 * taken, and reports and errors come in.
 *
 * The broker takes or refuses a whole request, so who is refused for its own
 * sake may only be the neighbour: it is "accused", and is sent alone the next
 * time.  What is refused then is the culprit: as long as it is tried again it
 * has a transaction of its own, so that it takes no record of others along.
 */
#include "shared/fby.h"

#include "worker/sink/sink.h"

#include <event2/event.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/boundary/proto.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/budget.h"
#include "worker/derived.h"
#include "worker/lane.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/rdkafka.h"
#include "worker/sink/produce.h"
#include "worker/sink/txn.h"
#include "worker/sink/txn_call.h"
#include "worker/worker.h"

#define EVENT_BUDGET 25 /* for each turn of the loop */

/* ---- taking records --------------------------------------------------- */

static enum fby_rc
wait_for_ready(struct fby_txn *s)
{
	s->refused = true;
	return FBY_AGAIN;
}

static void
add_failure(struct fby_txn *s, struct fby_record *rec, int code)
{
	if (rec->mark & FBY_TXN_FAILED)
		return;
	rec->mark |= FBY_TXN_FAILED;
	if (fby_produce_is_about_record(code))
		rec->mark |= FBY_TXN_SOLO;
	if (s->nfailures == s->failures_cap) {
		s->failures_cap = FBY_MAX(2 * s->failures_cap, 16);
		s->failures = fby_realloc(s->failures,
		    s->failures_cap * sizeof(s->failures[0]));
	}
	s->failures[s->nfailures++] = (struct fby_txn_failure){
		.rec = rec,
		.why = rd_kafka_err2str((rd_kafka_resp_err_t)code),
		.permanent = fby_produce_is_final(rec, code),
	};
}

/*
 * Is it the last that was made of its record of the source?  Until that one is
 * in the transaction is not committed: the offset goes with all of them.
 */
static bool
is_whole(struct fby_txn *s, struct fby_lane *ln, const struct fby_record *rec)
{
	bool is_partial = !fby_derived_is_last(rec);

	if (ln->txn.is_partial != is_partial)
		s->npartial += is_partial ? 1 : (size_t)-1;
	ln->txn.is_partial = is_partial;
	return !is_partial;
}

static void
add_record(struct fby_txn *s, struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;
	uint64_t seq = fby_record_seq(rec);

	/* Its offset says that everything before it is in, too. */
	FBY_BUG_ON(seq != (ln->txn.n ? ln->txn.head : ln->acks.head));
	if (s->n == s->cap) {
		s->cap = FBY_MAX(2 * s->cap, 1024);
		s->recs = fby_realloc(s->recs, s->cap * sizeof(s->recs[0]));
	}
	s->recs[s->n++] = rec;
	ln->txn.n++;
	if (is_whole(s, ln, rec)) {
		ln->txn.head = seq + 1;
		ln->txn.next = rec->msg->offset + 1;
		ln->txn.epoch = rd_kafka_message_leader_epoch(rec->msg);
		ln->txn.newest = FBY_MAX(ln->txn.newest,
		    fby_acks_event_time(&ln->acks, seq));
	} else {
		ln->txn.head = seq;
	}
	/* Nobody else of its lane will come. */
	if (ln->state == FBY_LANE_DRAINING ||
	    rec->msg->offset < ln->isolate_until)
		s->hurry = true;
	if (s->state != FBY_TXN_READY)
		return;
	fby_txn_open(s, "first record");
}

static enum fby_rc
refuse(struct fby_txn *s, struct fby_record *rec, int code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__QUEUE_FULL:
		s->hurry = true;
		return wait_for_ready(s);
	case RD_KAFKA_RESP_ERR__STATE:
		/* librdkafka knows already that it will not be committed. */
		if (s->state == FBY_TXN_READY || s->state == FBY_TXN_OPEN)
			fby_txn_abort(s, "it has failed");
		return wait_for_ready(s);
	case RD_KAFKA_RESP_ERR__FATAL:
		fby_txn_die(s, rd_kafka_err2str((rd_kafka_resp_err_t)code));
		return wait_for_ready(s);
	default:
		s->out.why = rd_kafka_err2str((rd_kafka_resp_err_t)code);
		s->out.is_permanent = fby_produce_is_final(rec, code);
		return FBY_FAIL;
	}
}

/* The second copy of a record whose first one is in the transaction. */
static void
produce_copy(struct fby_txn *s, struct fby_record *rec)
{
	int code;

	if (s->topics[FBY_SINK_SUCCESS] == NULL ||
	    rec->role != FBY_SINK_PRIMARY)
		return;
	code = fby_produce(s->rk, s->topics[FBY_SINK_SUCCESS], FBY_SINK_SUCCESS,
	    rec);
	if (code == 0) {
		s->open++;
		return;
	}
	add_failure(s, rec, code);
	s->spoiled = true;
}

/* It comes next, but not twice in a row while others wait. */
static bool
may_go_solo(struct fby_txn *s)
{
	if (s->state != FBY_TXN_READY || s->others_first) {
		s->solo_waits = true;
		return false;
	}
	s->solo_waits = false;
	s->was_solo = true;
	return true;
}

/* Who is accused waits for all others, and then they for him. */
static bool
has_room(struct fby_txn *s, struct fby_record *rec)
{
	if ((s->state != FBY_TXN_READY && s->state != FBY_TXN_OPEN) ||
	    s->spoiled || s->alone != NULL)
		return false;
	/* It cannot be without those that were made of the same record. */
	if ((rec->mark & FBY_TXN_SOLO) && fby_derived_root(rec) != rec)
		rec->mark = FBY_TXN_ACCUSED |
		    (rec->mark & (uint8_t)~FBY_TXN_SOLO);
	if (rec->mark & FBY_TXN_SOLO)
		return may_go_solo(s);
	if (s->state == FBY_TXN_READY && s->solo_waits && !s->others_first)
		return false;
	if ((rec->mark & FBY_TXN_ACCUSED) == 0)
		return !s->quiet;
	s->quiet = s->open > 0;
	return s->open == 0;
}

static enum fby_rc
txn_record(struct fby_outlet *out, struct fby_record *rec)
{
	struct fby_txn *s = (struct fby_txn *)out;
	int code;

	if (!has_room(s, rec))
		return wait_for_ready(s);
	if (rec->mark & FBY_TXN_DROP) {
		add_record(s, rec);
		return FBY_OK;
	}
	code = fby_produce(s->rk, s->topics[rec->role],
	    (enum fby_sink_role)rec->role, rec);
	if (code != 0)
		return refuse(s, rec, code);
	s->open++;
	if (rec->mark & (FBY_TXN_ACCUSED | FBY_TXN_SOLO))
		s->alone = rec;
	add_record(s, rec);
	produce_copy(s, rec);
	return FBY_OK;
}

/* It has its place in the order, too: it comes back as a record. */
static void
txn_drop(struct fby_outlet *out, struct fby_record *rec)
{
	(void)out;
	rec->mark = FBY_TXN_DROP;
	fby_pipeline_again(rec);
}

/* A function has dropped it: its offset alone goes in. */
static enum fby_rc
txn_pass(struct fby_outlet *out, struct fby_record *rec)
{
	struct fby_txn *s = (struct fby_txn *)out;

	if (!has_room(s, rec))
		return wait_for_ready(s);
	rec->mark = FBY_TXN_DROP;
	add_record(s, rec);
	return FBY_OK;
}

static void
txn_flush(struct fby_outlet *out)
{
	struct fby_txn *s = (struct fby_txn *)out;
	size_t full = (size_t)out->w->m->host.transaction.max_records;

	if (s->state != FBY_TXN_OPEN)
		return;
	if (s->spoiled)
		fby_txn_abort(s, "a record was refused");
	else if (s->alone != NULL || s->npartial > 0)
		return;
	else if (s->n >= full)
		fby_txn_close(s, "full");
	else if (s->hurry)
		fby_txn_close(s, "a lane drains");
	else if (out->w->budget->closed)
		fby_txn_close(s, "there is no room for more");
}

static void
txn_hurry(struct fby_outlet *out)
{
	struct fby_txn *s = (struct fby_txn *)out;

	s->hurry = s->state == FBY_TXN_OPEN;
	txn_flush(out);
}

static void
txn_forget(struct fby_outlet *out, struct fby_lane *ln)
{
	struct fby_txn *s = (struct fby_txn *)out;

	/* While a call is under way its answer is waited for. */
	if (ln->txn.n > 0 &&
	    (s->state == FBY_TXN_OPEN || s->state == FBY_TXN_FLUSHING))
		fby_txn_abort(s, "a partition is released");
}

static void
txn_tick(struct fby_outlet *out, int64_t mono)
{
	struct fby_txn *s = (struct fby_txn *)out;
	struct fby_unanswered_topic topics[FBY_SINK_N];
	size_t n = 0;

	for (int i = 0; i < FBY_SINK_N; i++)
		if (s->topics[i] != NULL)
			topics[n++] = (struct fby_unanswered_topic){
				.name = rd_kafka_topic_name(s->topics[i]),
				.role = (enum fby_sink_role)i,
			};
	fby_unanswered_tick(&s->unanswered, s->open, s->rk, s->kq.queue, topics,
	    n, mono);
}

static void
txn_group(struct fby_outlet *out, const struct fby_msg_group *msg)
{
	fby_txn_group((struct fby_txn *)out, msg);
}

/* ---- events of the producer ------------------------------------------- */

static void
on_report_error(struct fby_txn *s, struct fby_record *rec, int code,
    bool was_alone)
{
	s->spoiled = true;
	switch (code) {
	case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
	case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
		/* The abort's doing. */
		break;
	default:
		/* The next attempt is another one: it need not wait. */
		if (fby_produce_is_about_record(code))
			s->rest_ms = 0;
		/* The broker has named another one. */
		if (code == RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD &&
		    !was_alone)
			break;
		if (fby_produce_is_about_record(code) && !was_alone)
			rec->mark |= FBY_TXN_ACCUSED;
		else
			add_failure(s, rec, code);
	}
}

static void
on_report(struct fby_txn *s, const rd_kafka_message_t *msg)
{
	struct fby_record *rec = msg->_private;
	bool was_alone = s->alone == rec;

	s->open--;
	s->unanswered.reports++;
	if (msg->err)
		on_report_error(s, rec, msg->err, was_alone);
	if (!was_alone || s->open > 0)
		return;
	s->alone = NULL;
	if (!s->spoiled)
		rec->mark &= (uint8_t) ~(FBY_TXN_ACCUSED | FBY_TXN_SOLO);
}

static void
on_reports(struct fby_txn *s, rd_kafka_event_t *ev)
{
	const rd_kafka_message_t *msgs[256];
	size_t n;

	while (
	    (n = rd_kafka_event_message_array(ev, msgs, FBY_NELEM(msgs))) > 0)
		for (size_t i = 0; i < n; i++)
			on_report(s, msgs[i]);
}

static void
on_error(struct fby_txn *s, rd_kafka_event_t *ev)
{
	char text[512] = "";

	if (rd_kafka_event_error_is_fatal(ev)) {
		rd_kafka_fatal_error(s->rk, text, sizeof(text));
		fby_txn_die(s, text);
		return;
	}
	fby_worker_on_client_error(s->out.w, "producer", FBY_FAILURE_SINK,
	    rd_kafka_event_error(ev), rd_kafka_event_error_string(ev));
}

/* True if the queue is empty now. */
static bool
serve(struct fby_txn *s)
{
	for (int i = 0; i < EVENT_BUDGET; i++) {
		rd_kafka_event_t *ev = rd_kafka_queue_poll(s->kq.queue, 0);

		if (ev == NULL)
			return true;
		if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
			on_reports(s, ev);
		else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_LOG)
			fby_rdkafka_on_log("producer", ev);
		else if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_ERROR)
			on_error(s, ev);
		else if (rd_kafka_event_type(ev) ==
		    RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT)
			fby_unanswered_described(&s->unanswered, s->out.w, ev);
		rd_kafka_event_destroy(ev);
	}
	return false;
}

static void
on_queue(evutil_socket_t fd, short what, void *arg)
{
	struct fby_txn *s = arg;

	(void)fd;
	(void)what;
	if (!serve(s))
		fby_kafka_queue_wake(&s->kq);
	if (s->spoiled &&
	    (s->state == FBY_TXN_OPEN || s->state == FBY_TXN_FLUSHING)) {
		fby_txn_abort(s, "a record was refused");
		return;
	}
	fby_txn_go_on(s);
	/* The accused one is in, or may go in: its lane is first in line. */
	if (s->refused && s->state == FBY_TXN_OPEN && s->open == 0) {
		s->refused = s->quiet = false;
		fby_pipeline_ready(s->out.w);
	}
}

/* ---- life ------------------------------------------------------------- */

static int
open_topics(struct fby_txn *s)
{
	const struct fby_manifest *m = s->out.w->m;

	for (int i = 0; i < FBY_SINK_N; i++) {
		const char *topic = m->sinks[i].kafka.topic;

		if (!m->sinks[i].present)
			continue;
		s->topics[i] = rd_kafka_topic_new(s->rk, topic, NULL);
		if (s->topics[i] != NULL)
			continue;
		fby_error("sink kafka: topic %s: %s", topic,
		    rd_kafka_err2str(rd_kafka_last_error()));
		return -1;
	}
	return 0;
}

/*
 * A slot is one process's at a time.  Who takes the place of a dead one has
 * the same slot, so its init ends what the dead one had begun; in a roll both
 * live, in different slots.
 */
static int
connect_producer(struct fby_txn *s)
{
	struct fby_worker *w = s->out.w;
	char *id = fby_asprintf("%s-%" PRIu32, fby_kafka_host_id(w->m),
	    w->slot_no);
	rd_kafka_queue_t *queue;

	s->rk = fby_rdkafka_new_transactional(w->m, id);
	free(id);
	if (s->rk == NULL || open_topics(s) == -1)
		return -1;
	queue = rd_kafka_queue_get_main(s->rk);
	rd_kafka_set_log_queue(s->rk, queue);
	if (fby_kafka_queue_open(&s->kq, w->base, queue, on_queue, s) == -1) {
		fby_error("sink kafka: eventfd: %m");
		return -1;
	}
	fby_kafka_queue_wake(&s->kq);
	s->call = fby_txn_call_new(w->base, s->rk, fby_txn_answer, s);
	return s->call == NULL ? -1 : 0;
}

static void
disconnect(struct fby_txn *s)
{
	fby_kafka_queue_close(&s->kq);
	for (int i = 0; i < FBY_SINK_N; i++)
		if (s->topics[i] != NULL)
			rd_kafka_topic_destroy(s->topics[i]);
	if (s->rk != NULL) {
		rd_kafka_purge(s->rk,
		    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
		rd_kafka_destroy(s->rk);
	}
}

static void
txn_close(struct fby_outlet *out)
{
	struct fby_txn *s = (struct fby_txn *)out;

	fby_txn_fini(s);
	/* Messages are still librdkafka's; the next process cleans up. */
	if (!fby_txn_call_free(s->call))
		_exit(out->w->exit_code);
	disconnect(s);
	free(s->recs);
	free(s->failures);
	free(s);
}

static void
txn_login(struct fby_outlet *out)
{
	const struct fby_txn *s = (const struct fby_txn *)out;

	fby_kafka_login_anew(s->rk, out->w->m, FBY_KAFKA_PRODUCER);
}

static const struct fby_outlet_ops txn_ops = {
	.name = "kafka",
	.copies = 1,
	.in_order = true,
	.record = txn_record,
	.drop = txn_drop,
	.pass = txn_pass,
	.flush = txn_flush,
	.hurry = txn_hurry,
	.forget = txn_forget,
	.group = txn_group,
	.login = txn_login,
	.tick = txn_tick,
	.close = txn_close,
};

struct fby_outlet *
fby_sink_kafka_txn_open(struct fby_worker *w)
{
	struct fby_txn *s = fby_calloc(1, sizeof(*s));

	s->out.ops = &txn_ops;
	s->out.w = w;
	fby_txn_init(s);
	if (connect_producer(s) == -1) {
		txn_close(&s->out);
		return NULL;
	}
	fby_txn_start(s);
	return &s->out;
}
