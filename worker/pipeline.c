/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline; see pipeline.h.
 *
 * Two ways through.  A sink that delivers a whole run at once (`run`) needs
 * no ring, no batch and no work per record here.  For all others a batch is
 * made, its records go into the ring of the acks, and completions are settled
 * once for each burst of them.
 *
 * What may free a lane or a batch: completing a record, and settling.  So a
 * loop over a batch holds it open, and settling takes lanes off its list
 * before it works on them.
 */
#include "shared/fby.h"

#include "worker/pipeline.h"

#include <event2/event.h>

#include <librdkafka/rdkafka.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/str.h"

#include "worker/lane.h"
#include "worker/retry.h"
#include "worker/sink.h"
#include "worker/source.h"
#include "worker/worker.h"

static void feed(struct fby_lane *ln);

static uint64_t
record_bytes(const struct fby_record *rec)
{
	return rec->msg->len + rec->msg->key_len + FBY_RECORD_OVERHEAD;
}

static void
batch_unhold(struct fby_batch *b)
{
	struct fby_lane *ln = b->ln;
	struct fby_worker *w = ln->w;
	int64_t now;

	if (--b->open > 0)
		return;
	now = fby_clock_mono_us();
	fby_hist_add(&w->slot->hist[FBY_HIST_SINK], now - b->sink_us);
	fby_hist_add(&w->slot->hist[FBY_HIST_PROCESSING], now - b->read_us);
	fby_batch_put(&w->pl.batches, b);
	ln->nbatches--;
	/* Its last batch frees a released lane. */
	if (ln->state == FBY_LANE_DRAINED)
		fby_lane_check(ln);
}

/* ---- ceilings --------------------------------------------------------- */

/* Below three quarters; the least that this can be is nothing. */
static bool
is_low(uint64_t used, uint64_t limit)
{
	return used <= limit - limit / 4 - (limit >= 4 ? 0 : 1);
}

static uint64_t
left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

/* A lane that is alone may have it all. */
static uint64_t
share(const struct fby_worker *w, int64_t limit)
{
	return w->nlanes > 1 ? (uint64_t)FBY_MAX(limit / 2, 1) :
			       (uint64_t)limit;
}

static bool
worker_is_closed(struct fby_worker *w)
{
	struct fby_pipeline *pl = &w->pl;
	uint64_t records = (uint64_t)w->m->host.memory.max_records;
	uint64_t bytes = (uint64_t)w->m->host.memory.budget_bytes;

	struct fby_lane *ln;

	if (pl->records >= records || pl->open_bytes >= bytes) {
		pl->closed = true;
	} else if (pl->closed && is_low(pl->records, records) &&
	    is_low(pl->open_bytes, bytes)) {
		pl->closed = false;
		TAILQ_FOREACH (ln, &w->lanes, entry)
			if (ln->is_starved)
				fby_source_wake(ln);
	}
	return pl->closed;
}

static bool
lane_is_closed(struct fby_lane *ln)
{
	struct fby_worker *w = ln->w;
	uint64_t concurrency = (uint64_t)w->m->concurrency;
	uint64_t records = share(w, w->m->host.memory.max_records);
	uint64_t bytes = share(w, w->m->host.memory.budget_bytes);
	uint64_t in_flight = fby_acks_in_flight(&ln->acks);

	if (ln->open >= concurrency || in_flight >= records ||
	    ln->open_bytes >= bytes)
		ln->closed = true;
	else if (is_low(ln->open, concurrency) && is_low(in_flight, records) &&
	    is_low(ln->open_bytes, bytes))
		ln->closed = false;
	return ln->closed;
}

