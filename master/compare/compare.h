/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `forebay compare`: what each runtime costs, side by side.
 *
 * A case is a mode and a record size.  Each case is run by each runtime in
 * turn, A B A B, as many rounds as asked; a run is a `forebay run` of ours on
 * a manifest derived from the operator's, with a consumer group of its own
 * that starts where all others start.  The operator's group is never touched,
 * and nothing is written anywhere unless it is asked for.
 *
 *	compare           the order of things, and the end of them
 *	compare_plan      what is to be run, and whether it can be
 *	compare_cases     what is compared, and what it has shown
 *	compare_interrupt SIGINT and its like
 *	compare_manifest  the derived manifest (pure)
 *	compare_kafka     offsets, groups and topics
 *	compare_produce   records of our own
 *	compare_child     a `forebay run`, from its start to its end
 *	compare_proc      what a tree of processes has used
 *	compare_run       one run: throughput
 *	compare_latency   one run: latency at a fixed rate
 *	compare_progress  the bar
 *	compare_report    figures, table and JSON
 *	compare_html      the page
 */
#ifndef FBY_COMPARE_H
#define FBY_COMPARE_H

#include "shared/fby.h"

struct fby_manifest;
struct fby_options;

/* The whole command; the exit status. */
int fby_compare(const struct fby_manifest *m, const struct fby_options *o);

#endif
