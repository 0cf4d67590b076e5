/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of a partition: from the ledger if it is ours, from outside
 * if another member of the group has it.
 */
#include "shared/fby.h"

#include "master/admin/metrics_table.h"

#include <math.h>

#include "shared/base/clock.h"

#include "master/admin/status.h"
#include "master/base/status_ledger.h"
#include "master/master.h"

/* clang-format off */
#define PART(fn, expr)                                                        \
	static double fn(const struct fby_ledger_row *row)                    \
	{                                                                     \
		return (double)(expr);                                        \
	}

PART(part_position, fby_metrics_known(fby_load(&row->position)))
PART(part_acked, fby_metrics_known(fby_load(&row->acked)))
PART(part_committed, fby_metrics_known(fby_load(&row->committed)))
PART(part_log_start, fby_metrics_known(fby_load(&row->log_start)))
PART(part_watermark, fby_metrics_seconds(fby_load(&row->watermark)))
PART(part_committed_watermark, fby_metrics_seconds(fby_load(&row->committed_watermark)))
PART(part_epoch, fby_load(&row->epoch))
PART(part_in_flight, fby_load(&row->in_flight))
PART(part_oldest_age, fby_metrics_seconds(fby_status_oldest_age(row)))
PART(part_paused, (fby_load(&row->flags) & FBY_ROW_PAUSED) != 0)
PART(part_at_end, (fby_load(&row->flags) & FBY_ROW_AT_END) != 0)
PART(part_read, fby_load(&row->read))
PART(part_read_bytes, fby_load(&row->read_bytes))
PART(part_delivered, fby_load(&row->delivered))
PART(part_fallback, fby_load(&row->fallback))
PART(part_dead_lettered, fby_load(&row->dead_lettered))
PART(part_dropped, fby_load(&row->dropped))
PART(part_returned, fby_load(&row->returned))
PART(part_held, fby_status_held(row))
PART(part_quarantined, fby_load(&row->state) == FBY_ROW_QUARANTINED)
PART(part_late, fby_load(&row->late))
PART(part_future, fby_load(&row->future))
PART(part_stale, fby_load(&row->stale))
/* clang-format on */

/* clang-format off */
#define OBSERVED(fn, expr)                                                    \
	static double fn(const struct fby_group_view_part *p)                    \
	{                                                                     \
		return (double)(expr);                                        \
	}

OBSERVED(observed_committed, fby_metrics_known(p->committed))
OBSERVED(observed_log_start, fby_metrics_known(p->first))
OBSERVED(observed_watermark, fby_metrics_seconds(p->watermark))
/* clang-format on */

/* Of our own and of those seen from outside: not in the ledger, or newer. */
static void
write_ends(struct fby_metrics_out *o, const struct fby_metric *m,
    int64_t (*own)(const struct fby_ends *, uint32_t, int64_t),
    int64_t (*seen)(const struct fby_group_view_part *))
{
	int64_t now = fby_clock_mono();

	for (uint32_t i = o->from; i < fby_metrics_rows_end(o); i++) {
		double x = o->parts[i] ?
		    fby_metrics_known(own(&o->mst->ends, i, now)) :
		    NAN;

		if (!isnan(x))
			fby_openmetrics_sample(o->s, &m->f, o->parts[i], x);
	}
	for (uint32_t i = fby_metrics_seen_from(o); i < fby_metrics_seen_end(o);
	     i++) {
		double x = fby_metrics_known(seen(&o->seen[i]));

		if (!isnan(x) && o->observed[i])
			fby_openmetrics_sample(o->s, &m->f, o->observed[i], x);
	}
}

static int64_t
observed_end(const struct fby_group_view_part *p)
{
	return p->end;
}

static void
own_part_lag(struct fby_metrics_out *o, const struct fby_metric *m)
{
	write_ends(o, m, fby_ends_lag, fby_group_view_part_lag);
}

static void
own_part_high(struct fby_metrics_out *o, const struct fby_metric *m)
{
	write_ends(o, m, fby_ends_get, observed_end);
}

static void
own_part_stuck(struct fby_metrics_out *o, const struct fby_metric *m)
{
	for (uint32_t i = o->from; i < fby_metrics_rows_end(o); i++) {
		const struct fby_progress_part
		    *p = fby_progress_get(&o->mst->progress, i);

		if (o->parts[i])
			fby_openmetrics_sample(o->s, &m->f, o->parts[i],
			    p && p->is_stuck);
	}
}

