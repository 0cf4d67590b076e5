/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka's lists of partitions and its events, and a commit that a test
 * answers.
 */
#ifndef FBY_UNIT_FAKE_RDKAFKA_H
#define FBY_UNIT_FAKE_RDKAFKA_H

#include "t/unit/unit.h"

#include "t/unit/calls.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "master/group/request.h"
#include "shared/base/mem.h"

struct rd_kafka_op_s {
	rd_kafka_event_type_t type;
	rd_kafka_resp_err_t err;
	const char *text;
	void *opaque;
	rd_kafka_topic_partition_list_t *list;
};

/* clang-format off */
rd_kafka_resp_err_t rd_kafka_event_error(rd_kafka_event_t *ev)
	{ return ev->err; }
const char *rd_kafka_event_error_string(rd_kafka_event_t *ev)
	{ return ev->text; }
rd_kafka_topic_partition_list_t *
rd_kafka_event_topic_partition_list(rd_kafka_event_t *ev)
	{ return ev->list; }
/* clang-format on */

const char *
rd_kafka_err2str(rd_kafka_resp_err_t err)
{
	static char text[32];

	snprintf(text, sizeof(text), "error %d", (int)err);
	return text;
}

/* ---- lists ------------------------------------------------------------ */

rd_kafka_topic_partition_list_t *
rd_kafka_topic_partition_list_new(int size)
{
	rd_kafka_topic_partition_list_t *list = fby_calloc(1, sizeof(*list));

	list->elems = fby_calloc((size_t)size + 8, sizeof(*list->elems));
	list->size = size + 8;
	return list;
}

/* The topic's name is the caller's. */
rd_kafka_topic_partition_t *
rd_kafka_topic_partition_list_add(rd_kafka_topic_partition_list_t *list,
    const char *topic, int32_t partition)
{
	rd_kafka_topic_partition_t *tp = &list->elems[list->cnt++];

	assert_true(list->cnt <= list->size);
	tp->topic = (char *)(uintptr_t)topic;
	tp->partition = partition;
	tp->offset = RD_KAFKA_OFFSET_INVALID;
	return tp;
}

void
rd_kafka_topic_partition_list_add_range(rd_kafka_topic_partition_list_t *list,
    const char *topic, int32_t start, int32_t stop)
{
	for (; start <= stop; start++)
		rd_kafka_topic_partition_list_add(list, topic, start);
}

static int
by_topic_and_number(const void *va, const void *vb)
{
	const rd_kafka_topic_partition_t *a = va, *b = vb;
	int d = strcmp(a->topic, b->topic);

	return d ? d : a->partition - b->partition;
}

void
rd_kafka_topic_partition_list_sort(rd_kafka_topic_partition_list_t *list,
    int (*cmp)(const void *a, const void *b, void *arg), void *arg)
{
	(void)arg;
	assert_null(cmp);
	qsort(list->elems, (size_t)list->cnt, sizeof(*list->elems),
	    by_topic_and_number);
}

void
rd_kafka_topic_partition_list_destroy(rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < list->cnt; i++)
		free(list->elems[i].metadata);
	free(list->elems);
	free(list);
}

/* The epoch is where librdkafka has it, too; 0 here: not set. */
void
rd_kafka_topic_partition_set_leader_epoch(rd_kafka_topic_partition_t *tp,
    int32_t epoch)
{
	tp->_private = (void *)(intptr_t)(epoch + 1);
}

/* ---- commits ---------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *sent; /* not answered yet; or NULL */
static struct fby_request *sent_by;
static rd_kafka_resp_err_t cannot_send;

/* "commit:t/0@40+3[metadata]" with the leader's epoch, if there are such. */
rd_kafka_resp_err_t
rd_kafka_commit_queue(rd_kafka_t *rk,
    const rd_kafka_topic_partition_list_t *list, rd_kafka_queue_t *queue,
    void (*cb)(rd_kafka_t *rk, rd_kafka_resp_err_t err,
	rd_kafka_topic_partition_list_t *offsets, void *opaque),
    void *opaque)
{
	(void)rk;
	(void)queue;
	assert_null(cb);
	if (cannot_send) {
		note("no commit");
		return cannot_send;
	}
	assert_null(sent);
	sent = rd_kafka_topic_partition_list_new(list->cnt);
	sent_by = opaque;
	for (int i = 0; i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *tp = &list->elems[i];
		rd_kafka_topic_partition_t *copy;
		char epoch[16] = "";

		copy = rd_kafka_topic_partition_list_add(sent, tp->topic,
		    tp->partition);
		copy->offset = tp->offset;
		copy->metadata = fby_calloc(1, tp->metadata_size + 1);
		if (tp->metadata)
			memcpy(copy->metadata, tp->metadata, tp->metadata_size);
		copy->metadata_size = tp->metadata_size;
		if (tp->_private)
			snprintf(epoch, sizeof(epoch), "+%d",
			    (int)((intptr_t)tp->_private - 1));
		note("commit:%s/%d@%lld%s[%s]", tp->topic, tp->partition,
		    (long long)tp->offset, epoch, (char *)copy->metadata);
	}
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* The broker's answer to what was sent, as librdkafka tells it. */
FBY_UNUSED static void
commit_is_answered(rd_kafka_resp_err_t err)
{
	struct rd_kafka_op_s ev = {
		.type = RD_KAFKA_EVENT_OFFSET_COMMIT,
		.err = err,
		.list = sent,
	};

	assert_non_null(ev.list);
	sent = NULL;
	sent_by->under_way--;
	sent_by->fn(sent_by->arg, &ev);
	rd_kafka_topic_partition_list_destroy(ev.list);
}

/* For those that are never answered. */
FBY_UNUSED static void
commit_is_lost(void)
{
	if (sent)
		rd_kafka_topic_partition_list_destroy(sent);
	sent = NULL;
}

#endif
