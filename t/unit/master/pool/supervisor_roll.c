/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which manifest workers have: one by one they are replaced, or they are told;
 * how a roll fails, and what is tried then.
 */
#include "t/unit/unit.h"

#include "t/unit/master/pool/fake_procs.h"

static struct fby_proc *const procs = mst.sup.procs;

/* To the next generation; all are replaced. */
static void
replace_all(void)
{
	fby_supervisor_roll(&mst.sup, &manifest, -1, ++mst.ctx.generation,
	    false);
}

static void
run(size_t n)
{
	name_all();
	nworkers = n;
	replace_all();
	all_ready();
	assert_int_equal(count(FBY_PROC_READY), n);
	rolls_ended = 0;
}

static void
dies(uint32_t slot)
{
	assert_true(fby_supervisor_reaped(&mst.sup, procs[slot].pid, SIGKILL));
}

static size_t
of_generation(unsigned generation)
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		n += procs[i].state == FBY_PROC_READY &&
		    procs[i].generation == generation;
	return n;
}

/* ---- one by one ------------------------------------------------------- */

static void
workers_are_replaced_one_at_a_time(void **state)
{
	(void)state;
	run(3);
	replace_all();
	for (size_t i = 1; i <= 3; i++) {
		assert_int_equal(count(FBY_PROC_STARTING), 1);
		assert_int_equal(count(FBY_PROC_READY), 3);
		all_ready();
		/* The next one waits until the one before has exited. */
		assert_int_equal(count(FBY_PROC_STARTING), 0);
		assert_int_equal(count(FBY_PROC_DRAINING), 1);
		assert_int_equal(of_generation(2), i);
		assert_int_equal(rolls_ended, 0);
		assert_false(fby_supervisor_is_up_to_date(&mst.sup));
		assert_int_equal(let_exit(1), 1);
	}
	assert_true(rolls_ended > 0);
	assert_true(fby_supervisor_is_up_to_date(&mst.sup));
	assert_int_equal(count(FBY_PROC_EMPTY), FBY_SLOTS_MAX - 3);
}

static void
one_that_holds_lanes_is_told_to_exit_when_it_has_released_them(void **state)
{
	(void)state;
	run(1);
	replace_all();
	holds_lanes = 0;
	all_ready();
	assert_int_equal(procs[0].state, FBY_PROC_RETIRING);
	fby_supervisor_check(&mst.sup);
	assert_int_equal(procs[0].state, FBY_PROC_RETIRING);
	holds_lanes = FBY_NOSLOT;
	fby_supervisor_check(&mst.sup);
	assert_int_equal(procs[0].state, FBY_PROC_DRAINING);
}

static void
a_successor_gets_lanes_when_it_is_ready_and_not_before(void **state)
{
	uint32_t slots[FBY_SLOTS_MAX];
	bool ready[FBY_SLOTS_MAX];

	(void)state;
	run(1);
	replace_all();
	assert_int_equal(procs[1].state, FBY_PROC_STARTING);
	assert_int_equal(fby_supervisor_eligible(&mst.sup, slots, ready), 1);
	assert_int_equal(slots[0], 0);
	holds_lanes = 0;
	all_ready();
	assert_int_equal(fby_supervisor_eligible(&mst.sup, slots, ready), 1);
	assert_int_equal(slots[0], 1);
	assert_true(ready[0]);
}

/* It has died, and waits for its back-off to be over: it needs no successor. */
static void
one_that_is_down_comes_back_with_the_new_manifest(void **state)
{
	(void)state;
	run(1);
	dies(0);
	assert_int_equal(procs[0].state, FBY_PROC_BACKOFF);
	replace_all();
	assert_int_equal(procs[0].state, FBY_PROC_STARTING);
	assert_int_equal(procs[0].generation, 2);
	assert_false(evtimer_pending(&procs[0].ev_spawn, NULL));
	assert_int_equal(count(FBY_PROC_EMPTY), FBY_SLOTS_MAX - 1);
}

static void
surplus_workers_retire_and_missing_ones_start_at_once(void **state)
{
	(void)state;
	run(3);
	nworkers = 1;
	replace_all();
	assert_int_equal(count(FBY_PROC_DRAINING), 2);
	assert_int_equal(count(FBY_PROC_STARTING), 0);
	assert_int_equal(let_exit(2), 2);
	assert_int_equal(count(FBY_PROC_STARTING), 1);
	nworkers = 4;
	replace_all();
	assert_true(count(FBY_PROC_STARTING) >= 3);
}

/* ---- that fails ------------------------------------------------------- */