/* FREE is never shown, so it is not one of the states. */
static void
own_part_state(struct fby_metrics_out *o, const struct fby_metric *m)
{
	const char *names[FBY_ROW_NSTATES - 1];

	for (uint32_t i = 1; i < FBY_ROW_NSTATES; i++)
		names[i - 1] = fby_row_state_name(i);
	for (uint32_t i = o->from; i < fby_metrics_rows_end(o); i++)
		if (o->parts[i] &&
		    o->mst->handoff.parts[i].state != FBY_ROW_FREE)
			fby_openmetrics_states(o->s, &m->f, o->parts[i], names,
			    FBY_NELEM(names),
			    (size_t)o->mst->handoff.parts[i].state - 1);
}

/* ---- the table -------------------------------------------------------- */

/* clang-format off */
#define P(name, type, unit, fn, help)                                         \
	{ F("forebay_partition_" name, type, unit, help), .of_part = fn,      \
	    .labels = "topic, partition" }
/* And known of a group member that is not ours, too. */
#define PO(name, type, unit, fn, seen, help)                                  \
	{ F("forebay_partition_" name, type, unit, help), .of_part = fn,      \
	    .of_observed = seen, .labels = "topic, partition" }

const struct fby_metric fby_metrics_of_partition[] = {
	OWN_PARTS("forebay_partition_lag", GAUGE, NULL, "topic, partition",
	    own_part_lag, "End of the log less what is committed, or less the "
	    "start of the log if that is later; left out while the end has "
	    "not been heard of for six seconds."),
	P("position", GAUGE, NULL, part_position, "Next offset to read."),
	P("acked", GAUGE, NULL, part_acked, "Next offset to commit: all "
	    "before it is done."),
	PO("committed", GAUGE, NULL, part_committed, observed_committed,
	    "Offset that the broker has confirmed."),
	OWN_PARTS("forebay_partition_high", GAUGE, NULL, "topic, partition",
	    own_part_high, "End of the log; asked for while it is not "
	    "fetched."),
	PO("log_start", GAUGE, NULL, part_log_start, observed_log_start,
	    "First offset that the broker has."),
	P("watermark_timestamp_seconds", GAUGE, "seconds", part_watermark,
	    "Event time that the partition has reached."),
	PO("committed_watermark_timestamp_seconds", GAUGE, "seconds",
	    part_committed_watermark, observed_watermark, "The one that was committed with the "
	    "offset."),
	OWN_PARTS("forebay_partition_state", STATESET, NULL,
	    "topic, partition, forebay_partition_state", own_part_state,
	    "Where the partition is between the group and a worker."),
	P("epoch", GAUGE, NULL, part_epoch, "Number of its last grant."),
	P("in_flight", GAUGE, NULL, part_in_flight, "Records read and not "
	    "acknowledged."),
	P("oldest_age_seconds", GAUGE, "seconds", part_oldest_age,
	    "Age of the oldest of them; 0 if there are none."),
	P("paused", GAUGE, NULL, part_paused, "1 while back-pressure keeps "
	    "it from being read."),
	P("at_end", GAUGE, NULL, part_at_end, "1 while the position is the "
	    "end of the log."),
	OWN_PARTS("forebay_partition_stuck", GAUGE, NULL, "topic, partition",
	    own_part_stuck, "1 while there is something to read or in flight "
	    "and the acknowledged offset has not moved for progressTimeout."),
	P("quarantined", GAUGE, NULL, part_quarantined, "1 while it is held "
	    "back because its next record kills workers."),
	P("held", GAUGE, NULL, part_held, "Records read and neither done nor "
	    "returned: what is left of read."),
	P("read_bytes", COUNTER, "bytes", part_read_bytes, "Bytes of keys "
	    "and values read."),
	P("delivered", COUNTER, NULL, part_delivered, "Records delivered."),
	P("fallback", COUNTER, NULL, part_fallback, "Records delivered to the "
	    "fallback sink."),
	P("dead_lettered", COUNTER, NULL, part_dead_lettered, "Records sent "
	    "to the dead-letter topic."),
	P("dropped", COUNTER, NULL, part_dropped, "Records dropped by "
	    "a function, by retryStrategy or by hand."),
	P("returned", COUNTER, NULL, part_returned, "Records that a worker "
	    "gave back, or died with, unfinished; they are read again."),
	P("read", COUNTER, NULL, part_read, "Records read: those delivered, "
	    "fallback, dead_lettered, dropped, returned and held together."),
	P("late", COUNTER, NULL, part_late, "Records that were older than "
	    "the watermark when they were read."),
	P("future", COUNTER, NULL, part_future, "Records, and watermarks "
	    "handed on, from beyond watermark.maxFuture past the wall clock."),
	P("stale", COUNTER, NULL, part_stale, "Completions that came after "
	    "the partition was given away."),
	{ .labels = NULL }
};
/* clang-format on */
