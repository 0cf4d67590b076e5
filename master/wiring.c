/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What modules tell, and whom: the tables of callbacks that the cycle hands to
 * the group, the hand-over, the supervisor, a reload and foreign runtimes. None
 * of them knows another.
 */
#include "shared/fby.h"

#include <event2/event.h>

#include "shared/manifest/manifest.h"

#include "master/cycle_own.h"
#include "master/handoff/plan.h"
#include "master/handoff/suspicion.h"
#include "master/master.h"

void
fby_cycle_plan_soon(struct fby_master *mst)
{
	event_active(&mst->ev_plan, EV_TIMEOUT, 1);
}

static void
on_plan(evutil_socket_t fd, short what, void *arg)
{
	struct fby_master *mst = arg;
	const struct timeval next_turn = { 0 };
	uint32_t slots[FBY_SLOTS_MAX];
	bool ready[FBY_SLOTS_MAX];
	uint32_t canaries[FBY_SLOTS_MAX];
	uint32_t isolation[FBY_ISOLATION_MAX];
	struct fby_handoff_plan pl = {
		.slots = slots,
		.ready = ready,
		.canaries = canaries,
		.canary_share = mst->ctx.manifest->host.canary.share,
		.isolation = isolation,
		.drain_ms = mst->ctx.manifest->host.drain_timeout_ms,
	};

	(void)fd;
	(void)what;
	if (mst->ctx.state != FBY_CYCLE_RUNNING)
		return;
	fby_supervisor_need_isolation(&mst->sup,
	    fby_suspicion_count(&mst->handoff));
	pl.nslots = fby_supervisor_eligible(&mst->sup, slots, ready);
	pl.ncanaries = fby_supervisor_canaries(&mst->sup, canaries);
	pl.nisolation = fby_supervisor_isolation(&mst->sup, isolation);
	if (fby_plan_make(&mst->handoff, &pl))
		evtimer_add(&mst->ev_plan, &next_turn);
}

static void
op_grant(void *arg, const struct fby_part *pt)
{
	struct fby_master *mst = arg;

	fby_supervisor_grant(&mst->sup, pt);
}

static void
op_revoke(void *arg, struct fby_part *pt, int64_t drain_ms)
{
	struct fby_master *mst = arg;

	fby_supervisor_revoke(&mst->sup, pt, drain_ms);
}

static void
op_resolve(void *arg, bool soon)
{
	struct fby_master *mst = arg;

	/* One round for all partitions of a rebalance. */
	if (soon)
		event_active(&mst->ev_resolve, EV_TIMEOUT, 1);
	else
		fby_offsets_resolve_later(&mst->offsets);
}

static void
on_resolve(evutil_socket_t fd, short what, void *arg)
{
	struct fby_master *mst = arg;

	(void)fd;
	(void)what;
	fby_offsets_resolve(&mst->offsets);
}

static void
op_commit(void *arg)
{
	struct fby_master *mst = arg;

	fby_commit_now(&mst->commit);
}

static void
op_plan(void *arg)
{
	fby_cycle_plan_soon(arg);
}

static void
op_alarm(void *arg)
{
	struct fby_master *mst = arg;

	fby_quarantine_alarm(&mst->quarantine);
}

static void
op_skipped(void *arg, const struct fby_part *pt, int64_t offset, bool done)
{
	struct fby_master *mst = arg;

	fby_quarantine_skipped(&mst->quarantine, pt, offset, done);
}

void
fby_cycle_left_soon(struct fby_master *mst)
{
	event_active(&mst->ev_left, EV_TIMEOUT, 1);
}

static void
op_left(void *arg)
{
	fby_cycle_left_soon(arg);
}

static void
on_left(evutil_socket_t fd, short what, void *arg)
{
	struct fby_master *mst = arg;

	(void)fd;
	(void)what;
	if (fby_handoff_leaving(&mst->handoff) > 0)
		return;
	fby_group_unassign(&mst->group);
	if (mst->ctx.state == FBY_CYCLE_DRAINING &&
	    fby_handoff_ours(&mst->handoff) == 0)
		fby_cycle_leave_drained(mst);
}

static void
op_roll_ended(void *arg)
{
	struct fby_master *mst = arg;

	fby_reload_continue(&mst->reload);
}

static void
op_ready(void *arg)
{
	fby_cycle_workers_ready(arg);
}

