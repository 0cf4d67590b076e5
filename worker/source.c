/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source; see source.h.
 *
 * Wake-ups: see kafka/queue.h.  What is left in a lane's queue by a full batch
 * or a closed gate is looked at again by fby_source_wake().
 */
#include "shared/fby.h"

#include "worker/source.h"

#include <errno.h>
#include <event2/event.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/boundary/hist.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "worker/budget.h"
#include "worker/cut.h"
#include "worker/lane.h"
#include "worker/rdkafka.h"
#include "worker/run.h"
#include "worker/worker.h"

#define EVENT_BUDGET 25 /* of the main queue, for each turn */
#define PAUSE_AFTER_MS 1000
#define CHECK_MS 30000

static void
on_kafka_error(struct fby_worker *w, rd_kafka_event_t *ev)
{
	char text[512];
	int code = rd_kafka_event_error(ev);

	if (rd_kafka_event_error_is_fatal(ev)) {
		rd_kafka_fatal_error(w->src->rk, text, sizeof(text));
		fby_error("consumer: %s", text);
		fby_worker_exit(w, FBY_EXIT_KAFKA);
		return;
	}
	if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN)
		w->src->is_down = true;
	fby_worker_on_client_error(w, "consumer", FBY_FAILURE_SOURCE, code,
	    rd_kafka_event_error_string(ev));
}

/* The next outage is worth a line of its own. */
static void
on_recovered(struct fby_worker *w)
{
	w->src->is_down = false;
	fby_notice("consumer: records come again");
	fby_throttle_reset(&w->throttle, RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN);
}

static void
on_kafka_event(evutil_socket_t fd, short what, void *arg)
{
	struct fby_worker *w = arg;
	rd_kafka_event_t *ev;

	(void)fd;
	(void)what;
	for (int i = 0; i < EVENT_BUDGET; i++) {
		ev = rd_kafka_queue_poll(w->src->kq.queue, 0);
		if (ev == NULL)
			return;
		switch (rd_kafka_event_type(ev)) {
		case RD_KAFKA_EVENT_LOG:
			fby_rdkafka_on_log("consumer", ev);
			break;
		case RD_KAFKA_EVENT_ERROR:
			on_kafka_error(w, ev);
			break;
		default:
			break;
		}
		rd_kafka_event_destroy(ev);
	}
	fby_kafka_queue_wake(&w->src->kq);
}

/* ---- client ----------------------------------------------------------- */

int
fby_source_open(struct fby_worker *w)
{
	struct fby_source *src = w->src;
	rd_kafka_queue_t *queue;

	src->rk = fby_rdkafka_new(w->m, FBY_KAFKA_FETCHER);
	if (src->rk == NULL)
		return -1;
	rd_kafka_poll_set_consumer(src->rk);
	queue = rd_kafka_queue_get_consumer(src->rk);
	rd_kafka_set_log_queue(src->rk, queue);
	if (fby_kafka_queue_open(&src->kq, w->base, queue, on_kafka_event, w) ==
	    -1) {
		fby_error("eventfd: %m");
		return -1;
	}
	fby_kafka_queue_wake(&src->kq);
	return 0;
}

void
fby_source_close(struct fby_worker *w)
{
	struct fby_source *src = w->src;

	fby_kafka_queue_close(&src->kq);
	if (src->rk != NULL) {
		/* We are no member of the group: nobody to say goodbye to. */
		rd_kafka_destroy_flags(src->rk,
		    RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
		src->rk = NULL;
	}
	free(src->msgs);
	src->msgs = NULL;
	src->cap = 0;
}

/* ---- reading ---------------------------------------------------------- */

static void
at_end(struct fby_lane *ln, int64_t offset)
{
	fby_lane_running(ln);
	/* Control records and compacted ones may lie before the end. */
	fby_acks_pass(&ln->acks, offset, -1);
	ln->at_end = true;
	fby_source_high(ln);
	fby_lane_publish(ln);
}

/* Errors that the lane survives: they are said, and reading goes on. */
static bool
is_passing(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
	case RD_KAFKA_RESP_ERR__LOG_TRUNCATION:
	case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
	case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID:
	/*
	 * After these librdkafka would go on with the next batch of records,
	 * and we would skip some without a word.
	 */
	case RD_KAFKA_RESP_ERR__BAD_MSG:
	case RD_KAFKA_RESP_ERR__BAD_COMPRESSION:
	case RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED:
	case RD_KAFKA_RESP_ERR__UNDERFLOW:
		return false;
	default:
		return true;
	}
}

/*
 * Librdkafka asks for more and more bytes of a batch that it cannot read, and
 * in the end takes it for too large; no broker has one of a gigabyte.
 */
