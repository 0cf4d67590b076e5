/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group member; see group.h.
 *
 * rd_kafka_queue_poll() counts as the poll that max.poll.interval.ms waits
 * for, hence the timer: an idle master must go on polling.
 */
#include "shared/fby.h"

#include "master/group/group.h"

#include <errno.h>
#include <event2/event.h>
#include <librdkafka/rdkafka.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/handoff/handoff.h"

#define POLL_MS 1000
#define LEAVE_POLL_MS 5
#define CLOSE_MS 5000
#define JOIN_MS 30000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define MAX_POLL_DEFAULT_MS 300000

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

static void
set_state(struct fby_group *g, enum fby_group_state to)
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
	set_state(g, FBY_GROUP_STEADY);
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
		set_state(g, FBY_GROUP_REVOKING);
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
		set_state(g, FBY_GROUP_JOINING);
}

static void
on_rebalance(struct fby_group *g, rd_kafka_event_t *ev)
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

/* ---- errors and logs -------------------------------------------------- */

static void close_client(struct fby_group *g);

static void
open_later(struct fby_group *g)
{
	struct timeval tv;

	g->retry_ms = g->retry_ms == 0 ? RETRY_MIN_MS :
					 FBY_MIN(g->retry_ms * 2, RETRY_MAX_MS);
	tv = fby_clock_tv(g->retry_ms);
	evtimer_add(&g->ev_retry, &tv);
}

static void refused(struct fby_group *g, const char *fmt, ...) FBY_PRINTF(2, 3);

/* There is no membership, and this is why. */
static void
refused(struct fby_group *g, const char *fmt, ...)
{
	va_list ap;
	char *why;

	va_start(ap, fmt);
	why = fby_vasprintf(fmt, ap);
	va_end(ap);
	fby_group_health_refused(&g->health, why);
	free(why);
	fby_group_look(g);
}

/* What the broker's word means for the operator's settings; "": no more. */
static const char *
hint(rd_kafka_resp_err_t err)
{
	switch (err) {
	case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
		return "; the other members have another "
		       "partition.assignment.strategy or group.protocol";
	case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
		return "; session.timeout.ms is outside of the broker's "
		       "group.min.session.timeout.ms and "
		       "group.max.session.timeout.ms";
	case RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED:
		return "; the broker's group.max.size is reached";
	/* With group.protocol=consumer it is the new one that has to wait. */
	case RD_KAFKA_RESP_ERR_UNRELEASED_INSTANCE_ID:
		return "; another process has this group.instance.id, or its "
		       "session is not over yet";
	default:
		return "";
	}
}

/* The client is of no use any more: drop everything and make another. */
static void
on_fatal(struct fby_group *g)
{
	rd_kafka_resp_err_t code;
	char text[512] = "";
	bool fenced;

	code = rd_kafka_fatal_error(g->rk, text, sizeof(text));
	fenced = code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID && g->instance_id;
	/* That has an alarm of its own. */
	if (!fenced)
		refused(g, "%s: %s; joining anew%s", rd_kafka_err2name(code),
		    text, hint(code));
	fby_handoff_revoke_all(g->handoff, true, 0);
	close_client(g);
	if (g->ctx->state != FBY_CYCLE_RUNNING)
		g->ops->closed(g->arg);
	else if (fenced)
		fby_instance_wait(&g->instance, g->instance_id);
	else
		open_later(g);
}

/* Something that is not about a topic, a log-in, or all brokers. */
static void
on_other_error(struct fby_group *g, rd_kafka_resp_err_t err, const char *text)
{
	/* Below 0 are librdkafka's own, of connections; it tries again. */
	if (err < 0)
		fby_group_health_broken(&g->health, text);
	else if (g->state == FBY_GROUP_JOINING)
		refused(g, "%s%s", text, hint(err));
	fby_info("kafka: %s: %s", rd_kafka_err2name(err), text);
}

