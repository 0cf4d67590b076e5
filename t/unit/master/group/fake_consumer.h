/* SPDX-License-Identifier: Apache-2.0 */
/*
 * librdkafka's consumer, as far as the group member sees it: a script of
 * events, and a note of each call; and the hand-over, which notes, too.
 */
#ifndef FBY_UNIT_FAKE_CONSUMER_H
#define FBY_UNIT_FAKE_CONSUMER_H

#include "t/unit/unit.h"

#include "t/unit/calls.h"
#include "t/unit/master/group/fake_rdkafka.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>

#include "master/base/call.h"
#include "master/group/group.h"
#include "master/handoff/handoff.h"
#include "shared/base/err.h"
#include "shared/base/mem.h"
#include "shared/kafka/kafka.h"

struct rd_kafka_error_s {
	char unused;
};
struct rd_kafka_consumer_group_metadata_s {
	char unused;
};

static struct rd_kafka_op_s *pending[16]; /* events to come, in order */
static size_t npending, nevents;          /* nevents: not destroyed yet */
static bool is_incremental, is_lost, is_closed, cannot_open, has_no_member_id;
static int32_t generation;
static rd_kafka_resp_err_t fatal, subscribed;
static fby_call_destroyed_fn *on_destroyed;
static void *on_destroyed_arg;
static size_t nheld; /* partitions that are ours */
static const char *setting_protocol, *setting_instance;
static rd_kafka_error_t an_error;
static rd_kafka_consumer_group_metadata_t metadata;

/* An event that the next poll of a queue has; `partitions` of topic t. */
FBY_UNUSED static void
comes(rd_kafka_event_type_t type, rd_kafka_resp_err_t err, int partitions)
{
	struct rd_kafka_op_s *ev = fby_calloc(1, sizeof(*ev));

	ev->type = type;
	ev->err = err;
	ev->text = "as the broker says";
	ev->list = rd_kafka_topic_partition_list_new(partitions);
	for (int i = 0; i < partitions; i++)
		rd_kafka_topic_partition_list_add(ev->list, "t", i);
	pending[npending++] = ev;
	nevents++;
}

/* ---- the client ------------------------------------------------------- */

rd_kafka_conf_t *
fby_kafka_conf(const struct fby_manifest *m, enum fby_kafka_client role,
    struct fby_err *err)
{
	(void)m;
	(void)role;
	(void)err;
	return (rd_kafka_conf_t *)calls;
}

rd_kafka_t *
fby_kafka_new(const struct fby_manifest *m, enum fby_kafka_client role,
    rd_kafka_conf_t *conf, struct fby_err *err)
{
	(void)m;
	(void)role;
	(void)conf;
	note("new");
	if (!cannot_open)
		return (rd_kafka_t *)calls;
	fby_err_add(err, (struct fby_pos){ 0 }, "no such CA file");
	return NULL;
}

rd_kafka_conf_res_t
rd_kafka_conf_get(const rd_kafka_conf_t *conf, const char *name, char *dest,
    size_t *size)
{
	const char *value = strcmp(name, "group.protocol") == 0 ?
	    setting_protocol :
	    strcmp(name, "group.instance.id") == 0    ? setting_instance :
	    strcmp(name, "session.timeout.ms") == 0   ? "45000" :
	    strcmp(name, "max.poll.interval.ms") == 0 ? "300000" :
							NULL;

	(void)conf;
	if (value == NULL)
		return RD_KAFKA_CONF_UNKNOWN;
	*size = (size_t)snprintf(dest, *size, "%s", value) + 1;
	return RD_KAFKA_CONF_OK;
}

int
fby_kafka_queue_open(struct fby_kafka_queue *kq, struct event_base *base,
    rd_kafka_queue_t *queue, event_callback_fn on_queue, void *arg)
{
	(void)base;
	(void)on_queue;
	(void)arg;
	kq->queue = queue;
	return 0;
}

void
fby_kafka_queue_close(struct fby_kafka_queue *kq)
{
	kq->queue = NULL;
}

