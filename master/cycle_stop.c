/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the cycle leaves RUNNING: DRAINING, LEAVING, and then either STOPPED or,
 * with another runtime, RUNNING again; see cycle_state.h.
 *
 * Neither of the two states is for ever: each has a deadline, behind which what
 * has not ended is named and not waited for.  Who asks again shortens both.
 */
#include "shared/fby.h"

#include <event2/event.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/str.h"
#include "shared/boundary/proto.h"
#include "shared/manifest/manifest.h"

#include "master/admin/control.h"
#include "master/cycle_own.h"

#define COMMIT_GRACE_MS 5000 /* for the last commit, beyond the drain */
/* Beyond the drain, for processes to be killed and the group to be left. */
#define LEAVE_GRACE_MS 10000
#define KILL_GRACE_MS 2000 /* from SIGKILL to the exit of a function */

static void
stop_foreign(struct fby_master *mst, int64_t drain_ms)
{
	mst->keep_foreign = false;
	fby_foreign_stop(&mst->foreign, drain_ms);
	fby_foreign_stop(&mst->foreign_canary, drain_ms);
}

static void
drain_all(struct fby_master *mst, int64_t drain_ms)
{
	mst->stop_drain_ms = drain_ms;
	mst->stop_by = fby_clock_mono() + drain_ms + COMMIT_GRACE_MS;
	fby_supervisor_rest(&mst->sup);
	if (!mst->keep_foreign)
		stop_foreign(mst, drain_ms);
	if (!fby_manifest_has_workers(mst->ctx.manifest)) {
		fby_cycle_check_out(mst);
		return;
	}
	fby_handoff_revoke_all(&mst->handoff, false, drain_ms);
	fby_cycle_left_soon(mst);
}

/* Out already; again with less time.  May be the last that was waited for. */
static void
hurry_out(struct fby_master *mst, int64_t drain_ms)
{
	mst->leave_by = FBY_MIN(mst->leave_by,
	    fby_clock_mono() + drain_ms + LEAVE_GRACE_MS);
	stop_foreign(mst, drain_ms);
	fby_supervisor_stop(&mst->sup, drain_ms);
	if (mst->functions_asked)
		fby_servers_stop(&mst->servers, false, drain_ms);
	fby_cycle_check_out(mst);
}

/* The time that is given: none, if it was asked for before. */
static int64_t
begin_to_stop(struct fby_master *mst, int64_t drain_ms)
{
	if (mst->stopping) {
		fby_notice("asked to stop again: not waiting any longer");
		return 0;
	}
	mst->stopping = true;
	mst->keep_foreign = false;
	fby_notify_stopping(&mst->notify);
	return drain_ms;
}

/* What was given back before went to other hosts, in the course of things. */
static void
begin_to_count(struct fby_master *mst)
{
	mst->commit.given_up = 0;
	fby_unfinished_begin(&mst->unfinished);
}

void
fby_cycle_stop(struct fby_master *mst, int64_t drain_ms)
{
	switch (mst->ctx.state) {
	case FBY_CYCLE_RECOVERING:
		fby_cycle_set_state(mst, FBY_CYCLE_STOPPED, "asked to stop");
		event_base_loopbreak(mst->ctx.base);
		break;
	case FBY_CYCLE_RUNNING:
		drain_ms = begin_to_stop(mst, drain_ms);
		begin_to_count(mst);
		fby_cycle_set_state(mst, FBY_CYCLE_DRAINING, "asked to stop");
		drain_all(mst, drain_ms);
		fby_reload_cancel(&mst->reload);
		break;
	case FBY_CYCLE_DRAINING:
		drain_all(mst, begin_to_stop(mst, drain_ms));
		fby_reload_cancel(&mst->reload);
		break;
	case FBY_CYCLE_LEAVING:
		fby_reload_cancel(&mst->reload);
		hurry_out(mst, begin_to_stop(mst, drain_ms));
		break;
	case FBY_CYCLE_STOPPED:
	case FBY_CYCLE_NSTATES:
		break;
	}
}

