/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What commit.c meets: a real hand-over with its ledger, and a broker that
 * answers what a test says.
 */
#ifndef FBY_UNIT_COMMIT_WORLD_H
#define FBY_UNIT_COMMIT_WORLD_H

#include "t/unit/unit.h"

#include "t/unit/master/group/fake_rdkafka.h"
#include "t/unit/master/handoff/world.h"

#include <event2/event.h>
#include <sys/time.h>

#include "master/base/context.h"
#include "master/group/commit.h"
#include "master/group/group.h"
#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

/* So long that no machine takes it for the time until a retry. */
#define INTERVAL_MS 3600000

static struct fby_manifest manifest;
static struct fby_context ctx;
static struct fby_group group;
static struct fby_commit c;

void
fby_group_committed(struct fby_group *g)
{
	assert_ptr_equal(g, &group);
	note("allowed");
}

static inline int
set_up(void **state)
{
	if (setup(state) == -1)
		return -1;
	fby_log_set_level(FBY_LOG_CRIT);
	memset(&manifest, 0, sizeof(manifest));
	memset(&ctx, 0, sizeof(ctx));
	memset(&group, 0, sizeof(group));
	manifest.host.commit_interval_ms = INTERVAL_MS;
	ctx.manifest = &manifest;
	ctx.base = event_base_new();
	group.rk = (rd_kafka_t *)calls;
	group.state = FBY_GROUP_STEADY;
	cannot_send = RD_KAFKA_RESP_ERR_NO_ERROR;
	fby_commit_init(&c, &ctx, &group, &((struct world *)*state)->h);
	/* Else the first commit has all watermarks. */
	c.watermark_at = INT64_MAX;
	*calls = '\0';
	return 0;
}

static inline int
tear_down(void **state)
{
	commit_is_lost();
	fby_commit_fini(&c);
	fby_alarm_fini(&ctx.alarms);
	event_base_free(ctx.base);
	return teardown(state);
}

/* The next is sent after a pause, or at once after a failure. */
static inline bool
is_next_soon(void)
{
	struct timeval at, now;

	assert_true(event_pending(&c.ev_timer, EV_TIMEOUT, &at));
	gettimeofday(&now, NULL);
	return at.tv_sec - now.tv_sec < INTERVAL_MS / 2000;
}

/* Partition n of a topic, read from 100 on by slot 2, and acked up to there. */
static inline struct fby_part *
read_up_to(struct world *w, const char *topic, int32_t n, int64_t acked)
{
	struct fby_part *pt;
	uint32_t at;

	assert_int_equal(fby_handoff_assign(&w->h, topic, n), 0);
	at = fby_handoff_find(&w->h, topic, n);
	pt = &w->h.parts[at];
	fby_handoff_set_committed(&w->h, pt, 100, FBY_NONE);
	fby_handoff_set_log(&w->h, pt, 0, 1000, 7);
	pt->partitions = 4;
	fby_handoff_resolved(&w->h, pt, 100, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(pt->state, FBY_ROW_HELD);
	in_flight(w, at, acked, acked + 10);
	return pt;
}

/* The same, which is given back and waits for its last commit. */
static inline struct fby_part *
waits(struct world *w, const char *topic, int64_t acked)
{
	struct fby_part *pt = read_up_to(w, topic, 0, acked);

	fby_handoff_revoke(&w->h, topic, 0, false, 1000);
	fby_handoff_released(&w->h, 2, pt->row, pt->epoch, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_RELEASED);
	return pt;
}

static inline const char *
alarm_of(enum fby_alarm a)
{
	return fby_alarm_text(&ctx.alarms, a);
}

#endif