void
fby_kafka_queue_wake(struct fby_kafka_queue *kq)
{
	(void)kq;
}

rd_kafka_resp_err_t
rd_kafka_subscribe(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
	(void)rk;
	note("subscribe:%d", list->cnt);
	return subscribed;
}

rd_kafka_resp_err_t
rd_kafka_unsubscribe(rd_kafka_t *rk)
{
	(void)rk;
	note("unsubscribe");
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_error_t *
rd_kafka_incremental_assign(rd_kafka_t *rk,
    const rd_kafka_topic_partition_list_t *list)
{
	(void)rk;
	note("incremental_assign:%d", list->cnt);
	return NULL;
}

rd_kafka_error_t *
rd_kafka_incremental_unassign(rd_kafka_t *rk,
    const rd_kafka_topic_partition_list_t *list)
{
	(void)rk;
	note("incremental_unassign:%d", list->cnt);
	return NULL;
}

rd_kafka_resp_err_t
rd_kafka_assign(rd_kafka_t *rk, const rd_kafka_topic_partition_list_t *list)
{
	(void)rk;
	if (list)
		note("assign:%d", list->cnt);
	else
		note("assign:none");
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_error_t *
rd_kafka_consumer_close_queue(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
	(void)rk;
	(void)queue;
	note("close");
	return NULL;
}

char *
rd_kafka_memberid(const rd_kafka_t *rk)
{
	(void)rk;
	return has_no_member_id ? NULL : fby_strdup("member-1");
}

rd_kafka_resp_err_t
rd_kafka_fatal_error(rd_kafka_t *rk, char *text, size_t size)
{
	(void)rk;
	snprintf(text, size, "the end");
	return fatal;
}

void
fby_call_destroy(struct fby_calls *c, rd_kafka_t *rk, fby_call_destroyed_fn *fn,
    void *arg)
{
	(void)c;
	(void)rk;
	note("destroy");
	on_destroyed = fn;
	on_destroyed_arg = arg;
}

/* clang-format off: what these say is all there is to them. */
rd_kafka_resp_err_t
rd_kafka_poll_set_consumer(rd_kafka_t *rk)
{
	(void)rk;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}
rd_kafka_resp_err_t
rd_kafka_set_log_queue(rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
	(void)rk;
	(void)queue;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}
rd_kafka_queue_t *
rd_kafka_queue_get_consumer(rd_kafka_t *rk)
{
	return (rd_kafka_queue_t *)rk;
}
rd_kafka_queue_t *
rd_kafka_queue_new(rd_kafka_t *rk)
{
	return (rd_kafka_queue_t *)rk;
}
const char *
rd_kafka_rebalance_protocol(rd_kafka_t *rk)
{
	(void)rk;
	return is_incremental ? "COOPERATIVE" : "EAGER";
}
int
rd_kafka_assignment_lost(rd_kafka_t *rk)
{
	(void)rk;
	return is_lost;
}
int
rd_kafka_consumer_closed(rd_kafka_t *rk)
{
	(void)rk;
	return is_closed;
}
const char *
rd_kafka_err2name(rd_kafka_resp_err_t err)
{
	(void)err;
	return "SOME_ERROR";
}
void
rd_kafka_error_destroy(rd_kafka_error_t *error)
{
	(void)error;
}
const char *
rd_kafka_error_string(const rd_kafka_error_t *error)
{
	(void)error;
	return "an error";
}
void
rd_kafka_mem_free(rd_kafka_t *rk, void *p)
{
	(void)rk;
	free(p);
}
rd_kafka_consumer_group_metadata_t *
rd_kafka_consumer_group_metadata(rd_kafka_t *rk)
{
	(void)rk;
	return &metadata;
}
void
rd_kafka_consumer_group_metadata_destroy(rd_kafka_consumer_group_metadata_t *md)
{
	(void)md;
}
int32_t
rd_kafka_consumer_group_metadata_generation_id(
    const rd_kafka_consumer_group_metadata_t *md)
{
	(void)md;
	return generation;
}
/* clang-format on */

rd_kafka_error_t *
rd_kafka_consumer_group_metadata_write(const rd_kafka_consumer_group_metadata_t
					   *md,
    void **bytes, size_t *size)
{
	(void)md;
	if (generation == 0)
		return &an_error;
	*bytes = fby_strdup("g0");
	((char *)*bytes)[1] = (char)('0' + generation);
	*size = 2;
	return NULL;
}

/* ---- events ----------------------------------------------------------- */

rd_kafka_event_t *
rd_kafka_queue_poll(rd_kafka_queue_t *queue, int timeout_ms)
{
	rd_kafka_event_t *ev = pending[0];

	(void)queue;
	(void)timeout_ms;
	if (npending == 0)
		return NULL;
	memmove(pending, pending + 1, --npending * sizeof(*pending));
	return ev;
}

void
rd_kafka_event_destroy(rd_kafka_event_t *ev)
{
	rd_kafka_topic_partition_list_destroy(ev->list);
	free(ev);
	nevents--;
}

/* clang-format off */
rd_kafka_event_type_t rd_kafka_event_type(const rd_kafka_event_t *ev)
	{ return ev->type; }
int rd_kafka_event_error_is_fatal(rd_kafka_event_t *ev)
	{ return ev->err == RD_KAFKA_RESP_ERR__FATAL; }
int rd_kafka_event_log(rd_kafka_event_t *ev, const char **fac,
    const char **text, int *level)
	{ (void)ev; (void)fac; (void)text; (void)level; return -1; }
void *rd_kafka_event_opaque(rd_kafka_event_t *ev) { return ev->opaque; }
const rd_kafka_ListOffsets_result_t *
rd_kafka_event_ListOffsets_result(rd_kafka_event_t *ev)
	{ return (const void *)ev; }
/* clang-format on */

/* Of each partition of the list one, with that error. */
const rd_kafka_ListOffsetsResultInfo_t **
rd_kafka_ListOffsets_result_infos(const rd_kafka_ListOffsets_result_t *result,
    size_t *n)
{
	static const rd_kafka_ListOffsetsResultInfo_t *infos[4];
	const struct rd_kafka_op_s *ev = (const void *)result;

	*n = (size_t)ev->list->cnt;
	for (size_t i = 0; i < *n; i++)
		infos[i] = (const void *)&ev->list->elems[i];
	return infos;
}

const rd_kafka_topic_partition_t *
rd_kafka_ListOffsetsResultInfo_topic_partition(
    const rd_kafka_ListOffsetsResultInfo_t *info)
{
	return (const void *)info;
}

/* ---- the hand-over, and standing by ------------------------------------ */

int
fby_handoff_assign(struct fby_handoff *h, const char *topic, int32_t partition)
{
	(void)h;
	note("+%s/%d", topic, partition);
	return 0;
}

void
fby_handoff_revoke(struct fby_handoff *h, const char *topic, int32_t partition,
    bool lost, int64_t drain_ms)
{
	(void)h;
	note("%s%s/%d:%lld", lost ? "!" : "-", topic, partition,
	    (long long)drain_ms);
}

void
fby_handoff_revoke_all(struct fby_handoff *h, bool lost, int64_t drain_ms)
{
	(void)h;
	note("%sall:%lld", lost ? "!" : "-", (long long)drain_ms);
}

size_t
fby_handoff_ours(const struct fby_handoff *h)
{
	(void)h;
	return nheld;
}

void
fby_instance_init(struct fby_instance *in, struct fby_context *ctx,
    void (*is_free)(void *arg), void *arg)
{
	in->ctx = ctx;
	in->is_free = is_free;
	in->arg = arg;
}

void
fby_instance_wait(struct fby_instance *in, const char *id)
{
	(void)in;
	note("stand_by:%s", id);
}

void
fby_instance_stop(struct fby_instance *in)
{
	(void)in;
}

#endif
