/* SPDX-License-Identifier: Apache-2.0 */
/*
 * OpenMetrics text as Prometheus' text format 0.0.4, for readers that do not
 * know the former: a counter's family has the name of its sample, info and
 * stateset are gauges, and there are neither units nor an end.
 */
#ifndef FBY_CLASSIC_H
#define FBY_CLASSIC_H

#include "shared/fby.h"

struct fby_str;

#define FBY_CLASSIC_TYPE "text/plain; version=0.0.4; charset=utf-8"

/* Appends; the text is what fby_openmetrics_*() have made. */
void fby_classic_write(struct fby_str *s, const char *text, size_t len);

#endif
