/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the comparison has come, on standard error: a bar on a terminal,
 * else a line for each step when it is over.
 */
#ifndef FBY_COMPARE_PROGRESS_H
#define FBY_COMPARE_PROGRESS_H

#include "shared/fby.h"

struct fby_compare_progress {
	size_t steps, done;
	char what[128]; /* the step that is under way */
	int64_t started, drawn;
	bool is_tty, shown;
	int width;
};

void fby_compare_progress_init(struct fby_compare_progress *p, size_t steps);
void fby_compare_progress_step(struct fby_compare_progress *p, const char *fmt,
    ...) FBY_PRINTF(2, 3);

/* The step is done to this part, 0 to 1. */
void fby_compare_progress_part(struct fby_compare_progress *p, double part);

/* It is over; the text says how it went. */
void fby_compare_progress_end(struct fby_compare_progress *p, const char *fmt,
    ...) FBY_PRINTF(2, 3);

/* Take the bar away, before something else is printed. */
void fby_compare_progress_clear(struct fby_compare_progress *p);

#endif
