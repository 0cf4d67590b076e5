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
 *	plan              what is to be run, and whether it can be
 *	cases             what is compared, and what it has shown
 *	interrupt         SIGINT and its like
 *	manifest          the derived manifest (pure)
 *	kafka             offsets, groups and topics
 *	produce           records of our own
 *	child             a `forebay run`, from its start to its end
 *	proc              what a tree of processes has used
 *	processor         what this machine has
 *	run               one run: throughput
 *	latency           one run: latency at a fixed rate
 *	progress          the bar
 *	report            figures, table and JSON
 *	html              the page
 */
#ifndef FBY_COMPARE_H
#define FBY_COMPARE_H

#include "shared/fby.h"

struct fby_manifest;
struct fby_options;

/* The whole command; the exit status. */
int fby_compare(const struct fby_manifest *m, const struct fby_options *o);

#endif
