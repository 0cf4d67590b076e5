/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another process has our group.instance.id; see instance.h.
 */
#include "shared/fby.h"

#include "master/group/instance.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"

#define LOOK_MS 3000
#define TIMEOUT_MS 2000

/* ---- who has it? ------------------------------------------------------ */

/* Coordinators name a static member after its instance: "ID-<uuid>". */
static const struct rd_kafka_group_member_info *
find_member(const struct rd_kafka_group_info *g, const char *id)
{
	const size_t len = strlen(id);

	for (int i = 0; g && i < g->member_cnt; i++) {
		const char *member = g->members[i].member_id;

		if (strncmp(member, id, len) == 0 && member[len] == '-')
			return &g->members[i];
	}
	return NULL;
}

static void
say(struct fby_instance *in, const char *host, const char *client)
{
	fby_alarm_set(&in->ctx->alarms, FBY_ALARM_INSTANCE,
	    "group.instance.id %s is used by another process, too%s%s%s%s; "
	    "waiting until that leaves the group",
	    in->id, host ? ": host " : "", host ? host : "",
	    client ? ", client " : "", client ? client : "");
}

static void
look_later(struct fby_instance *in)
{
	struct timeval tv = fby_clock_tv(LOOK_MS);

	evtimer_add(&in->ev_look, &tv);
}

static void
on_members(void *arg, const struct rd_kafka_group_info *g, int err)
{
	const struct rd_kafka_group_member_info *member;
	struct fby_instance *in = arg;

	in->call = NULL;
	member = find_member(g, in->id);
	if (member)
		say(in, member->client_host, member->client_id);
	if (member || err || g == NULL || g->err) {
		fby_debug("instance: %s", rd_kafka_err2name(err));
		look_later(in);
		return;
	}
	fby_notice("group.instance.id %s: nobody has it now; joining", in->id);
	fby_instance_stop(in);
	in->is_free(in->arg);
}

/* ---- a client that joins nothing -------------------------------------- */

static rd_kafka_t *
open_client(const struct fby_manifest *m)
{
	rd_kafka_t *rk;
	struct fby_err err;

	fby_err_init(&err);
	rk = fby_kafka_open(m, FBY_KAFKA_MEMBER, &err);
	fby_err_fini(&err);
	return rk;
}

/* Nobody reads its events: what matters is in the answers. */
static void
drop_events(rd_kafka_t *rk)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(rk);
	rd_kafka_event_t *ev;

	while ((ev = rd_kafka_queue_poll(queue, 0)) != NULL)
		rd_kafka_event_destroy(ev);
	rd_kafka_queue_destroy(queue);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct fby_instance *in = arg;
	const struct fby_manifest *m = in->ctx->manifest;

	(void)fd;
	(void)what;
	if (in->rk == NULL && (in->rk = open_client(m)) == NULL) {
		look_later(in);
		return;
	}
	drop_events(in->rk);
	in->call = fby_call_members(&in->ctx->calls, in->rk, m->source.group,
	    TIMEOUT_MS, on_members, in);
}

/* ---- life ------------------------------------------------------------- */

void
fby_instance_init(struct fby_instance *in, struct fby_context *ctx,
    void (*is_free)(void *arg), void *arg)
{
	memset(in, 0, sizeof(*in));
	in->ctx = ctx;
	in->is_free = is_free;
	in->arg = arg;
	evtimer_assign(&in->ev_look, ctx->base, on_look, in);
}

void
fby_instance_wait(struct fby_instance *in, const char *id)
{
	if (in->id != NULL)
		return;
	in->id = fby_strdup(id);
	say(in, NULL, NULL);
	on_look(-1, 0, in);
}

bool
fby_instance_is_waiting(const struct fby_instance *in)
{
	return in->id != NULL;
}

void
fby_instance_stop(struct fby_instance *in)
{
	if (in->id == NULL)
		return;
	evtimer_del(&in->ev_look);
	fby_call_forget(&in->ctx->calls, in->call);
	in->call = NULL;
	if (in->rk)
		fby_call_destroy(&in->ctx->calls, in->rk, NULL, NULL);
	in->rk = NULL;
	free(in->id);
	in->id = NULL;
	fby_alarm_clear(&in->ctx->alarms, FBY_ALARM_INSTANCE);
}