size_t
fby_pipeline_room(struct fby_lane *ln)
{
	struct fby_worker *w = ln->w;
	uint64_t n = FBY_MIN((uint64_t)w->m->read_batch_size, FBY_BATCH_MAX);
	uint64_t bytes;

	if (ln->state == FBY_LANE_DRAINING || ln->pending != NULL ||
	    ln->suspects > 0 || worker_is_closed(w) || lane_is_closed(ln))
		return 0;
	n = FBY_MIN(n, left((uint64_t)w->m->concurrency, ln->open));
	n = FBY_MIN(n,
	    left((uint64_t)w->m->host.memory.max_records, w->pl.records));
	n = FBY_MIN(n,
	    left(share(w, w->m->host.memory.max_records),
		fby_acks_in_flight(&ln->acks)));
	bytes = left(share(w, w->m->host.memory.budget_bytes), ln->open_bytes);
	bytes = FBY_MIN(bytes,
	    left((uint64_t)w->m->host.memory.budget_bytes, w->pl.open_bytes));
	/* What a record weighs is a guess: one is always allowed. */
	if (ln->record_bytes > 0)
		n = FBY_MIN(n, bytes / ln->record_bytes + 1);
	return n;
}

static void
count_in_flight(struct fby_worker *w)
{
	fby_store(&w->slot->in_flight, w->pl.records);
	fby_store(&w->slot->in_flight_bytes, w->pl.open_bytes);
}

/* May report records; the caller settles. */
static void
flush(struct fby_worker *w)
{
	if (w->out->ops->flush != NULL)
		w->out->ops->flush(w->out);
}

/* ---- completion ------------------------------------------------------- */

static void
touch(struct fby_lane *ln)
{
	if (ln->is_touched)
		return;
	ln->is_touched = true;
	STAILQ_INSERT_TAIL(&ln->w->pl.touched, ln, touched);
}

/* The sink and the retries are done with it. */
static void
drop_message(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;
	uint64_t bytes = record_bytes(rec);

	rd_kafka_message_destroy(rec->msg);
	rec->msg = NULL;
	ln->w->pl.open_bytes -= bytes;
	ln->open_bytes -= bytes;
	ln->open--;
	if (rec->tries)
		ln->suspects--;
}

/* May free the batch, and its lane if that is released. */
static void
complete(struct fby_record *rec)
{
	struct fby_batch *b = rec->b;
	struct fby_lane *ln = b->ln;

	drop_message(rec);
	if (ln->state != FBY_LANE_DRAINED) {
		fby_acks_done(&ln->acks, fby_record_seq(rec));
		touch(ln);
	} else {
		struct fby_lane *now = fby_lane_find_row(ln->w, ln->row_no);

		/* Only the holder of a row may count in it. */
		if (now != NULL)
			fby_bump(&now->row->stale, 1);
		fby_debug("lane %s: stale completion of epoch %" PRIu64,
		    ln->name, ln->epoch);
	}
	batch_unhold(b);
}

void
fby_pipeline_delivered(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;

	if (rec->tries && ln->suspects == 1 && ln->complained) {
		ln->complained = false;
		fby_notice("lane %s: the sink takes its records again",
		    ln->name);
	}
	ln->delivered++;
	fby_bump(&ln->w->slot->sink_writes, 1);
	complete(rec);
}

void
fby_pipeline_dropped(struct fby_record *rec)
{
	rec->b->ln->dropped++;
	fby_bump(&rec->b->ln->w->slot->sink_drops, 1);
	complete(rec);
}

/* All are counted; a line for each would be a flood. */
static void
say_dropped(const struct fby_record *rec, const char *why)
{
	const struct fby_lane *ln = rec->b->ln;
	char *text = fby_asprintf("offset %" PRId64 ": dropped after %" PRIu32
				  " attempts: %s",
	    rec->msg->offset, rec->tries, why);

	fby_source_on_trouble(&ln->w->src, ln->name, FBY_SOURCE_DROPPED, text);
	free(text);
}

