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

#define FBY_CLASSIC_NAME 128

/* The family that the lines are of; zeroed at the start of a text. */
struct fby_classic {
	char name[FBY_CLASSIC_NAME];
	const char *suffix, *type; /* type: as it is called here */
};

/*
 * Appends; the text is what fby_openmetrics_*() have made, from the start of a
 * line on.  About `most` bytes of it are taken, whole lines: how many.
 */
size_t fby_classic_write(struct fby_classic *f, struct fby_str *s,
    const char *text, size_t len, size_t most);

#endif