static void
a_successor_that_dies_ends_the_roll_and_the_old_one_stays(void **state)
{
	(void)state;
	run(2);
	replace_all();
	dies(2);
	assert_true(mst.sup.failed);
	assert_true(rolls_ended > 0);
	assert_int_equal(of_generation(1), 2);
	assert_int_equal(count(FBY_PROC_EMPTY), FBY_SLOTS_MAX - 2);
	/* What follows is for a reload to decide. */
	fby_supervisor_check(&mst.sup);
	assert_int_equal(count(FBY_PROC_STARTING), 0);
}

static void
the_way_back_replaces_those_that_were_replaced(void **state)
{
	(void)state;
	run(2);
	replace_all();
	all_ready();
	assert_int_equal(let_exit(1), 1);
	assert_int_equal(of_generation(2), 1);
	dies(0); /* the successor of the second */
	fby_supervisor_roll(&mst.sup, &manifest, -1, 1, false);
	assert_false(mst.sup.failed);
	assert_int_equal(count(FBY_PROC_STARTING), 1);
	all_ready();
	assert_int_equal(let_exit(1), 1);
	assert_int_equal(of_generation(1), 2);
	assert_true(fby_supervisor_is_up_to_date(&mst.sup));
}

static void
fail_to_replace(void)
{
	replace_all();
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (procs[i].state == FBY_PROC_STARTING)
			dies(i);
	assert_true(mst.sup.failed);
}

static void
without_a_reload_it_is_tried_again_and_later_each_time(void **state)
{
	(void)state;
	run(1);
	fail_to_replace();
	for (int64_t ms = 1000; ms <= 4000; ms *= 2) {
		fby_supervisor_tick(&mst.sup);
		assert_int_equal(mst.sup.again_ms, ms);
		fby_supervisor_tick(&mst.sup);
		assert_int_equal(count(FBY_PROC_STARTING), 0);
		mst.sup.again_at = 1; /* its time has come */
		fby_supervisor_tick(&mst.sup);
		assert_int_equal(count(FBY_PROC_STARTING), 1);
		assert_false(mst.sup.failed);
		if (ms < 4000)
			dies(1);
	}
	all_ready();
	assert_int_equal(let_exit(1), 1);
	assert_int_equal(mst.sup.again_ms, 0);
	fby_supervisor_tick(&mst.sup);
	assert_int_equal(count(FBY_PROC_STARTING), 0);
}

static void
nothing_is_tried_again_where_it_is_not_the_supervisors_business(void **state)
{
	(void)state;
	run(1);
	fail_to_replace();
	mst.reload.state = FBY_RELOAD_READING;
	fby_supervisor_tick(&mst.sup);
	mst.reload.state = FBY_RELOAD_IDLE;
	mst.ctx.state = FBY_CYCLE_DRAINING;
	fby_supervisor_tick(&mst.sup);
	mst.ctx.state = FBY_CYCLE_RUNNING;
	fby_supervisor_rest(&mst.sup);
	fby_supervisor_tick(&mst.sup);
	assert_int_equal(mst.sup.again_at, 0);
}

static void
a_program_that_cannot_be_set_fails_the_roll_and_changes_nothing(void **state)
{
	(void)state;
	run(1);
	cannot_set = true;
	replace_all();
	assert_true(mst.sup.failed);
	assert_true(rolls_ended > 0);
	assert_int_equal(mst.sup.generation, 1);
	assert_int_equal(of_generation(1), 1);
	assert_int_equal(count(FBY_PROC_STARTING), 0);
}

/* ---- telling ---------------------------------------------------------- */

static void
what_is_told_replaces_nobody(void **state)
{
	(void)state;
	run(2);
	assert_int_equal(fby_supervisor_adopt(&mst.sup, &manifest, -1, 2), 0);
	assert_int_equal(of_generation(2), 2);
	assert_int_equal(started, 2);
	assert_true(fby_supervisor_is_up_to_date(&mst.sup));
}

static void
what_cannot_be_told_changes_nothing(void **state)
{
	(void)state;
	run(2);
	cannot_set = true;
	assert_int_equal(fby_supervisor_adopt(&mst.sup, &manifest, -1, 2), -1);
	assert_int_equal(of_generation(1), 2);
	assert_int_equal(mst.sup.generation, 1);
}