static void
op_gone(void *arg)
{
	fby_cycle_workers_gone(arg);
}

static bool
op_is_rolling(void *arg)
{
	const struct fby_master *mst = arg;

	return mst->reload.state == FBY_RELOAD_ROLLING;
}

static bool
op_is_reloading(void *arg)
{
	const struct fby_master *mst = arg;

	return mst->reload.state != FBY_RELOAD_IDLE;
}

static void
op_reopened(void *arg)
{
	struct fby_master *mst = arg;

	fby_log_file_answered(&mst->log_file);
}

const struct fby_supervisor_ops fby_wiring_supervisor = {
	.plan = op_plan,
	.ready = op_ready,
	.gone = op_gone,
	.reopened = op_reopened,
	.roll_ended = op_roll_ended,
	.is_rolling = op_is_rolling,
	.is_reloading = op_is_reloading,
};

static void
op_metadata(void *arg)
{
	struct fby_master *mst = arg;

	fby_supervisor_group(&mst->sup);
}

static void
op_topics(void *arg, const char *missing)
{
	struct fby_master *mst = arg;

	if (missing)
		fby_topics_missing(&mst->topics, missing);
	else
		fby_topics_look(&mst->topics);
}

static void
op_forget(void *arg)
{
	struct fby_master *mst = arg;

	fby_offsets_forget(&mst->offsets);
	fby_ends_forget(&mst->ends);
	fby_commit_forget(&mst->commit);
	fby_topics_forget(&mst->topics);
	fby_denied_forget(&mst->denied);
}

static void
op_closed(void *arg)
{
	fby_cycle_group_closed(arg);
}

void
fby_wiring_partitions(void *arg, rd_kafka_topic_partition_list_t *list)
{
	struct fby_master *mst = arg;

	fby_offsets_group(&mst->offsets, list);
}

const struct fby_group_ops fby_wiring_group = {
	.metadata = op_metadata,
	.revoked = op_left,
	.topics = op_topics,
	.forget = op_forget,
	.closed = op_closed,
};

static void
op_unfinished(void *arg, const struct fby_part *pt, uint64_t nrecords)
{
	struct fby_master *mst = arg;

	fby_unfinished_add(&mst->unfinished, pt, nrecords);
}

const struct fby_handoff_ops fby_wiring_handoff = {
	.grant = op_grant,
	.revoke = op_revoke,
	.resolve = op_resolve,
	.commit = op_commit,
	.left = op_left,
	.plan = op_plan,
	.alarm = op_alarm,
	.skipped = op_skipped,
	.unfinished = op_unfinished,
};

static void
op_adopt(void *arg, struct fby_manifest *m, int fd, unsigned generation)
{
	fby_cycle_adopt(arg, m, fd, generation);
}

static void
op_update_foreign(void *arg)
{
	fby_cycle_update_foreign(arg);
}

static void
op_leave(void *arg, bool keep_foreign)
{
	fby_cycle_switch(arg, keep_foreign);
}

static void
op_functions(void *arg, const struct fby_manifest *next)
{
	struct fby_master *mst = arg;

	if (next)
		fby_servers_prepare(&mst->servers, next);
	else
		fby_servers_forget(&mst->servers);
	if (next == NULL)
		fby_cycle_update_functions(mst);
}

static bool
op_is_unsettled(void *arg, int64_t since)
{
	return fby_cycle_is_unsettled(arg, since);
}

static char *
op_fault(void *arg, int64_t since)
{
	return fby_cycle_fault(arg, since);
}

const struct fby_reload_ops fby_wiring_reload = {
	.adopt = op_adopt,
	.update_foreign = op_update_foreign,
	.functions = op_functions,
	.leave = op_leave,
	.is_unsettled = op_is_unsettled,
	.fault = op_fault,
};

void
fby_wiring_foreign_gone(void *arg)
{
	fby_cycle_foreign_gone(arg);
}

void
fby_wiring_function_gone(void *arg)
{
	fby_cycle_check_out(arg);
}

/* Each is asked for from within other calls, and done in a turn of its own. */
void
fby_wiring_init(struct fby_master *mst)
{
	event_assign(&mst->ev_plan, mst->ctx.base, -1, 0, on_plan, mst);
	event_assign(&mst->ev_left, mst->ctx.base, -1, 0, on_left, mst);
	event_assign(&mst->ev_resolve, mst->ctx.base, -1, 0, on_resolve, mst);
}
