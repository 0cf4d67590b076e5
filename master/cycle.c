/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's cycle between its start and its end: what is started when, what
 * follows when a process has exited, what is looked at every second, and which
 * manifest is in force.  The drawing is in cycle_state.h; the way out of
 * RUNNING is cycle_stop.c, the modules are made in daemon.c.
 */
#include "shared/fby.h"

#include "master/cycle.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/admin/presence.h"
#include "master/cycle_own.h"
#include "master/group/unstarted.h"
#include "master/handoff/plan.h"
#include "master/handoff/suspicion.h"
#include "master/master.h"
#include "master/ready.h"
#include "master/upkeep.h"

static const unsigned may_follow[FBY_CYCLE_NSTATES] = {
#define TO(s) (1u << FBY_CYCLE_##s)
	[FBY_CYCLE_RECOVERING] = TO(RUNNING) | TO(STOPPED),
	[FBY_CYCLE_RUNNING] = TO(DRAINING),
	[FBY_CYCLE_DRAINING] = TO(LEAVING),
	[FBY_CYCLE_LEAVING] = TO(STOPPED) | TO(RUNNING),
#undef TO
};

/* The only writer of the cycle's state. */
void
fby_cycle_set_state(struct fby_master *mst, enum fby_cycle_state to,
    const char *why)
{
	FBY_BUG_ON(!(may_follow[mst->ctx.state] & 1u << to));
	fby_notice("%s -> %s (%s)", fby_cycle_state_name(mst->ctx.state),
	    fby_cycle_state_name(to), why);
	mst->ctx.state = to;
	fby_notify_status(&mst->notify, "%s: %s", fby_cycle_state_name(to),
	    why);
}

/* ---- starting --------------------------------------------------------- */

/* Whose counters go on in ours: the chosen one's, else the canary's. */
static void
count_foreign(struct fby_master *mst)
{
	fby_scrape_stop(&mst->scrape);
	if (mst->foreign.wanted)
		fby_scrape_start(&mst->scrape, &mst->foreign);
	else if (mst->foreign_canary.wanted)
		fby_scrape_start(&mst->scrape, &mst->foreign_canary);
}

/*
 * A canary that is a member of the group by itself: there, gone, or one that is
 * given what is in force now.
 */
static void
update_foreign_canary(struct fby_master *mst)
{
	const char *runtime = fby_manifest_foreign_canary(mst->ctx.manifest);
	struct fby_foreign *f = &mst->foreign_canary;

	if (runtime && f->wanted && fby_foreign_is_same(f, runtime))
		return;
	if (f->wanted)
		fby_foreign_stop(f, mst->ctx.manifest->host.drain_timeout_ms);
	/* Else when it has exited. */
	if (runtime && fby_foreign_alive(f) == 0)
		fby_foreign_start(f, runtime);
	count_foreign(mst);
}

void
fby_cycle_update_foreign(struct fby_master *mst)
{
	const char *runtime = fby_manifest_foreign_runtime(mst->ctx.manifest);

	/* Nothing is started in a state that ends. */
	if (mst->ctx.state != FBY_CYCLE_RUNNING)
		return;
	if (runtime && !mst->foreign.wanted)
		fby_foreign_start(&mst->foreign, runtime);
	update_foreign_canary(mst);
	if (!fby_manifest_has_foreign(mst->ctx.manifest))
		fby_group_view_stop(&mst->group_view);
	else if (mst->group_view.rk == NULL)
		fby_group_view_start(&mst->group_view);
	fby_cycle_update_functions(mst);
}

void
fby_cycle_update_functions(struct fby_master *mst)
{
	const struct fby_foreign *const foreign[] = { &mst->foreign,
		&mst->foreign_canary };

	if (mst->ctx.state == FBY_CYCLE_RUNNING)
		fby_servers_update(&mst->servers, foreign, FBY_NELEM(foreign));
}

/* It is to stop first, or has only just begun. */
static bool
is_unsettled(const struct fby_foreign *f, const char *runtime, int64_t since)
{
	return runtime &&
	    (!f->wanted ||
		(f->begun_at >= since &&
		    fby_clock_mono() - f->begun_at < FBY_SURVIVE_MS));
}

bool
fby_cycle_is_unsettled(const struct fby_master *mst, int64_t since)
{
	const struct fby_manifest *m = mst->ctx.manifest;

	return mst->ctx.state == FBY_CYCLE_RUNNING &&
	    (is_unsettled(&mst->foreign, fby_manifest_foreign_runtime(m),
		 since) ||
		is_unsettled(&mst->foreign_canary,
		    fby_manifest_foreign_canary(m), since) ||
		fby_servers_are_unsettled(&mst->servers, since));
}

static const char *
fault_of(const struct fby_master *mst, const struct fby_foreign *f,
    int64_t since)
{
	return f->wanted && f->is_down && f->begun_at >= since ?
	    fby_alarm_text(&mst->ctx.alarms, f->alarm) :
	    NULL;
}

char *
fby_cycle_fault(const struct fby_master *mst, int64_t since)
{
	const char *fault = fault_of(mst, &mst->foreign, since);

	if (fault == NULL)
		fault = fault_of(mst, &mst->foreign_canary, since);
	return fault ? fby_strdup(fault) :
		       fby_servers_fault(&mst->servers, since);
}

void
fby_cycle_start_moving(struct fby_master *mst)
{
	fby_cycle_update_foreign(mst);
	if (!fby_manifest_has_workers(mst->ctx.manifest)) {
		fby_notify_ready(&mst->notify);
		return;
	}
	/* First: a reload that waits may go on from within the roll. */
	fby_group_open(&mst->group);
	fby_supervisor_roll(&mst->sup, mst->ctx.manifest, mst->ctx.manifest_fd,
	    mst->ctx.generation, false);
}