static const char *
reason(const rd_kafka_message_t *msg)
{
	return msg->err == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ?
	    "the batch at this offset cannot be decoded" :
	    rd_kafka_message_errstr(msg);
}

static void
say(struct fby_lane *ln, const rd_kafka_message_t *msg)
{
	const char *text = reason(msg);

	fby_throttle_log(&ln->w->throttle, ln->name, msg->err, text);
	fby_lane_failed(ln, FBY_FAILURE_SOURCE, msg->err, text);
}

/*
 * An error in place of a record.  True: the lane cannot go on from here, and
 * nothing that was read after it may be used.
 */
static bool
on_lane_error(struct fby_lane *ln, const rd_kafka_message_t *msg)
{
	const char *text = rd_kafka_message_errstr(msg);
	enum fby_release_reason reason = FBY_RELEASE_FAILED;

	if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		at_end(ln, msg->offset);
		return false;
	}
	say(ln, msg);
	if (is_passing(msg->err))
		return false;
	if (fby_cut_is(msg, &ln->cut_at))
		reason = FBY_RELEASE_CUT;
	else if (msg->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
	    msg->err == RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE)
		reason = FBY_RELEASE_RANGE;
	ln->w->src->fail(ln, reason, ln->w->m->host.drain_timeout_ms, text);
	return true;
}

/*
 * Sum up the records at the head of the run, and move errors and what we have
 * had before out of it.  Returns the index of the error that ended the lane,
 * or n.
 */
static size_t
look_through(struct fby_lane *ln, struct fby_run *run, size_t n)
{
	int64_t watermark = ln->et.watermark, newest = INT64_MIN;
	int64_t next = ln->acks.position;
	uint64_t bytes = 0, late = 0, future = 0;
	size_t i, kept = 0;

	run->limit = fby_eventtime_limit(&ln->w->eventtime, run->read_at);
	for (i = 0; i < n; i++) {
		rd_kafka_message_t *msg = run->msgs[i];
		int64_t ms;

		if (__builtin_expect(msg->err != 0, 0))
			break;
		if (FBY_COUNT_IF(msg->offset < next)) {
			rd_kafka_message_destroy(msg);
			continue;
		}
		ms = fby_run_event_time(msg, run->read_at);
		late += ms < watermark;
		future += ms > run->limit;
		newest = FBY_MAX(newest, ms);
		bytes += msg->len + msg->key_len;
		next = msg->offset + 1;
		run->msgs[kept++] = msg;
	}
	run->n = kept;
	run->bytes = bytes;
	run->late = late;
	run->future = future;
	run->newest = FBY_MIN(newest, run->limit);
	run->next = next;
	if (kept > 0)
		run->leader_epoch = rd_kafka_message_leader_epoch(
		    run->msgs[kept - 1]);
	return i;
}

static void
count(struct fby_lane *ln, const struct fby_run *run)
{
	struct fby_ledger_slot *slot = ln->w->slot;
	struct fby_ledger_row *row = ln->row;
	uint64_t mean = run->bytes / run->n + FBY_RECORD_OVERHEAD;

	fby_bump(&row->read, run->n);
	fby_bump(&row->read_bytes, run->bytes);
	if (run->late)
		fby_bump(&row->late, run->late);
	if (run->future)
		fby_bump(&row->future, run->future);
	fby_bump(&slot->read, run->n);
	fby_bump(&slot->read_bytes, run->bytes);
	fby_bump(&slot->batches, 1);
	/* Follows growth at once, shrinks slowly. */
	ln->record_bytes = FBY_MAX(mean, (7 * ln->record_bytes + mean) / 8);
	ln->w->src->record_bytes = ln->record_bytes;
}

static void
take(struct fby_lane *ln, struct fby_run *run)
{
	fby_lane_running(ln);
	if (ln->w->src->is_down)
		on_recovered(ln->w);
	ln->at_end = false;
	fby_eventtime_touch(&ln->et, run->read_us / 1000);
	count(ln, run);
	ln->w->src->submit(ln, run);
}

static rd_kafka_message_t **
room_for(struct fby_source *src, size_t n)
{
	if (src->cap < n) {
		free(src->msgs);
		src->msgs = fby_calloc(n, sizeof(src->msgs[0]));
		src->cap = n;
	}
	return src->msgs;
}

/*
 * What was read at a time has to be one run of records: the sink may have no
 * room after the first, and then a second could not be submitted.  So passing
 * errors between records go; an end that records follow is none.
 */
static size_t
sift(struct fby_lane *ln, rd_kafka_message_t **msgs, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		rd_kafka_message_t *msg = msgs[i];

		if (msg->err && i + 1 < n && is_passing(msg->err)) {
			if (msg->err != RD_KAFKA_RESP_ERR__PARTITION_EOF)
				say(ln, msg);
			rd_kafka_message_destroy(msg);
			continue;
		}
		msgs[kept++] = msg;
	}
	return kept;
}

