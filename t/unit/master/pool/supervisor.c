/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places and slots, with processes that are ready, exit and die when the test
 * says so.
 */
#include "t/unit/unit.h"

#include <event2/event.h>
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
static bool cannot_start;

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
	(void)slot;
	return 0;
}

int
fby_program_set(struct fby_program *p, const struct fby_manifest *m,
    const char *runtime, int exec_fd)
{
	(void)p;
	(void)m;
	(void)runtime;
	(void)exec_fd;
	return 0;
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
	.gone = op_gone,
	.roll_ended = op_roll_ended,
};

/* ---- what happens to processes ---------------------------------------- */

static size_t
count(enum fby_proc_state state)
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		n += mst.sup.procs[i].state == state;
	return n;
}

static void
all_ready(void)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		fby_supervisor_ready(&mst.sup, &mst.sup.procs[i]);
}

/* Whoever was told to exit does; the number. */
static size_t
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

static void
roll(int64_t share)
{
	static char name[] = "c"; /* one that is known to be a worker */

	manifest.host.canary.runtime = share > 0 ? name : NULL;
	manifest.host.canary.share = share;
	fby_supervisor_roll(&mst.sup, &manifest, -1, ++mst.ctx.generation,
	    true);
}

static int
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
	cannot_start = false;
	fby_supervisor_init(&mst.sup, &env, &ops, &mst);
	return 0;
}

static int
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

/* ---- tests ------------------------------------------------------------ */

static void
name_all(void)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (mst.sup.procs[i].runtime == NULL)
			mst.sup.procs[i].runtime = fby_strdup("c");
}

/* Each time 128 canaries retire, and none of them exits. */
static void
a_canary_that_comes_and_goes_finds_no_slot_and_waits(void **state)
{
	(void)state;
	name_all();
	roll(0);
	all_ready();
	for (int i = 0; i < 3; i++) {
		roll(100);
		all_ready();
		roll(0);
	}
	assert_int_equal(count(FBY_PROC_EMPTY), 8);
	roll(100);
	assert_int_equal(count(FBY_PROC_EMPTY), 0);
	assert_false(fby_supervisor_is_up_to_date(&mst.sup));
	all_ready();
	assert_false(fby_supervisor_is_up_to_date(&mst.sup));
	/* A slot that is free is used at once. */
	assert_int_equal(let_exit(20), 20);
	assert_int_equal(count(FBY_PROC_STARTING), 20);
	while (let_exit(FBY_SLOTS_MAX) > 0)
		all_ready();
	assert_true(fby_supervisor_is_up_to_date(&mst.sup));
	assert_int_equal(count(FBY_PROC_READY), 256);
	assert_int_equal(count(FBY_PROC_EMPTY), FBY_SLOTS_MAX - 256);
}

/* The workers themselves, too; and none is counted as ready meanwhile. */
static void
workers_that_find_no_slot_are_not_ready(void **state)
{
	(void)state;
	name_all();
	for (int i = 0; i < 8; i++) {
		nworkers = 128;
		roll(0);
		all_ready();
		nworkers = 1;
		roll(0);
	}
	nworkers = 128;
	roll(0);
	all_ready();
	assert_false(fby_supervisor_is_ready(&mst.sup));
	while (let_exit(FBY_SLOTS_MAX) > 0)
		all_ready();
	assert_true(fby_supervisor_is_ready(&mst.sup));
	assert_int_equal(count(FBY_PROC_READY), 128);
}

static void
a_slot_that_is_free_has_no_timer_left(void **state)
{
	struct fby_proc *pr = &mst.sup.procs[0];

	(void)state;
	name_all();
	nworkers = 1;
	cannot_start = true;
	roll(0);
	assert_int_equal(pr->state, FBY_PROC_BACKOFF);
	assert_true(evtimer_pending(&pr->ev_spawn, NULL));
	cannot_start = false;
	nworkers = 0;
	manifest.runtime = NULL;
	fby_supervisor_stop(&mst.sup, 0);
	assert_int_equal(pr->state, FBY_PROC_EMPTY);
	assert_false(evtimer_pending(&pr->ev_spawn, NULL));
	assert_int_equal(gone, 1);
}

/* Stopping: who dies is not replaced, and a roll goes no further. */
static void
at_rest_nothing_is_started(void **state)
{
	size_t before;

	(void)state;
	name_all();
	nworkers = 4;
	roll(0);
	all_ready();
	fby_supervisor_roll(&mst.sup, &manifest, -1, ++mst.ctx.generation,
	    false);
	fby_supervisor_rest(&mst.sup);
	before = started;
	rolls_ended = 0;
	all_ready();
	while (let_exit(FBY_SLOTS_MAX) > 0)
		all_ready();
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (mst.sup.procs[i].pid > 0)
			fby_supervisor_reaped(&mst.sup, mst.sup.procs[i].pid,
			    9);
	fby_supervisor_tick(&mst.sup);
	assert_int_equal(started, before);
	assert_int_equal(rolls_ended, 0);
	assert_int_equal(count(FBY_PROC_EMPTY), FBY_SLOTS_MAX);
	/* And the next roll begins anew. */
	roll(0);
	assert_int_equal(count(FBY_PROC_STARTING), 4);
}

