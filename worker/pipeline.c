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

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/boundary/hist.h"
#include "shared/manifest/manifest.h"

#include "worker/budget.h"
#include "worker/lane.h"
#include "worker/outcome.h"
#include "worker/outlet.h"
#include "worker/retry.h"
#include "worker/run.h"
#include "worker/worker.h"

static void feed(struct fby_lane *ln);

/* What it costs while a sink has it. */
static uint64_t
record_bytes(const struct fby_record *rec)
{
	return (rec->msg->len + rec->msg->key_len + FBY_RECORD_OVERHEAD) *
	    rec->b->ln->w->budget->weight;
}

static void
batch_unhold(struct fby_batch *b)
{
	struct fby_lane *ln = b->ln;
	struct fby_worker *w = ln->w;

	if (--b->open > 0)
		return;
	fby_outcome_batch(b);
	fby_batch_put(&w->pl->batches, b);
	ln->nbatches--;
	/* Its last batch frees a released lane. */
	if (ln->state == FBY_LANE_DRAINED)
		w->pl->drained(ln);
}

static void
count_in_flight(struct fby_worker *w)
{
	fby_store(&w->slot->in_flight, w->budget->records);
	fby_store(&w->slot->in_flight_bytes, w->budget->open_bytes);
}

/* May report records; the caller settles. */
static void
flush(struct fby_worker *w)
{
	for (size_t i = 0; i < FBY_SINK_N; i++)
		if (w->outs[i] != NULL && w->outs[i]->ops->flush != NULL)
			w->outs[i]->ops->flush(w->outs[i]);
}

/* ---- completion ------------------------------------------------------- */

static void
touch(struct fby_lane *ln)
{
	if (ln->is_touched)
		return;
	ln->is_touched = true;
	STAILQ_INSERT_TAIL(&ln->w->pl->touched, ln, touched);
}

/* The sink and the retries are done with it. */
static void
drop_message(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;
	uint64_t bytes = record_bytes(rec);

	rd_kafka_message_destroy(rec->msg);
	rec->msg = NULL;
	ln->w->budget->open_bytes -= bytes;
	ln->open_bytes -= bytes;
	ln->open--;
	if (rec->suspect)
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
		fby_outcome_stale(ln);
	}
	batch_unhold(b);
}

static void
suspect(struct fby_record *rec)
{
	if (rec->suspect)
		return;
	rec->suspect = true;
	rec->b->ln->suspects++;
}

/* To be handed over again: after the delay, or when there is room. */
static void
set_aside(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;

	suspect(rec);
	if (ln->nfailed == ln->failed_cap) {
		ln->failed_cap = FBY_MAX(2 * ln->failed_cap, 16);
		ln->failed = fby_realloc(ln->failed,
		    ln->failed_cap * sizeof(ln->failed[0]));
	}
	ln->failed[ln->nfailed++] = rec;
}

static void
retry_in(struct fby_lane *ln, int64_t ms)
{
	struct timeval tv = fby_clock_tv(ms);

	/* One timer for all: they were refused together, mostly. */
	if (!event_pending(&ln->ev_retry, EV_TIMEOUT, NULL))
		event_add(&ln->ev_retry, &tv);
}

static bool hand_over(struct fby_lane *ln, struct fby_record *rec);

/* On to another sink. */
static void
route(struct fby_record *rec, enum fby_sink_role role)
{
	if (role == FBY_SINK_FALLBACK && rec->b->fallback_us == 0)
		rec->b->fallback_us = fby_clock_mono_us();
	if (role == FBY_SINK_SUCCESS && rec->b->success_us == 0)
		rec->b->success_us = fby_clock_mono_us();
	rec->role = (uint8_t)role;
	rec->tries = 0;
	rec->mark = 0;
	if (!hand_over(rec->b->ln, rec))
		set_aside(rec);
}

/* It is where it was bound for, and bound for no other sink. */
static void
finish(struct fby_record *rec)
{
	fby_outcome_final(rec);
	complete(rec);
}

void
fby_pipeline_delivered(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;
	struct fby_worker *w = ln->w;

	fby_outcome_written(rec);
	if (rec->role == FBY_SINK_PRIMARY &&
	    w->outs[FBY_SINK_SUCCESS] != NULL && ln->state != FBY_LANE_DRAINED)
		route(rec, FBY_SINK_SUCCESS);
	else
		finish(rec);
}

void
fby_pipeline_dropped(struct fby_record *rec)
{
	fby_outcome_dropped(rec);
	complete(rec);
}

static void
drop(struct fby_record *rec)
{
	struct fby_outlet *out = rec->b->ln->w->outs[rec->role];

	if (out->ops->drop != NULL)
		out->ops->drop(out, rec);
	else
		fby_pipeline_dropped(rec);
}

void
fby_pipeline_again(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;

	if (ln->state == FBY_LANE_DRAINED) {
		complete(rec);
		return;
	}
	set_aside(rec);
	retry_in(ln, 0);
}

