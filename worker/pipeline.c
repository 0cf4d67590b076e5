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

#include "worker/aside.h"
#include "worker/batch.h"
#include "worker/budget.h"
#include "worker/flight.h"
#include "worker/lane.h"
#include "worker/outcome.h"
#include "worker/outlet.h"
#include "worker/pipeline_own.h"
#include "worker/retry.h"
#include "worker/run.h"
#include "worker/worker.h"

static void feed(struct fby_lane *ln);

/* May report records; the caller settles. */
static void
flush(struct fby_worker *w)
{
	for (size_t i = 0; i < FBY_OUTLET_N; i++)
		if (w->outs[i] != NULL && w->outs[i]->ops->flush != NULL)
			w->outs[i]->ops->flush(w->outs[i]);
}

/* ---- completion ------------------------------------------------------- */

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
	if (!fby_pipeline_hand_over(rec->b->ln, rec))
		fby_aside_add(rec);
}

/* It is where it was bound for, and bound for no other sink. */
static void
finish(struct fby_record *rec)
{
	fby_flight_complete(rec, fby_outcome_of(rec));
}

void
fby_pipeline_delivered(struct fby_record *rec)
{
	const struct fby_worker *w = rec->b->ln->w;

	if (rec->role == FBY_SINK_PRIMARY &&
	    w->outs[FBY_SINK_SUCCESS] != NULL &&
	    !w->outs[FBY_SINK_PRIMARY]->ops->names_success) {
		fby_pipeline_succeeded(rec);
		return;
	}
	fby_outcome_written(rec);
	finish(rec);
}

void
fby_pipeline_succeeded(struct fby_record *rec)
{
	fby_outcome_written(rec);
	if (rec->b->ln->state == FBY_LANE_DRAINED)
		finish(rec);
	else
		route(rec, FBY_SINK_SUCCESS);
}

void
fby_pipeline_dropped(struct fby_record *rec)
{
	fby_outcome_dropped(rec);
	fby_flight_complete(rec, FBY_OUTCOME_DROPPED);
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
		fby_flight_complete(rec, FBY_OUTCOME_DROPPED);
		return;
	}
	fby_aside_add(rec);
	fby_aside_wait(ln, 0);
}

static void
count_refusal(struct fby_record *rec, const char *why)
{
	rec->tries++;
	/* The dead letter tells why it is one, not what else went wrong. */
	if (rec->role == FBY_SINK_DEAD_LETTER)
		return;
	rec->refused_by = (uint8_t)rec->role;
	rec->why = why;
	rec->attempts++;
}

static void
note_refusal(struct fby_record *rec, const char *why)
{
	fby_lane_failed(rec->b->ln, fby_failure_role(rec->role), 0, why);
	count_refusal(rec, why);
}

