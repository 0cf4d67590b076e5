/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's cycle: from taking the run directory to leaving it.  The
 * drawing is in cycle_state.h.
 *
 * This file only puts modules together: who is started when, and what
 * happens when one of them says that it is done.
 */
#include "shared/fby.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/crash.h"
#include "shared/base/descriptors.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/title.h"
#include "shared/boundary/proto.h"
#include "shared/manifest/manifest.h"

#include "master/admin/control.h"
#include "master/admin/http.h"
#include "master/admin/presence.h"
#include "master/base/turn.h"
#include "master/cycle_own.h"
#include "master/group/identity.h"
#include "master/group/unstarted.h"
#include "master/handoff/plan.h"
#include "master/handoff/suspicion.h"
#include "master/master.h"
#include "master/runtime/program.h"
#include "master/signal.h"
#include "master/upkeep.h"

#define TICK_MS 1000

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

/* ---- readiness -------------------------------------------------------- */

const char *
fby_cycle_unready(const struct fby_master *mst)
{
	static char text[512];

	if (mst->ctx.state != FBY_CYCLE_RUNNING)
		return fby_cycle_state_name(mst->ctx.state);
	for (size_t i = 0; i < FBY_ALARM_N; i++) {
		const char *why = fby_alarm_text(&mst->ctx.alarms, i);

		if (why == NULL || !fby_alarm_is_unready(i))
			continue;
		snprintf(text, sizeof(text), "%s: %s", fby_alarm_names[i], why);
		return text;
	}
	if (fby_manifest_foreign_runtime(mst->ctx.manifest) &&
	    fby_foreign_unready(&mst->foreign))
		return fby_foreign_unready(&mst->foreign);
	if (!fby_manifest_has_workers(mst->ctx.manifest))
		return NULL;
	if (mst->group.state == FBY_GROUP_JOINING ||
	    mst->group.state == FBY_GROUP_CLOSED)
		return fby_group_state_name(mst->group.state);
	return NULL;
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

	/* Nothing is started by who is about to leave. */
	if (mst->ctx.state != FBY_CYCLE_RUNNING)
		return;
	if (runtime && !mst->foreign.wanted)
		fby_foreign_start(&mst->foreign, runtime);
	update_foreign_canary(mst);
	if (!fby_manifest_has_foreign(mst->ctx.manifest))
		fby_group_view_stop(&mst->group_view);
	else if (mst->group_view.rk == NULL)
		fby_group_view_start(&mst->group_view);
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

static int
create_ledger(struct fby_master *mst)
{
	char *path = fby_rundir_at(&mst->rundir, "ledger");
	char *fresh = fby_rundir_at(&mst->rundir, "ledger.new");
	const struct fby_manifest *m = mst->ctx.manifest;
	int rc;

	rc = fby_shm_create(&mst->shm, fresh, FBY_SLOTS_MAX,
	    (uint32_t)m->host.max_partitions, m->name, m->source.group);
	/* Its lock lives as long as any process that has it: recover.h. */
	if (rc == 0)
		rc = flock(mst->shm.fd, LOCK_EX | LOCK_NB);
	if (rc == 0) {
		fby_store(&mst->shm.head->master_pid, (uint32_t)getpid());
		fby_crash_guard(mst->shm.head, mst->shm.size);
		fby_handoff_init(&mst->handoff, &mst->shm, &fby_wiring_handoff,
		    mst);
		fby_recover_carry_over(&mst->recover, &mst->handoff);
		/* The old one, and its news, are there until now. */
		rc = rename(fresh, path);
	}
	if (rc == -1)
		fby_error("%s/ledger: %s", mst->ctx.run_dir, strerror(errno));
	free(fresh);
	free(path);
	return rc;
}

static void
set_policy(struct fby_master *mst)
{
	const struct fby_manifest *m = mst->ctx.manifest;

	fby_suspicion_policy(&mst->handoff, (unsigned)m->host.poison_kills,
	    m->sinks[FBY_SINK_DEAD_LETTER].present);
}

static void
recovered(struct fby_master *mst)
{
	if (mst->ctx.state != FBY_CYCLE_RECOVERING)
		return;
	if (create_ledger(mst) == -1) {
		mst->exit_code = FBY_EXIT_FAIL;
		event_base_loopbreak(mst->ctx.base);
		return;
	}
	set_policy(mst);
	fby_event_time_look(&mst->event_time, &mst->handoff, &mst->ctx);
	/* A holder may have committed more than it lived to write down. */
	mst->handoff.ask = mst->ctx.manifest->host.delivery == FBY_EXACTLY_ONCE;
	fby_offsets_init(&mst->offsets, &mst->ctx, &mst->group, &mst->handoff,
	    &mst->topics, &mst->recover);
	fby_ends_init(&mst->ends, &mst->handoff, &mst->group);
	fby_progress_init(&mst->progress, &mst->ctx, &mst->handoff, &mst->ends,
	    &mst->failures);
	fby_commit_init(&mst->commit, &mst->ctx, &mst->group, &mst->handoff);
	fby_topics_init(&mst->topics, &mst->ctx, &mst->group, &mst->handoff,
	    fby_wiring_partitions, mst);
	fby_unassigned_init(&mst->unassigned, &mst->ctx, &mst->group,
	    &mst->topics, &mst->handoff);
	fby_cycle_set_state(mst, FBY_CYCLE_RUNNING, "started");
	fby_cycle_start_moving(mst);
	/* What came before there was anything to be reloaded. */
	fby_reload_continue(&mst->reload);
}

/* ---- processes that have exited --------------------------------------- */

static void
on_foreign_gone(void *arg)
{
	struct fby_master *mst = arg;

	if (mst->ctx.state == FBY_CYCLE_RUNNING)
		update_foreign_canary(mst);
	else
		fby_cycle_check_out(mst);
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
		    fby_foreign_has(&mst->foreign_canary, pid))
			kill(-pid, SIGKILL);
		if (waitpid(pid, &status, WNOHANG) != pid)
			break;
		if (!fby_foreign_reaped(&mst->foreign, pid, status) &&
		    !fby_foreign_reaped(&mst->foreign_canary, pid, status))
			fby_supervisor_reaped(&mst->sup, pid, status);
		si.si_pid = 0;
	}
}

