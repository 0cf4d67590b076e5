/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The transaction; see txn.h.
 */
#include "shared/fby.h"

#include "worker/sink/txn.h"

#include <event2/event.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/boundary/metadata.h"

#include "worker/batch.h"
#include "worker/lane.h"
#include "worker/pipeline.h"
#include "worker/rdkafka.h"
#include "worker/sink/txn_call.h"
#include "worker/worker.h"

#define REST_MS 10 /* after an abort; doubles */
#define REST_MAX_MS 1000
#define REPEAT_MS 100  /* a call that is to be made once more */
#define PURGE_MS 500   /* of an abort that waits for reports */
#define OFFERED_MS 500 /* look for offsets that no record takes along */
#define WATERMARK_MS 5000
#define FEW 4            /* accused ones that get a transaction each */
#define TIMEOUT_MS 60000 /* librdkafka's own transaction.timeout.ms */

static const struct {
	const char *name;
	unsigned next; /* mask of states */
} states[FBY_TXN_NSTATES] = {
#define T(name) (1u << FBY_TXN_##name)
#define S(state, mask) [FBY_TXN_##state] = { #state, mask },
	FBY_TXN_STATES(S)
#undef S
#undef T
};

/* The only writer of s->state. */
static void
set_state(struct fby_txn *s, enum fby_txn_state to, const char *why)
{
	FBY_BUG_ON(to != FBY_TXN_DEAD && !(states[s->state].next & 1u << to));
	fby_debug("transaction: %s -> %s (%s, %zu records)",
	    states[s->state].name, states[to].name, why, s->n);
	s->state = to;
}

static void
start_timer(struct event *ev, int64_t ms)
{
	struct timeval tv = fby_clock_tv(ms);

	event_add(ev, &tv);
}

void
fby_txn_die(struct fby_txn *s, const char *text)
{
	if (s->state == FBY_TXN_DEAD)
		return;
	fby_error("transaction: %s", text);
	set_state(s, FBY_TXN_DEAD, text);
	fby_worker_exit(s->out.w, FBY_EXIT_KAFKA);
}

/* ---- abort ------------------------------------------------------------ */

void
fby_txn_abort(struct fby_txn *s, const char *why)
{
	fby_info("transaction of %zu records: aborted: %s", s->n, why);
	event_del(&s->ev_due);
	set_state(s, FBY_TXN_ABORTING, why);
	start_timer(&s->ev_purge, PURGE_MS);
	fby_txn_call_start(s->call, FBY_TXN_CALL_ABORT, NULL, NULL);
}

/*
 * A message that comes back for a retry after librdkafka's own purge is never
 * sent, and would be waited for until it is too old.
 */
static void
on_purge(evutil_socket_t fd, short what, void *arg)
{
	struct fby_txn *s = arg;

	(void)fd;
	(void)what;
	if (s->state != FBY_TXN_ABORTING)
		return;
	if (s->open > 0)
		rd_kafka_purge(s->rk,
		    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_NON_BLOCKING);
	start_timer(&s->ev_purge, PURGE_MS);
}

/* Nothing of the transaction is left. */
static void
clear(struct fby_txn *s)
{
	struct fby_lane *ln;

	TAILQ_FOREACH (ln, &s->out.w->lanes, entry)
		ln->txn = (struct fby_lane_txn){
			.newest = INT64_MIN,
			.next = FBY_NONE,
		};
	s->n = s->nfailures = s->npartial = 0;
	s->alone = NULL;
	s->spoiled = s->hurry = s->quiet = false;
}

/* The records without those that failed themselves; the number left. */
static size_t
without_failed(struct fby_txn *s)
{
	size_t left = 0;

	for (size_t i = 0; i < s->n; i++) {
		if (s->recs[i]->mark & FBY_TXN_FAILED)
			s->recs[i]->mark &= FBY_TXN_SOLO;
		else
			s->recs[left++] = s->recs[i];
	}
	return left;
}

/* Others are committed before it is known which record is to blame. */
static void
leave_out(struct fby_record **recs, size_t n)
{
	size_t naccused = 0;

	for (size_t i = 0; i < n; i++)
		naccused += (recs[i]->mark & FBY_TXN_ACCUSED) != 0;
	if (naccused > FEW)
		return;
	for (size_t i = 0; i < n; i++)
		if (recs[i]->mark & FBY_TXN_ACCUSED)
			recs[i]->mark ^= FBY_TXN_ACCUSED | FBY_TXN_SOLO;
}

/*
 * Those with blame come first: the delay before they are tried again is then
 * that of their lane.  What is given back waits until the next READY.
 */