static void
on_error(struct fby_group *g, rd_kafka_event_t *ev)
{
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
	const char *text = rd_kafka_event_error_string(ev);

	switch (err) {
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
		fby_group_health_down(&g->health, fby_clock_mono());
		fby_group_look(g);
		g->ops->topics(g->arg, NULL);
		break;
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
		g->is_login_refused = true;
		fby_group_health_unauthorized(&g->health, text);
		fby_group_look(g);
		/* With the secrets as they are then. */
		g->ops->topics(g->arg, NULL);
		break;
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
		fby_group_health_topic_denied(&g->health, text);
		fby_group_look(g);
		break;
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		fby_group_health_unauthorized(&g->health, text);
		fby_group_look(g);
		break;
	case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
	case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
	case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
		g->ops->topics(g->arg, text);
		break;
	case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
		refused(g, "%s", text);
		break;
	default:
		on_other_error(g, err, text);
	}
}

void
fby_group_logged_in(struct fby_group *g)
{
	if (!g->is_login_refused)
		return;
	g->is_login_refused = false;
	fby_group_health_authorized(&g->health);
	fby_group_look(g);
}

void
fby_group_topics_seen(struct fby_group *g)
{
	fby_group_health_topics_seen(&g->health);
	fby_group_look(g);
}

void
fby_group_committed(struct fby_group *g)
{
	fby_group_health_authorized(&g->health);
	fby_group_look(g);
}

void
fby_group_answered(struct fby_group *g)
{
	fby_group_health_answered(&g->health, fby_clock_mono());
	fby_group_look(g);
}

void
fby_group_look(struct fby_group *g)
{
	fby_group_health_look(&g->health, &g->ctx->alarms, g->rk != NULL,
	    fby_clock_mono());
}

static void
on_log(rd_kafka_event_t *ev)
{
	const char *fac, *text;
	int level;

	/*
	 * Its errors come as events, too, and are judged there; here a broken
	 * connection is a detail, said at every attempt.
	 */
	if (rd_kafka_event_log(ev, &fac, &text, &level) == 0)
		fby_debug("kafka: %s: %s", fac, text);
}

/* ---- events ----------------------------------------------------------- */

/*
 * Errors below 0 are librdkafka's own: it has had no answer.  ListOffsets has
 * those of its requests with the partitions, and none for all of them; an
 * offset is what only a broker tells.
 */
static bool
is_answer(rd_kafka_event_t *ev)
{
	const rd_kafka_ListOffsetsResultInfo_t **infos;
	size_t n = 0;

	if (rd_kafka_event_error(ev) < 0)
		return false;
	if (rd_kafka_event_type(ev) != RD_KAFKA_EVENT_LISTOFFSETS_RESULT)
		return true;
	infos =
	    rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(
						  ev),
		&n);
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_topic_partition_t *tp =
		    rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);

		if (!tp->err && tp->offset >= 0)
			return true;
	}
	return false;
}

static void
on_reply(struct fby_group *g, rd_kafka_event_t *ev)
{
	struct fby_request *req = rd_kafka_event_opaque(ev);

	req->under_way--;
	if (is_answer(ev))
		fby_group_answered(g);
	if (!rd_kafka_event_error(ev))
		g->retry_ms = 0;
	req->fn(req->arg, ev);
}

