/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline's part before the sinks: records that are with a transformer or
 * a map.
 *
 *	feed -> transformer -> order -> map -> order -> sinks
 *
 * A function answers in any order.  What it has answered stays in its place of
 * the lane's order until all before it have gone on; what it refuses, or wants
 * to see later, keeps its place, too.  So sinks see the records of a partition
 * in their order, and what was made of one record one after the other.
 */
#include "shared/fby.h"

#include "worker/pipeline_own.h"

#include <event2/event.h>

#include "shared/base/clock.h"
#include "shared/manifest/manifest.h"

#include "worker/content.h"
#include "worker/derived.h"
#include "worker/flight.h"
#include "worker/lane.h"
#include "worker/outcome.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/retry.h"
#include "worker/worker.h"

static struct fby_order *
order_of(struct fby_lane *ln, unsigned stage)
{
	FBY_BUG_ON(!fby_is_stage(stage));
	return &ln->order[stage - FBY_SINK_N];
}

void
fby_pipeline_keep(struct fby_lane *ln, struct fby_record *rec)
{
	fby_order_add(order_of(ln, rec->role), rec, false);
}

/* ---- answers ---------------------------------------------------------- */

/* Numaflow's bypass leads from the source to a sink, past the map. */
static unsigned
next_of(const struct fby_worker *w, unsigned stage,
    const struct fby_strings *tags)
{
	if (stage == FBY_STAGE_TRANSFORMER && w->outs[FBY_STAGE_MAP] != NULL &&
	    !fby_manifest_is_bypassed(w->m, tags))
		return FBY_STAGE_MAP;
	return fby_manifest_route(w->m, tags);
}

static void
bind_on(struct fby_record *rec, unsigned stage)
{
	rec->role = (uint8_t)next_of(rec->b->ln->w, stage,
	    fby_content_tags(rec));
	rec->tries = 0;
	rec->mark = 0;
}

/*
 * Of what was made of a record the oldest counts, as long as it is in flight
 * and when it is acked: the watermark may be too low, but not too high.
 */
static void
change_event_time(struct fby_record *rec, const struct fby_record *made,
    size_t n)
{
	struct fby_lane *ln = rec->b->ln;
	int64_t oldest = INT64_MAX;

	for (size_t i = 0; i < n; i++) {
		if (!fby_content_has(&made[i], FBY_HAS_TIME))
			return;
		oldest = FBY_MIN(oldest, made[i].content->event_time);
	}
	oldest = FBY_MIN(oldest,
	    fby_eventtime_limit(&ln->w->eventtime, fby_clock_wall()));
	fby_acks_set_event_time(&ln->acks, fby_record_seq(rec), oldest);
	fby_eventtime_change(&ln->et, fby_record_seq(rec), oldest);
}

static void
take_results(struct fby_record *rec, size_t n)
{
	struct fby_family *f = fby_derived_of(rec);
	struct fby_record *made = f != NULL ? f->rec : rec;
	unsigned stage = rec->role;

	FBY_BUG_ON(n != (f != NULL ? f->n : 1));
	if (stage == FBY_STAGE_TRANSFORMER)
		change_event_time(rec, made, n);
	for (size_t i = 0; i < n; i++)
		bind_on(&made[i], stage);
}

/* Nobody is told of a record of a lane that is gone. */
static bool
is_stale(struct fby_record *rec)
{
	if (rec->b->ln->state != FBY_LANE_DRAINED)
		return false;
	fby_flight_complete(rec, FBY_OUTCOME_DROPPED);
	return true;
}

static void
answered(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;

	fby_order_answered(order_of(ln, rec->role), rec);
	fby_flight_touch(ln);
}

void
fby_pipeline_answered(struct fby_record *rec, size_t n)
{
	if (is_stale(rec))
		return;
	answered(rec);
	if (n > 0) {
		take_results(rec, n);
		return;
	}
	rec->is_dropped = true;
	rec->role = FBY_SINK_PRIMARY;
}

