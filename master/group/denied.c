/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the group still denied?  See denied.h.
 */
#include "shared/fby.h"

#include "master/group/denied.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/group.h"

#define ASK_MS 5000
#define WAIT_MS 3000

static void
on_committed(void *arg, rd_kafka_topic_partition_list_t *list, int err)
{
	struct fby_denied *d = arg;

	d->call = NULL;
	if (!err && list->cnt > 0 && !list->elems[0].err)
		fby_group_committed(d->group);
}

void
fby_denied_tick(struct fby_denied *d, bool can_commit)
{
	const struct fby_group *g = d->group;
	int64_t now = fby_clock_mono();
	rd_kafka_topic_partition_list_t *list;

	/* A log-in that is refused, and a join, find out by themselves. */
	if (can_commit || g->rk == NULL || g->health.unauthorized == NULL ||
	    g->is_login_refused || g->state != FBY_GROUP_STEADY ||
	    d->call != NULL || now - d->asked_at < ASK_MS)
		return;
	d->asked_at = now;
	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, d->ctx->manifest->topics.v[0],
	    0);
	d->call = fby_call_committed(&d->ctx->calls, g->rk, list, WAIT_MS,
	    on_committed, d);
}

void
fby_denied_init(struct fby_denied *d, struct fby_context *ctx,
    struct fby_group *group)
{
	*d = (struct fby_denied){ .ctx = ctx, .group = group };
}

void
fby_denied_forget(struct fby_denied *d)
{
	if (d->ctx == NULL)
		return;
	fby_call_forget(&d->ctx->calls, d->call);
	d->call = NULL;
}
