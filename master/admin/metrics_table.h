/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tables of what is measured.  A row says what it is of (the master, a
 * partition, a worker, a runtime) and where the number comes from; a number
 * that is not known is NAN and leaves its sample out.  Families of another
 * shape have a function of their own.  Private to master/metrics*.c.
 */
#ifndef FBY_METRICS_TABLE_H
#define FBY_METRICS_TABLE_H

#include "shared/fby.h"

#include <math.h>

#include "master/base/openmetrics.h"
#include "master/runtime/totals.h"

struct fby_ledger_row;
struct fby_ledger_slot;
struct fby_master;
struct fby_group_view_part;
struct fby_status_runtime;
struct fby_str;

/*
 * One exposition under way.  What is measured of each partition is written for
 * [from, to) of them at a time: our rows, and behind those what is seen from
 * outside.  All of it is that of the moment when it began, but for the numbers:
 * a row may be FREE meanwhile.
 */
struct fby_metrics_out {
	struct fby_str *s;
	struct fby_master *mst;
	uint32_t nslots, nrows, nseen;
	uint32_t from, to;
	char **parts; /* labels by row; NULL: FREE */
	struct fby_group_view_part
	    *seen;       /* from outside; without their names */
	char **observed; /* labels of those; NULL: it is held here */
	char *mvtx;      /* Numaflow's labels */
	bool *shown;     /* of the totals; see own_mvtx_read() */
	size_t nshown;
};

struct fby_metric {
	struct fby_openmetrics_family f;
	const char *labels; /* for the reference */
	double (*of_master)(const struct fby_master *mst);
	double (*of_part)(const struct fby_ledger_row *row);
	double (*of_observed)(const struct fby_group_view_part *p);
	double (*of_worker)(const struct fby_ledger_slot *sl);
	double (*of_runtime)(const struct fby_status_runtime *rt);
	void (*own)(struct fby_metrics_out *o, const struct fby_metric *m);
	bool by_part;         /* own: of [from, to) */
	size_t offset;        /* for own */
	enum fby_total total; /* the same of another runtime */
};

/* clang-format off */
#define F(name, type, unit, help) .f = { name, FBY_OPENMETRICS_##type, unit, help }
#define OWN(name, type, unit, lab, fn, help)                                  \
	{ F(name, type, unit, help), .own = fn, .labels = lab }
#define OWN_PARTS(name, type, unit, lab, fn, help)                            \
	{ F(name, type, unit, help), .own = fn, .labels = lab, .by_part = true }
/* clang-format on */

/* Each ends with a row without a name. */
extern const struct fby_metric fby_metrics_of_numaflow[];
extern const struct fby_metric fby_metrics_of_master[];
extern const struct fby_metric fby_metrics_of_partition[];
extern const struct fby_metric fby_metrics_of_worker[];
extern const struct fby_metric fby_metrics_of_function[];

/* The range, of our rows and of what is seen from outside. */
static inline uint32_t
fby_metrics_rows_end(const struct fby_metrics_out *o)
{
	return FBY_MIN(o->to, o->nrows);
}

static inline uint32_t
fby_metrics_seen_from(const struct fby_metrics_out *o)
{
	return FBY_MAX(o->from, o->nrows) - o->nrows;
}

static inline uint32_t
fby_metrics_seen_end(const struct fby_metrics_out *o)
{
	return FBY_MAX(o->to, o->nrows) - o->nrows;
}

static inline double
fby_metrics_known(int64_t n)
{
	return n < 0 ? NAN : (double)n;
}

/* Milliseconds, as the seconds that OpenMetrics wants. */
static inline double
fby_metrics_seconds(int64_t ms)
{
	return ms < 0 ? NAN : (double)ms / 1000;
}

#endif