/* A list of one, for the calls that want a list. */
static rd_kafka_topic_partition_list_t *
list_of(const struct fby_lane *ln, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, ln->topic, ln->partition)
	    ->offset = offset;
	return list;
}

/* True: refused, and said so. */
static bool
is_refused(struct fby_lane *ln, rd_kafka_error_t *error)
{
	if (error == NULL)
		return false;
	fby_error("lane %s: %s", ln->name, rd_kafka_error_string(error));
	fby_lane_failed(ln, FBY_FAILURE_SOURCE, rd_kafka_error_code(error),
	    rd_kafka_error_string(error));
	rd_kafka_error_destroy(error);
	return true;
}

/*
 * Librdkafka asks the leader whether the log still has what was read before an
 * offset when it seeks, and not when it is assigned (2.14); and it seeks only
 * where fetching has begun.  So the first that comes is a sign that it has:
 * it is thrown away, and comes again if all is well.
 */
static void
check(struct fby_lane *ln, rd_kafka_message_t **msgs, size_t n)
{
	rd_kafka_topic_partition_list_t *list = list_of(ln, ln->acks.position);

	while (n > 0)
		rd_kafka_message_destroy(msgs[--n]);
	rd_kafka_topic_partition_set_leader_epoch(&list->elems[0],
	    ln->acks.epoch);
	/* 0 ms: the answer comes through the queue.  No error, see its source:
	 * nothing but a wrong argument is one. */
	is_refused(ln, rd_kafka_seek_partitions(ln->w->src->rk, list, 0));
	rd_kafka_topic_partition_list_destroy(list);
	ln->checked_at = fby_clock_mono();
}

/*
 * It has to come back by then.  If librdkafka itself finds out at that moment
 * that the log was cut, the seek is refused and the error outdated by it, and
 * nothing would ever come.
 */
static void
watch_check(struct fby_lane *ln, int64_t mono)
{
	if (ln->checked_at && mono - ln->checked_at > CHECK_MS)
		ln->w->src->fail(ln, FBY_RELEASE_FAILED, 0,
		    "no answer whether the log was cut");
}

/* No error of the source: those would come again. */
static bool
is_begun(const rd_kafka_message_t *msg)
{
	return msg->err == 0 || msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF;
}

/*
 * Everything in the queue up to n messages.  True if there may be more of
 * them; then the lane is still alive.
 */
static bool
read_batch(struct fby_lane *ln, size_t n)
{
	struct fby_worker *w = ln->w;
	struct fby_run run = { .began_us = fby_clock_mono_us() };
	rd_kafka_message_t **msgs = room_for(w->src, n);
	size_t done = 0, left;
	ssize_t got;

	fby_worker_activity(w, FBY_ACTIVITY_READING, ln->row_no,
	    ln->acks.position);
	got = rd_kafka_consume_batch_queue(ln->kq.queue, 0, msgs, n);
	if (got <= 0)
		return false;
	if (ln->is_unchecked && is_begun(msgs[0])) {
		ln->is_unchecked = false;
		check(ln, msgs, (size_t)got);
		return true;
	}
	ln->checked_at = 0;
	fby_budget_served(ln);
	run.read_us = fby_clock_mono_us();
	run.read_at = fby_clock_wall();
	fby_hist_add(&w->slot->hist[FBY_HIST_READ], run.read_us - run.began_us);
	left = sift(ln, msgs, (size_t)got);
	run.msgs = msgs;
	done = look_through(ln, &run, left);
	if (run.n)
		take(ln, &run);
	/* An error that is passing is the last; after another all is void. */
	if (done < left) {
		bool dead = on_lane_error(ln, msgs[done]);

		while (done < left)
			rd_kafka_message_destroy(msgs[done++]);
		if (dead)
			return false;
	}
	return (size_t)got == n;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fby_lane *ln = arg;
	struct fby_worker *w;
	size_t n;

	(void)fd;
	(void)what;
	FBY_BUG_ON(ln->magic != FBY_LANE_MAGIC);
	w = ln->w;
	n = fby_budget_get(ln);
	/* The pipeline wakes a starved lane when there is room. */
	if (n == 0)
		fby_budget_refused(ln);
	else if (read_batch(ln, n))
		fby_kafka_queue_wake(&ln->kq);
	fby_worker_activity(w, FBY_ACTIVITY_WAITING, FBY_NOROW, FBY_NONE);
}

/* ---- lanes ------------------------------------------------------------ */

