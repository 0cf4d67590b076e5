/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is measured; see metrics.h.
 *
 * What is measured is in tables (metrics_table.h); here they are walked.
 *
 * A gauge is there only while its partition is ours or its worker lives; a
 * counter of a worker stays, since its slot goes on with it.
 */
#include "shared/fby.h"

#include "master/admin/metrics.h"

#include <math.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/admin/metrics_table.h"
#include "master/admin/status.h"
#include "master/master.h"

static const struct fby_metric *const tables[] = {
	fby_metrics_of_numaflow,
	fby_metrics_of_master,
	fby_metrics_of_partition,
	fby_metrics_of_worker,
	fby_metrics_of_function,
};

static void
write_parts(struct fby_metrics_out *o, const struct fby_metric *m)
{
	const struct fby_handoff *h = &o->mst->handoff;
	struct fby_ledger_row row;

	for (uint32_t i = o->from; i < fby_metrics_rows_end(o); i++) {
		double x;

		if (o->parts[i] == NULL)
			continue;
		fby_handoff_view(h, &h->parts[i], &row);
		x = m->of_part(&row);
		if (!isnan(x))
			fby_openmetrics_sample(o->s, &m->f, o->parts[i], x);
	}
}

static void
write_observed(struct fby_metrics_out *o, const struct fby_metric *m)
{
	for (uint32_t i = fby_metrics_seen_from(o); i < fby_metrics_seen_end(o);
	     i++) {
		double x = m->of_observed(&o->seen[i]);

		/* Ours have been written. */
		if (!isnan(x) && o->observed[i])
			fby_openmetrics_sample(o->s, &m->f, o->observed[i], x);
	}
}

static void
write_workers(struct fby_metrics_out *o, const struct fby_metric *m)
{
	for (uint32_t i = 0; i < o->nslots; i++) {
		const struct fby_ledger_slot *sl = &o->mst->shm.slots[i];
		char labels[32];
		double x;

		if (fby_load(&sl->spawns) == 0 ||
		    (m->f.type != FBY_OPENMETRICS_COUNTER &&
			fby_load(&sl->pid) <= 0))
			continue;
		snprintf(labels, sizeof(labels), "worker=\"%" PRIu32 "\"", i);
		x = m->of_worker(sl);
		if (!isnan(x))
			fby_openmetrics_sample(o->s, &m->f, labels, x);
	}
}

static void
write_runtimes(struct fby_metrics_out *o, const struct fby_metric *m)
{
	struct fby_status_runtime rt;
	struct fby_str labels;

	fby_str_init(&labels);
	for (size_t i = 0; fby_status_runtime(o->mst, i, &rt); i++) {
		double x = m->of_runtime(&rt);

		fby_str_reset(&labels);
		fby_openmetrics_label(&labels, "runtime", rt.name);
		if (!isnan(x))
			fby_openmetrics_sample(o->s, &m->f, labels.p, x);
	}
	fby_str_fini(&labels);
}

static void
write_one(struct fby_metrics_out *o, const struct fby_metric *m)
{
	double x;

	if (m->own) {
		m->own(o, m);
	} else if (m->of_part) {
		write_parts(o, m);
		if (m->of_observed)
			write_observed(o, m);
	} else if (m->of_worker) {
		write_workers(o, m);
	} else if (m->of_runtime) {
		write_runtimes(o, m);
	} else {
		x = m->of_master(o->mst);
		if (!isnan(x))
			fby_openmetrics_sample(o->s, &m->f, "", x);
	}
}

/* Heap. */
static char *
part_labels(const char *topic, int32_t partition)
{
	struct fby_str labels;
	char number[16];

	fby_str_init(&labels);
	snprintf(number, sizeof(number), "%" PRId32, partition);
	fby_openmetrics_label(&labels, "topic", topic);
	fby_openmetrics_label(&labels, "partition", number);
	return fby_str_take(&labels);
}

/* ---- piece by piece --------------------------------------------------- */

#define PIECE 1000 /* samples: a few milliseconds */

struct fby_metrics_text {
	struct fby_metrics_out out;
	size_t table;
	const struct fby_metric *m; /* the next; NULL: labels are made first */
};

static uint32_t
nparts(const struct fby_metrics_out *o)
{
	return o->nrows + o->nseen;
}

/* The labels of all partitions, once for all families. */
static void
label_parts(struct fby_metrics_out *o)
{
	const struct fby_handoff *h = &o->mst->handoff;

	for (uint32_t i = o->from; i < fby_metrics_rows_end(o); i++)
		if (h->parts[i].state != FBY_ROW_FREE)
			o->parts[i] = part_labels(h->parts[i].topic,
			    h->parts[i].partition);
}