/* READY=1 says that workers run, not that a broker answers: see /readyz. */
void
fby_cycle_workers_ready(struct fby_master *mst)
{
	if (!fby_supervisor_is_ready(&mst->sup))
		return;
	fby_notify_ready(&mst->notify);
}

void
fby_cycle_set_policy(struct fby_master *mst)
{
	const struct fby_manifest *m = mst->ctx.manifest;

	fby_suspicion_policy(&mst->handoff, (unsigned)m->host.poison_kills,
	    m->sinks[FBY_SINK_DEAD_LETTER].present);
}

/* ---- processes that have exited --------------------------------------- */

void
fby_cycle_foreign_gone(struct fby_master *mst)
{
	if (mst->ctx.state == FBY_CYCLE_RUNNING) {
		update_foreign_canary(mst);
		fby_cycle_update_functions(mst);
	} else {
		fby_cycle_check_out(mst);
	}
}

void
fby_cycle_reap(struct fby_master *mst)
{
	const int how = WEXITED | WNOHANG | WNOWAIT;
	siginfo_t si = { 0 };
	int status;
	pid_t pid;

	while (waitid(P_ALL, 0, &si, how) == 0 && (pid = si.si_pid) > 0) {
		/*
		 * What is left of its group ends with it.  Until it has been
		 * waited for, the number is nobody else's.
		 */
		if (fby_foreign_has(&mst->foreign, pid) ||
		    fby_foreign_has(&mst->foreign_canary, pid) ||
		    fby_servers_has(&mst->servers, pid))
			kill(-pid, SIGKILL);
		if (waitpid(pid, &status, WNOHANG) != pid)
			break;
		if (!fby_foreign_reaped(&mst->foreign, pid, status) &&
		    !fby_foreign_reaped(&mst->foreign_canary, pid, status) &&
		    !fby_servers_reaped(&mst->servers, pid, status))
			fby_supervisor_reaped(&mst->sup, pid, status);
		si.si_pid = 0;
	}
}

/* ---- every second ----------------------------------------------------- */

static void
look_at_functions(struct fby_master *mst)
{
	const struct fby_manifest *m = mst->ctx.manifest;
	const int64_t now = fby_clock_mono();
	struct fby_str waiting;

	fby_str_init(&waiting);
	fby_traffic_look(&mst->traffic, &mst->shm, m, now);
	fby_traffic_print_waiting(&mst->traffic, &mst->shm, m, now, &waiting);
	fby_servers_look(&mst->servers, waiting.len > 0 ? waiting.p : "");
	fby_str_fini(&waiting);
}

void
fby_cycle_tick(struct fby_master *mst)
{
	fby_presence_tick(mst);
	if (mst->ctx.state == FBY_CYCLE_RECOVERING)
		return;
	fby_log_file_tick(&mst->log_file);
	fby_oom_look(&mst->oom, fby_clock_mono());
	fby_supervisor_tick(&mst->sup);
	fby_notify_watchdog(&mst->notify);
	fby_cycle_check_deadline(mst);
	fby_upkeep_tick(mst);
	fby_event_time_look(&mst->event_time, &mst->handoff, &mst->ctx);
	fby_group_look(&mst->group);
	fby_ends_tick(&mst->ends, fby_clock_mono());
	fby_progress_tick(&mst->progress, fby_clock_mono());
	fby_foreign_tick(&mst->foreign);
	fby_foreign_tick(&mst->foreign_canary);
	look_at_functions(mst);
	fby_unassigned_tick(&mst->unassigned);
	fby_denied_tick(&mst->denied,
	    mst->ctx.manifest->host.delivery != FBY_EXACTLY_ONCE &&
		fby_handoff_ours(&mst->handoff) > 0);
	fby_reload_look(&mst->reload);
	fby_unstarted_look(&mst->handoff, &mst->ctx.alarms);
	fby_quarantine_alarm(&mst->quarantine);
	if (mst->ctx.state == FBY_CYCLE_RUNNING) {
		const char *unready = fby_ready_why_not(mst);
		const char *poison = fby_alarm_text(&mst->ctx.alarms,
		    FBY_ALARM_POISON);

		/* Longer than the watchdog gives a hanging worker. */
		fby_plan_watch(&mst->handoff, fby_clock_mono(),
		    mst->ctx.manifest->host.worker_timeout_ms +
			2 * FBY_CYCLE_TICK_MS);
		fby_notify_status(&mst->notify, "%s%s",
		    unready    ? unready :
			poison ? "running; poison: " :
				 "running",
		    unready || poison == NULL ? "" : poison);
	}
}

/* ---- the manifest in force -------------------------------------------- */

void
fby_cycle_adopt(struct fby_master *mst, struct fby_manifest *m, int fd,
    unsigned generation)
{
	struct fby_manifest *old = mst->ctx.manifest;
	int old_fd = mst->ctx.manifest_fd;

	mst->ctx.manifest = m;
	mst->ctx.manifest_fd = fd;
	mst->ctx.generation = generation;
	mst->sup.manifest_fd = fd;
	fby_log_set_level((enum fby_log_level)m->host.log_level);
	if (mst->shm.head && strcmp(m->source.group, old->source.group) &&
	    fby_shm_set_group(&mst->shm, m->source.group) == -1)
		fby_error("%s/ledger: %s", mst->ctx.run_dir, strerror(errno));
	if (mst->ctx.state != FBY_CYCLE_RECOVERING && mst->commit.ctx) {
		fby_commit_rearm(&mst->commit);
		fby_cycle_set_policy(mst);
	}
	if (old != NULL) {
		fby_manifest_free(old);
		close(old_fd);
	}
}