static int
cannot_attach(struct fby_lane *ln, const char *why)
{
	fby_error("lane %s: %s", ln->name, why);
	fby_lane_failed(ln, FBY_FAILURE_SOURCE, 0, why);
	return -1;
}

/* Records that unassign has outdated go; none is handed out. */
static void
purge(struct fby_lane *ln)
{
	rd_kafka_message_t *msgs[64];
	ssize_t n;

	while ((n = rd_kafka_consume_batch_queue(ln->kq.queue, 0, msgs,
		    FBY_NELEM(msgs))) > 0)
		for (ssize_t i = 0; i < n; i++)
			rd_kafka_message_destroy(msgs[i]);
}

int
fby_source_attach(struct fby_lane *ln, int64_t start)
{
	struct fby_worker *w = ln->w;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_queue_t *queue;
	bool refused;

	/* Until it has its own: that of the lane which was read last. */
	ln->record_bytes = w->src->record_bytes;
	queue = rd_kafka_queue_get_partition(w->src->rk, ln->topic,
	    ln->partition);
	if (queue == NULL)
		return cannot_attach(ln, "librdkafka has no queue");
	/* Before the assign: or records would go to the consumer's queue. */
	rd_kafka_queue_forward(queue, NULL);
	if (fby_kafka_queue_open(&ln->kq, w->base, queue, on_readable, ln) ==
	    -1)
		return cannot_attach(ln,
		    errno == EMFILE ? "the process has no descriptor left" :
				      strerror(errno));
	/*
	 * The queue is the partition's.  What came too late for the lane
	 * before may be the answer to an offset that librdkafka made up
	 * behind a wrong checksum: that it is out of range.
	 */
	purge(ln);
	event_priority_set(&ln->kq.ev, FBY_PRIORITY_LANE);
	list = list_of(ln, start);
	refused = is_refused(ln, rd_kafka_incremental_assign(w->src->rk, list));
	rd_kafka_topic_partition_list_destroy(list);
	if (refused) {
		fby_source_detach(ln);
		return -1;
	}
	/*
	 * The queue is the partition's, and may hold what came too late for
	 * the lane before; such a queue would never wake us.
	 */
	fby_kafka_queue_wake(&ln->kq);
	return 0;
}

void
fby_source_set_paused(struct fby_lane *ln, bool paused)
{
	rd_kafka_topic_partition_list_t *list = list_of(ln, 0);

	if (paused)
		rd_kafka_pause_partitions(ln->w->src->rk, list);
	else
		rd_kafka_resume_partitions(ln->w->src->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	ln->paused = paused;
	fby_debug("lane %s: %s", ln->name, paused ? "paused" : "resumed");
}

void
fby_source_detach(struct fby_lane *ln)
{
	rd_kafka_topic_partition_list_t *list;

	if (ln->kq.queue == NULL)
		return;
	/* The flag would outlast the assignment. */
	if (ln->paused)
		fby_source_set_paused(ln, false);
	list = list_of(ln, 0);
	is_refused(ln, rd_kafka_incremental_unassign(ln->w->src->rk, list));
	rd_kafka_topic_partition_list_destroy(list);
	purge(ln);
	fby_kafka_queue_close(&ln->kq);
	fby_budget_served(ln);
	ln->gated_since = 0;
}

void
fby_source_wake(struct fby_lane *ln)
{
	if (ln->kq.queue == NULL)
		return;
	ln->is_starved = false;
	ln->gated_since = 0;
	if (ln->paused && !ln->is_resting)
		fby_source_set_paused(ln, false);
	fby_kafka_queue_wake(&ln->kq);
}

void
fby_source_tick(struct fby_lane *ln, int64_t mono)
{
	if (ln->kq.queue == NULL)
		return;
	fby_source_high(ln);
	if (fby_budget_get(ln) > 0) {
		/* Mostly it was woken when there was room; this is the net. */
		if (ln->is_starved || ln->gated_since)
			fby_source_wake(ln);
		watch_check(ln, mono);
		return;
	}
	/* Not reading, it gets no answer either. */
	if (ln->checked_at)
		ln->checked_at = mono;
	if (ln->gated_since == 0) {
		ln->gated_since = mono;
	} else if (!ln->paused && mono - ln->gated_since >= PAUSE_AFTER_MS) {
		/* It empties the queue, too. */
		fby_source_set_paused(ln, true);
		fby_lane_publish(ln);
	}
}

void
fby_source_high(struct fby_lane *ln)
{
	int64_t low, high;

	/* From librdkafka's memory, no request. */
	if (rd_kafka_get_watermark_offsets(ln->w->src->rk, ln->topic,
		ln->partition, &low, &high) == RD_KAFKA_RESP_ERR_NO_ERROR &&
	    high >= ln->acks.position)
		fby_store(&ln->row->high, high);
}