/* It was of no use with the manifest before. */
static void
one_that_was_given_up_is_started_with_the_next_manifest(void **state)
{
	(void)state;
	run(2);
	fby_supervisor_reaped(&mst.sup, procs[0].pid, FBY_EXIT_CONFIG << 8);
	assert_int_equal(procs[0].state, FBY_PROC_BACKOFF);
	assert_false(evtimer_pending(&procs[0].ev_spawn, NULL));
	assert_int_equal(fby_supervisor_adopt(&mst.sup, &manifest, -1, 2), 0);
	assert_int_equal(procs[0].state, FBY_PROC_STARTING);
}

/* ---- canaries --------------------------------------------------------- */

static void
canaries_come_and_the_others_are_told(void **state)
{
	(void)state;
	run(2);
	roll(50);
	assert_int_equal(of_generation(2), 2);
	assert_int_equal(count(FBY_PROC_STARTING), 1);
	assert_false(fby_supervisor_is_up_to_date(&mst.sup));
	all_ready();
	assert_true(fby_supervisor_is_up_to_date(&mst.sup));
	assert_int_equal(started, 3);
}

/* The roll is about it: it is replaced, and the others are told. */
static void
a_canary_is_replaced_and_the_others_are_told(void **state)
{
	(void)state;
	run(2);
	roll(50);
	all_ready();
	roll(50);
	assert_int_equal(count(FBY_PROC_STARTING), 1);
	assert_int_equal(of_generation(3), 2);
	all_ready();
	assert_int_equal(let_exit(FBY_SLOTS_MAX), 1);
	assert_true(fby_supervisor_is_up_to_date(&mst.sup));
	assert_int_equal(started, 4);
}

static void
a_canary_that_was_never_ready_ends_the_roll_that_brought_it(void **state)
{
	(void)state;
	run(2);
	mst.reload.state = FBY_RELOAD_ROLLING;
	roll(50);
	dies(2);
	assert_true(mst.sup.failed);
}

static void
a_canary_that_dies_later_is_started_again(void **state)
{
	(void)state;
	run(2);
	roll(50);
	all_ready();
	mst.reload.state = FBY_RELOAD_ROLLING;
	dies(2);
	assert_false(mst.sup.failed);
	back_off_is_over();
	assert_int_equal(procs[2].state, FBY_PROC_STARTING);
}

/* ---- isolation -------------------------------------------------------- */

static void
isolation_workers_stay_until_none_is_needed(void **state)
{
	uint32_t slots[FBY_ISOLATION_MAX];

	(void)state;
	run(2);
	fby_supervisor_need_isolation(&mst.sup, 2);
	assert_int_equal(count(FBY_PROC_STARTING), 2);
	assert_int_equal(fby_supervisor_isolation(&mst.sup, slots), 0);
	all_ready();
	assert_int_equal(fby_supervisor_isolation(&mst.sup, slots), 2);
	fby_supervisor_need_isolation(&mst.sup, 1);
	assert_int_equal(fby_supervisor_isolation(&mst.sup, slots), 2);
	fby_supervisor_need_isolation(&mst.sup, FBY_ISOLATION_MAX + 3);
	assert_int_equal(count(FBY_PROC_STARTING), FBY_ISOLATION_MAX - 2);
	all_ready();
	fby_supervisor_need_isolation(&mst.sup, 0);
	assert_int_equal(count(FBY_PROC_DRAINING), FBY_ISOLATION_MAX);
	assert_int_equal(fby_supervisor_isolation(&mst.sup, slots), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(workers_are_replaced_one_at_a_time),
		TEST(
		    one_that_holds_lanes_is_told_to_exit_when_it_has_released_them),
		TEST(a_successor_gets_lanes_when_it_is_ready_and_not_before),
		TEST(one_that_is_down_comes_back_with_the_new_manifest),
		TEST(surplus_workers_retire_and_missing_ones_start_at_once),
		TEST(a_successor_that_dies_ends_the_roll_and_the_old_one_stays),
		TEST(the_way_back_replaces_those_that_were_replaced),
		TEST(without_a_reload_it_is_tried_again_and_later_each_time),
		TEST(
		    nothing_is_tried_again_where_it_is_not_the_supervisors_business),
		TEST(
		    a_program_that_cannot_be_set_fails_the_roll_and_changes_nothing),
		TEST(what_is_told_replaces_nobody),
		TEST(what_cannot_be_told_changes_nothing),
		TEST(one_that_was_given_up_is_started_with_the_next_manifest),
		TEST(canaries_come_and_the_others_are_told),
		TEST(a_canary_is_replaced_and_the_others_are_told),
		TEST(
		    a_canary_that_was_never_ready_ends_the_roll_that_brought_it),
		TEST(a_canary_that_dies_later_is_started_again),
		TEST(isolation_workers_stay_until_none_is_needed),
	};

	return UNIT_RUN(tests);
}
