/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places and slots: what is started, what of it is started again and when, and
 * the alarms of those that are not there.
 */
#include "t/unit/unit.h"

#include "t/unit/master/pool/fake_procs.h"

/* ---- slots ------------------------------------------------------------ */

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

/* Stopping: what dies is not replaced, and a roll goes no further. */
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

/* ---- deaths ----------------------------------------------------------- */

static void
run_one(void)
{
	name_all();
	nworkers = 1;
	roll(0);
	all_ready();
}

/* It has been alive for so long, and dies of signal 9. */
static void
dies_after(int64_t ms)
{
	struct fby_proc *pr = &mst.sup.procs[0];

	pr->spawned_at = fby_clock_mono() - ms;
	assert_true(fby_supervisor_reaped(&mst.sup, pr->pid, SIGKILL));
}

static void
one_that_has_lived_is_started_again_at_once_but_only_once(void **state)
{
	const struct fby_proc *pr = &mst.sup.procs[0];

	(void)state;
	run_one();
	dies_after(1000);
	assert_int_equal(pr->state, FBY_PROC_STARTING);
	all_ready();
	dies_after(1000);
	assert_int_equal(pr->state, FBY_PROC_BACKOFF);
	assert_int_equal(mst.sup.deaths, 0); /* in order, says the fake */
}

static void
a_back_off_grows_to_a_minute(void **state)
{
	int64_t ms = 100;

	(void)state;
	run_one();
	for (int i = 0; i < 12; i++) {
		dies_after(0);
		assert_int_equal(mst.sup.places[0].backoff_ms,
		    FBY_MIN(ms, 60000));
		ms *= 2;
		back_off_is_over();
		all_ready();
	}
}

static void
a_minute_alive_and_deaths_are_forgotten(void **state)
{
	(void)state;
	run_one();
	for (int i = 0; i < 3; i++) {
		dies_after(0);
		back_off_is_over();
		all_ready();
	}
	dies_after(60000);
	assert_int_equal(mst.sup.procs[0].state, FBY_PROC_STARTING);
	all_ready();
	dies_after(0);
	assert_int_equal(mst.sup.places[0].backoff_ms, 100);
}

static void
one_that_says_that_it_is_of_no_use_is_not_started_again(void **state)
{
	const struct fby_proc *pr = &mst.sup.procs[0];

	(void)state;
	run_one();
	fby_supervisor_reaped(&mst.sup, pr->pid, FBY_EXIT_CONFIG << 8);
	assert_int_equal(pr->state, FBY_PROC_BACKOFF);
	assert_false(evtimer_pending(&pr->ev_spawn, NULL));
	assert_false(fby_supervisor_is_ready(&mst.sup));
}

static void
at_rest_a_back_off_that_is_over_starts_nothing(void **state)
{
	(void)state;
	run_one();
	dies_after(0);
	assert_int_equal(mst.sup.procs[0].state, FBY_PROC_BACKOFF);
	fby_supervisor_rest(&mst.sup);
	back_off_is_over();
	assert_int_equal(mst.sup.procs[0].state, FBY_PROC_BACKOFF);
	assert_int_equal(started, 1);
}

static void
a_stop_is_over_when_the_last_has_exited(void **state)
{
	(void)state;
	name_all();
	nworkers = 2;
	roll(0);
	all_ready();
	fby_supervisor_stop(&mst.sup, 5000);
	assert_int_equal(count(FBY_PROC_DRAINING), 2);
	assert_int_equal(let_exit(1), 1);
	assert_int_equal(gone, 0);
	assert_int_equal(let_exit(1), 1);
	assert_int_equal(gone, 1);
	assert_int_equal(started, 2);
}

/* ---- alarms ----------------------------------------------------------- */

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
one_that_dies_again_and_again_is_an_alarm(void **state)
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_canary_that_comes_and_goes_finds_no_slot_and_waits),
		TEST(workers_that_find_no_slot_are_not_ready),
		TEST(a_slot_that_is_free_has_no_timer_left),
		TEST(at_rest_nothing_is_started),
		TEST(a_process_of_others_is_not_ours),
		TEST(one_that_has_lived_is_started_again_at_once_but_only_once),
		TEST(a_back_off_grows_to_a_minute),
		TEST(a_minute_alive_and_deaths_are_forgotten),
		TEST(one_that_says_that_it_is_of_no_use_is_not_started_again),
		TEST(at_rest_a_back_off_that_is_over_starts_nothing),
		TEST(a_stop_is_over_when_the_last_has_exited),
		TEST(an_alarm_goes_with_the_place_that_had_it),
		TEST(an_alarm_stays_while_one_of_them_is_down),
		TEST(one_that_dies_again_and_again_is_an_alarm),
		TEST(the_alarm_of_another_is_not_taken_back),
	};

	return UNIT_RUN(tests);
}
