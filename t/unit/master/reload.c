/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload does with what it has read: nothing, telling, replacing
 * workers, going over to another runtime; and what it refuses.
 */
#include "t/unit/unit.h"

#include "t/unit/master/reload_world.h"

/* ---- in place --------------------------------------------------------- */

static void
what_has_not_changed_is_adopted_and_said(void **state)
{
	(void)state;
	ask();
	assert_int_equal(reload.state, FBY_RELOAD_READING);
	wait_for_reading();
	assert_answer(true, "nothing has changed");
	assert_int_equal(adoptions, 1);
	assert_int_equal(ctx.generation, 2);
	assert_string_equal(ctx.manifest->host_id, "us");
	assert_int_equal(rolls, 0);
}

static void
live_settings_are_told_and_no_worker_is_replaced(void **state)
{
	(void)state;
	write_manifest("c", HOST "  commitInterval: 2s\n");
	ask();
	wait_for_reading();
	assert_answer(true, "applied in place: spec.commitInterval");
	assert_int_equal(ctx.manifest->host.commit_interval_ms, 2000);
	assert_int_equal(generation, 2);
	assert_int_equal(updates, 1);
	assert_int_equal(rolls, 0);
}

/* The secrets of functions are in no manifest. */
static void
what_is_replaced_all_the_same_is_said(void **state)
{
	(void)state;
	unsettled = 2;
	ask();
	wait_for_reading();
	wait_for_answers(1);
	assert_answer(true, "functions were replaced, since their secrets");
}

static void
what_the_workers_cannot_be_told_is_not_in_force(void **state)
{
	(void)state;
	cannot_adopt = true;
	write_manifest("c", HOST "  commitInterval: 2s\n");
	ask();
	wait_for_reading();
	assert_answer(false, "still in force");
	assert_int_equal(adoptions, 0);
	assert_int_equal(ctx.manifest->host.commit_interval_ms, 1000);
}

/* ---- refused ---------------------------------------------------------- */

static void
what_needs_a_restart_is_refused_at_its_place(void **state)
{
	(void)state;
	write_manifest("c", HOST "  maxPartitions: 100\n");
	ask();
	wait_for_reading();
	assert_answer(false,
	    "m.yaml:14:18: spec.maxPartitions: changing it "
	    "needs a restart");
	assert_int_equal(adoptions + rolls + leaves, 0);
	assert_int_equal(ctx.generation, 1);
	assert_int_equal(reload.refused, 1);
}

static void
a_bad_manifest_is_refused_with_what_its_process_says(void **state)
{
	(void)state;
	write_manifest("c", HOST "  commitIntervall: 2s\n");
	ask();
	wait_for_reading();
	assert_answer(false, "m.yaml:14:3: spec.commitIntervall: ");
	assert_int_equal(adoptions, 0);
	/* And the next one is read as if nothing had been. */
	write_manifest("c", HOST "  commitInterval: 2s\n");
	ask();
	wait_for_reading();
	assert_answer(true, "applied in place");
}

static void
a_process_that_dies_refuses_the_reload(void **state)
{
	(void)state;
	setenv("FBY_TEST_LOADER", "die", 1);
	ask();
	wait_for_reading();
	unsetenv("FBY_TEST_LOADER");
	assert_answer(false, "unexpected end");
	assert_int_equal(adoptions, 0);
}

static void
without_a_process_the_reload_is_refused_at_once(void **state)
{
	struct rlimit saved, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &saved), 0);
	none = saved;
	none.rlim_cur = 3;
	setrlimit(RLIMIT_NOFILE, &none);
	ask();
	setrlimit(RLIMIT_NOFILE, &saved);
	assert_int_equal(reload.state, FBY_RELOAD_IDLE);
	assert_answer(false, "no process to read the manifest");
}

/* ---- replacing workers ------------------------------------------------ */

static void
a_manifest_is_in_force_when_all_workers_have_it(void **state)
{
	(void)state;
	roll();
	assert_ptr_equal(rolled_to, reload.next);
	assert_false(only_canary);
	fby_reload_continue(&reload);
	assert_int_equal(adoptions, 0);
	is_up_to_date = true;
	fby_reload_continue(&reload);
	assert_answer(true, "workers replaced in ");
	assert_int_equal(ctx.manifest->host.workers, 3);
	assert_int_equal(ctx.generation, 2);
	assert_int_equal(updates, 1);
	/* It is asked again with each process that comes or goes. */
	fby_reload_continue(&reload);
	assert_int_equal(adoptions, 1);
}

static void
a_worker_that_does_not_get_ready_ends_in_the_old_manifest(void **state)
{
	(void)state;
	roll();
	sup.failed = true;
	fby_reload_continue(&reload);
	assert_int_equal(rolls, 2);
	assert_ptr_equal(rolled_to, ctx.manifest);
	assert_int_equal(generation, 1);
	assert_int_equal(answers, 0);
	fby_reload_continue(&reload);
	assert_int_equal(answers, 0); /* not before it is back */
	is_up_to_date = true;
	fby_reload_continue(&reload);
	assert_answer(false, "a new worker did not get ready");
	assert_int_equal(adoptions, 0);
	assert_int_equal(ctx.manifest->host.workers, 0);
}

static void
a_way_back_that_fails_is_not_tried_again(void **state)
{
	(void)state;
	roll();
	sup.failed = true;
	fby_reload_continue(&reload);
	sup.failed = true;
	fby_reload_continue(&reload);
	assert_int_equal(rolls, 2);
	assert_answer(false, "a new worker did not get ready");
}

