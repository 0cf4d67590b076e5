/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is to be compared: from the command line to the list of runs, and
 * whether they can be made at all.  Each complains itself.
 */
#ifndef FBY_COMPARE_PLAN_H
#define FBY_COMPARE_PLAN_H

#include "shared/fby.h"

struct fby_compare;
struct fby_options;

/* -1: something on the command line is wrong. */
int fby_compare_plan_read(struct fby_compare *c,
    const struct fby_options *o) FBY_MUSTCHECK;
void fby_compare_plan_free(struct fby_compare *c);

/* Are the programs there?  Better known now than after an hour. */
int fby_compare_plan_programs(struct fby_compare *c) FBY_MUSTCHECK;

/* Does each runtime accept the manifest? */
int fby_compare_plan_manifests(struct fby_compare *c) FBY_MUSTCHECK;

/* A sentence on standard error, past the bar; always -1. */
int fby_compare_plan_complain(struct fby_compare *c, const char *fmt, ...)
    FBY_PRINTF(2, 3);

#endif