static void
dispatch(struct fby_group *g, rd_kafka_event_t *ev)
{
	bool fatal = false;

	switch (rd_kafka_event_type(ev)) {
	case RD_KAFKA_EVENT_REBALANCE:
		on_rebalance(g, ev);
		return;
	case RD_KAFKA_EVENT_ERROR:
		fatal = rd_kafka_event_error(ev) == RD_KAFKA_RESP_ERR__FATAL ||
		    rd_kafka_event_error_is_fatal(ev);
		if (!fatal)
			on_error(g, ev);
		break;
	case RD_KAFKA_EVENT_LOG:
		on_log(ev);
		break;
	case RD_KAFKA_EVENT_OFFSET_COMMIT:
	case RD_KAFKA_EVENT_LISTOFFSETS_RESULT:
	case RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT:
		on_reply(g, ev);
		break;
	default:
		break;
	}
	rd_kafka_event_destroy(ev);
	if (fatal)
		on_fatal(g);
}

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
		error = rd_kafka_consumer_close_queue(g->rk, g->replies);
		if (error) {
			fby_info("group: close: %s",
			    rd_kafka_error_string(error));
			rd_kafka_error_destroy(error);
			late = true;
		}
	}
	if (!late && !rd_kafka_consumer_closed(g->rk))
		return;
	close_client(g);
	g->ops->closed(g->arg);
}

static void
serve(struct fby_group *g)
{
	rd_kafka_event_t *ev;

	/* A handler may close the client. */
	while (g->rk && (ev = rd_kafka_queue_poll(g->replies, 0)) != NULL)
		dispatch(g, ev);
	while (g->rk && (ev = rd_kafka_queue_poll(g->queue, 0)) != NULL)
		dispatch(g, ev);
	if (g->rk && g->state == FBY_GROUP_LEAVING)
		go_on_leaving(g);
}

static void
on_queue(evutil_socket_t fd, short what, void *arg)
{
	uint64_t n;
	ssize_t got = read(fd, &n, sizeof(n));

	(void)got;
	(void)what;
	serve(arg);
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
	close_client(g);
	fby_group_open(g);
}

static void
on_poll(evutil_socket_t fd, short what, void *arg)
{
	struct fby_group *g = arg;

	(void)fd;
	(void)what;
	serve(g);
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
	g->efd = -1;
	evtimer_assign(&g->ev_retry, g->ctx->base, on_retry, g);
	fby_instance_init(&g->instance, ctx, on_instance_free, g);
}

static void
learn_settings(struct fby_group *g, rd_kafka_conf_t *conf)
{
	char buf[512];
	size_t len = sizeof(buf);

	g->max_poll_ms = MAX_POLL_DEFAULT_MS;
	if (rd_kafka_conf_get(conf, "max.poll.interval.ms", buf, &len) ==
		RD_KAFKA_CONF_OK &&
	    strtoll(buf, NULL, 10) > 0)
		g->max_poll_ms = strtoll(buf, NULL, 10);
	len = sizeof(buf);
	g->session_ms = 0;
	if (rd_kafka_conf_get(conf, "session.timeout.ms", buf, &len) ==
	    RD_KAFKA_CONF_OK)
		g->session_ms = strtoll(buf, NULL, 10);
	len = sizeof(buf);
	g->is_classic = rd_kafka_conf_get(conf, "group.protocol", buf, &len) !=
		RD_KAFKA_CONF_OK ||
	    strcmp(buf, "consumer") != 0;
	len = sizeof(buf);
	free(g->instance_id);
	g->instance_id = NULL;
	if (rd_kafka_conf_get(conf, "group.instance.id", buf, &len) ==
		RD_KAFKA_CONF_OK &&
	    buf[0] != '\0')
		g->instance_id = fby_strdup(buf);
}

static rd_kafka_t *
make_client(struct fby_group *g)
{
	const struct fby_manifest *m = g->ctx->manifest;
	rd_kafka_conf_t *conf;
	rd_kafka_t *rk = NULL;
	struct fby_err err;

	fby_err_init(&err);
	conf = fby_kafka_conf(m, FBY_KAFKA_MEMBER, &err);
	if (conf) {
		learn_settings(g, conf);
		rk = fby_kafka_new(m, FBY_KAFKA_MEMBER, conf, &err);
	}
	if (rk == NULL) {
		char *all = fby_err_text(&err);

		refused(g, "%s", all);
		free(all);
	}
	fby_err_fini(&err);
	return rk;
}