/* ---- every second ----------------------------------------------------- */

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	struct fby_master *mst = arg;

	(void)fd;
	(void)what;
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
	fby_unassigned_tick(&mst->unassigned);
	fby_unstarted_look(&mst->handoff, &mst->ctx.alarms);
	fby_quarantine_alarm(&mst->quarantine);
	if (mst->ctx.state == FBY_CYCLE_RUNNING) {
		const char *unready = fby_cycle_unready(mst);
		const char *poison = fby_alarm_text(&mst->ctx.alarms,
		    FBY_ALARM_POISON);

		/* Longer than the watchdog gives a hanging worker. */
		fby_plan_watch(&mst->handoff, fby_clock_mono(),
		    mst->ctx.manifest->host.worker_timeout_ms + 2 * TICK_MS);
		fby_notify_status(&mst->notify, "%s%s",
		    unready    ? unready :
			poison ? "running; poison: " :
				 "running",
		    unready || poison == NULL ? "" : poison);
	}
}

/* ---- the manifest in force -------------------------------------------- */

static void
op_adopt(void *arg, struct fby_manifest *m, int fd, unsigned generation)
{
	struct fby_master *mst = arg;
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
		set_policy(mst);
	}
	if (old != NULL) {
		fby_manifest_free(old);
		close(old_fd);
	}
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

static const struct fby_reload_ops reload_ops = {
	.adopt = op_adopt,
	.update_foreign = op_update_foreign,
	.leave = op_leave,
};

/* ---- all together ----------------------------------------------------- */

