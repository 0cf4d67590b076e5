/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auto.offset.reset: latest means from when the group was first seen; see
 * offsets_own.h.
 */
#include "shared/fby.h"

#include "master/group/offsets_own.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/log.h"
#include "shared/boundary/metadata.h"

#include "master/base/context.h"
#include "master/group/commit.h"
#include "master/group/group.h"
#include "master/group/topics.h"
#include "master/handoff/handoff.h"

#define SIBLINGS_MS 3000

/* ---- the round -------------------------------------------------------- */

size_t
fby_offsets_end_of_topic(const struct fby_offsets *o, size_t i)
{
	const char *topic = o->parts[i].pt->topic;

	while (i < o->nparts && strcmp(o->parts[i].pt->topic, topic) == 0)
		i++;
	return i;
}

int
fby_offsets_size_of(const struct fby_offsets *o, size_t i, size_t end)
{
	const struct fby_topics_id *id = fby_topics_find(o->topics,
	    o->parts[i].pt->topic);

	return FBY_MAX(id ? id->partitions : 0,
	    o->parts[end - 1].pt->partition + 1);
}

/* ---- is it a partition that was added? -------------------------------- */

/* "latest" means from when the group was first seen, and it is asked now. */
static bool
is_fresh(const struct fby_offsets *o, const struct fby_offsets_part *op)
{
	return o->reset == FBY_RESET_LATEST && op->is_known && !op->doubt &&
	    op->committed == FBY_NONE && op->pt->resume == FBY_NONE;
}

/*
 * What the group has committed of one partition of the topic: from which number
 * on were there none when it began with that one?  If its metadata do not say,
 * it may have been before all others.  INT32_MAX: nothing is committed.
 */
static int32_t
later_from(const rd_kafka_topic_partition_t *tp, const struct fby_topics_id *id)
{
	uint64_t of = fby_metadata_topic_id(tp->metadata, tp->metadata_size);

	if (tp->offset < 0)
		return INT32_MAX;
	/* All partitions of a topic made anew are later ones. */
	if (id && id->id != 0 && of != 0 && of != id->id)
		return 0;
	return (int32_t)FBY_MIN(fby_metadata_partitions(tp->metadata,
				    tp->metadata_size),
	    (uint32_t)INT32_MAX);
}

/* Those of one topic, [i, end), by what is committed of it from *k on. */
static void
judge_topic(struct fby_offsets *o, size_t i, size_t end,
    const rd_kafka_topic_partition_list_t *list, int *k)
{
	const char *topic = o->parts[i].pt->topic;
	const struct fby_topics_id *id = fby_topics_find(o->topics, topic);
	int32_t from = INT32_MAX;
	bool err = false;

	while (*k < list->cnt && strcmp(list->elems[*k].topic, topic) < 0)
		++*k;
	for (; *k < list->cnt && strcmp(list->elems[*k].topic, topic) == 0;
	     ++*k) {
		err |= list->elems[*k].err != 0;
		from = FBY_MIN(from, later_from(&list->elems[*k], id));
	}
	for (; i < end; i++) {
		struct fby_offsets_part *op = &o->parts[i];

		if (!is_fresh(o, op))
			continue;
		op->is_known = !err; /* else it is asked anew */
		op->is_later = op->pt->partition >= from;
	}
}

static void
on_siblings(void *arg, rd_kafka_topic_partition_list_t *list, int err)
{
	struct fby_offsets *o = arg;
	int k = 0;

	o->siblings = NULL;
	if (err)
		fby_info("offsets: committed of all partitions: %s",
		    rd_kafka_err2str(err));
	for (int i = 0; err && i < list->cnt; i++)
		list->elems[i].err = err;
	rd_kafka_topic_partition_list_sort(list, NULL, NULL);
	for (size_t i = 0, end; i < o->nparts; i = end) {
		end = fby_offsets_end_of_topic(o, i);
		judge_topic(o, i, end, list, &k);
	}
	fby_offsets_decide(o);
}

