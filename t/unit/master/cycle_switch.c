/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From workers of ours to a foreign runtime and back, a canary that is a member
 * of the group by itself, and the manifest in force.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "shared/base/err.h"
#include "t/unit/master/fake_modules.h"

static void
assert_state(enum fby_cycle_state state)
{
	assert_string_equal(fby_cycle_state_name(mst.ctx.state),
	    fby_cycle_state_name(state));
}

/* As a foreign runtime runs. */
static void
with_a_foreign_runtime(void)
{
	mst.ctx.manifest = &theirs;
	fby_cycle_start_moving(&mst);
	assert_calls("runtime-start(rust) scrape(runtime) view");
	nours = 0;
}

/* ---- from one to the other -------------------------------------------- */

static void
workers_drain_and_leave_before_the_other_runtime_starts(void **state)
{
	(void)state;
	fby_cycle_switch(&mst, false);
	assert_state(FBY_CYCLE_DRAINING);
	assert_calls("rest revoke(5000)");
	all_drained();
	assert_state(FBY_CYCLE_LEAVING);
	assert_calls("unassign stop(5000) leave");
	fby_cycle_group_closed(&mst);
	assert_state(FBY_CYCLE_LEAVING);
	fby_cycle_workers_gone(&mst);
	assert_state(FBY_CYCLE_RUNNING);
	assert_calls("revoke(lost 0) switched runtime-start(rust) "
		     "scrape(runtime) view continue");
}

static void
the_other_runtime_exits_before_ours_joins_the_group(void **state)
{
	(void)state;
	with_a_foreign_runtime();
	fby_cycle_switch(&mst, false);
	assert_state(FBY_CYCLE_DRAINING);
	assert_calls("rest runtime-stop(5000)");
	turn(); /* no partition is left, and it has not exited */
	assert_state(FBY_CYCLE_DRAINING);
	*calls = '\0';
	foreign_exits(&mst.foreign);
	assert_state(FBY_CYCLE_RUNNING);
	assert_calls("revoke(lost 0) switched open roll(c 2) continue");
}

static void
a_canary_that_is_kept_is_neither_stopped_nor_waited_for(void **state)
{
	(void)state;
	fby_foreign_start(&mst.foreign_canary, "rust");
	*calls = '\0';
	fby_cycle_switch(&mst, true);
	all_drained();
	fby_cycle_group_closed(&mst);
	fby_cycle_workers_gone(&mst);
	assert_state(FBY_CYCLE_RUNNING);
	assert_null(strstr(calls, "canary-stop(5000) leave"));
	assert_false(mst.keep_foreign);
}

static void
a_canary_that_is_not_kept_is_waited_for(void **state)
{
	(void)state;
	fby_foreign_start(&mst.foreign_canary, "rust");
	*calls = '\0';
	fby_cycle_switch(&mst, false);
	assert_calls("rest canary-stop(5000) revoke(5000)");
	all_drained();
	fby_cycle_group_closed(&mst);
	fby_cycle_workers_gone(&mst);
	assert_state(FBY_CYCLE_LEAVING);
	foreign_exits(&mst.foreign_canary);
	assert_state(FBY_CYCLE_RUNNING);
}

/* ---- that ends in another way ----------------------------------------- */

static void
a_stop_meanwhile_ends_it_and_has_its_own_time(void **state)
{
	(void)state;
	fby_cycle_switch(&mst, false);
	*calls = '\0';
	fby_cycle_stop(&mst, 7000);
	assert_calls("rest revoke(7000) cancel");
	all_drained();
	fby_cycle_group_closed(&mst);
	fby_cycle_workers_gone(&mst);
	assert_state(FBY_CYCLE_STOPPED);
	assert_null(strstr(calls, "switched"));
	assert_int_equal(mst.exit_code, 0);
}

static void
a_stop_while_the_group_is_left_ends_it_too(void **state)
{
	(void)state;
	fby_foreign_start(&mst.foreign_canary, "rust");
	fby_cycle_switch(&mst, true);
	all_drained();
	*calls = '\0';
	fby_cycle_stop(&mst, 7000);
	assert_state(FBY_CYCLE_LEAVING);
	/* The canary was to be kept, and is not any more. */
	assert_calls("cancel canary-stop(7000) stop(7000)");
	fby_cycle_group_closed(&mst);
	fby_cycle_workers_gone(&mst);
	assert_state(FBY_CYCLE_LEAVING);
	foreign_exits(&mst.foreign_canary);
	assert_state(FBY_CYCLE_STOPPED);
}