/* Who we are has to be known to the workers, too. */
static int
identify(struct fby_master *mst)
{
	char *id = fby_identity(mst->rundir.fd, mst->rundir.path,
	    mst->ctx.manifest->name);

	if (id == NULL)
		return -1;
	mst->ctx.manifest->host_id = fby_pstrdup(mst->ctx.manifest->pool, id);
	free(id);
	mst->ctx.manifest_fd = fby_manifest_pack(mst->ctx.manifest);
	if (mst->ctx.manifest_fd == -1)
		fby_error("manifest: memfd: %s", strerror(errno));
	return mst->ctx.manifest_fd == -1 ? -1 : 0;
}

static int
open_all(struct fby_master *mst)
{
	struct timeval tick = fby_clock_tv(TICK_MS);
	const struct fby_manifest *m = mst->ctx.manifest;
	const struct fby_proc_env env = {
		.ctx = &mst->ctx,
		.shm = &mst->shm,
		.handoff = &mst->handoff,
		.failures = &mst->failures,
		.oom = &mst->oom,
		.metadata = &mst->group.metadata,
	};

	if (m->host.log_file && fby_log_reopen(m->host.log_file) == -1) {
		fby_error("log %s: %s", m->host.log_file, strerror(errno));
		return -1;
	}
	if (fby_rundir_take(&mst->rundir, mst->ctx.run_dir) == -1)
		return -1;
	if (identify(mst) == -1) {
		fby_rundir_leave(&mst->rundir, -1);
		return -1;
	}
	if ((mst->ctx.base = event_base_new()) == NULL) {
		fby_error("event loop: %s", strerror(errno));
		return -1;
	}
	event_assign(&mst->ev_tick, mst->ctx.base, -1, EV_PERSIST, on_tick,
	    mst);
	fby_wiring_init(mst);
	event_add(&mst->ev_tick, &tick);
	fby_signal_init(mst);
	if (fby_calls_init(&mst->ctx.calls, mst->ctx.base) == -1)
		return -1;
	fby_supervisor_init(&mst->sup, &env, &fby_wiring_supervisor, mst);
	fby_log_file_init(&mst->log_file, &mst->ctx, &mst->sup, &mst->shm);
	fby_quarantine_init(&mst->quarantine, &mst->ctx, &mst->handoff,
	    &mst->progress, fby_control_result);
	fby_oom_init(&mst->oom, "");
	fby_group_init(&mst->group, &mst->ctx, &mst->handoff, &fby_wiring_group,
	    mst);
	fby_reload_init(&mst->reload, &mst->ctx, &reload_ops, mst);
	mst->reload.sup = &mst->sup;
	mst->reload.notify = &mst->notify;
	mst->reload.files = mst->files;
	mst->reload.nfiles = mst->nfiles;
	fby_foreign_init(&mst->foreign, &mst->ctx, FBY_ALARM_RUNTIME,
	    on_foreign_gone, mst);
	fby_foreign_init(&mst->foreign_canary, &mst->ctx, FBY_ALARM_CANARY,
	    on_foreign_gone, mst);
	fby_group_view_init(&mst->group_view, &mst->ctx);
	fby_scrape_init(&mst->scrape, &mst->ctx);
	if ((mst->sup.exec_fd = fby_program_open(mst->libexec)) == -1 ||
	    (mst->control = fby_control_open(mst)) == NULL)
		return -1;
	if (*m->host.http_listen && (mst->http = fby_http_open(mst)) == NULL)
		return -1;
	return 0;
}

