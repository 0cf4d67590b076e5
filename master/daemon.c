/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon as a process: its modules are made, the loop is run, and they are
 * closed in the reverse order; see daemon.h.
 *
 * What needs no ledger is made first.  The ledger is created, and what reads it
 * is made, when no process of the master before has the old one any more.
 */
#include "shared/fby.h"

#include "master/daemon.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/crash.h"
#include "shared/base/descriptors.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/title.h"
#include "shared/boundary/proto.h"
#include "shared/manifest/manifest.h"

#include "master/admin/control.h"
#include "master/admin/http.h"
#include "master/base/turn.h"
#include "master/cycle_own.h"
#include "master/group/identity.h"
#include "master/master.h"
#include "master/runtime/program.h"
#include "master/signal.h"

/* ---- before the ledger ------------------------------------------------ */

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

static void
on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fby_cycle_tick(arg);
}

/* Of others: runtimes in our place, and the users' functions. */
static void
init_programs(struct fby_master *mst)
{
	fby_foreign_init(&mst->foreign, &mst->ctx, FBY_ALARM_RUNTIME,
	    fby_wiring_foreign_gone, mst);
	fby_foreign_init(&mst->foreign_canary, &mst->ctx, FBY_ALARM_CANARY,
	    fby_wiring_foreign_gone, mst);
	fby_servers_init(&mst->servers, &mst->ctx, fby_wiring_function_gone,
	    mst);
}

static int
open_all(struct fby_master *mst)
{
	struct timeval tick = fby_clock_tv(FBY_CYCLE_TICK_MS);
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
	fby_unfinished_init(&mst->unfinished);
	fby_log_file_init(&mst->log_file, &mst->ctx, &mst->sup, &mst->shm);
	fby_quarantine_init(&mst->quarantine, &mst->ctx, &mst->handoff,
	    &mst->progress, fby_control_result);
	fby_oom_init(&mst->oom, "");
	fby_group_init(&mst->group, &mst->ctx, &mst->handoff, &fby_wiring_group,
	    mst);
	fby_reload_init(&mst->reload, &mst->ctx, &fby_wiring_reload, mst);
	mst->reload.sup = &mst->sup;
	mst->reload.notify = &mst->notify;
	mst->reload.files = mst->files;
	mst->reload.nfiles = mst->nfiles;
	init_programs(mst);
	fby_group_view_init(&mst->group_view, &mst->ctx);
	fby_scrape_init(&mst->scrape, &mst->ctx);
	if ((mst->sup.exec_fd = fby_program_open(mst->libexec)) == -1 ||
	    (mst->control = fby_control_open(mst)) == NULL)
		return -1;
	if (*m->host.http_listen && (mst->http = fby_http_open(mst)) == NULL)
		return -1;
	return 0;
}

/* ---- from the ledger on ----------------------------------------------- */

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
recovered(struct fby_master *mst)
{
	if (mst->ctx.state != FBY_CYCLE_RECOVERING)
		return;
	if (create_ledger(mst) == -1) {
		mst->exit_code = FBY_EXIT_FAIL;
		event_base_loopbreak(mst->ctx.base);
		return;
	}
	fby_cycle_set_policy(mst);
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
	fby_denied_init(&mst->denied, &mst->ctx, &mst->group);
	fby_unassigned_init(&mst->unassigned, &mst->ctx, &mst->group,
	    &mst->topics, &mst->handoff);
	fby_cycle_set_state(mst, FBY_CYCLE_RUNNING, "started");
	fby_cycle_start_moving(mst);
	/* What came before there was anything to be reloaded. */
	fby_reload_continue(&mst->reload);
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

/* ---- the end ---------------------------------------------------------- */

/* false: a thread is left that hangs; see call.h. */
static bool
close_all(struct fby_master *mst)
{
	bool keep = mst->exit_code != FBY_EXIT_OK || mst->shm.head == NULL ||
	    fby_recover_pending(&mst->recover) > 0;

	bool is_over;

	if (mst->ctx.base == NULL)
		return true;
	fby_log_file_fini(&mst->log_file);
	fby_supervisor_fini(&mst->sup);
	fby_oom_fini(&mst->oom);
	fby_scrape_fini(&mst->scrape);
	fby_group_view_stop(&mst->group_view);
	fby_foreign_fini(&mst->foreign);
	fby_foreign_fini(&mst->foreign_canary);
	fby_servers_fini(&mst->servers);
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
	is_over = fby_calls_fini(&mst->ctx.calls);
	fby_reload_fini(&mst->reload);
	fby_recover_fini(&mst->recover);
	fby_leftover_fini(&mst->leftover);
	if (mst->control)
		fby_cycle_say_end(mst);
	fby_control_close(mst->control);
	fby_quarantine_fini(&mst->quarantine);
	fby_unfinished_fini(&mst->unfinished);
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
	return is_over;
}

/* ---- all of it -------------------------------------------------------- */

int
fby_daemon_run(struct fby_master *mst)
{
	bool is_over;

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
	is_over = close_all(mst);
	fby_failure_fini(&mst->failures);
	fby_alarm_fini(&mst->ctx.alarms);
	fby_notify_fini(&mst->notify);
	if (mst->ctx.manifest_fd != -1)
		close(mst->ctx.manifest_fd);
	fby_notice("exit, code %d", mst->exit_code);
	fby_log_flush();
	/* What libraries do at exit is not safe beside it. */
	if (!is_over)
		_exit(mst->exit_code);
	return mst->exit_code;
}
