/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a reload begins: at once, behind another one, behind a burst, or not at
 * all; and whom it answers.
 */
#include "t/unit/unit.h"

#include "t/unit/master/reload_world.h"

/* ---- when ------------------------------------------------------------- */

/* Forty at once: the first is read, the others share the one behind it. */
static void
forty_at_once_are_two(void **state)
{
	(void)state;
	for (int i = 0; i < 40; i++)
		ask();
	wait_for_reading();
	assert_int_equal(answers, 1);
	assert_true(reload.again);
	wait_for_answers(40);
	assert_int_equal(answers, 40);
	assert_int_equal(good, 40);
	assert_int_equal(reload.ok, 2);
	assert_int_equal(adoptions, 2);
	assert_false(reload.again);
}

static void
what_is_asked_during_a_roll_begins_behind_it(void **state)
{
	(void)state;
	roll();
	write_manifest("c", HOST "  workers: 4\n");
	ask();
	/* Not even when nothing has been asked for a while. */
	reload.again_since -= 1000;
	ask();
	assert_int_equal(reload.state, FBY_RELOAD_ROLLING);
	assert_false(reload.loader.is_running);
	is_up_to_date = true;
	fby_reload_continue(&reload);
	assert_int_equal(answers, 1);
	assert_int_equal(ctx.manifest->host.workers, 3);
	is_up_to_date = false;
	while (rolls < 2)
		event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_int_equal(rolled_to->host.workers, 4);
}

/* 100 ms without another one; each that comes begins them anew. */
static void
in_a_burst_the_next_waits_until_none_has_come_for_a_while(void **state)
{
	int64_t before;

	(void)state;
	ask();
	wait_for_reading();
	assert_int_equal(answers, 1);
	assert_true(reload.restless_until > reload.again_since);
	reload.restless_until = before = fby_clock_mono() + 60000;
	ask();
	assert_int_equal(reload.state, FBY_RELOAD_IDLE);
	assert_true(evtimer_pending(&reload.ev_calm, NULL));
	/* It counts from the last one, and not from what was before. */
	assert_true(reload.restless_until >= fby_clock_mono());
	wait_for_answers(2);
	assert_int_equal(reload.ok, 2);
}

static void
a_burst_without_an_end_is_obeyed_all_the_same(void **state)
{
	(void)state;
	reload.restless_until = fby_clock_mono() + 60000;
	ask();
	assert_int_equal(reload.state, FBY_RELOAD_IDLE);
	/* A second is over since the first of them. */
	reload.again_since -= 1000;
	ask();
	assert_int_equal(reload.state, FBY_RELOAD_READING);
	wait_for_reading();
	assert_int_equal(answers, 2);
}

static void
before_there_are_workers_it_waits_for_them(void **state)
{
	(void)state;
	ctx.state = FBY_CYCLE_RECOVERING;
	ask();
	assert_int_equal(reload.state, FBY_RELOAD_IDLE);
	assert_int_equal(answers, 0);
	ctx.state = FBY_CYCLE_RUNNING;
	fby_reload_continue(&reload);
	wait_for_answers(1);
	assert_answer(true, "nothing has changed");
}

static void
while_the_master_stops_it_is_refused(void **state)
{
	(void)state;
	ctx.state = FBY_CYCLE_DRAINING;
	ask();
	assert_answer(false, "the master is stopping");
	assert_int_equal(reload.state, FBY_RELOAD_IDLE);
}

static void
a_stop_answers_all_and_begins_nothing(void **state)
{
	(void)state;
	ask();
	ask();
	ctx.state = FBY_CYCLE_DRAINING;
	fby_reload_cancel(&reload);
	assert_int_equal(answers, 2);
	assert_int_equal(good, 0);
	assert_int_equal(reload.state, FBY_RELOAD_IDLE);
	assert_false(reload.loader.is_running);
	assert_false(evtimer_pending(&reload.ev_calm, NULL));
}

static void
a_stop_during_a_roll_leaves_the_manifest_in_force(void **state)
{
	(void)state;
	roll();
	ctx.state = FBY_CYCLE_DRAINING;
	fby_reload_cancel(&reload);
	assert_answer(false, "the master stops");
	is_up_to_date = true;
	fby_reload_continue(&reload);
	assert_int_equal(adoptions, 0);
	assert_int_equal(rolls, 1);
	assert_null(reload.next);
}

static void
who_has_gone_is_not_answered(void **state)
{
	int us, them;

	(void)state;
	fby_reload_request(&reload, on_answer, &us);
	fby_reload_request(&reload, on_answer, &them);
	fby_reload_request(&reload, NULL, NULL);
	fby_reload_forget(&reload, &us);
	wait_for_answers(1);
	fby_reload_forget(&reload, &them);
	assert_int_equal(answers, 1);
	assert_int_equal(reload.ok, 2);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(forty_at_once_are_two),
		TEST(what_is_asked_during_a_roll_begins_behind_it),
		TEST(in_a_burst_the_next_waits_until_none_has_come_for_a_while),
		TEST(a_burst_without_an_end_is_obeyed_all_the_same),
		TEST(before_there_are_workers_it_waits_for_them),
		TEST(while_the_master_stops_it_is_refused),
		TEST(a_stop_answers_all_and_begins_nothing),
		TEST(a_stop_during_a_roll_leaves_the_manifest_in_force),
		TEST(who_has_gone_is_not_answered),
	};

	return RUN(tests);
}
