/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group seen from outside, while a runtime that is a member of its own
 * moves the records: partitions, ends of the log and committed offsets, asked
 * of the broker every few seconds by a client that never joins.
 *
 * They are those of all of the group, whichever host a partition is on: which
 * are its own, a foreign member does not say.  (Numaflow's pending is of all
 * partitions, too.)  What the broker has not said for a while is unknown.
 *
 * Where our master is a member, too (a canary), what it holds it knows better.
 */
#ifndef FBY_GROUP_VIEW_H
#define FBY_GROUP_VIEW_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "shared/boundary/metadata.h"
#include "shared/kafka/queue.h"

#include "master/group/request.h"
#include "master/group/survey.h"

typedef struct rd_kafka_s rd_kafka_t;
struct fby_context;

struct fby_group_view_part {
	char *topic;
	int32_t partition;
	int64_t committed, watermark; /* FBY_NONE: none, or unknown */
	int64_t first, end;           /* FBY_NONE: unknown */
	bool is_there;
};

struct fby_group_view {
	struct fby_context *ctx;
	rd_kafka_t *rk;            /* NULL: not looking */
	struct fby_kafka_queue kq; /* events and replies */
	struct event ev_look;
	struct fby_call *topics; /* under way, or NULL */
	struct fby_survey survey;
	struct fby_group_view_part *parts; /* by topic and number */
	size_t nparts;
	unsigned failed; /* looks, one after the other */
	bool is_known;   /* the last of them said something */
	bool is_login_refused;
	int64_t looked_at; /* monotonic: the last that went well */
	double rate;       /* records committed in a second, since then */
};

void fby_group_view_init(struct fby_group_view *o, struct fby_context *ctx);

/* Begin, with the manifest in force; end, and forget. */
void fby_group_view_start(struct fby_group_view *o);
void fby_group_view_stop(struct fby_group_view *o);

/* end - max(committed, start of the log), never negative; FBY_NONE. */
static inline int64_t
fby_group_view_part_lag(const struct fby_group_view_part *p)
{
	int64_t from = FBY_MAX(p->committed, p->first);

	return p->end < 0 || from < 0 ? FBY_NONE : FBY_MAX(p->end - from, 0);
}

/* The oldest that was committed, as fby_offsets has it; FBY_NONE. */
static inline int64_t
fby_group_view_watermark(const struct fby_group_view *o)
{
	int64_t min = INT64_MAX;

	for (size_t i = 0; i < o->nparts; i++)
		if (o->parts[i].committed >= 0)
			min = FBY_MIN(min, o->parts[i].watermark);
	return min == INT64_MAX ? FBY_NONE : min;
}

#endif