static const char *
alarm_text(enum fby_alarm a)
{
	return fby_alarm_text(&mst.ctx.alarms, a);
}

static void
assert_alarm(enum fby_alarm a, const char *part)
{
	fby_supervisor_tick(&mst.sup);
	if (part == NULL) {
		assert_null(alarm_text(a));
	} else {
		assert_non_null(alarm_text(a));
		assert_non_null(strstr(alarm_text(a), part));
	}
}

/* Those that wait for it are started again, all at once. */
static void
back_off_is_over(void)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (mst.sup.procs[i].state == FBY_PROC_BACKOFF)
			event_active(&mst.sup.procs[i].ev_spawn, EV_TIMEOUT, 1);
	event_base_loop(mst.ctx.base, EVLOOP_NONBLOCK);
}

/* No event says that it is over: the place is not wanted any more. */
static void
an_alarm_goes_with_the_place_that_had_it(void **state)
{
	(void)state;
	name_all();
	nworkers = 4;
	roll(0);
	all_ready();
	assert_alarm(FBY_ALARM_WORKERS, NULL);
	fby_supervisor_reaped(&mst.sup, mst.sup.procs[3].pid,
	    FBY_EXIT_CONFIG << 8);
	assert_alarm(FBY_ALARM_WORKERS, "worker 3 ");
	nworkers = 3;
	roll(0);
	all_ready();
	assert_alarm(FBY_ALARM_WORKERS, NULL);
}

static void
an_alarm_stays_while_one_of_them_is_down(void **state)
{
	(void)state;
	name_all();
	nworkers = 2;
	roll(0);
	for (uint32_t i = 0; i < 2; i++)
		fby_supervisor_reaped(&mst.sup, mst.sup.procs[i].pid, 9);
	assert_alarm(FBY_ALARM_WORKERS, "2 of 2 workers are down");
	cannot_start = true;
	back_off_is_over();
	assert_alarm(FBY_ALARM_WORKERS, "cannot be started");
	cannot_start = false;
	back_off_is_over();
	assert_alarm(FBY_ALARM_WORKERS, "2 of 2");
	fby_supervisor_ready(&mst.sup, &mst.sup.procs[0]);
	assert_alarm(FBY_ALARM_WORKERS, "worker 1 ");
	fby_supervisor_ready(&mst.sup, &mst.sup.procs[1]);
	assert_alarm(FBY_ALARM_WORKERS, NULL);
}

/* It gets ready each time, so nothing has failed to start. */
static void
who_dies_again_and_again_is_an_alarm(void **state)
{
	size_t deaths = 0;

	(void)state;
	name_all();
	nworkers = 1;
	roll(0);
	all_ready();
	do {
		assert_alarm(FBY_ALARM_WORKERS, NULL);
		fby_supervisor_reaped(&mst.sup, mst.sup.procs[0].pid, 11);
		if (mst.sup.places[0].backoff_ms >= 1000)
			break;
		back_off_is_over();
		all_ready();
	} while (++deaths < 10);
	assert_int_equal(deaths, 4);
	assert_alarm(FBY_ALARM_WORKERS, "worker 0 dies again and again");
}

/* Of a canary that is no worker of ours. */
static void
the_alarm_of_another_is_not_taken_back(void **state)
{
	(void)state;
	name_all();
	nworkers = 1;
	roll(0);
	all_ready();
	fby_alarm_set(&mst.ctx.alarms, FBY_ALARM_CANARY, "not running");
	assert_alarm(FBY_ALARM_CANARY, "not running");
}

static void
a_process_of_others_is_not_ours(void **state)
{
	(void)state;
	assert_false(fby_supervisor_reaped(&mst.sup, 4711, 0));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_canary_that_comes_and_goes_finds_no_slot_and_waits),
		TEST(workers_that_find_no_slot_are_not_ready),
		TEST(a_slot_that_is_free_has_no_timer_left),
		TEST(at_rest_nothing_is_started),
		TEST(a_process_of_others_is_not_ours),
		TEST(an_alarm_goes_with_the_place_that_had_it),
		TEST(an_alarm_stays_while_one_of_them_is_down),
		TEST(who_dies_again_and_again_is_an_alarm),
		TEST(the_alarm_of_another_is_not_taken_back),
	};

	return UNIT_RUN(tests);
}