static void
condemn(struct fby_record *rec, const char *why)
{
	answered(rec);
	rec->refused_by = rec->role;
	rec->why = why;
	fby_outcome_moved(rec, FBY_RETRY_DEAD_LETTER);
	rec->role = FBY_SINK_DEAD_LETTER;
	rec->tries = 0;
	rec->mark = 0;
}

/* ---- once more -------------------------------------------------------- */

static void
set_timer(struct fby_lane *ln)
{
	int64_t due = INT64_MAX;
	struct timeval tv;

	for (size_t i = 0; i < FBY_STAGE_COUNT; i++)
		due = FBY_MIN(due, fby_order_next_due(&ln->order[i]));
	if (due == INT64_MAX)
		return;
	tv = fby_clock_tv(FBY_MAX(due - fby_clock_mono(), 0));
	event_add(&ln->ev_later, &tv);
}

void
fby_pipeline_send_later(struct fby_record *rec, int64_t ms)
{
	struct fby_lane *ln = rec->b->ln;

	fby_order_wait(order_of(ln, rec->role), rec, fby_clock_mono() + ms);
	set_timer(ln);
	/* Its lane may have waited for this one only. */
	fby_flight_touch(ln);
}

/* Counted, and told to those who ask why it takes so long. */
static void
count_attempt(struct fby_record *rec, const char *why)
{
	rec->tries++;
	rec->attempts++;
	rec->refused_by = rec->role;
	rec->why = why;
	fby_lane_failed(rec->b->ln, fby_failure_role(rec->role), 0, why);
}

void
fby_pipeline_refused(struct fby_record *rec, const char *why, bool permanent)
{
	const struct fby_manifest *m = rec->b->ln->w->m;
	enum fby_retry verdict;

	if (is_stale(rec))
		return;
	count_attempt(rec, why);
	verdict = fby_retry_judge(m, rec->role, rec->tries, permanent);
	switch (verdict) {
	case FBY_RETRY_DEAD_LETTER:
		condemn(rec, why);
		break;
	case FBY_RETRY_DROP:
		fby_outcome_moved(rec, verdict);
		fby_outcome_left_out(rec, 1);
		fby_pipeline_answered(rec, 0);
		break;
	default:
		fby_outcome_waits(rec, why);
		fby_pipeline_send_later(rec,
		    fby_retry_delay(m, rec->role, rec->tries, permanent,
			drand48()));
	}
}

void
fby_pipeline_postponed(struct fby_record *rec, const struct fby_nack *nack)
{
	const struct fby_manifest *m = rec->b->ln->w->m;

	if (is_stale(rec))
		return;
	count_attempt(rec, nack->why);
	if (fby_retry_judge_nack(m, rec->tries, nack) ==
	    FBY_RETRY_DEAD_LETTER) {
		condemn(rec, nack->why);
		return;
	}
	fby_outcome_moved(rec, FBY_RETRY_AGAIN);
	fby_pipeline_send_later(rec,
	    fby_retry_delay_nack(m, rec->role, rec->tries, nack, drand48()));
}

static void
send_due(struct fby_lane *ln, struct fby_order *o)
{
	int64_t now = fby_clock_mono();
	struct fby_order_place *p;
	uint64_t at = 0;

	while ((p = fby_order_due(o, &at, now)) != NULL) {
		struct fby_record *rec = p->rec;
		struct fby_outlet *out = ln->w->outs[rec->role];
		enum fby_rc rc = out->ops->record(out, rec);

		if (rc == FBY_AGAIN) {
			fby_pipeline_block(ln);
			return;
		}
		fby_order_sent(o, p);
		if (rc == FBY_FAIL)
			fby_pipeline_refused(rec, out->why, out->is_permanent);
	}
}

void
fby_pipeline_send_again(struct fby_lane *ln)
{
	for (size_t i = 0; i < FBY_STAGE_COUNT; i++)
		send_due(ln, &ln->order[i]);
	set_timer(ln);
}