void
fby_pipeline_failed(struct fby_record *rec, const char *why)
{
	struct fby_lane *ln = rec->b->ln;
	struct fby_worker *w = ln->w;
	int64_t delay;

	fby_bump(&w->slot->sink_errors, 1);
	if (ln->state == FBY_LANE_DRAINED) {
		complete(rec);
		return;
	}
	if (!ln->complained) {
		ln->complained = true;
		fby_warn("lane %s: offset %" PRId64 ": %s; trying again",
		    ln->name, rec->msg->offset, why);
	}
	if (rec->tries++ == 0)
		ln->suspects++;
	delay = fby_retry_delay(&w->m->sink.retry, rec->tries, drand48());
	if (delay == FBY_NONE) {
		say_dropped(rec, why);
		fby_pipeline_dropped(rec);
		return;
	}
	if (ln->nfailed == ln->failed_cap) {
		ln->failed_cap = FBY_MAX(2 * ln->failed_cap, 16);
		ln->failed = fby_realloc(ln->failed,
		    ln->failed_cap * sizeof(ln->failed[0]));
	}
	ln->failed[ln->nfailed++] = rec;
	/* One timer for all: they were refused together, mostly. */
	if (!event_pending(&ln->ev_retry, EV_TIMEOUT, NULL)) {
		struct timeval tv = fby_clock_tv(delay);

		event_add(&ln->ev_retry, &tv);
	}
}

static void
settle_lane(struct fby_lane *ln)
{
	struct fby_worker *w = ln->w;
	int64_t began = fby_clock_mono_us(), newest = INT64_MIN;
	uint64_t n;

	fby_worker_activity(w, FBY_ACTIVITY_ACKING, ln->row_no, ln->acks.acked);
	n = fby_acks_advance(&ln->acks, &newest);
	if (n > 0) {
		fby_eventtime_acked(&ln->et, ln->acks.head, newest,
		    &w->eventtime);
		w->pl.records -= n;
		fby_bump(&w->slot->acked, n);
	}
	fby_lane_publish(ln);
	fby_hist_add(&w->slot->hist[FBY_HIST_ACK], fby_clock_mono_us() - began);
	if (ln->state == FBY_LANE_DRAINING)
		fby_lane_check(ln);
	else if (ln->pending != NULL && ln->suspects == 0 && !ln->is_blocked)
		feed(ln);
	else if (ln->is_starved && fby_pipeline_room(ln) > 0)
		fby_source_wake(ln);
}

void
fby_pipeline_settle(struct fby_worker *w)
{
	struct fby_lane *ln;

	while ((ln = STAILQ_FIRST(&w->pl.touched)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->pl.touched, touched);
		ln->is_touched = false;
		settle_lane(ln);
		/* Settling may have fed the sink, and so touched more. */
		if (STAILQ_EMPTY(&w->pl.touched))
			flush(w);
	}
	count_in_flight(w);
	worker_is_closed(w);
	fby_store(&w->slot->activity, FBY_ACTIVITY_WAITING);
}

/* ---- submission ------------------------------------------------------- */

static void
block(struct fby_lane *ln)
{
	if (ln->is_blocked)
		return;
	ln->is_blocked = true;
	STAILQ_INSERT_TAIL(&ln->w->pl.blocked, ln, blocked);
}

/* False: no room.  Otherwise the record is the sink's, or its retry's. */
static bool
hand_over(struct fby_lane *ln, struct fby_record *rec)
{
	struct fby_outlet *out = ln->w->out;

	fby_store(&ln->w->slot->activity_offset, rec->msg->offset);
	switch (out->ops->record(out, rec)) {
	case FBY_OK:
		return true;
	case FBY_DONE:
		fby_pipeline_delivered(rec);
		return true;
	case FBY_FAIL:
		fby_pipeline_failed(rec, out->why);
		return true;
	case FBY_AGAIN:
	default:
		block(ln);
		return false;
	}
}

/* Hand the pending batch to the sink, as far as that goes. */
static void
feed(struct fby_lane *ln)
{
	struct fby_batch *b = ln->pending;

	fby_worker_activity(ln->w, FBY_ACTIVITY_SINK, ln->row_no,
	    b->rec[b->next].msg->offset);
	b->open++;
	while (b->next < b->n && ln->suspects == 0) {
		if (!hand_over(ln, &b->rec[b->next]))
			break;
		b->next++;
	}
	if (b->next == b->n) {
		ln->pending = NULL;
		if (ln->is_starved && fby_pipeline_room(ln) > 0)
			fby_source_wake(ln);
	}
	batch_unhold(b);
}

