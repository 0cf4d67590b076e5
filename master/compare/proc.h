/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process and all of its descendants have used so far, from /proc.
 * Each look adds to what was seen before: what has ended in between is kept
 * as far as its parent (CPU) or an earlier look (switches) knew it.
 */
#ifndef FBY_COMPARE_PROC_H
#define FBY_COMPARE_PROC_H

#include "shared/fby.h"

#include <sys/types.h>

struct fby_compare_task {
	pid_t tid;
	int64_t voluntary, involuntary;
};

struct fby_compare_proc {
	double cpu;       /* seconds, user and system */
	int64_t rss_peak; /* bytes: most at a time of the sum of high waters */
	int64_t threads;  /* most at a time */
	struct fby_compare_task *tasks; /* all that were ever seen */
	size_t ntasks, cap;
};

void fby_compare_proc_init(struct fby_compare_proc *p);
void fby_compare_proc_fini(struct fby_compare_proc *p);
void fby_compare_proc_look(struct fby_compare_proc *p, pid_t root);

int64_t fby_compare_proc_voluntary(const struct fby_compare_proc *p);
int64_t fby_compare_proc_involuntary(const struct fby_compare_proc *p);

#endif
