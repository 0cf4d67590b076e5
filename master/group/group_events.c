/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the group member hears: errors, log lines and replies; see group_own.h.
 */
#include "shared/fby.h"

#include "master/group/group.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/str.h"

#include "master/base/context.h"
#include "master/group/group_own.h"
#include "master/handoff/handoff.h"

/* ---- errors and logs -------------------------------------------------- */

void
fby_group_refused(struct fby_group *g, const char *fmt, ...)
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
		fby_group_refused(g, "%s: %s; joining anew%s",
		    rd_kafka_err2name(code), text, hint(code));
	fby_handoff_revoke_all(g->handoff, true, 0);
	fby_group_close(g);
	if (g->ctx->state != FBY_CYCLE_RUNNING)
		g->ops->closed(g->arg);
	else if (fenced)
		fby_instance_wait(&g->instance, g->instance_id);
	else
		fby_group_open_later(g);
}

/* Something that is not about a topic, a log-in, or all brokers. */
static void
on_other_error(struct fby_group *g, rd_kafka_resp_err_t err, const char *text)
{
	/* Below 0 are librdkafka's own, of connections; it tries again. */
	if (err < 0)
		fby_group_health_broken(&g->health, text);
	else if (g->state == FBY_GROUP_JOINING)
		fby_group_refused(g, "%s%s", text, hint(err));
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
		fby_group_refused(g, "%s", text);
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

void
fby_group_dispatch(struct fby_group *g, rd_kafka_event_t *ev)
{
	bool fatal = false;

	switch (rd_kafka_event_type(ev)) {
	case RD_KAFKA_EVENT_REBALANCE:
		fby_group_on_rebalance(g, ev);
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