void
fby_pipeline_failed(struct fby_record *rec, const char *why, bool permanent)
{
	struct fby_lane *ln = rec->b->ln;
	struct fby_worker *w = ln->w;
	unsigned role = rec->role;
	enum fby_retry verdict;

	if (fby_is_stage(role)) {
		fby_pipeline_refused(rec, why, permanent);
		return;
	}
	fby_bump(&w->slot->sink_errors, 1);
	if (ln->state == FBY_LANE_DRAINED) {
		fby_flight_complete(rec, FBY_OUTCOME_DROPPED);
		return;
	}
	note_refusal(rec, why);
	fby_aside_suspect(rec);
	verdict = fby_retry_judge(w->m, role, rec->tries, permanent);
	if (verdict != FBY_RETRY_AGAIN)
		fby_outcome_moved(rec, verdict);
	switch (verdict) {
	case FBY_RETRY_AGAIN:
		fby_outcome_waits(rec, why);
		fby_aside_add(rec);
		fby_aside_wait(ln,
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

/* Each try ends the function, which others need, too. */
#define HELD_MS INT64_C(600000)

static void
hold_back(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;

	fby_outcome_held_back(rec);
	if (fby_is_stage(rec->role)) {
		fby_pipeline_send_later(rec, HELD_MS);
		return;
	}
	fby_bump(&ln->w->slot->sink_errors, 1);
	rec->due = fby_clock_mono() + HELD_MS;
	fby_aside_until_due(rec);
	/* Later ones wait, unlike for one that is nacked. */
	fby_aside_suspect(rec);
	fby_flight_touch(ln);
}

void
fby_pipeline_condemned(struct fby_record *rec, uint32_t attempts,
    const char *why)
{
	struct fby_lane *ln = rec->b->ln;

	rec->attempts += attempts - 1;
	if (ln->state == FBY_LANE_DRAINED ||
	    fby_retry_judge(ln->w->m, rec->role, rec->tries + 1, true) !=
		FBY_RETRY_AGAIN) {
		fby_pipeline_failed(rec, why, true);
		return;
	}
	count_refusal(rec, why);
	hold_back(rec);
}

void
fby_pipeline_fall_back(struct fby_record *rec, const char *why)
{
	if (rec->b->ln->state == FBY_LANE_DRAINED) {
		fby_flight_complete(rec, FBY_OUTCOME_DROPPED);
		return;
	}
	rec->refused_by = rec->role;
	rec->why = why;
	rec->attempts++;
	fby_outcome_moved(rec, FBY_RETRY_FALLBACK);
	route(rec, FBY_SINK_FALLBACK);
}

void
fby_pipeline_nacked(struct fby_record *rec, const struct fby_nack *nack)
{
	struct fby_lane *ln = rec->b->ln;
	const struct fby_manifest *m = ln->w->m;
	enum fby_retry verdict;

	fby_bump(&ln->w->slot->nacks, 1);
	if (fby_is_stage(rec->role)) {
		fby_pipeline_postponed(rec, nack);
		return;
	}
	if (ln->state == FBY_LANE_DRAINED) {
		fby_flight_complete(rec, FBY_OUTCOME_DROPPED);
		return;
	}
	note_refusal(rec, nack->why);
	verdict = fby_retry_judge_nack(m, rec->tries, nack);
	fby_outcome_moved(rec, verdict);
	if (verdict == FBY_RETRY_DEAD_LETTER) {
		route(rec, FBY_SINK_DEAD_LETTER);
		return;
	}
	rec->due = fby_clock_mono() +
	    fby_retry_delay_nack(m, rec->role, rec->tries, nack, drand48());
	fby_aside_until_due(rec);
	/* It may have failed before, or found no room. */
	fby_aside_acquit(rec);
	/* Others may have waited for it, or its lane for the last of them. */
	fby_flight_touch(ln);
}

static void
settle_lane(struct fby_lane *ln)
{
	struct fby_worker *w = ln->w;
	int64_t began = fby_clock_mono_us(), newest = INT64_MIN;
	uint64_t n;

	fby_pipeline_go_on(ln);
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
		w->flight->drained(ln);
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
		while ((ln = STAILQ_FIRST(&w->flight->touched)) != NULL) {
			STAILQ_REMOVE_HEAD(&w->flight->touched, touched);
			ln->is_touched = false;
			settle_lane(ln);
		}
		flush(w);
	} while (!STAILQ_EMPTY(&w->flight->touched));
	fby_flight_publish(w);
	fby_budget_check(w);
	fby_store(&w->slot->activity, FBY_ACTIVITY_WAITING);
}

/* ---- submission ------------------------------------------------------- */

void
fby_pipeline_block(struct fby_lane *ln)
{
	if (ln->is_blocked)
		return;
	ln->is_blocked = true;
	STAILQ_INSERT_TAIL(&ln->w->pl->blocked, ln, blocked);
}

/* False: no room.  Otherwise the record is the sink's, or its retry's. */
bool
fby_pipeline_hand_over(struct fby_lane *ln, struct fby_record *rec)
{
	struct fby_outlet *out = ln->w->outs[rec->role];

	if (rec->b->sink_us == 0 && !fby_is_stage(rec->role))
		rec->b->sink_us = fby_clock_mono_us();
	fby_store(&ln->w->slot->activity_offset, rec->msg->offset);
	switch (out->ops->record(out, rec)) {
	case FBY_OK:
		if (fby_is_stage(rec->role))
			fby_pipeline_keep(ln, rec);
		return true;
	case FBY_DONE:
		fby_pipeline_delivered(rec);
		return true;
	case FBY_FAIL:
		if (fby_is_stage(rec->role))
			fby_pipeline_keep(ln, rec);
		fby_pipeline_failed(rec, out->why, out->is_permanent);
		return true;
	case FBY_AGAIN:
	default:
		fby_pipeline_block(ln);
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
	fby_flight_hold(b);
	while (b->next < b->n && ln->suspects == 0) {
		if (!fby_pipeline_hand_over(ln, &b->rec[b->next]))
			break;
		b->next++;
	}
	if (b->next == b->n) {
		ln->pending = NULL;
		fby_budget_offer(ln);
	}
	fby_flight_unhold(b);
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
	struct fby_batch *b = fby_flight_begin(ln, run);

	for (size_t i = 0; i < b->n; i++)
		b->rec[i].role = (uint8_t)w->pl->first;
	if (fby_is_stage(w->pl->first))
		b->sink_us = 0;
	if (ln->poison != FBY_NONE)
		quarantine(ln, &b->rec[0]);
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
	size_t n;
	struct fby_record **recs = fby_aside_take(ln, &n);
	int64_t now = fby_clock_mono();

	for (size_t i = 0; i < n; i++)
		if (recs[i]->due > now)
			fby_aside_until_due(recs[i]);
		else if (is_behind(ln, recs[i]) ||
		    !fby_pipeline_hand_over(ln, recs[i]))
			fby_aside_add(recs[i]);
	free(recs);
}

static void
resume(struct fby_lane *ln)
{
	if (ln->nfailed > 0 && !fby_aside_is_waiting(ln))
		retry(ln);
	fby_pipeline_go_on(ln);
	fby_pipeline_send_again(ln);
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
	evtimer_assign(&ln->ev_due, ln->w->base, on_retry, ln);
	fby_pipeline_functions_init(ln);
}

void
fby_pipeline_stop(struct fby_lane *ln)
{
	struct fby_batch *b = ln->pending;
	struct fby_worker *w = ln->w;
	uint64_t cut;

	for (size_t i = 0; i < FBY_OUTLET_N; i++)
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
	fby_flight_hold(b);
	for (size_t i = b->next; i < b->n; i++)
		fby_flight_give_back(&b->rec[i]);
	fby_flight_unhold(b);
	fby_flight_publish(w);
}

void
fby_pipeline_forget(struct fby_lane *ln)
{
	struct fby_pipeline *pl = ln->w->pl;

	event_del(&ln->ev_retry);
	event_del(&ln->ev_due);
	ln->w->budget->records -= fby_acks_in_flight(&ln->acks);
	for (size_t i = 0; i < ln->nfailed; i++)
		fby_flight_give_back(ln->failed[i]);
	ln->nfailed = 0;
	fby_pipeline_functions_forget(ln);
	for (size_t i = 0; i < FBY_OUTLET_N; i++)
		if (ln->w->outs[i] != NULL &&
		    ln->w->outs[i]->ops->forget != NULL)
			ln->w->outs[i]->ops->forget(ln->w->outs[i], ln);
	if (ln->is_touched)
		STAILQ_REMOVE(&ln->w->flight->touched, ln, fby_lane, touched);
	if (ln->is_blocked)
		STAILQ_REMOVE(&pl->blocked, ln, fby_lane, blocked);
	ln->is_touched = ln->is_blocked = false;
	fby_flight_publish(ln->w);
}

/* ---- worker ----------------------------------------------------------- */

void
fby_pipeline_init(struct fby_worker *w)
{
	struct timespec ts;

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

	if (w->outs[FBY_STAGE_TRANSFORMER] != NULL)
		pl->first = FBY_STAGE_TRANSFORMER;
	else if (w->outs[FBY_STAGE_MAP] != NULL)
		pl->first = FBY_STAGE_MAP;
	else /* without functions no record has a tag */
		pl->first = fby_manifest_route(w->m, NULL);
	pl->by_run = pl->first == FBY_SINK_PRIMARY &&
	    w->outs[FBY_SINK_PRIMARY]->ops->run != NULL &&
	    w->outs[FBY_SINK_SUCCESS] == NULL;
	for (size_t i = 0; i < FBY_OUTLET_N; i++)
		if (w->outs[i] != NULL)
			copies = FBY_MAX(copies, w->outs[i]->ops->copies);
	w->budget->weight = 1 + copies;
}
