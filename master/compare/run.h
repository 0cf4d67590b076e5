/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run for throughput: a backlog is read from its start, and what that
 * took is written down.
 *
 * What is done is what the group has committed: that is the same for every
 * runtime, and what it exists for.  Its resolution is the runtime's commit
 * interval (100 ms for ours) and how often it is looked at (50 ms).
 */
#ifndef FBY_COMPARE_RUN_H
#define FBY_COMPARE_RUN_H

#include "shared/fby.h"

struct fby_compare;
struct fby_compare_run;

/* -1: run->why. */
int fby_compare_run_do(struct fby_compare *c,
    struct fby_compare_run *run) FBY_MUSTCHECK;

#endif