void
fby_offsets_ask_siblings(struct fby_offsets *o)
{
	rd_kafka_topic_partition_list_t *list = NULL;

	for (size_t i = 0, end; i < o->nparts; i = end) {
		bool any = false;

		end = fby_offsets_end_of_topic(o, i);
		for (size_t k = i; k < end; k++)
			any |= is_fresh(o, &o->parts[k]);
		if (!any)
			continue;
		if (list == NULL)
			list = rd_kafka_topic_partition_list_new(16);
		rd_kafka_topic_partition_list_add_range(list,
		    o->parts[i].pt->topic, 0,
		    fby_offsets_size_of(o, i, end) - 1);
	}
	if (list)
		o->siblings = fby_call_committed(&o->ctx->calls, o->group->rk,
		    list, SIBLINGS_MS, on_siblings, o);
	else
		fby_offsets_decide(o);
}

/* ---- committed before it is read from --------------------------------- */

/*
 * "latest" is the end of the log as it is now, and nobody finds it again: if
 * this member died before its first commit, the next one would begin at a later
 * end and leave out what was written meanwhile.  So this start is committed
 * before anybody reads from it.  So is the start where a log was cut, in place
 * of what was committed beyond the cut.  (Nobody has the partition, and none of
 * its transactions is open, so there is none of a worker's that this could
 * rewind.)
 */
void
fby_offsets_commit_first(struct fby_offsets *o, struct fby_offsets_part *op,
    uint64_t topic_id, int64_t start, int32_t epoch, int64_t watermark)
{
	fby_offsets_keep_size(o, op);
	op->is_to_commit = true;
	op->topic_id = topic_id;
	op->start = start;
	op->start_epoch = epoch;
	op->start_watermark = watermark;
}

/*
 * librdkafka gives the error of one topic to all.  The starts that the broker
 * did take are committed nevertheless, and the next round finds them so.
 */
void
fby_offsets_on_first(void *arg, rd_kafka_event_t *ev)
{
	struct fby_offsets *o = arg;
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
	bool all = o->all_known && !err;

	if (err)
		fby_info("offsets: the start is not committed yet: %s",
		    rd_kafka_err2str(err));
	for (size_t i = 0; i < o->nparts; i++) {
		struct fby_offsets_part *op = &o->parts[i];

		if (!op->is_to_commit)
			continue;
		if (op->pt->state != FBY_ROW_RESOLVING ||
		    op->pt->round != op->round)
			o->again = true;
		else if (err)
			op->pt->no_start = fby_commit_is_overtaken(err) ?
			    NULL :
			    "the broker does not take its start as committed";
		else
			fby_offsets_resolved(o, op, op->topic_id, op->start,
			    op->start, op->start_epoch, op->start_watermark);
	}
	fby_offsets_end_round(o, all);
}

static void
add_start(const struct fby_offsets *o, rd_kafka_topic_partition_list_t *list,
    const struct fby_offsets_part *op)
{
	char buf[FBY_METADATA_MAX];
	rd_kafka_topic_partition_t *tp;
	size_t len;

	tp = rd_kafka_topic_partition_list_add(list, op->pt->topic,
	    op->pt->partition);
	tp->offset = op->start;
	rd_kafka_topic_partition_set_leader_epoch(tp, op->start_epoch);
	len = fby_metadata_encode(buf,
	    fby_handoff_believed(o->handoff, op->start_watermark), op->topic_id,
	    op->pt->partitions);
	tp->metadata = len > 0 ? strdup(buf) : NULL; /* librdkafka frees it */
	tp->metadata_size = tp->metadata ? len : 0;
}

bool
fby_offsets_send_first(struct fby_offsets *o)
{
	rd_kafka_topic_partition_list_t *list = NULL;
	const struct fby_group *g = o->group;
	rd_kafka_resp_err_t err;

	for (size_t i = 0; i < o->nparts; i++) {
		if (!o->parts[i].is_to_commit)
			continue;
		if (list == NULL)
			list = rd_kafka_topic_partition_list_new(16);
		add_start(o, list, &o->parts[i]);
	}
	if (list == NULL)
		return false;
	o->first_commit.under_way = 1;
	err = rd_kafka_commit_queue(g->rk, list, g->replies.queue, NULL,
	    &o->first_commit);
	rd_kafka_topic_partition_list_destroy(list);
	if (err) {
		fby_error("offsets: commit: %s", rd_kafka_err2str(err));
		o->first_commit.under_way = 0;
		fby_offsets_end_round(o, false);
	}
	return true;
}
