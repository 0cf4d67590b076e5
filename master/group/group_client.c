/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of the group member, from the settings to its end; see
 * group_own.h.
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

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/group_own.h"

#define POLL_MS 1000
#define RETRY_MIN_MS 1000
#define RETRY_MAX_MS 60000
#define MAX_POLL_DEFAULT_MS 300000

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
open_member(struct fby_group *g)
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

		fby_group_refused(g, "%s", all);
		free(all);
	}
	fby_err_fini(&err);
	return rk;
}

int
fby_group_subscribe(struct fby_group *g)
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
	fby_group_refused(g, "subscribe: %s", rd_kafka_err2str(err));
	return -1;
}

void
fby_group_open_later(struct fby_group *g)
{
	struct timeval tv;

	g->retry_ms = g->retry_ms == 0 ? RETRY_MIN_MS :
					 FBY_MIN(g->retry_ms * 2, RETRY_MAX_MS);
	tv = fby_clock_tv(g->retry_ms);
	evtimer_add(&g->ev_retry, &tv);
}

static void
on_gone(void *arg)
{
	struct fby_group *g = arg;

	g->is_dying = false;
	if (g->open_when_gone)
		fby_group_open(g);
}

void
fby_group_close(struct fby_group *g)
{
	g->open_when_gone = false;
	if (g->rk == NULL)
		return;
	event_del(&g->ev_poll);
	if (g->revoke) {
		rd_kafka_event_destroy(g->revoke);
		g->revoke = NULL;
	}
	g->ops->forget(g->arg);
	fby_kafka_queue_close(&g->queue);
	fby_kafka_queue_close(&g->replies);
	/* Left already, or there is nobody to say good-bye to. */
	fby_call_destroy(&g->ctx->calls, g->rk, on_gone, g);
	g->is_dying = true;
	g->rk = NULL;
	g->epoch = -1;
	g->metadata.size = 0;
	fby_group_set_state(g, FBY_GROUP_CLOSED);
}

static void
on_queue(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fby_group_serve(arg);
}

static void
on_poll(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fby_group_on_poll(arg);
}

/* Both queues and the timer lead to group.c. */
static int
listen_to_client(struct fby_group *g)
{
	struct event_base *base = g->ctx->base;
	struct timeval tv = fby_clock_tv(POLL_MS);

	event_assign(&g->ev_poll, base, -1, EV_PERSIST, on_poll, g);
	if (fby_kafka_queue_open(&g->queue, base,
		rd_kafka_queue_get_consumer(g->rk), on_queue, g) == -1 ||
	    fby_kafka_queue_open(&g->replies, base, rd_kafka_queue_new(g->rk),
		on_queue, g) == -1) {
		fby_group_refused(g, "eventfd: %s", strerror(errno));
		return -1;
	}
	event_add(&g->ev_poll, &tv);
	fby_kafka_queue_wake(&g->queue);
	return 0;
}

int
fby_group_open(struct fby_group *g)
{
	if (FBY_COUNT_IF(g->rk != NULL))
		fby_group_close(g);
	g->open_when_gone = g->is_dying;
	if (g->is_dying)
		return 0;
	if ((g->rk = open_member(g)) == NULL) {
		fby_group_open_later(g);
		return -1;
	}
	fby_group_health_begin(&g->health, g->session_ms, fby_clock_mono());
	rd_kafka_poll_set_consumer(g->rk);
	rd_kafka_set_log_queue(g->rk, NULL);
	if (listen_to_client(g) == -1) {
		fby_group_close(g);
		fby_group_open_later(g);
		return -1;
	}
	fby_group_set_state(g, FBY_GROUP_JOINING);
	if (fby_group_subscribe(g) == -1) {
		fby_group_close(g);
		fby_group_open_later(g);
		return -1;
	}
	return 0;
}
