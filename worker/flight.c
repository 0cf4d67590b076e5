/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records in flight; see flight.h.
 */
#include "shared/fby.h"

#include "worker/flight.h"

#include <librdkafka/rdkafka.h>

#include "worker/aside.h"
#include "worker/budget.h"
#include "worker/content.h"
#include "worker/derived.h"
#include "worker/lane.h"
#include "worker/outcome.h"
#include "worker/run.h"
#include "worker/worker.h"

void
fby_flight_init(struct fby_flight *fl)
{
	fby_batches_init(&fl->batches);
	STAILQ_INIT(&fl->touched);
}

void
fby_flight_publish(struct fby_worker *w)
{
	fby_store(&w->slot->in_flight, w->budget->records);
	fby_store(&w->slot->in_flight_bytes, w->budget->open_bytes);
}

/* ---- the beginning ---------------------------------------------------- */

static void
add_to_acks(struct fby_lane *ln, const struct fby_run *run)
{
	for (size_t i = 0; i < run->n; i++) {
		const rd_kafka_message_t *msg = run->msgs[i];
		int64_t ms = FBY_MIN(fby_run_event_time(msg, run->read_at),
		    run->limit);

		fby_eventtime_add(&ln->et,
		    fby_acks_add(&ln->acks, msg->offset,
			rd_kafka_message_leader_epoch(msg), ms, run->read_at),
		    ms);
	}
}

struct fby_batch *
fby_flight_begin(struct fby_lane *ln, const struct fby_run *run)
{
	struct fby_worker *w = ln->w;
	uint64_t bytes = (run->bytes + run->n * FBY_RECORD_OVERHEAD) *
	    w->budget->weight;
	struct fby_batch *b;

	b = fby_batch_get(&w->flight->batches, ln, run->msgs, run->n);
	b->read_us = run->began_us;
	b->sink_us = run->read_us;
	b->seq = ln->acks.tail;
	add_to_acks(ln, run);
	ln->nbatches++;
	ln->open += run->n;
	ln->open_bytes += bytes;
	w->budget->records += run->n;
	w->budget->open_bytes += bytes;
	fby_flight_publish(w);
	return b;
}

/* ---- the end ---------------------------------------------------------- */

void
fby_flight_hold(struct fby_batch *b)
{
	b->open++;
}

void
fby_flight_unhold(struct fby_batch *b)
{
	struct fby_lane *ln = b->ln;
	struct fby_flight *fl = ln->w->flight;

	if (--b->open > 0)
		return;
	fby_outcome_batch(b);
	fby_content_free(b);
	fby_batch_put(&fl->batches, b);
	ln->nbatches--;
	/* Its last batch frees a released lane. */
	if (ln->state == FBY_LANE_DRAINED)
		fl->drained(ln);
}

/* What it costs while a sink has it. */
static uint64_t
record_bytes(const struct fby_record *rec)
{
	return (rec->msg->len + rec->msg->key_len + FBY_RECORD_OVERHEAD) *
	    rec->b->ln->w->budget->weight;
}

/* A record of the source: nothing of it is left anywhere. */
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
}

void
fby_flight_touch(struct fby_lane *ln)
{
	if (ln->is_touched)
		return;
	ln->is_touched = true;
	STAILQ_INSERT_TAIL(&ln->w->flight->touched, ln, touched);
}

void
fby_flight_complete(struct fby_record *rec, enum fby_outcome outcome)
{
	struct fby_batch *b = rec->b;
	struct fby_lane *ln = b->ln;

	fby_aside_acquit(rec);
	rec = fby_derived_end(rec, &outcome);
	if (rec == NULL)
		return;
	drop_message(rec);
	fby_outcome_final(ln, outcome);
	if (ln->state != FBY_LANE_DRAINED) {
		fby_acks_done(&ln->acks, fby_record_seq(rec));
		fby_flight_touch(ln);
	} else {
		fby_outcome_stale(ln);
	}
	fby_flight_unhold(b);
}

void
fby_flight_give_back(struct fby_record *rec)
{
	enum fby_outcome outcome = FBY_OUTCOME_DROPPED;
	struct fby_batch *b = rec->b;

	fby_aside_acquit(rec);
	rec = fby_derived_end(rec, &outcome);
	if (rec == NULL)
		return;
	drop_message(rec);
	fby_flight_unhold(b);
}

void
fby_flight_fini(struct fby_flight *fl)
{
	struct fby_batch *b;

	/* All lanes are released; what lives is what sinks did not return. */
	while ((b = LIST_FIRST(&fl->batches.live)) != NULL) {
		size_t n = b->n;

		fby_flight_hold(b);
		for (size_t i = 0; i < n; i++)
			if (b->rec[i].msg != NULL)
				fby_flight_give_back(&b->rec[i]);
		fby_flight_unhold(b);
	}
	fby_batches_fini(&fl->batches);
}
