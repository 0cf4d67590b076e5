/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured under Numaflow's names, with its labels and microseconds:
 * its dashboards and its daemon understand these.
 */
#include "shared/fby.h"

#include "master/admin/metrics_table.h"

#include <math.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/boundary/hist.h"
#include "shared/manifest/manifest.h"

#include "master/admin/status.h"
#include "master/master.h"

/* source_partition of a row; several topics are told apart. */
static const char *
partition_name(const struct fby_metrics_out *o, const struct fby_part *pt,
    struct fby_str *name)
{
	fby_str_reset(name);
	if (o->mst->ctx.manifest->topics.n > 1)
		fby_str_printf(name, "%s:", pt->topic);
	fby_str_printf(name, "%" PRId32, pt->partition);
	return name->p;
}

static void
mvtx_read_sample(struct fby_metrics_out *o, const struct fby_metric *m,
    const char *partition, double value)
{
	struct fby_str labels;

	fby_str_init(&labels);
	fby_str_puts(&labels, o->mvtx);
	fby_openmetrics_label(&labels, "source_partition", partition);
	fby_openmetrics_sample(o->s, &m->f, labels.p, value);
	fby_str_fini(&labels);
}

/* There may be more of them than when it began. */
static void
make_room(struct fby_metrics_out *o, size_t n)
{
	if (n <= o->nshown)
		return;
	o->shown = fby_realloc(o->shown, n * sizeof(*o->shown));
	memset(o->shown + o->nshown, 0, (n - o->nshown) * sizeof(*o->shown));
	o->nshown = n;
}

/*
 * One of all that were ever ours: a counter that went away and came back
 * would make Numaflow's daemon believe in a restart.  So what another runtime
 * has read is added to it.
 */
static void
own_mvtx_read(struct fby_metrics_out *o, const struct fby_metric *m)
{
	const struct fby_totals *t = &o->mst->scrape.totals;
	struct fby_str name;

	make_room(o, t->n);
	fby_str_init(&name);
	for (uint32_t i = o->from; i < fby_metrics_rows_end(o); i++) {
		const struct fby_handoff *h = &o->mst->handoff;
		const struct fby_part *pt = &h->parts[i];
		const char *partition = partition_name(o, pt, &name);

		mvtx_read_sample(o, m, partition,
		    (double)fby_load(&fby_handoff_row(h, pt)->read) +
			fby_totals_read_of(t, partition, o->shown));
	}
	fby_str_fini(&name);
	if (o->to < o->nrows + o->nseen)
		return;
	/* And partitions that our own workers have never had. */
	for (size_t i = 0; i < t->n; i++) {
		const char *partition = t->items[i].partition;

		if (t->items[i].what == FBY_TOTAL_READ && partition &&
		    !o->shown[i])
			mvtx_read_sample(o, m, partition,
			    fby_totals_read_of(t, partition, o->shown));
	}
}

/* A counter of the slots, summed; `offset` says which. */
static void
own_mvtx_sum(struct fby_metrics_out *o, const struct fby_metric *m)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < o->nslots; i++) {
		const char *slot = (const char *)&o->mst->shm.slots[i];

		sum += fby_load(
		    (const _Atomic uint64_t *)(const void *)(slot + m->offset));
	}
	fby_openmetrics_sample(o->s, &m->f, o->mvtx,
	    (double)sum + fby_totals_sum(&o->mst->scrape.totals, m->total));
}

static void
own_mvtx_udf_error(struct fby_metrics_out *o, const struct fby_metric *m)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < o->nslots; i++) {
		const struct fby_ledger_function
		    *f = &o->mst->shm.slots[i].function[FBY_FUNCTION_MAP];

		sum += fby_load(&f->errors) + fby_load(&f->lost);
	}
	fby_openmetrics_sample(o->s, &m->f, o->mvtx,
	    (double)sum +
		fby_totals_sum(&o->mst->scrape.totals, FBY_TOTAL_UDF_ERROR));
}

/* What only another runtime counts. */
static void
own_mvtx_total(struct fby_metrics_out *o, const struct fby_metric *m)
{
	fby_openmetrics_sample(o->s, &m->f, o->mvtx,
	    fby_totals_sum(&o->mst->scrape.totals, m->total));
}

static void
own_mvtx_critical(struct fby_metrics_out *o, const struct fby_metric *m)
{
	struct fby_str labels;

	fby_str_init(&labels);
	fby_str_puts(&labels, o->mvtx);
	fby_openmetrics_label(&labels, "reason", "mvtx_runtime_error");
	fby_openmetrics_sample(o->s, &m->f, labels.p,
	    (double)o->mst->sup.deaths +
		fby_totals_sum(&o->mst->scrape.totals,
		    FBY_TOTAL_CRITICAL_ERROR));
	fby_str_fini(&labels);
}

static void
own_mvtx_hist(struct fby_metrics_out *o, const struct fby_metric *m)
{
	uint64_t buckets[FBY_HIST_BOUNDS + 1] = { 0 }, sum = 0;

	for (uint32_t i = 0; i < o->nslots; i++) {
		const char *slot = (const char *)&o->mst->shm.slots[i];
		const struct fby_ledger_hist *h = (const void *)(slot +
		    m->offset);

		for (size_t b = 0; b <= FBY_HIST_BOUNDS; b++)
			buckets[b] += fby_load(&h->bucket[b]);
		sum += fby_load(&h->sum);
	}
	fby_openmetrics_histogram(o->s, &m->f, o->mvtx, fby_hist_bounds,
	    FBY_HIST_BOUNDS, buckets, (double)sum);
}