static void
give_back(struct fby_txn *s)
{
	size_t n = without_failed(s), nfailures = s->nfailures;

	clear(s);
	leave_out(s->recs, n);
	for (size_t i = 0; i < nfailures; i++)
		fby_pipeline_failed(s->failures[i].rec, s->failures[i].why,
		    s->failures[i].permanent);
	for (size_t i = 0; i < n; i++)
		fby_pipeline_again(s->recs[i]);
	fby_pipeline_settle(s->out.w);
}

static void
on_aborted(struct fby_txn *s)
{
	event_del(&s->ev_purge);
	set_state(s, FBY_TXN_RESTING, "aborted");
	start_timer(&s->ev_rest, s->rest_ms);
	s->rest_ms = FBY_MAX(REST_MS, FBY_MIN(2 * s->rest_ms, REST_MAX_MS));
	give_back(s);
}

static void
on_rest(evutil_socket_t fd, short what, void *arg)
{
	struct fby_txn *s = arg;

	(void)fd;
	(void)what;
	if (s->state != FBY_TXN_RESTING)
		return;
	set_state(s, FBY_TXN_BEGIN, "rested");
	fby_txn_call_start(s->call, FBY_TXN_CALL_BEGIN, NULL, NULL);
}

/* ---- commit ----------------------------------------------------------- */

/* Does it have records of no lane but those that we hold? */
static bool
is_whole(const struct fby_txn *s)
{
	const struct fby_lane *ln;
	uint64_t n = 0;

	TAILQ_FOREACH (ln, &s->out.w->lanes, entry)
		n += ln->txn.n;
	return n == s->n;
}

/*
 * Has it come further than what we committed last, without a record that
 * would take its offset along?  So it is for the start offset, after control
 * records, and for the watermark of an idle partition.
 */
static bool
is_ahead(const struct fby_lane *ln, bool watermarks)
{
	return ln->acks.acked > ln->sent_offset ||
	    (watermarks && ln->et.watermark > ln->sent_watermark);
}

static void
add_offset(rd_kafka_topic_partition_list_t *list, const struct fby_lane *ln)
{
	rd_kafka_topic_partition_t *tp;
	char buf[FBY_METADATA_MAX];
	size_t len = fby_metadata_encode(buf, ln->txn.watermark,
	    ln->topic_id ? ln->topic_id : fby_load(&ln->row->topic_id),
	    fby_load(&ln->row->partitions));

	tp = rd_kafka_topic_partition_list_add(list, ln->topic, ln->partition);
	tp->offset = ln->txn.next;
	rd_kafka_topic_partition_set_leader_epoch(tp, ln->txn.epoch);
	if (len == 0)
		return;
	tp->metadata = strdup(buf); /* librdkafka frees it */
	tp->metadata_size = tp->metadata ? len : 0;
}

static rd_kafka_topic_partition_list_t *
offsets_of(struct fby_txn *s)
{
	struct fby_worker *w = s->out.w;
	rd_kafka_topic_partition_list_t *list;
	struct fby_lane *ln;

	list = rd_kafka_topic_partition_list_new((int)w->nlanes + 1);
	/* Any will do: it is aborted. */
	if (!s->is_clean) {
		rd_kafka_topic_partition_list_add(list, w->m->topics.v[0], 0)
		    ->offset = 0;
		return list;
	}
	TAILQ_FOREACH (ln, &w->lanes, entry) {
		if (ln->txn.n > 0) {
			ln->txn.watermark = fby_eventtime_preview(&ln->et,
			    ln->txn.head, ln->txn.newest, &w->eventtime);
		} else if (is_ahead(ln, true)) {
			ln->txn.next = ln->acks.acked;
			ln->txn.epoch = ln->acks.acked_epoch;
			ln->txn.watermark = ln->et.watermark;
		} else {
			continue;
		}
		add_offset(list, ln);
	}
	return list;
}

/* After this time without a word of ours the broker ends a transaction. */
static int64_t
broker_timeout_ms(const struct fby_txn *s)
{
	char text[32];
	size_t size = sizeof(text);

	if (rd_kafka_conf_get(rd_kafka_conf(s->rk), "transaction.timeout.ms",
		text, &size) != RD_KAFKA_CONF_OK)
		return TIMEOUT_MS;
	return strtoll(text, NULL, 10);
}

/*
 * Offsets that a coordinator took to its grave are never answered for, and
 * nothing makes librdkafka give up that call.  The broker has ended their
 * transaction by now, so there is nothing to lose.
 */
static void
on_late(evutil_socket_t fd, short what, void *arg)
{
	struct fby_txn *s = arg;

	(void)fd;
	(void)what;
	if (s->state == FBY_TXN_OFFSETS)
		fby_txn_die(s,
		    "no answer to its offsets, and the broker has "
		    "given it up long ago");
}