/* Each attempt has a number of its own: what failed is told from what is. */
static void
a_generation_is_given_out_once(void **state)
{
	(void)state;
	roll();
	assert_int_equal(generation, 2);
	sup.failed = true;
	fby_reload_continue(&reload);
	is_up_to_date = true;
	fby_reload_continue(&reload);
	assert_answer(false, "");
	is_up_to_date = false;
	ask();
	wait_for_reading();
	assert_int_equal(generation, 3);
}

static void
what_is_of_the_canary_replaces_the_canary_alone(void **state)
{
	(void)state;
	write_manifest("c",
	    HOST PYTHON "  canary: {runtime: python, share: 10%}\n");
	ask();
	wait_for_reading();
	assert_int_equal(reload.state, FBY_RELOAD_ROLLING);
	assert_true(only_canary);
	is_up_to_date = true;
	fby_reload_continue(&reload);
	assert_answer(true, "the canary's workers replaced");
	/* Its share is live. */
	write_manifest("c",
	    HOST PYTHON "  canary: {runtime: python, share: 20%}\n");
	ask();
	wait_for_reading();
	assert_answer(true, "applied in place: spec.canary.share");
}

/* ---- another runtime -------------------------------------------------- */

static void
workers_of_another_program_are_a_roll(void **state)
{
	(void)state;
	write_manifest("python", HOST PYTHON);
	ask();
	wait_for_reading();
	assert_int_equal(reload.state, FBY_RELOAD_ROLLING);
	assert_false(only_canary);
	is_up_to_date = true;
	fby_reload_continue(&reload);
	assert_answer(true, "runtime is now \"python\", workers replaced");
	assert_int_equal(leaves, 0);
}

static void
a_foreign_runtime_needs_ours_to_leave(void **state)
{
	(void)state;
	write_manifest("rust", "");
	ask();
	wait_for_reading();
	assert_int_equal(reload.state, FBY_RELOAD_SWITCHING);
	assert_int_equal(leaves, 1);
	assert_false(keep_foreign);
	/* The supervisor's news are not the end of it. */
	is_up_to_date = true;
	fby_reload_continue(&reload);
	assert_int_equal(answers, 0);
	fby_reload_switched(&reload, "");
	assert_string_equal(ctx.manifest->runtime, "rust");
	unsettled = 2;
	fby_reload_continue(&reload);
	/* Not before it is seen whether its program stays. */
	assert_int_equal(answers, 0);
	wait_for_answers(1);
	assert_answer(true, "runtime is now \"rust\"");
	assert_int_equal(rolls, 0);
}

static void
a_foreign_runtime_that_ends_is_no_success(void **state)
{
	(void)state;
	write_manifest("rust", "");
	ask();
	wait_for_reading();
	fby_reload_switched(&reload, "; not given back: t/0 (HELD)");
	fault = "it is not running";
	fby_reload_continue(&reload);
	wait_for_answers(1);
	fault = NULL;
	assert_answer(false,
	    "runtime is now \"rust\"; it is not running; "
	    "not given back: t/0 (HELD)");
}

/* A canary that is a member of the group by itself, a function. */
static void
what_is_started_without_a_switch_is_waited_for_too(void **state)
{
	(void)state;
	write_manifest("c", HOST "  commitInterval: 2s\n");
	unsettled = 2;
	fault = "function sink-0 is not running";
	ask();
	wait_for_reading();
	assert_int_equal(reload.state, FBY_RELOAD_SETTLING);
	assert_int_equal(answers, 0);
	/* It is no end of a roll. */
	fby_reload_continue(&reload);
	assert_int_equal(answers, 0);
	wait_for_answers(1);
	fault = NULL;
	assert_int_equal(adoptions, 1);
	assert_false(reload.last_ok);
	assert_non_null(strstr(answer, "applied in place"));
	assert_non_null(strstr(answer, "; function sink-0 is not running"));
}

static void
a_foreign_runtime_is_started_anew_for_what_it_is_given(void **state)
{
	(void)state;
	fby_manifest_free(ctx.manifest);
	close(ctx.manifest_fd);
	put_in_force("rust", "");
	write_manifest("rust", HOST "  memory: {budget: 128Mi}\n");
	ask();
	wait_for_reading();
	assert_int_equal(reload.state, FBY_RELOAD_SWITCHING);
	assert_int_equal(leaves, 1);
}

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(what_has_not_changed_is_adopted_and_said),
		TEST(live_settings_are_told_and_no_worker_is_replaced),
		TEST(what_is_replaced_all_the_same_is_said),
		TEST(what_the_workers_cannot_be_told_is_not_in_force),
		TEST(what_needs_a_restart_is_refused_at_its_place),
		TEST(a_bad_manifest_is_refused_with_what_its_process_says),
		TEST(a_process_that_dies_refuses_the_reload),
		TEST(without_a_process_the_reload_is_refused_at_once),
		TEST(a_manifest_is_in_force_when_all_workers_have_it),
		TEST(a_worker_that_does_not_get_ready_ends_in_the_old_manifest),
		TEST(a_way_back_that_fails_is_not_tried_again),
		TEST(a_generation_is_given_out_once),
		TEST(what_is_of_the_canary_replaces_the_canary_alone),
		TEST(workers_of_another_program_are_a_roll),
		TEST(a_foreign_runtime_needs_ours_to_leave),
		TEST(a_foreign_runtime_that_ends_is_no_success),
		TEST(what_is_started_without_a_switch_is_waited_for_too),
		TEST(a_foreign_runtime_is_started_anew_for_what_it_is_given),
	};

	return RUN(tests);
}