/* These go and come while we are at it. */
static void
take_observed(struct fby_metrics_out *o)
{
	const struct fby_group_view *ob = &o->mst->group_view;

	o->nseen = (uint32_t)ob->nparts;
	o->seen = fby_calloc(ob->nparts + 1, sizeof(*o->seen));
	o->observed = fby_calloc(ob->nparts + 1, sizeof(*o->observed));
	for (size_t i = 0; i < ob->nparts; i++) {
		o->seen[i] = ob->parts[i];
		o->seen[i].topic = NULL;
		if (!fby_status_is_ours(o->mst, &ob->parts[i]))
			o->observed[i] = part_labels(ob->parts[i].topic,
			    ob->parts[i].partition);
	}
}

struct fby_metrics_text *
fby_metrics_begin(struct fby_master *mst)
{
	struct fby_metrics_text *t = fby_calloc(1, sizeof(*t));
	struct fby_metrics_out *o = &t->out;
	struct fby_str mvtx;

	o->mst = mst;
	o->nrows = mst->handoff.nparts;
	o->parts = fby_calloc(o->nrows + 1, sizeof(*o->parts));
	take_observed(o);
	fby_str_init(&mvtx);
	fby_openmetrics_label(&mvtx, "mvtx_name", mst->ctx.manifest->name);
	fby_openmetrics_label(&mvtx, "mvtx_replica", "0");
	o->mvtx = fby_str_take(&mvtx);
	return t;
}

void
fby_metrics_end(struct fby_metrics_text *t)
{
	if (t == NULL)
		return;
	for (uint32_t i = 0; i < t->out.nrows; i++)
		free(t->out.parts[i]);
	for (uint32_t i = 0; i < t->out.nseen; i++)
		free(t->out.observed[i]);
	free(t->out.parts);
	free(t->out.observed);
	free(t->out.seen);
	free(t->out.shown);
	free(t->out.mvtx);
	free(t);
}

/* The family behind this one; false: there is none. */
static bool
go_on(struct fby_metrics_text *t)
{
	if (t->m)
		t->m++;
	else
		t->m = tables[0];
	while (t->m->f.name == NULL) {
		if (++t->table == FBY_NELEM(tables))
			return false;
		t->m = tables[t->table];
	}
	t->out.from = t->out.to = 0;
	return true;
}

/* Labels, or a family, of some partitions.  How many samples that may be. */
static uint32_t
write_some(struct fby_metrics_text *t, uint32_t most)
{
	struct fby_metrics_out *o = &t->out;
	uint32_t each;

	if (t->m && o->from == 0)
		fby_openmetrics_head(o->s, &t->m->f);
	if (t->m && !t->m->of_part && !t->m->by_part) {
		write_one(o, t->m);
		o->to = nparts(o);
		return 1;
	}
	each = t->m && t->m->f.type == FBY_OPENMETRICS_STATESET ?
	    FBY_ROW_NSTATES :
	    1;
	o->to = FBY_MIN(o->from + most / each + 1, nparts(o));
	if (t->m)
		write_one(o, t->m);
	else
		label_parts(o);
	return (o->to - o->from) * each + 1;
}

bool
fby_metrics_next(struct fby_metrics_text *t, struct fby_str *s)
{
	struct fby_metrics_out *o = &t->out;

	o->s = s;
	o->nslots = o->mst->shm.nslots;
	for (uint32_t n = 0; n < PIECE;) {
		n += write_some(t, PIECE - n);
		o->from = o->to;
		if (o->to == nparts(o) && !go_on(t)) {
			fby_openmetrics_end(s);
			return false;
		}
	}
	return true;
}

char *
fby_metrics_reference(void)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_puts(&s,
	    "# Metrics\n\n"
	    "`/metrics` of the HTTP listener (`http.listen` of the Host "
	    "document), in the OpenMetrics text format.\n\n"
	    "`monovtx_*` are Numaflow's names with Numaflow's labels; their "
	    "times are microseconds. `source_partition` is the number of the "
	    "partition, or `topic:number` if the source has several topics. "
	    "Series of a partition disappear when it is given back, those of "
	    "a worker (but for its counters) when it dies.\n\n"
	    "While a runtime of the protocol `numaflow` runs, lag, offsets "
	    "and watermarks are those of all of the group's partitions, as "
	    "the broker knows them; what only a worker knows is not there. "
	    "Numaflow's counters go on with those of that runtime, asked for "
	    "every three seconds (`metrics` of its entry in `runtimes:`); its "
	    "histograms are not taken."
	    "\n\n"
	    "| sample | type | labels | what |\n| --- | --- | --- | --- |\n");
	for (size_t t = 0; t < FBY_NELEM(tables); t++)
		for (const struct fby_metric *m = tables[t]; m->f.name; m++)
			fby_str_printf(&s, "| `%s%s` | %s | %s | %s |\n",
			    m->f.name, fby_openmetrics_suffix(m->f.type),
			    fby_openmetrics_type_name(m->f.type),
			    m->labels ? m->labels : "", m->f.help);
	return fby_str_take(&s);
}