/* When no report is awaited, and the master's membership is known. */
void
fby_txn_go_on(struct fby_txn *s)
{
	rd_kafka_consumer_group_metadata_t *group;
	rd_kafka_error_t *error;

	if (s->state != FBY_TXN_FLUSHING || s->open > 0 || s->group.size == 0)
		return;
	error = rd_kafka_consumer_group_metadata_read(&group, s->group.bytes,
	    s->group.size);
	if (error != NULL) {
		fby_txn_die(s, rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
		return;
	}
	set_state(s, FBY_TXN_OFFSETS, "all are with the broker");
	start_timer(&s->ev_late, 2 * broker_timeout_ms(s));
	fby_txn_call_start(s->call, FBY_TXN_CALL_OFFSETS, offsets_of(s), group);
}

void
fby_txn_open(struct fby_txn *s, const char *why)
{
	set_state(s, FBY_TXN_OPEN, why);
	start_timer(&s->ev_due, s->out.w->m->host.transaction.max_delay_ms);
}

void
fby_txn_close(struct fby_txn *s, const char *why)
{
	event_del(&s->ev_due);
	set_state(s, FBY_TXN_FLUSHING, why);
	fby_txn_go_on(s);
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	struct fby_txn *s = arg;

	(void)fd;
	(void)what;
	if (s->state != FBY_TXN_OPEN)
		return;
	/* The rest of it may wait for its delay. */
	if (s->npartial > 0)
		fby_txn_abort(s, "not all that was made of a record is in");
	else
		fby_txn_close(s, "old");
}

static void
on_offsets_sent(struct fby_txn *s)
{
	if (!s->is_clean) {
		s->is_clean = true;
		s->rest_ms = 0;
		fby_txn_abort(s, "what a dead one may have left goes with it");
		return;
	}
	if (!is_whole(s)) {
		fby_txn_abort(s, "a partition was released meanwhile");
		return;
	}
	set_state(s, FBY_TXN_COMMITTING, "offsets are in");
	fby_txn_call_start(s->call, FBY_TXN_CALL_COMMIT, NULL, NULL);
}

static void
complete(struct fby_txn *s, struct fby_record *rec)
{
	bool is_drop = rec->mark & FBY_TXN_DROP;

	rec->mark = 0;
	if (rec->role == FBY_SINK_PRIMARY && !is_drop &&
	    s->topics[FBY_SINK_SUCCESS] != NULL)
		fby_bump(&s->out.w->slot->success_writes, 1);
	if (is_drop)
		fby_pipeline_dropped(rec);
	else
		fby_pipeline_delivered(rec);
}

static void
on_committed(struct fby_txn *s)
{
	struct fby_lane *ln;
	size_t n = s->n;

	TAILQ_FOREACH (ln, &s->out.w->lanes, entry)
		if (ln->txn.next != FBY_NONE) {
			ln->sent_offset = ln->txn.next;
			ln->sent_watermark = ln->txn.watermark;
		}
	clear(s);
	s->rest_ms = 0;
	set_state(s, FBY_TXN_BEGIN, "committed");
	fby_txn_call_start(s->call, FBY_TXN_CALL_BEGIN, NULL, NULL);
	for (size_t i = 0; i < n; i++)
		complete(s, s->recs[i]);
	fby_pipeline_settle(s->out.w);
}

/* ---- answers ---------------------------------------------------------- */

/*
 * To those who wait.  The one that shares none comes first if it waits, but
 * after one of these the others do.  If those that are to come first do not
 * come, anybody may.
 */
static void
offer(struct fby_txn *s)
{
	s->others_first = s->was_solo;
	s->was_solo = false;
	if (s->refused) {
		s->refused = false;
		fby_pipeline_ready(s->out.w);
	}
	s->others_first = false;
	if (s->state != FBY_TXN_READY)
		return;
	s->solo_waits = false;
	if (s->refused) {
		s->refused = false;
		fby_pipeline_ready(s->out.w);
	}
}

static void
on_ready(struct fby_txn *s)
{
	set_state(s, FBY_TXN_READY, "begun");
	if (!s->is_clean) {
		set_state(s, FBY_TXN_OPEN, "to be aborted");
		fby_txn_close(s, "to be aborted");
		return;
	}
	offer(s);
}

static void
on_success(struct fby_txn *s)
{
	switch (s->state) {
	case FBY_TXN_INIT:
		set_state(s, FBY_TXN_BEGIN, "initialised");
		fby_txn_call_start(s->call, FBY_TXN_CALL_BEGIN, NULL, NULL);
		break;
	case FBY_TXN_BEGIN:
		on_ready(s);
		break;
	case FBY_TXN_OFFSETS:
		event_del(&s->ev_late);
		on_offsets_sent(s);
		break;
	case FBY_TXN_COMMITTING:
		on_committed(s);
		break;
	case FBY_TXN_ABORTING:
		/*
		 * By then the last report has been read, says librdkafka.  If
		 * not, records of it are in its hands that we would send again.
		 */
		if (FBY_COUNT_IF(s->open > 0))
			fby_txn_die(s, "aborted, but reports are missing");
		else
			on_aborted(s);
		break;
	default:
		fby_txn_die(s, "an answer came to a call that was not made");
	}
}

static void
repeat_later(struct fby_txn *s, const char *text)
{
	fby_throttle_log(&s->out.w->throttle, "transaction",
	    FBY_THROTTLE_OWN(64), text);
	start_timer(&s->ev_repeat, REPEAT_MS);
}

/* Only calls that go on from where they were. */
static void
on_repeat(evutil_socket_t fd, short what, void *arg)
{
	struct fby_txn *s = arg;

	(void)fd;
	(void)what;
	if (s->state == FBY_TXN_INIT)
		fby_txn_call_start(s->call, FBY_TXN_CALL_INIT, NULL, NULL);
	else if (s->state == FBY_TXN_COMMITTING)
		fby_txn_call_start(s->call, FBY_TXN_CALL_COMMIT, NULL, NULL);
	else if (s->state == FBY_TXN_ABORTING)
		fby_txn_call_start(s->call, FBY_TXN_CALL_ABORT, NULL, NULL);
}

static void
on_failure(struct fby_txn *s, const rd_kafka_error_t *error)
{
	const char *text = rd_kafka_error_string(error);

	event_del(&s->ev_late);
	if (rd_kafka_error_is_fatal(error))
		fby_txn_die(s, text);
	else if (s->state == FBY_TXN_OFFSETS)
		fby_txn_abort(s, text);
	else if (s->state == FBY_TXN_COMMITTING &&
	    rd_kafka_error_txn_requires_abort(error))
		fby_txn_abort(s, text);
	else if (rd_kafka_error_is_retriable(error) &&
	    s->state != FBY_TXN_BEGIN)
		repeat_later(s, text);
	else
		fby_txn_die(s, text);
}

void
fby_txn_answer(void *arg, rd_kafka_error_t *error)
{
	struct fby_txn *s = arg;

	if (s->state == FBY_TXN_DEAD)
		;
	else if (error == NULL)
		on_success(s);
	else
		on_failure(s, error);
	if (error != NULL)
		rd_kafka_error_destroy(error);
}

void
fby_txn_group(struct fby_txn *s, const struct fby_msg_group *msg)
{
	if (FBY_COUNT_IF(msg->size > sizeof(msg->bytes)))
		return;
	s->group = *msg;
	/* What was refused because of the old ones need not wait. */
	if (s->state == FBY_TXN_RESTING)
		start_timer(&s->ev_rest, 0);
	fby_txn_go_on(s);
}

/* Offsets of lanes that have no records. */
static void
on_offered(evutil_socket_t fd, short what, void *arg)
{
	struct fby_txn *s = arg;
	int64_t now = fby_clock_mono();
	bool watermarks = now >= s->watermark_at, any = false;
	const struct fby_lane *ln;

	(void)fd;
	(void)what;
	TAILQ_FOREACH (ln, &s->out.w->lanes, entry)
		any |= is_ahead(ln, watermarks);
	if (watermarks)
		s->watermark_at = now + WATERMARK_MS;
	if (!any || s->state != FBY_TXN_READY)
		return;
	fby_txn_open(s, "offsets only");
	fby_txn_close(s, "offsets only");
}

/* ---- life ------------------------------------------------------------- */

void
fby_txn_init(struct fby_txn *s)
{
	struct event_base *base = s->out.w->base;

	evtimer_assign(&s->ev_due, base, on_due, s);
	evtimer_assign(&s->ev_rest, base, on_rest, s);
	evtimer_assign(&s->ev_repeat, base, on_repeat, s);
	evtimer_assign(&s->ev_purge, base, on_purge, s);
	evtimer_assign(&s->ev_late, base, on_late, s);
	event_assign(&s->ev_offered, base, -1, EV_PERSIST, on_offered, s);
}

void
fby_txn_start(struct fby_txn *s)
{
	start_timer(&s->ev_offered, OFFERED_MS);
	fby_txn_call_start(s->call, FBY_TXN_CALL_INIT, NULL, NULL);
}

void
fby_txn_fini(struct fby_txn *s)
{
	event_del(&s->ev_due);
	event_del(&s->ev_rest);
	event_del(&s->ev_repeat);
	event_del(&s->ev_purge);
	event_del(&s->ev_late);
	event_del(&s->ev_offered);
}