void
fby_cycle_switch(struct fby_master *mst, bool keep_foreign)
{
	mst->keep_foreign = keep_foreign;
	begin_to_count(mst);
	fby_cycle_set_state(mst, FBY_CYCLE_DRAINING,
	    "going over to another runtime");
	drain_all(mst, mst->ctx.manifest->host.drain_timeout_ms);
}

/* Lanes are back and committed, or time is up: out of the group. */
void
fby_cycle_leave(struct fby_master *mst, const char *why)
{
	fby_cycle_set_state(mst, FBY_CYCLE_LEAVING, why);
	mst->group_out = mst->workers_out = mst->functions_asked = false;
	mst->leave_by = fby_clock_mono() + mst->stop_drain_ms + LEAVE_GRACE_MS;
	fby_supervisor_stop(&mst->sup, mst->stop_drain_ms);
	fby_group_leave(&mst->group);
}

void
fby_cycle_leave_drained(struct fby_master *mst)
{
	struct fby_str s;

	fby_str_init(&s);
	if (mst->unfinished.nparts > 0)
		fby_unfinished_print(&mst->unfinished, &s);
	else
		fby_str_puts(&s, "everything is drained");
	fby_str_puts(&s,
	    mst->commit.given_up       ? ", and not all is committed" :
		mst->unfinished.nparts ? "" :
					 " and committed");
	fby_cycle_leave(mst, s.p);
	fby_str_fini(&s);
}

/* What could not be given back in order; "": nothing. */
static void
print_rest(const struct fby_master *mst, struct fby_str *s)
{
	if (mst->unfinished.nparts > 0) {
		fby_str_puts(s, "; ");
		fby_unfinished_print(&mst->unfinished, s);
	}
	if (fby_handoff_ours(&mst->handoff) > 0) {
		fby_str_puts(s, "; not given back: ");
		fby_unfinished_print_held(&mst->handoff, s);
	}
	if (mst->commit.given_up > 0)
		fby_str_printf(s,
		    "; the last commit of %zu partition%s was "
		    "refused",
		    mst->commit.given_up, mst->commit.given_up == 1 ? "" : "s");
}

static void
moved_out(struct fby_master *mst)
{
	struct fby_str rest, why;

	if (mst->stopping) {
		fby_cycle_set_state(mst, FBY_CYCLE_STOPPED, "stopped");
		event_base_loopbreak(mst->ctx.base);
		return;
	}
	mst->keep_foreign = false;
	fby_group_view_stop(&mst->group_view);
	fby_scrape_stop(&mst->scrape);
	fby_str_init(&rest);
	fby_str_init(&why);
	print_rest(mst, &rest);
	fby_str_printf(&why, "runtime switched%s", rest.p);
	/* Partitions that could not be given back in time are lost to us. */
	fby_handoff_revoke_all(&mst->handoff, true, 0);
	fby_cycle_set_state(mst, FBY_CYCLE_RUNNING, why.p);
	fby_reload_switched(&mst->reload, rest.p);
	fby_str_fini(&why);
	fby_str_fini(&rest);
	fby_cycle_start_moving(mst);
	fby_reload_continue(&mst->reload);
}

/* They had to be there until now.  True if none is left. */
static bool
end_functions(struct fby_master *mst)
{
	int64_t by = fby_clock_mono() + FBY_SERVER_END_MS + KILL_GRACE_MS;

	if (!mst->functions_asked) {
		mst->functions_asked = true;
		mst->leave_by = FBY_MAX(mst->leave_by, by);
		fby_servers_stop(&mst->servers, mst->keep_foreign,
		    FBY_SERVER_END_MS);
	}
	return fby_servers_alive(&mst->servers, mst->keep_foreign) == 0;
}

/* All that had to go is gone. */
void
fby_cycle_check_out(struct fby_master *mst)
{
	size_t foreign = fby_foreign_alive(&mst->foreign) +
	    fby_foreign_alive(&mst->foreign_canary);

	if (!mst->keep_foreign && foreign > 0)
		return;
	if (mst->ctx.state == FBY_CYCLE_DRAINING &&
	    !fby_manifest_has_workers(mst->ctx.manifest)) {
		fby_cycle_set_state(mst, FBY_CYCLE_LEAVING,
		    "the runtime has exited");
		mst->group_out = mst->workers_out = true;
		mst->functions_asked = false;
	}
	if (mst->ctx.state == FBY_CYCLE_LEAVING && mst->group_out &&
	    mst->workers_out && end_functions(mst))
		moved_out(mst);
}