void
fby_pipeline_failed(struct fby_record *rec, const char *why, bool permanent)
{
	struct fby_lane *ln = rec->b->ln;
	struct fby_worker *w = ln->w;
	enum fby_sink_role role = (enum fby_sink_role)rec->role;
	enum fby_retry verdict;

	fby_bump(&w->slot->sink_errors, 1);
	if (ln->state == FBY_LANE_DRAINED) {
		complete(rec);
		return;
	}
	rec->tries++;
	fby_lane_failed(ln, fby_failure_role(role), 0, why);
	/* The dead letter tells why it is one, not what else went wrong. */
	if (role != FBY_SINK_DEAD_LETTER) {
		rec->refused_by = (uint8_t)role;
		rec->why = why;
		rec->attempts++;
	}
	suspect(rec);
	verdict = fby_retry_judge(w->m, role, rec->tries, permanent);
	if (verdict != FBY_RETRY_AGAIN)
		fby_outcome_moved(rec, verdict);
	switch (verdict) {
	case FBY_RETRY_AGAIN:
		fby_outcome_waits(rec, why);
		set_aside(rec);
		retry_in(ln,
		    fby_retry_delay(w->m, role, rec->tries, permanent,
			drand48()));
		break;
	case FBY_RETRY_FALLBACK:
		route(rec, FBY_SINK_FALLBACK);
		break;
	case FBY_RETRY_DEAD_LETTER:
		route(rec, FBY_SINK_DEAD_LETTER);
		break;
	case FBY_RETRY_DROP:
		drop(rec);
		break;
	case FBY_RETRY_DELIVERED:
		finish(rec);
		break;
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
		w->budget->records -= n;
		fby_bump(&w->slot->acked, n);
	}
	fby_lane_publish(ln);
	fby_hist_add(&w->slot->hist[FBY_HIST_ACK], fby_clock_mono_us() - began);
	if (ln->state == FBY_LANE_DRAINING)
		w->pl->drained(ln);
	else if (ln->pending != NULL && ln->suspects == 0 && !ln->is_blocked)
		feed(ln);
	else
		fby_budget_offer(ln);
}

void
fby_pipeline_settle(struct fby_worker *w)
{
	struct fby_lane *ln;

	/* Settling feeds sinks, and flushing them touches more. */
	do {
		while ((ln = STAILQ_FIRST(&w->pl->touched)) != NULL) {
			STAILQ_REMOVE_HEAD(&w->pl->touched, touched);
			ln->is_touched = false;
			settle_lane(ln);
		}
		flush(w);
	} while (!STAILQ_EMPTY(&w->pl->touched));
	count_in_flight(w);
	fby_budget_check(w);
	fby_store(&w->slot->activity, FBY_ACTIVITY_WAITING);
}

/* ---- submission ------------------------------------------------------- */

static void
block(struct fby_lane *ln)
{
	if (ln->is_blocked)
		return;
	ln->is_blocked = true;
	STAILQ_INSERT_TAIL(&ln->w->pl->blocked, ln, blocked);
}