static void
submit_run(struct fby_lane *ln, const struct fby_run *run)
{
	struct fby_worker *w = ln->w;
	int64_t began, sunk, acked;

	began = fby_clock_mono_us();
	fby_worker_activity(w, FBY_ACTIVITY_SINK, ln->row_no,
	    ln->acks.position);
	w->out->ops->run(w->out, run);
	sunk = fby_clock_mono_us();
	fby_acks_pass(&ln->acks, run->next);
	fby_eventtime_acked(&ln->et, ln->acks.head, run->newest, &w->eventtime);
	ln->delivered += run->n;
	fby_lane_publish(ln);
	fby_bump(&w->slot->sink_writes, run->n);
	fby_bump(&w->slot->acked, run->n);
	for (size_t i = 0; i < run->n; i++)
		rd_kafka_message_destroy(run->msgs[i]);
	acked = fby_clock_mono_us();
	fby_hist_add(&w->slot->hist[FBY_HIST_SINK], sunk - began);
	fby_hist_add(&w->slot->hist[FBY_HIST_ACK], acked - sunk);
	fby_hist_add(&w->slot->hist[FBY_HIST_PROCESSING],
	    acked - run->began_us);
}

static void
submit_batch(struct fby_lane *ln, const struct fby_run *run)
{
	struct fby_worker *w = ln->w;
	uint64_t bytes = run->bytes + run->n * FBY_RECORD_OVERHEAD;
	struct fby_batch *b;

	b = fby_batch_get(&w->pl.batches, ln, run->msgs, run->n);
	b->read_us = run->began_us;
	b->sink_us = run->read_us;
	b->seq = ln->acks.tail;
	for (size_t i = 0; i < run->n; i++) {
		const rd_kafka_message_t *msg = run->msgs[i];
		int64_t ms = fby_source_event_time(msg, run->read_at);

		fby_eventtime_add(&ln->et,
		    fby_acks_add(&ln->acks, msg->offset, ms, run->read_at), ms);
	}
	ln->nbatches++;
	ln->open += run->n;
	ln->open_bytes += bytes;
	w->pl.records += run->n;
	w->pl.open_bytes += bytes;
	count_in_flight(w);
	FBY_BUG_ON(ln->pending != NULL);
	ln->pending = b;
	fby_lane_publish(ln);
	if (ln->suspects == 0 && !ln->is_blocked)
		feed(ln);
	flush(w);
	fby_pipeline_settle(w);
}

void
fby_pipeline_submit(struct fby_lane *ln, const struct fby_run *run)
{
	if (ln->w->out->ops->run != NULL)
		submit_run(ln, run);
	else
		submit_batch(ln, run);
}

/* ---- trying again ----------------------------------------------------- */

static int
by_seq(const void *a, const void *b)
{
	const struct fby_record *const *x = a, *const *y = b;
	uint64_t sx = fby_record_seq(*x), sy = fby_record_seq(*y);

	return (sx > sy) - (sx < sy);
}

/* In their order; what the sink has no room for waits with the blocked. */
static void
retry(struct fby_lane *ln)
{
	struct fby_record **recs = ln->failed;
	size_t n = ln->nfailed, i;

	qsort(recs, n, sizeof(recs[0]), by_seq);
	/* Those that fail again go to a list of their own. */
	ln->failed = NULL;
	ln->nfailed = ln->failed_cap = 0;
	for (i = 0; i < n; i++)
		if (!hand_over(ln, recs[i]))
			break;
	for (; i < n; i++) {
		if (ln->nfailed == ln->failed_cap) {
			ln->failed_cap = FBY_MAX(2 * ln->failed_cap, n);
			ln->failed = fby_realloc(ln->failed,
			    ln->failed_cap * sizeof(ln->failed[0]));
		}
		ln->failed[ln->nfailed++] = recs[i];
	}
	free(recs);
}

