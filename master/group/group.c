/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group member: what it has, and what it does next; see group.h.
 */
#include "shared/fby.h"

#include "master/group/group.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>
#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/group_own.h"
#include "master/handoff/handoff.h"

#define LEAVE_POLL_MS 5
#define CLOSE_MS 5000
#define JOIN_MS 30000

static const char *const state_names[] = {
#define S(name, what) what,
	FBY_GROUP_STATES(S)
#undef S
};

const char *
fby_group_state_name(enum fby_group_state state)
{
	return state_names[state];
}

void
fby_group_set_state(struct fby_group *g, enum fby_group_state to)
{
	if (g->state == to)
		return;
	fby_info("group %s: %s -> %s", g->ctx->manifest->source.group,
	    state_names[g->state], state_names[to]);
	g->state = to;
	g->since = fby_clock_mono();
}

/* ---- rebalance -------------------------------------------------------- */

static bool
is_cooperative(const struct fby_group *g)
{
	const char *proto = rd_kafka_rebalance_protocol(g->rk);

	return proto && strcmp(proto, "COOPERATIVE") == 0;
}

/*
 * Answer ASSIGN or REVOKE with nothing: what the group gave us is kept in
 * the hand-over, never in librdkafka, which would fetch it.
 */
static void
answer(struct fby_group *g, bool assign)
{
	rd_kafka_topic_partition_list_t *none;
	rd_kafka_error_t *error = NULL;
	rd_kafka_resp_err_t rc = RD_KAFKA_RESP_ERR_NO_ERROR;

	none = rd_kafka_topic_partition_list_new(0);
	if (is_cooperative(g))
		error = assign ? rd_kafka_incremental_assign(g->rk, none) :
				 rd_kafka_incremental_unassign(g->rk, none);
	else
		rc = rd_kafka_assign(g->rk, assign ? none : NULL);
	rd_kafka_topic_partition_list_destroy(none);
	if (error) {
		fby_error("group: %s", rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
	} else if (rc) {
		fby_error("group: %s", rd_kafka_err2str(rc));
	}
}

/*
 * Metadata without a generation is that of a client outside of any group: the
 * broker would take offsets that come with it from anybody.
 */
static void
tell_workers(struct fby_group *g, rd_kafka_consumer_group_metadata_t *md)
{
	struct fby_msg_group msg = { .size = 0 };
	rd_kafka_error_t *error;
	void *bytes = NULL;
	size_t size = 0;

	if (g->ctx->manifest->host.delivery != FBY_EXACTLY_ONCE || g->epoch < 0)
		return;
	error = rd_kafka_consumer_group_metadata_write(md, &bytes, &size);
	if (error) {
		fby_error("group: %s", rd_kafka_error_string(error));
		rd_kafka_error_destroy(error);
		return;
	}
	if (FBY_COUNT_IF(size > sizeof(msg.bytes))) {
		fby_error("group: metadata of %zu bytes are too large", size);
	} else {
		msg.size = (uint32_t)size;
		memcpy(msg.bytes, bytes, size);
		if (msg.size != g->metadata.size ||
		    memcmp(msg.bytes, g->metadata.bytes, size) != 0) {
			g->metadata = msg;
			g->ops->metadata(g->arg);
		}
	}
	rd_kafka_mem_free(g->rk, bytes);
}

static void
learn_identity(struct fby_group *g)
{
	rd_kafka_consumer_group_metadata_t *md;
	char *id = rd_kafka_memberid(g->rk);

	free(g->member_id);
	g->member_id = id ? fby_strdup(id) : NULL;
	if (id)
		rd_kafka_mem_free(g->rk, id);
	if ((md = rd_kafka_consumer_group_metadata(g->rk)) == NULL)
		return;
	g->epoch = rd_kafka_consumer_group_metadata_generation_id(md);
	tell_workers(g, md);
	rd_kafka_consumer_group_metadata_destroy(md);
}

/*
 * With group.protocol=consumer the member's epoch moves on without a word
 * when partitions of others do.
 */
static void
look_at_epoch(struct fby_group *g)
{
	if (!g->is_classic && g->state == FBY_GROUP_STEADY && g->rk != NULL &&
	    g->ctx->manifest->host.delivery == FBY_EXACTLY_ONCE)
		learn_identity(g);
}

static void
on_assigned(struct fby_group *g, const rd_kafka_topic_partition_list_t *list)
{

	answer(g, true);
	learn_identity(g);
	g->rebalances++;
	fby_group_health_joined(&g->health, fby_clock_mono());
	fby_group_look(g);
	fby_notice("group %s, generation %d: %d partition%s assigned",
	    g->ctx->manifest->source.group, g->epoch, list->cnt,
	    list->cnt == 1 ? "" : "s");
	if (g->state == FBY_GROUP_LEAVING)
		return;
	fby_group_set_state(g, FBY_GROUP_STEADY);
	/* Stopping: what is new is not begun any more. */
	if (g->ctx->state != FBY_CYCLE_RUNNING)
		return;
	for (int i = 0; i < list->cnt; i++)
		if (fby_handoff_assign(g->handoff, list->elems[i].topic,
			list->elems[i].partition) == -1)
			fby_error("partition %s/%d: there are too many",
			    list->elems[i].topic, list->elems[i].partition);
}

/* Takes the event: it is answered when the last partition has left. */
static void
on_revoked(struct fby_group *g, rd_kafka_event_t *ev)
{
	const rd_kafka_topic_partition_list_t *list;
	bool lost = rd_kafka_assignment_lost(g->rk);
	int64_t drain_ms;

	list = rd_kafka_event_topic_partition_list(ev);
	fby_notice("group %s: %d partition%s %s",
	    g->ctx->manifest->source.group, list->cnt,
	    list->cnt == 1 ? "" : "s", lost ? "lost" : "revoked");
	/*
	 * librdkafka waits for an answer before it asks for more.  Should it
	 * not: the partitions of both leave, and one answer is for both.
	 */
	if (FBY_COUNT_IF(g->revoke != NULL))
		rd_kafka_event_destroy(g->revoke);
	g->revoke = ev;
	if (g->state == FBY_GROUP_STEADY || g->state == FBY_GROUP_JOINING)
		fby_group_set_state(g, FBY_GROUP_REVOKING);
	drain_ms = fby_group_drain_ms(g,
	    g->ctx->manifest->host.drain_timeout_ms);
	for (int i = 0; i < list->cnt; i++)
		fby_handoff_revoke(g->handoff, list->elems[i].topic,
		    list->elems[i].partition, lost, drain_ms);
	/* There is nothing left to wait for when we are on our way out. */
	if (g->state == FBY_GROUP_LEAVING)
		fby_group_unassign(g);
	else
		g->ops->revoked(g->arg);
}

void
fby_group_unassign(struct fby_group *g)
{
	rd_kafka_event_t *ev = g->revoke;

	if (ev == NULL)
		return;
	g->revoke = NULL;
	answer(g, false);
	rd_kafka_event_destroy(ev);
	if (g->state == FBY_GROUP_REVOKING)
		fby_group_set_state(g, FBY_GROUP_JOINING);
}

void
fby_group_on_rebalance(struct fby_group *g, rd_kafka_event_t *ev)
{
	switch (rd_kafka_event_error(ev)) {
	case RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS:
		on_assigned(g, rd_kafka_event_topic_partition_list(ev));
		break;
	case RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS:
		on_revoked(g, ev);
		return;
	default:
		fby_error("group: rebalance failed: %s",
		    rd_kafka_event_error_string(ev));
		answer(g, false);
	}
	rd_kafka_event_destroy(ev);
}

/* ---- events ----------------------------------------------------------- */

/*
 * librdkafka forgets its member id when it sends LeaveGroup.  Closing before
 * that would keep a static member from sending it (KIP-345).
 */
static bool
has_left(const struct fby_group *g)
{
	char *id = rd_kafka_memberid(g->rk);
	bool left = id == NULL || id[0] == '\0';

	if (id)
		rd_kafka_mem_free(g->rk, id);
	return left;
}

static void
go_on_leaving(struct fby_group *g)
{
	bool late = fby_clock_mono() >= g->close_by;
	rd_kafka_error_t *error;

	if (!g->closing) {
		if (!late && g->is_classic && !has_left(g))
			return;
		g->closing = true;
		error = rd_kafka_consumer_close_queue(g->rk, g->replies.queue);
		if (error) {
			fby_info("group: close: %s",
			    rd_kafka_error_string(error));
			rd_kafka_error_destroy(error);
			late = true;
		}
	}
	if (!late && !rd_kafka_consumer_closed(g->rk))
		return;
	fby_group_close(g);
	g->ops->closed(g->arg);
}

void
fby_group_serve(struct fby_group *g)
{
	rd_kafka_event_t *ev;

	/* A handler may close the client. */
	while (g->rk && (ev = rd_kafka_queue_poll(g->replies.queue, 0)) != NULL)
		fby_group_dispatch(g, ev);
	while (g->rk && (ev = rd_kafka_queue_poll(g->queue.queue, 0)) != NULL)
		fby_group_dispatch(g, ev);
	if (g->rk && g->state == FBY_GROUP_LEAVING)
		go_on_leaving(g);
}

/*
 * A JoinGroup that reached a coordinator which was about to go is never
 * answered, and librdkafka waits for it as long as a rebalance may take
 * (max.poll.interval.ms).  Others may well drain for a while, so this is only
 * for when that time is over, too, and the broker answers everything else.
 */
static void
check_join(struct fby_group *g)
{
	int64_t now = fby_clock_mono(), wait;

	if (fby_alarm_text(&g->ctx->alarms, FBY_ALARM_BROKER) ||
	    fby_alarm_text(&g->ctx->alarms, FBY_ALARM_AUTH) ||
	    fby_alarm_text(&g->ctx->alarms, FBY_ALARM_TOPIC))
		g->since = now;
	/* What stayed with us is read and committed meanwhile. */
	wait = fby_handoff_ours(g->handoff) > 0 ?
	    FBY_MAX(g->max_poll_ms, g->ctx->manifest->host.drain_timeout_ms) :
	    g->ctx->manifest->host.drain_timeout_ms;
	if (now - g->since < JOIN_MS + wait)
		return;
	fby_warn("group %s: no answer to the join; joining anew",
	    g->ctx->manifest->source.group);
	fby_handoff_revoke_all(g->handoff, true, 0);
	fby_group_close(g);
	fby_group_open(g);
}

void
fby_group_on_poll(struct fby_group *g)
{
	fby_group_serve(g);
	look_at_epoch(g);
	if (g->rk && g->state == FBY_GROUP_JOINING)
		check_join(g);
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct fby_group *g = arg;

	(void)fd;
	(void)what;
	if (g->rk == NULL && g->ctx->state == FBY_CYCLE_RUNNING)
		fby_group_open(g);
}

static void
on_instance_free(void *arg)
{
	on_retry(-1, 0, arg);
}

/* ---- life ------------------------------------------------------------- */

void
fby_group_init(struct fby_group *g, struct fby_context *ctx,
    struct fby_handoff *handoff, const struct fby_group_ops *ops, void *arg)
{
	memset(g, 0, sizeof(*g));
	g->ctx = ctx;
	g->handoff = handoff;
	g->ops = ops;
	g->arg = arg;
	g->epoch = -1;
	evtimer_assign(&g->ev_retry, g->ctx->base, on_retry, g);
	fby_instance_init(&g->instance, ctx, on_instance_free, g);
}

void
fby_group_join_anew(struct fby_group *g)
{
	if (g->rk == NULL || g->state != FBY_GROUP_STEADY)
		return;
	fby_notice("group %s: leaving, and joining anew",
	    g->ctx->manifest->source.group);
	/* librdkafka subscribes when what this revokes has left. */
	if (rd_kafka_unsubscribe(g->rk) || fby_group_subscribe(g) == -1) {
		fby_handoff_revoke_all(g->handoff, true, 0);
		fby_group_close(g);
		fby_group_open_later(g);
	}
}

/*
 * Unsubscribing is what makes a static member say LeaveGroup; with nothing
 * assigned locally it needs no further answer from us than to the REVOKE that
 * it brings along.  Each step shows itself only by asking, hence the timer.
 */
void
fby_group_leave(struct fby_group *g)
{
	struct timeval tv = fby_clock_tv(LEAVE_POLL_MS);

	evtimer_del(&g->ev_retry);
	/* Else a name that gets free would make us a member again. */
	fby_instance_stop(&g->instance);
	g->open_when_gone = false;
	if (g->rk == NULL) {
		fby_group_health_joined(&g->health, fby_clock_mono());
		fby_group_look(g);
		g->ops->closed(g->arg);
		return;
	}
	fby_group_unassign(g);
	/* Nothing of that matters any more. */
	fby_group_health_joined(&g->health, fby_clock_mono());
	fby_group_look(g);
	fby_group_set_state(g, FBY_GROUP_LEAVING);
	g->closing = false;
	g->close_by = fby_clock_mono() + CLOSE_MS;
	rd_kafka_unsubscribe(g->rk);
	event_add(&g->ev_poll, &tv);
}

void
fby_group_fini(struct fby_group *g)
{
	evtimer_del(&g->ev_retry);
	fby_instance_stop(&g->instance);
	fby_group_close(g);
	fby_group_health_fini(&g->health);
	free(g->member_id);
	free(g->instance_id);
	g->member_id = g->instance_id = NULL;
}

int64_t
fby_group_drain_ms(const struct fby_group *g, int64_t wish_ms)
{
	/* The rest is for the last commit and the answer. */
	return FBY_MIN(wish_ms, g->max_poll_ms - g->max_poll_ms / 5);
}