/* Nobody has asked for the end: it is no failure of the process. */
static void
a_switch_that_is_late_goes_on_and_is_no_exit_code(void **state)
{
	(void)state;
	fby_cycle_switch(&mst, false);
	mst.stop_by = 0;
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_LEAVING);
	mst.leave_by = 0;
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_RUNNING);
	assert_int_equal(mst.exit_code, 0);
	assert_non_null(strstr(calls, "revoke(lost 0) switched"));
}

static void
a_runtime_that_survives_sigkill_does_not_end_the_switch(void **state)
{
	(void)state;
	with_a_foreign_runtime();
	fby_cycle_switch(&mst, false);
	mst.stop_by = 0;
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_RUNNING);
	assert_non_null(strstr(calls, "runtime-give-up"));
	assert_int_equal(mst.exit_code, 0);
}

/* ---- a canary beside the workers -------------------------------------- */

static void
canary(struct fby_manifest *m, const char *runtime)
{
	m->host.canary.runtime = runtime;
	m->host.canary.share = 50;
	fby_cycle_update_foreign(&mst);
}

static void
a_canary_is_started_once(void **state)
{
	(void)state;
	canary(&ours, "rust");
	assert_calls("canary-start(rust) scrape(canary) view");
	canary(&ours, "rust");
	assert_calls("");
}

static void
a_canary_that_changes_is_started_when_the_old_one_has_exited(void **state)
{
	(void)state;
	canary(&ours, "rust");
	*calls = '\0';
	is_same = false;
	canary(&ours, "rust");
	assert_calls("canary-stop(5000)");
	foreign_exits(&mst.foreign_canary);
	assert_calls("canary-start(rust) scrape(canary)");
}

static void
a_canary_that_is_not_wanted_goes_and_so_does_the_view(void **state)
{
	(void)state;
	canary(&ours, "rust");
	*calls = '\0';
	canary(&ours, NULL);
	assert_calls("canary-stop(5000)");
	assert_null(mst.group_view.rk);
	foreign_exits(&mst.foreign_canary);
	assert_calls("");
}

/* ---- the manifest in force -------------------------------------------- */

static struct fby_manifest *
parse(const char *group)
{
	char text[512];
	struct fby_manifest_text t = { .name = "m", .text = text };
	struct fby_manifest *m;
	struct fby_err err;

	snprintf(text, sizeof(text),
	    "apiVersion: numaflow.numaproj.io/v1alpha1\n"
	    "kind: MonoVertex\n"
	    "metadata: {name: orders}\n"
	    "spec:\n"
	    "  source: {kafka: {brokers: [b:9092], topic: t,"
	    " consumerGroup: %s}}\n"
	    "  sink: {blackhole: {}}\n",
	    group);
	t.len = strlen(text);
	fby_err_init(&err);
	m = fby_manifest_parse(&t, 1, &err);
	assert_non_null(m);
	fby_err_fini(&err);
	return m;
}

static void
what_is_adopted_is_in_force_and_what_was_is_let_go(void **state)
{
	struct fby_manifest *b = parse("b");
	int old = open("/dev/null", O_RDONLY | O_CLOEXEC);

	(void)state;
	mst.ctx.manifest = parse("a");
	mst.ctx.manifest_fd = old;
	mst.commit.ctx = &mst.ctx;
	fby_cycle_adopt(&mst, b, 71, 9);
	assert_ptr_equal(mst.ctx.manifest, b);
	assert_int_equal(mst.ctx.manifest_fd, 71);
	assert_int_equal(mst.sup.manifest_fd, 71);
	assert_int_equal(mst.ctx.generation, 9);
	assert_calls("rearm policy(3)");
	assert_int_equal(fcntl(old, F_GETFD), -1);
	fby_manifest_free(b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(workers_drain_and_leave_before_the_other_runtime_starts),
		TEST(the_other_runtime_exits_before_ours_joins_the_group),
		TEST(a_canary_that_is_kept_is_neither_stopped_nor_waited_for),
		TEST(a_canary_that_is_not_kept_is_waited_for),
		TEST(a_stop_meanwhile_ends_it_and_has_its_own_time),
		TEST(a_stop_while_the_group_is_left_ends_it_too),
		TEST(a_switch_that_is_late_goes_on_and_is_no_exit_code),
		TEST(a_runtime_that_survives_sigkill_does_not_end_the_switch),
		TEST(a_canary_is_started_once),
		TEST(
		    a_canary_that_changes_is_started_when_the_old_one_has_exited),
		TEST(a_canary_that_is_not_wanted_goes_and_so_does_the_view),
		TEST(what_is_adopted_is_in_force_and_what_was_is_let_go),
	};

	return UNIT_RUN(tests);
}