static int
subscribe(struct fby_group *g)
{
	const struct fby_strings *topics = &g->ctx->manifest->topics;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t err;

	list = rd_kafka_topic_partition_list_new((int)topics->n);
	for (size_t i = 0; i < topics->n; i++)
		rd_kafka_topic_partition_list_add(list, topics->v[i],
		    RD_KAFKA_PARTITION_UA);
	err = rd_kafka_subscribe(g->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (!err)
		return 0;
	refused(g, "subscribe: %s", rd_kafka_err2str(err));
	return -1;
}

int
fby_group_open(struct fby_group *g)
{
	struct event_base *base = g->ctx->base;
	struct timeval tv = fby_clock_tv(POLL_MS);
	const uint64_t one = 1;

	if (FBY_COUNT_IF(g->rk != NULL))
		close_client(g);
	g->open_when_gone = g->is_dying;
	if (g->is_dying)
		return 0;
	g->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (g->efd == -1) {
		refused(g, "eventfd: %s", strerror(errno));
		open_later(g);
		return -1;
	}
	if ((g->rk = make_client(g)) == NULL) {
		close(g->efd);
		g->efd = -1;
		open_later(g);
		return -1;
	}
	fby_group_health_begin(&g->health, g->session_ms, fby_clock_mono());
	rd_kafka_poll_set_consumer(g->rk);
	rd_kafka_set_log_queue(g->rk, NULL);
	g->queue = rd_kafka_queue_get_consumer(g->rk);
	g->replies = rd_kafka_queue_new(g->rk);
	rd_kafka_queue_io_event_enable(g->queue, g->efd, &one, sizeof(one));
	rd_kafka_queue_io_event_enable(g->replies, g->efd, &one, sizeof(one));
	event_assign(&g->ev_queue, base, g->efd, EV_READ | EV_PERSIST, on_queue,
	    g);
	event_assign(&g->ev_poll, base, -1, EV_PERSIST, on_poll, g);
	event_add(&g->ev_queue, NULL);
	event_add(&g->ev_poll, &tv);
	set_state(g, FBY_GROUP_JOINING);
	if (subscribe(g) == -1) {
		close_client(g);
		open_later(g);
		return -1;
	}
	return 0;
}

void
fby_group_join_anew(struct fby_group *g)
{
	if (g->rk == NULL || g->state != FBY_GROUP_STEADY)
		return;
	fby_notice("group %s: leaving, and joining anew",
	    g->ctx->manifest->source.group);
	/* librdkafka subscribes when what this revokes has left. */
	if (rd_kafka_unsubscribe(g->rk) || subscribe(g) == -1) {
		fby_handoff_revoke_all(g->handoff, true, 0);
		close_client(g);
		open_later(g);
	}
}

static void
on_gone(void *arg)
{
	struct fby_group *g = arg;

	g->is_dying = false;
	if (g->open_when_gone)
		fby_group_open(g);
}

static void
close_client(struct fby_group *g)
{
	g->open_when_gone = false;
	if (g->rk == NULL)
		return;
	event_del(&g->ev_queue);
	event_del(&g->ev_poll);
	if (g->revoke) {
		rd_kafka_event_destroy(g->revoke);
		g->revoke = NULL;
	}
	g->ops->forget(g->arg);
	rd_kafka_queue_io_event_enable(g->queue, -1, NULL, 0);
	rd_kafka_queue_io_event_enable(g->replies, -1, NULL, 0);
	rd_kafka_queue_destroy(g->queue);
	rd_kafka_queue_destroy(g->replies);
	/* Left already, or there is nobody to say good-bye to. */
	fby_call_destroy(&g->ctx->calls, g->rk, on_gone, g);
	g->is_dying = true;
	close(g->efd);
	g->rk = NULL;
	g->efd = -1;
	g->epoch = -1;
	g->metadata.size = 0;
	set_state(g, FBY_GROUP_CLOSED);
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
	set_state(g, FBY_GROUP_LEAVING);
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
	close_client(g);
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