/* Numaflow has a -1 for "unknown". */
static void
own_mvtx_pending(struct fby_metrics_out *o, const struct fby_metric *m)
{
	fby_openmetrics_sample(o->s, &m->f, o->mvtx,
	    (double)fby_status_total_lag(o->mst));
}

static void
own_mvtx_batch_size(struct fby_metrics_out *o, const struct fby_metric *m)
{
	fby_openmetrics_sample(o->s, &m->f, o->mvtx,
	    (double)fby_manifest_batch_size(o->mst->ctx.manifest));
}

/* ---- the table -------------------------------------------------------- */

/* clang-format off */
#define MVTX "mvtx_name, mvtx_replica"
#define IN_SLOT(field) offsetof(struct fby_ledger_slot, field)
#define SUM(name, field, which, help)                                         \
	{ F("monovtx_" name, COUNTER, NULL, help), .own = own_mvtx_sum,       \
	    .labels = MVTX, .offset = IN_SLOT(field),                         \
	    .total = FBY_TOTAL_##which }
#define TOTAL(name, which, help)                                              \
	{ F("monovtx_" name, COUNTER, NULL, help), .own = own_mvtx_total,     \
	    .labels = MVTX, .total = FBY_TOTAL_##which }
#define HIST(name, which, help)                                               \
	{ F("monovtx_" name, HISTOGRAM, NULL, help), .own = own_mvtx_hist,    \
	    .labels = MVTX, .offset = IN_SLOT(hist[FBY_HIST_##which]) }
#define ANSWER(name, role, help)                                              \
	{ F("monovtx_" name, HISTOGRAM, NULL, help), .own = own_mvtx_hist,    \
	    .labels = MVTX, .offset =                                         \
	    IN_SLOT(function[FBY_FUNCTION_##role].answer) }

const struct fby_metric fby_metrics_of_numaflow[] = {
	OWN_PARTS("monovtx_read", COUNTER, NULL, MVTX ", source_partition",
	    own_mvtx_read, "Records read from the source."),
	SUM("read_bytes", read_bytes, READ_BYTES, "Bytes of keys and values read."),
	SUM("ack", acked, ACK, "Records acknowledged."),
	SUM("sink_write", sink_writes, SINK_WRITE, "Records that the sink has taken."),
	SUM("sink_write_errors", sink_errors, SINK_WRITE_ERRORS, "Attempts that the sink "
	    "refused."),
	SUM("sink_dropped", sink_drops, SINK_DROPPED, "Records dropped by retryStrategy."),
	SUM("fallback_sink_write", fallback_writes, FALLBACK_SINK_WRITE,
	    "Records that the fallback sink has taken."),
	SUM("onsuccess_sink_write", success_writes, ONSUCCESS_SINK_WRITE,
	    "Records that the onSuccess sink has taken."),
	SUM("nack", nacks, NACK, "Records that a function has nacked: they "
	    "come to it once more, later."),
	SUM("transformer_dropped", function[FBY_FUNCTION_TRANSFORMER].drops,
	    TRANSFORMER_DROPPED, "Results that the transformer marked as "
	    "dropped, and records that its retryStrategy dropped."),
	SUM("udf_drop", function[FBY_FUNCTION_MAP].drops, UDF_DROP,
	    "The same for the map."),
	OWN("monovtx_udf_error", COUNTER, NULL, MVTX, own_mvtx_udf_error,
	    "Records that the map refused, or whose connection ended before "
	    "its answer."),
	TOTAL("dropped", DROPPED, "Records dropped because they were in "
	    "flight already; counted for runtimes of protocol numaflow."),
	OWN("monovtx_critical_error", COUNTER, NULL, MVTX ", reason",
	    own_mvtx_critical, "Workers that died, and what a runtime of "
	    "protocol numaflow counts by this name."),
	OWN("monovtx_pending_raw", GAUGE, NULL, MVTX, own_mvtx_pending,
	    "Records of this host's partitions that are not committed; -1 "
	    "while that is unknown."),
	OWN("monovtx_read_batch_size", GAUGE, NULL, MVTX,
	    own_mvtx_batch_size, "limits.readBatchSize in force."),
	HIST("processing_time", PROCESSING, "Microseconds from reading a "
	    "batch to its last acknowledgement."),
	HIST("read_time", READ, "Microseconds that reading a batch took."),
	ANSWER("transformer_time", TRANSFORMER, "Microseconds from sending a "
	    "record to the transformer to its answer."),
	ANSWER("udf_time", MAP, "The same for the map."),
	HIST("sink_time", SINK, "Microseconds that the sink took for a "
	    "batch."),
	HIST("ack_time", ACK, "Microseconds that acknowledging took."),
	HIST("fallback_sink_time", FALLBACK, "Microseconds from the first "
	    "record of a batch that goes to the fallback sink to its last."),
	HIST("onsuccess_sink_time", SUCCESS, "The same for the onSuccess "
	    "sink."),
	{ .labels = NULL }
};
/* clang-format on */