static void
resume(struct fby_lane *ln)
{
	if (ln->nfailed > 0 && !event_pending(&ln->ev_retry, EV_TIMEOUT, NULL))
		retry(ln);
	if (!ln->is_blocked && ln->suspects == 0 && ln->pending != NULL)
		feed(ln);
	flush(ln->w);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct fby_lane *ln = arg;
	struct fby_worker *w;

	(void)fd;
	(void)what;
	FBY_BUG_ON(ln->magic != FBY_LANE_MAGIC);
	w = ln->w;
	if (!ln->is_blocked)
		resume(ln);
	fby_pipeline_settle(w);
}

void
fby_pipeline_ready(struct fby_worker *w)
{
	struct fby_lane *ln;

	/* The first that finds no room again is the last in line. */
	while ((ln = STAILQ_FIRST(&w->pl.blocked)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->pl.blocked, blocked);
		ln->is_blocked = false;
		resume(ln);
		if (ln->is_blocked)
			break;
	}
	fby_pipeline_settle(w);
}

/* ---- lanes ------------------------------------------------------------ */

void
fby_pipeline_lane_init(struct fby_lane *ln)
{
	evtimer_assign(&ln->ev_retry, ln->w->base, on_retry, ln);
}

/* Completes without having been delivered. */
static void
give_back(struct fby_record *rec)
{
	struct fby_batch *b = rec->b;

	drop_message(rec);
	batch_unhold(b);
}

void
fby_pipeline_stop(struct fby_lane *ln)
{
	struct fby_batch *b = ln->pending;
	uint64_t cut;

	if (b == NULL)
		return;
	/*
	 * What no sink has seen goes back unread, as if the lane had stopped
	 * before it.  It is the tail of the ring.
	 */
	ln->pending = NULL;
	cut = ln->acks.tail - (b->n - b->next);
	FBY_BUG_ON(cut != b->seq + b->next);
	ln->w->pl.records -= ln->acks.tail - cut;
	fby_acks_cut(&ln->acks, cut);
	b->open++;
	for (size_t i = b->next; i < b->n; i++)
		give_back(&b->rec[i]);
	batch_unhold(b);
	count_in_flight(ln->w);
}

void
fby_pipeline_forget(struct fby_lane *ln)
{
	struct fby_pipeline *pl = &ln->w->pl;

	event_del(&ln->ev_retry);
	pl->records -= fby_acks_in_flight(&ln->acks);
	for (size_t i = 0; i < ln->nfailed; i++)
		give_back(ln->failed[i]);
	ln->nfailed = 0;
	if (ln->is_touched)
		STAILQ_REMOVE(&pl->touched, ln, fby_lane, touched);
	if (ln->is_blocked)
		STAILQ_REMOVE(&pl->blocked, ln, fby_lane, blocked);
	ln->is_touched = ln->is_blocked = false;
	count_in_flight(ln->w);
}

/* ---- worker ----------------------------------------------------------- */

void
fby_pipeline_init(struct fby_worker *w)
{
	struct timespec ts;

	fby_batches_init(&w->pl.batches);
	STAILQ_INIT(&w->pl.touched);
	STAILQ_INIT(&w->pl.blocked);
	/* For the jitter of retries only. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	srand48(ts.tv_nsec);
}

void
fby_pipeline_fini(struct fby_worker *w)
{
	struct fby_batch *b;

	/* All lanes are released; what lives is what sinks did not return. */
	while ((b = LIST_FIRST(&w->pl.batches.live)) != NULL) {
		size_t n = b->n;

		b->open++;
		for (size_t i = 0; i < n; i++)
			if (b->rec[i].msg != NULL)
				give_back(&b->rec[i]);
		batch_unhold(b);
	}
	fby_batches_fini(&w->pl.batches);
}