/* False: no room.  Otherwise the record is the sink's, or its retry's. */
static bool
hand_over(struct fby_lane *ln, struct fby_record *rec)
{
	struct fby_outlet *out = ln->w->outs[rec->role];

	fby_store(&ln->w->slot->activity_offset, rec->msg->offset);
	switch (out->ops->record(out, rec)) {
	case FBY_OK:
		return true;
	case FBY_DONE:
		fby_pipeline_delivered(rec);
		return true;
	case FBY_FAIL:
		fby_pipeline_failed(rec, out->why, out->is_permanent);
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
		fby_budget_offer(ln);
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
	w->outs[FBY_SINK_PRIMARY]->ops->run(w->outs[FBY_SINK_PRIMARY], run);
	sunk = fby_clock_mono_us();
	fby_acks_pass(&ln->acks, run->next, run->leader_epoch);
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

/* No sink but the last may see it. */
static void
quarantine(struct fby_lane *ln, struct fby_record *rec)
{
	if (rec->msg->offset == ln->poison &&
	    ln->w->outs[FBY_SINK_DEAD_LETTER] != NULL) {
		rec->role = FBY_SINK_DEAD_LETTER;
		rec->attempts = ln->kills;
		rec->why = "it has killed its worker each time";
		fby_outcome_moved(rec, FBY_RETRY_DEAD_LETTER);
	}
	ln->poison = FBY_NONE;
}

static void
submit_batch(struct fby_lane *ln, const struct fby_run *run)
{
	struct fby_worker *w = ln->w;
	uint64_t bytes = (run->bytes + run->n * FBY_RECORD_OVERHEAD) *
	    w->budget->weight;
	struct fby_batch *b;

	b = fby_batch_get(&w->pl->batches, ln, run->msgs, run->n);
	b->read_us = run->began_us;
	b->sink_us = run->read_us;
	b->seq = ln->acks.tail;
	for (size_t i = 0; i < run->n; i++) {
		const rd_kafka_message_t *msg = run->msgs[i];
		int64_t ms = FBY_MIN(fby_run_event_time(msg, run->read_at),
		    run->limit);

		fby_eventtime_add(&ln->et,
		    fby_acks_add(&ln->acks, msg->offset,
			rd_kafka_message_leader_epoch(msg), ms, run->read_at),
		    ms);
		b->rec[i].role = (uint8_t)w->pl->first;
	}
	if (ln->poison != FBY_NONE)
		quarantine(ln, &b->rec[0]);
	ln->nbatches++;
	ln->open += run->n;
	ln->open_bytes += bytes;
	w->budget->records += run->n;
	w->budget->open_bytes += bytes;
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
	if (ln->w->pl->by_run && ln->poison == FBY_NONE)
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

/* Must it wait, because one before it does? */
static bool
is_behind(const struct fby_lane *ln, const struct fby_record *rec)
{
	return ln->nfailed > 0 &&
	    (ln->is_blocked || ln->w->outs[rec->role]->ops->in_order);
}

/* In their order; what a sink has no room for waits with the blocked. */
static void
retry(struct fby_lane *ln)
{
	struct fby_record **recs = ln->failed;
	size_t n = ln->nfailed;

	qsort(recs, n, sizeof(recs[0]), by_seq);
	/* Those that fail again go to a list of their own. */
	ln->failed = NULL;
	ln->nfailed = ln->failed_cap = 0;
	for (size_t i = 0; i < n; i++)
		if (is_behind(ln, recs[i]) || !hand_over(ln, recs[i]))
			set_aside(recs[i]);
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
	size_t n = 0;

	/*
	 * Each of them once: some may wait for another sink than the one that
	 * has room now, and they go to the end of the line.
	 */
	STAILQ_FOREACH (ln, &w->pl->blocked, blocked)
		n++;
	while (n-- > 0 && (ln = STAILQ_FIRST(&w->pl->blocked)) != NULL) {
		STAILQ_REMOVE_HEAD(&w->pl->blocked, blocked);
		ln->is_blocked = false;
		resume(ln);
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
	struct fby_worker *w = ln->w;
	uint64_t cut;

	for (size_t i = 0; i < FBY_SINK_N; i++)
		if (w->outs[i] != NULL && w->outs[i]->ops->hurry != NULL)
			w->outs[i]->ops->hurry(w->outs[i]);
	if (b == NULL)
		return;
	/*
	 * What no sink has seen goes back unread, as if the lane had stopped
	 * before it.  It is the tail of the ring.
	 */
	ln->pending = NULL;
	cut = ln->acks.tail - (b->n - b->next);
	FBY_BUG_ON(cut != b->seq + b->next);
	w->budget->records -= ln->acks.tail - cut;
	fby_acks_cut(&ln->acks, cut);
	b->open++;
	for (size_t i = b->next; i < b->n; i++)
		give_back(&b->rec[i]);
	batch_unhold(b);
	count_in_flight(w);
}

void
fby_pipeline_forget(struct fby_lane *ln)
{
	struct fby_pipeline *pl = ln->w->pl;

	event_del(&ln->ev_retry);
	ln->w->budget->records -= fby_acks_in_flight(&ln->acks);
	for (size_t i = 0; i < ln->nfailed; i++)
		give_back(ln->failed[i]);
	ln->nfailed = 0;
	for (size_t i = 0; i < FBY_SINK_N; i++)
		if (ln->w->outs[i] != NULL &&
		    ln->w->outs[i]->ops->forget != NULL)
			ln->w->outs[i]->ops->forget(ln->w->outs[i], ln);
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

	fby_batches_init(&w->pl->batches);
	STAILQ_INIT(&w->pl->touched);
	STAILQ_INIT(&w->pl->blocked);
	/* For the jitter of retries only. */
	clock_gettime(CLOCK_MONOTONIC, &ts);
	srand48(ts.tv_nsec);
}

void
fby_pipeline_start(struct fby_worker *w)
{
	struct fby_pipeline *pl = w->pl;
	unsigned copies = 0;

	/* Without user-defined functions no record has a tag. */
	pl->first = fby_manifest_route(w->m, NULL);
	pl->by_run = pl->first == FBY_SINK_PRIMARY &&
	    w->outs[FBY_SINK_PRIMARY]->ops->run != NULL &&
	    w->outs[FBY_SINK_SUCCESS] == NULL;
	for (size_t i = 0; i < FBY_SINK_N; i++)
		if (w->outs[i] != NULL)
			copies = FBY_MAX(copies, w->outs[i]->ops->copies);
	w->budget->weight = 1 + copies;
}

void
fby_pipeline_fini(struct fby_worker *w)
{
	struct fby_batch *b;

	/* All lanes are released; what lives is what sinks did not return. */
	while ((b = LIST_FIRST(&w->pl->batches.live)) != NULL) {
		size_t n = b->n;

		b->open++;
		for (size_t i = 0; i < n; i++)
			if (b->rec[i].msg != NULL)
				give_back(&b->rec[i]);
		batch_unhold(b);
	}
	fby_batches_fini(&w->pl->batches);
}
