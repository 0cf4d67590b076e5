/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be seen of a running master, as one JSON object: what
 * the control socket answers to `status`, and what render.c makes tables of.
 *
 * What is not known is null, never a guess; a partition that is not ours is
 * not there, unless a runtime runs that is a member of its own: then all of
 * the group's are, as far as they are seen from outside (group/view.h).  All
 * times are milliseconds, event times and points in time since 1970.
 */
#ifndef FBY_STATUS_H
#define FBY_STATUS_H

#include "shared/fby.h"

#include <jansson.h>

#include "master/pool/runtime_stats.h"

struct fby_master;
struct fby_group_view_part;
struct fby_status_text;
struct fby_str;

/*
 * As text, a line, piece by piece: with thousands of partitions all of it would
 * keep the loop from turning.  What comes before the partitions, sums, too, is
 * of one moment, that of the first piece; each partition is of that of its own.
 */
struct fby_status_text *fby_status_begin(const struct fby_master *mst);
/* Appends the next piece.  false: that was the last. */
bool fby_status_next(struct fby_status_text *t, struct fby_str *s);
void fby_status_end(struct fby_status_text *t); /* may be NULL */

/* A partition that is seen from outside: is it held here, and seen better? */
bool fby_status_is_ours(const struct fby_master *mst,
    const struct fby_group_view_part *p);

/*
 * Over all partitions that are ours, and while a foreign runtime runs over
 * those of the group's others, too; FBY_NONE if one of them is unknown, or if
 * it is not known which are ours.
 */
int64_t fby_status_total_lag(const struct fby_master *mst);

/*
 * One runtime whose processes are, or were, workers here, or are members of
 * the group by themselves.  Of the latter no more is known than that they run.
 */
struct fby_status_runtime {
	const char *name; /* borrowed */
	bool is_foreign;
	size_t workers, partitions; /* now */
	double rate;                /* records/s */
	uint64_t spawns, deaths;
	struct fby_counts done; /* by those that are gone, too */
};

/* The i-th of them; false: there are fewer. */
bool fby_status_runtime(const struct fby_master *mst, size_t i,
    struct fby_status_runtime *rt);

/* The oldest of all hosts' partitions, as last committed; FBY_NONE. */
int64_t fby_status_group_watermark(const struct fby_master *mst);

/* All of them, as the status has them; a new reference. */
json_t *fby_status_runtimes(const struct fby_master *mst);
json_t *fby_status_functions(const struct fby_master *mst);

#endif