void
fby_cycle_group_closed(struct fby_master *mst)
{
	mst->group_out = true;
	fby_cycle_check_out(mst);
}

void
fby_cycle_workers_gone(struct fby_master *mst)
{
	mst->workers_out = true;
	fby_cycle_check_out(mst);
}

/* SIGKILL was sent, and has no effect: it waits for a disk, say. */
static void
give_up_foreign(struct fby_master *mst)
{
	fby_foreign_give_up(&mst->foreign);
	fby_foreign_give_up(&mst->foreign_canary);
	if (mst->stopping)
		mst->exit_code = FBY_EXIT_FAIL;
}

static void
end_draining(struct fby_master *mst)
{
	struct fby_str names;

	if (!fby_manifest_has_workers(mst->ctx.manifest)) {
		give_up_foreign(mst);
		fby_cycle_check_out(mst);
		return;
	}
	fby_str_init(&names);
	fby_unfinished_print_held(&mst->handoff, &names);
	fby_error(
	    "not all could be drained and committed in time: %zu "
	    "partitions left, %zu behind; the ledger is kept for the next "
	    "start: %s",
	    fby_handoff_ours(&mst->handoff), fby_commit_behind(&mst->commit),
	    names.p);
	fby_str_fini(&names);
	if (mst->stopping)
		mst->exit_code = FBY_EXIT_FAIL;
	fby_cycle_leave(mst, "time is up");
}

static void
end_leaving(struct fby_master *mst)
{
	if (!mst->keep_foreign)
		give_up_foreign(mst);
	if (!mst->workers_out || !mst->group_out) {
		fby_error("%zu workers have not exited%s; going on without",
		    fby_supervisor_alive(&mst->sup),
		    mst->group_out ? "" : ", the group is not left");
		if (mst->stopping)
			mst->exit_code = FBY_EXIT_FAIL;
	}
	mst->group_out = mst->workers_out = true;
	if (mst->functions_asked)
		fby_servers_give_up(&mst->servers, mst->keep_foreign);
	fby_cycle_check_out(mst);
}

/* Neither state is for ever, whatever it is that does not end. */
void
fby_cycle_check_deadline(struct fby_master *mst)
{
	int64_t now = fby_clock_mono();

	if (mst->ctx.state == FBY_CYCLE_DRAINING && now >= mst->stop_by)
		end_draining(mst);
	else if (mst->ctx.state == FBY_CYCLE_LEAVING && now >= mst->leave_by)
		end_leaving(mst);
}

/* ---- the last word ---------------------------------------------------- */

void
fby_cycle_say_end(struct fby_master *mst)
{
	size_t n = mst->commit.given_up;
	struct fby_str s;

	fby_str_init(&s);
	if (mst->exit_code != FBY_EXIT_OK)
		fby_str_printf(&s,
		    "stopped with exit code %d; the log says why",
		    mst->exit_code);
	else if (mst->unfinished.nparts > 0)
		fby_str_puts(&s, "stopped");
	else if (n > 0)
		fby_str_printf(&s,
		    "stopped; the last commit of %zu partition%s was refused, "
		    "whose last records will be repeated; the log says which",
		    n, n == 1 ? "" : "s");
	else if (!fby_manifest_has_workers(mst->ctx.manifest))
		fby_str_puts(&s, "stopped; the runtime has exited");
	else
		fby_str_puts(&s,
		    "stopped; everything that was acknowledged is committed");
	if (mst->unfinished.nparts > 0) {
		fby_str_puts(&s, "; ");
		fby_unfinished_print(&mst->unfinished, &s);
	}
	fby_control_finished(mst->control,
	    mst->exit_code == FBY_EXIT_OK && n == 0 &&
		mst->unfinished.nparts == 0,
	    s.p);
	fby_str_fini(&s);
}
