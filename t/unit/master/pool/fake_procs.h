/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A supervisor with processes that are ready, exit and die when the test says
 * so.
 */
#ifndef FBY_UNIT_FAKE_PROCS_H
#define FBY_UNIT_FAKE_PROCS_H

#include "t/unit/unit.h"

#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>

#include "master/master.h"
#include "master/pool/supervisor.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

static struct fby_master mst;
static struct fby_manifest manifest;
static size_t nworkers;
static int32_t next_pid;
static size_t started, rolls_ended, gone;
static bool cannot_start, cannot_set;
static uint32_t holds_lanes; /* the slot that does */

/* ---- what the supervisor calls ---------------------------------------- */

void
fby_proc_init(struct fby_proc *pr, uint32_t slot,
    const struct fby_proc_env *env, const struct fby_proc_ops *proc_ops,
    void *arg)
{
	pr->env = env;
	pr->ops = proc_ops;
	pr->arg = arg;
	pr->slot = slot;
	pr->place = -1;
}

void
fby_proc_fini(struct fby_proc *pr)
{
	(void)pr;
}

bool
fby_proc_is_alive(const struct fby_proc *pr)
{
	return pr->pid > 0;
}

void
fby_proc_set_state(struct fby_proc *pr, enum fby_proc_state to)
{
	pr->state = to;
}

int
fby_proc_start(struct fby_proc *pr, const struct fby_proc_start *how)
{
	pr->generation = how->generation;
	if (cannot_start)
		return -1;
	started++;
	pr->pid = ++next_pid;
	pr->spawned_at = fby_clock_mono();
	fby_proc_set_state(pr, FBY_PROC_STARTING);
	return 0;
}

bool
fby_proc_bury(struct fby_proc *pr, int status)
{
	(void)status;
	pr->pid = 0;
	return true;
}

void
fby_proc_drain(struct fby_proc *pr, int64_t drain_ms)
{
	(void)drain_ms;
	fby_proc_set_state(pr, FBY_PROC_DRAINING);
}

void
fby_proc_watch(struct fby_proc *pr, int64_t now, int64_t since)
{
	(void)pr;
	(void)now;
	(void)since;
}

void
fby_proc_reopen(struct fby_proc *pr, int fd)
{
	(void)pr;
	(void)fd;
}

void
fby_proc_group(struct fby_proc *pr)
{
	(void)pr;
}

void
fby_proc_grant(struct fby_proc *pr, const struct fby_part *pt)
{
	(void)pr;
	(void)pt;
}

void
fby_proc_show(const struct fby_proc *pr)
{
	(void)pr;
}

void
fby_proc_revoke(struct fby_proc *pr, struct fby_part *pt, int64_t drain_ms)
{
	(void)pr;
	(void)pt;
	(void)drain_ms;
}

size_t
fby_handoff_count_slot(const struct fby_handoff *h, uint32_t slot)
{
	(void)h;
	return slot == holds_lanes;
}

int
fby_program_set(struct fby_program *p, const struct fby_manifest *m,
    const char *runtime, int exec_fd)
{
	(void)p;
	(void)m;
	(void)runtime;
	(void)exec_fd;
	return cannot_set ? -1 : 0;
}

void
fby_program_fini(struct fby_program *p)
{
	(void)p;
}

size_t
fby_cpus_usable(const struct fby_manifest *m, int cpus[FBY_WORKERS_MAX])
{
	(void)m;
	(void)cpus;
	return nworkers;
}

size_t
fby_cpus_workers(const struct fby_manifest *m, size_t ncpus)
{
	(void)m;
	return ncpus;
}

int
fby_cpus_pin(const struct fby_manifest *m, const int *cpus, size_t n, size_t i)
{
	(void)m;
	(void)cpus;
	(void)n;
	(void)i;
	return -1;
}

void
fby_runtime_stats_fini(struct fby_runtime_stats *ts)
{
	(void)ts;
}

static void
op_nothing(void *arg)
{
	(void)arg;
}

static void
op_roll_ended(void *arg)
{
	(void)arg;
	rolls_ended++;
}

static void
op_gone(void *arg)
{
	(void)arg;
	gone++;
}

static bool
on_is_rolling(void *arg)
{
	const struct fby_master *m = arg;

	return m->reload.state == FBY_RELOAD_ROLLING;
}

static bool
on_is_reloading(void *arg)
{
	const struct fby_master *m = arg;

	return m->reload.state != FBY_RELOAD_IDLE;
}

static const struct fby_supervisor_ops ops = {
	.is_rolling = on_is_rolling,
	.is_reloading = on_is_reloading,
	.plan = op_nothing,
	.ready = op_nothing,
	.reopened = op_nothing,
	.gone = op_gone,
	.roll_ended = op_roll_ended,
};

/* ---- what happens to processes ---------------------------------------- */

FBY_UNUSED static size_t
count(enum fby_proc_state state)
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		n += mst.sup.procs[i].state == state;
	return n;
}

FBY_UNUSED static void
all_ready(void)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		fby_supervisor_ready(&mst.sup, &mst.sup.procs[i]);
}

/* Those that were told to exit do; the number. */
FBY_UNUSED static size_t
let_exit(size_t max)
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX && n < max; i++)
		if (mst.sup.procs[i].state == FBY_PROC_DRAINING) {
			assert_true(fby_supervisor_reaped(&mst.sup,
			    mst.sup.procs[i].pid, 0));
			n++;
		}
	return n;
}

FBY_UNUSED static void
roll(int64_t share)
{
	static char name[] = "c"; /* one that is known to be a worker */

	manifest.host.canary.runtime = share > 0 ? name : NULL;
	manifest.host.canary.share = share;
	fby_supervisor_roll(&mst.sup, &manifest, -1, ++mst.ctx.generation,
	    true);
}

FBY_UNUSED static void
name_all(void)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (mst.sup.procs[i].runtime == NULL)
			mst.sup.procs[i].runtime = fby_strdup("c");
}

/* Those that wait for it are started again, all at once. */
FBY_UNUSED static void
back_off_is_over(void)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (mst.sup.procs[i].state == FBY_PROC_BACKOFF)
			event_active(&mst.sup.procs[i].ev_spawn, EV_TIMEOUT, 1);
	event_base_loop(mst.ctx.base, EVLOOP_NONBLOCK);
}

FBY_UNUSED static int
set_up(void **state)
{
	static char c[] = "c";
	static struct fby_ledger_slot slots[FBY_SLOTS_MAX];
	const struct fby_proc_env env = {
		.ctx = &mst.ctx,
		.shm = &mst.shm,
		.handoff = &mst.handoff,
	};

	(void)state;
	fby_log_set_level(FBY_LOG_CRIT);
	memset(&mst, 0, sizeof(mst));
	memset(&manifest, 0, sizeof(manifest));
	manifest.runtime = c;
	mst.ctx.manifest = &manifest;
	mst.ctx.state = FBY_CYCLE_RUNNING;
	mst.shm.slots = slots;
	mst.ctx.base = event_base_new();
	nworkers = 128;
	next_pid = 0;
	started = rolls_ended = gone = 0;
	cannot_start = cannot_set = false;
	holds_lanes = FBY_NOSLOT;
	fby_supervisor_init(&mst.sup, &env, &ops, &mst);
	return 0;
}

FBY_UNUSED static int
tear_down(void **state)
{
	(void)state;
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		free(mst.sup.procs[i].runtime);
	fby_supervisor_fini(&mst.sup);
	fby_alarm_fini(&mst.ctx.alarms);
	event_base_free(mst.ctx.base);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

#endif
