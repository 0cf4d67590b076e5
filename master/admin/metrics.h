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
struct fby_str;

#define FBY_METRICS_TYPE \
	"application/openmetrics-text; version=1.0.0; charset=utf-8"

/* Appends; ends with "# EOF\n". */
void fby_metrics_write(struct fby_str *s, struct fby_master *mst);

/* conf/METRICS.md: every family with its labels and its sentence; heap. */
char *fby_metrics_reference(void);

#endif