static void
on_later(evutil_socket_t fd, short what, void *arg)
{
	struct fby_lane *ln = arg;
	struct fby_worker *w;

	(void)fd;
	(void)what;
	FBY_BUG_ON(ln->magic != FBY_LANE_MAGIC);
	w = ln->w;
	if (!ln->is_blocked)
		fby_pipeline_send_again(ln);
	fby_pipeline_settle(w);
}

/* ---- on they go ------------------------------------------------------- */

static bool
pass(struct fby_lane *ln, struct fby_record *rec)
{
	struct fby_outlet *out = ln->w->outs[FBY_SINK_PRIMARY];

	if (out->ops->pass == NULL) {
		fby_pipeline_dropped(rec);
		return true;
	}
	if (out->ops->pass(out, rec) != FBY_AGAIN)
		return true;
	fby_pipeline_block(ln);
	return false;
}

/* It may complete, and take its batch along. */
static bool
send_on(struct fby_lane *ln, struct fby_record *rec, unsigned stage)
{
	bool is_output;

	/* Those that are with the map come first. */
	if (stage == FBY_STAGE_TRANSFORMER &&
	    ln->w->outs[FBY_STAGE_MAP] != NULL &&
	    (rec->is_dropped || !fby_is_stage(rec->role))) {
		fby_order_add(order_of(ln, FBY_STAGE_MAP), rec, true);
		return true;
	}
	if (rec->is_dropped)
		return pass(ln, rec);
	is_output = !fby_is_stage(rec->role) &&
	    rec->role != FBY_SINK_DEAD_LETTER;
	if (!fby_pipeline_hand_over(ln, rec))
		return false;
	fby_bump(&ln->w->slot->outputs, is_output);
	return true;
}

/* As long as the sinks have no record of it that is to be tried again. */
static bool
send_family_on(struct fby_lane *ln, struct fby_family *f, unsigned stage)
{
	for (; f->next < f->n; f->next++)
		if (ln->suspects > 0 || !send_on(ln, &f->rec[f->next], stage))
			return false;
	return true;
}

static void
empty(struct fby_lane *ln, unsigned stage)
{
	struct fby_order *o = order_of(ln, stage);
	struct fby_record *rec;
	bool is_gone = true;

	while (is_gone && ln->suspects == 0 &&
	    (rec = fby_order_first(o)) != NULL) {
		struct fby_family *f = fby_derived_of(rec);
		struct fby_batch *b = rec->b;

		fby_flight_hold(b);
		is_gone = f != NULL ? send_family_on(ln, f, stage) :
				      send_on(ln, rec, stage);
		if (is_gone)
			fby_order_pop(o);
		fby_flight_unhold(b);
	}
}

void
fby_pipeline_go_on(struct fby_lane *ln)
{
	for (unsigned stage = FBY_OUTLET_N; stage-- > FBY_SINK_N;)
		if (ln->w->outs[stage] != NULL)
			empty(ln, stage);
}

/* ---- lanes ------------------------------------------------------------ */

void
fby_pipeline_functions_init(struct fby_lane *ln)
{
	evtimer_assign(&ln->ev_later, ln->w->base, on_later, ln);
}

/* What no sink has seen; of a family those that have not gone on. */
static void
give_back(struct fby_record *rec)
{
	struct fby_family *f = fby_derived_of(rec);
	size_t n;

	if (f == NULL) {
		fby_flight_give_back(rec);
		return;
	}
	n = f->n;
	while (f->next < n) {
		struct fby_record *made = &f->rec[f->next++];
		bool is_last = f->next == n;

		/* The last may take the family along. */
		fby_flight_give_back(made);
		if (is_last)
			return;
	}
}

/* A record that a function has not answered is its own until it does. */
void
fby_pipeline_functions_forget(struct fby_lane *ln)
{
	struct fby_order_place *p;

	event_del(&ln->ev_later);
	for (size_t i = 0; i < FBY_STAGE_COUNT; i++)
		while ((p = fby_order_head(&ln->order[i])) != NULL) {
			const struct fby_order_place place = *p;

			fby_order_pop(&ln->order[i]);
			if (place.is_answered || place.due != 0)
				give_back(place.rec);
		}
}
