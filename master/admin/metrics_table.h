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

/* One exposition under way. */
struct fby_metrics_out {
	struct fby_str *s;
	struct fby_master *mst;
	uint32_t nslots, nrows;
	char **parts;    /* labels by row; NULL: FREE */
	char **observed; /* of what is seen from outside */
	char *mvtx;      /* Numaflow's labels */
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
	size_t offset;        /* for own */
	enum fby_total total; /* the same of another runtime */
};

/* clang-format off */
#define F(name, type, unit, help) .f = { name, FBY_OPENMETRICS_##type, unit, help }
#define OWN(name, type, unit, lab, fn, help)                                  \
	{ F(name, type, unit, help), .own = fn, .labels = lab }
/* clang-format on */

/* Each ends with a row without a name. */
extern const struct fby_metric fby_metrics_of_numaflow[];
extern const struct fby_metric fby_metrics_of_master[];
extern const struct fby_metric fby_metrics_of_partition[];
extern const struct fby_metric fby_metrics_of_worker[];

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