static void
close_all(struct fby_master *mst)
{
	bool keep = mst->exit_code != FBY_EXIT_OK || mst->shm.head == NULL ||
	    fby_recover_pending(&mst->recover) > 0;

	if (mst->ctx.base == NULL)
		return;
	fby_supervisor_fini(&mst->sup);
	fby_oom_fini(&mst->oom);
	fby_scrape_fini(&mst->scrape);
	fby_group_view_stop(&mst->group_view);
	fby_foreign_fini(&mst->foreign);
	fby_foreign_fini(&mst->foreign_canary);
	fby_group_fini(&mst->group);
	if (mst->commit.ctx) {
		fby_commit_fini(&mst->commit);
		fby_topics_fini(&mst->topics);
		fby_unassigned_fini(&mst->unassigned);
		fby_offsets_fini(&mst->offsets);
		fby_progress_fini(&mst->progress);
		fby_ends_fini(&mst->ends);
	}
	fby_handoff_fini(&mst->handoff);
	fby_calls_fini(&mst->ctx.calls);
	fby_reload_fini(&mst->reload);
	fby_recover_fini(&mst->recover);
	fby_leftover_fini(&mst->leftover);
	if (mst->control)
		fby_cycle_say_end(mst);
	fby_control_close(mst->control);
	fby_quarantine_fini(&mst->quarantine);
	fby_http_close(mst->http);
	fby_signal_fini(mst);
	event_del(&mst->ev_tick);
	event_del(&mst->ev_plan);
	event_del(&mst->ev_left);
	event_del(&mst->ev_resolve);
	event_base_free(mst->ctx.base);
	fby_rundir_leave(&mst->rundir, keep ? -1 : mst->shm.fd);
	fby_crash_guard(NULL, 0);
	fby_shm_close(&mst->shm);
}

static void
on_recovered(void *arg, bool ok)
{
	struct fby_master *mst = arg;

	if (ok) {
		recovered(mst);
		return;
	}
	mst->exit_code = FBY_EXIT_FAIL;
	event_base_loopbreak(mst->ctx.base);
}

static void
on_leftover_gone(void *arg)
{
	struct fby_master *mst = arg;

	if (fby_recover_start(&mst->recover, &mst->ctx, mst->rundir.fd,
		on_recovered, mst) == 0)
		return;
	mst->exit_code = FBY_EXIT_FAIL;
	event_base_loopbreak(mst->ctx.base);
}

int
fby_cycle_run(struct fby_master *mst)
{
	fby_turn_start();
	mst->rundir = (struct fby_rundir)FBY_RUNDIR_INIT;
	mst->shm = (struct fby_shm)FBY_SHM_INIT;
	mst->ctx.state = FBY_CYCLE_RECOVERING;
	mst->ctx.generation = 1;
	mst->started_at = fby_clock_wall();
	fby_log_set_level(
	    (enum fby_log_level)mst->ctx.manifest->host.log_level);
	fby_title_set("forebay: master %s", mst->ctx.manifest->name);
	/* What a runtime starts and leaves stays below us: see control.c. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	if (fby_descriptors_raise() == -1)
		fby_warn("limit of descriptors: %s", strerror(errno));
	fby_notify_init(&mst->notify);
	mst->ctx.alarms.notify = &mst->notify;
	mst->ctx.manifest_fd = -1;
	if (open_all(mst) == -1) {
		mst->exit_code = FBY_EXIT_FAIL;
	} else {
		fby_notice("forebay " FBY_VERSION ", %s, run directory %s",
		    mst->ctx.manifest->name, mst->ctx.run_dir);
		if (fby_leftover_end(&mst->leftover, mst->ctx.base,
			mst->ctx.run_dir,
			mst->ctx.manifest->host.drain_timeout_ms,
			on_leftover_gone, mst) == 0)
			on_leftover_gone(mst);
		if (mst->exit_code == FBY_EXIT_OK)
			event_base_dispatch(mst->ctx.base);
	}
	close_all(mst);
	fby_failure_fini(&mst->failures);
	fby_alarm_fini(&mst->ctx.alarms);
	fby_notify_fini(&mst->notify);
	if (mst->ctx.manifest_fd != -1)
		close(mst->ctx.manifest_fd);
	fby_notice("exit, code %d", mst->exit_code);
	fby_log_flush();
	return mst->exit_code;
}
