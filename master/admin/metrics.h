/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is measured, as OpenMetrics text.
 *
 * Two families of names.  monovtx_* are Numaflow's, with its labels and its
 * microseconds, so that its dashboards and its daemon understand us.
 * forebay_* are ours, per topic and partition, per worker, and of the master,
 * in base units.  Series of a partition disappear when it is given back;
 * counters stay.
 */
#ifndef FBY_METRICS_H
#define FBY_METRICS_H

#include "shared/fby.h"

struct fby_master;
struct fby_metrics_text;
struct fby_str;

#define FBY_METRICS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

/*
 * Piece by piece: with thousands of partitions all of it would keep the loop
 * from turning.  Which partitions there are is of the moment when it begins;
 * each number is that of its piece.
 */
struct fby_metrics_text *fby_metrics_begin(struct fby_master *mst);
/* Appends the next piece.  false: that was the last, with "# EOF\n". */
bool fby_metrics_next(struct fby_metrics_text *t, struct fby_str *s);
void fby_metrics_end(struct fby_metrics_text *t); /* may be NULL */

/* conf/METRICS.md: every family with its labels and its sentence; heap. */
char *fby_metrics_reference(void);

#endif
