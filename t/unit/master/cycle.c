/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The cycle's way out: each state, what ends it, its deadline, and a second
 * signal; and what keeps the master from being ready.
 */
#include "t/unit/unit.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t/unit/master/fake_modules.h"

static void
assert_state(enum fby_cycle_state state)
{
	assert_string_equal(fby_cycle_state_name(mst.ctx.state),
	    fby_cycle_state_name(state));
}

/* To DRAINING, with nothing written down of the way there. */
static void
stop_it(void)
{
	fby_cycle_stop(&mst, DRAIN_MS);
	*calls = '\0';
}

static void
stop_and_drain(void)
{
	stop_it();
	all_drained();
	*calls = '\0';
}

/* ---- starting --------------------------------------------------------- */

static void
workers_are_started_when_the_group_is_joined(void **state)
{
	(void)state;
	fby_cycle_start_moving(&mst);
	assert_calls("open roll(c 1)");
	are_ready = false;
	fby_cycle_workers_ready(&mst);
	assert_false(mst.notify.ready);
	are_ready = true;
	fby_cycle_workers_ready(&mst);
	assert_true(mst.notify.ready);
}

static void
lanes_are_planned_while_it_runs(void **state)
{
	(void)state;
	fby_cycle_plan_soon(&mst);
	fby_cycle_plan_soon(&mst);
	turn();
	assert_calls("plan");
	stop_it();
	fby_cycle_plan_soon(&mst);
	turn();
	assert_null(strstr(calls, "plan"));
}

/* ---- stopping --------------------------------------------------------- */

static void
a_stop_before_the_ledger_is_read_ends_at_once(void **state)
{
	(void)state;
	mst.ctx.state = FBY_CYCLE_RECOVERING;
	fby_cycle_stop(&mst, DRAIN_MS);
	assert_state(FBY_CYCLE_STOPPED);
	assert_calls("");
}

static void
a_stop_drains_then_leaves_then_ends(void **state)
{
	(void)state;
	fby_cycle_stop(&mst, DRAIN_MS);
	assert_state(FBY_CYCLE_DRAINING);
	assert_calls("rest revoke(5000) cancel");
	turn();
	assert_state(FBY_CYCLE_DRAINING);
	all_drained();
	assert_state(FBY_CYCLE_LEAVING);
	assert_calls("unassign unassign stop(5000) leave");
	fby_cycle_workers_gone(&mst);
	assert_state(FBY_CYCLE_LEAVING);
	fby_cycle_group_closed(&mst);
	assert_state(FBY_CYCLE_STOPPED);
	assert_int_equal(mst.exit_code, 0);
	/* Again: there is nothing to be stopped. */
	fby_cycle_stop(&mst, DRAIN_MS);
	assert_calls("");
}

static void
the_group_may_be_left_before_the_workers_have_exited(void **state)
{
	(void)state;
	stop_and_drain();
	fby_cycle_group_closed(&mst);
	assert_state(FBY_CYCLE_LEAVING);
	fby_cycle_workers_gone(&mst);
	assert_state(FBY_CYCLE_STOPPED);
}

static void
a_partition_that_has_not_left_keeps_it_draining(void **state)
{
	(void)state;
	stop_it();
	nleaving = 1;
	nours = 1;
	fby_cycle_left_soon(&mst);
	turn();
	assert_calls("");
	/* The group's partitions are back, and one is not committed yet. */
	nleaving = 0;
	fby_cycle_left_soon(&mst);
	turn();
	assert_state(FBY_CYCLE_DRAINING);
	assert_calls("unassign");
}

/* Partitions come and go with each rebalance. */
static void
what_leaves_while_it_runs_ends_nothing(void **state)
{
	(void)state;
	all_drained();
	assert_state(FBY_CYCLE_RUNNING);
	assert_calls("unassign");
}

static void
nothing_is_begun_in_a_state_that_ends(void **state)
{
	(void)state;
	mst.reload.state = FBY_RELOAD_ROLLING;
	fby_cycle_stop(&mst, DRAIN_MS);
	/* Rest comes first: what is cancelled goes on to what was put off. */
	assert_calls("rest revoke(5000) cancel");
	mst.ctx.manifest = &theirs;
	fby_cycle_update_foreign(&mst);
	assert_calls("");
	mst.ctx.manifest = &ours;
	all_drained();
	*calls = '\0';
	mst.ctx.manifest = &theirs;
	fby_cycle_update_foreign(&mst);
	foreign_exits(&mst.foreign_canary);
	assert_calls("");
}

/* ---- deadlines -------------------------------------------------------- */

static void
before_the_deadline_a_tick_changes_nothing(void **state)
{
	(void)state;
	stop_it();
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_DRAINING);
	all_drained();
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_LEAVING);
}

static void
what_does_not_drain_in_time_is_left_and_is_an_error(void **state)
{
	(void)state;
	stop_it();
	assert_true(mst.stop_by >= fby_clock_mono() + DRAIN_MS);
	mst.stop_by = 0;
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_LEAVING);
	assert_calls("presence tick stop(5000) leave");
	assert_int_equal(mst.exit_code, FBY_EXIT_FAIL);
}

static void
workers_that_do_not_exit_are_not_waited_for(void **state)
{
	(void)state;
	stop_and_drain();
	fby_cycle_group_closed(&mst);
	nalive = 1;
	mst.leave_by = 0;
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_STOPPED);
	assert_int_equal(mst.exit_code, FBY_EXIT_FAIL);
}

static void
a_group_that_is_not_left_is_not_waited_for(void **state)
{
	(void)state;
	stop_and_drain();
	fby_cycle_workers_gone(&mst);
	mst.leave_by = 0;
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_STOPPED);
	assert_int_equal(mst.exit_code, FBY_EXIT_FAIL);
}

/* A foreign runtime waits for a disk: SIGKILL has no effect. */
static void
a_runtime_that_survives_sigkill_is_not_waited_for(void **state)
{
	(void)state;
	mst.ctx.manifest = &theirs;
	fby_cycle_start_moving(&mst);
	stop_it();
	assert_state(FBY_CYCLE_DRAINING);
	mst.stop_by = 0;
	fby_cycle_tick(&mst);
	assert_state(FBY_CYCLE_STOPPED);
	assert_calls("presence tick runtime-give-up");
	assert_int_equal(mst.exit_code, FBY_EXIT_FAIL);
}

/* ---- a second signal -------------------------------------------------- */

static void
a_second_signal_ends_the_wait_for_lanes(void **state)
{
	int64_t by;

	(void)state;
	stop_it();
	by = mst.stop_by;
	fby_cycle_stop(&mst, DRAIN_MS);
	assert_state(FBY_CYCLE_DRAINING);
	assert_calls("rest revoke(0) cancel");
	assert_true(mst.stop_by < by);
	all_drained();
	assert_calls("unassign stop(0) leave");
}

static void
a_second_signal_ends_the_wait_for_workers_and_runtimes(void **state)
{
	int64_t by;

	(void)state;
	fby_foreign_start(&mst.foreign_canary, "rust");
	stop_and_drain();
	by = mst.leave_by;
	fby_cycle_stop(&mst, DRAIN_MS);
	assert_state(FBY_CYCLE_LEAVING);
	assert_calls("cancel canary-stop(0) stop(0)");
	assert_true(mst.leave_by < by);
	/* A third one does not give more time again. */
	by = mst.leave_by = 1;
	fby_cycle_stop(&mst, DRAIN_MS);
	assert_int_equal(mst.leave_by, by);
}

static void
a_second_signal_may_be_what_it_waited_for(void **state)
{
	(void)state;
	stop_and_drain();
	mst.group_out = mst.workers_out = true;
	fby_cycle_stop(&mst, DRAIN_MS);
	assert_state(FBY_CYCLE_STOPPED);
}

/* ---- processes that have exited --------------------------------------- */

/* One that exits with a code of its own, as the leader of a group. */
static pid_t
exited(int code)
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid == 0) {
		setpgid(0, 0);
		_exit(code);
	}
	return pid;
}

static void
each_process_that_has_exited_is_told_to_its_owner(void **state)
{
	siginfo_t si;

	(void)state;
	mst.foreign.replicas[0].process.pid = exited(3);
	assert_int_equal(waitid(P_PID,
			     (id_t)mst.foreign.replicas[0].process.pid, &si,
			     WEXITED | WNOWAIT),
	    0);
	fby_cycle_reap(&mst);
	assert_calls("runtime-reaped(768)");
	mst.foreign_canary.replicas[0].process.pid = exited(4);
	waitid(P_PID, (id_t)mst.foreign_canary.replicas[0].process.pid, &si,
	    WEXITED | WNOWAIT);
	fby_cycle_reap(&mst);
	assert_calls("canary-reaped(1024)");
	waitid(P_PID, (id_t)exited(5), &si, WEXITED | WNOWAIT);
	fby_cycle_reap(&mst);
	assert_calls("worker-reaped(1280)");
	fby_cycle_reap(&mst);
	assert_calls("");
}

/* ---- each second ------------------------------------------------------ */

static void
before_the_ledger_is_read_a_tick_touches_no_module(void **state)
{
	(void)state;
	mst.ctx.state = FBY_CYCLE_RECOVERING;
	fby_cycle_tick(&mst);
	assert_calls("presence");
	mst.ctx.state = FBY_CYCLE_RUNNING;
	fby_cycle_tick(&mst);
	assert_calls("presence tick watch");
}

/* ---- readiness -------------------------------------------------------- */

static void
it_is_ready_as_a_member_without_an_alarm(void **state)
{
	(void)state;
	mst.group.state = FBY_GROUP_STEADY;
	assert_null(fby_ready_why_not(&mst));
	mst.group.state = FBY_GROUP_REVOKING;
	assert_null(fby_ready_why_not(&mst));
	mst.group.state = FBY_GROUP_JOINING;
	assert_string_equal(fby_ready_why_not(&mst), "JOINING");
	mst.group.state = FBY_GROUP_CLOSED;
	assert_string_equal(fby_ready_why_not(&mst), "CLOSED");
}

static void
an_alarm_makes_it_unready_if_it_is_of_that_kind(void **state)
{
	(void)state;
	mst.group.state = FBY_GROUP_STEADY;
	fby_alarm_set(&mst.ctx.alarms, FBY_ALARM_CANARY, "down");
	assert_null(fby_ready_why_not(&mst));
	fby_alarm_set(&mst.ctx.alarms, FBY_ALARM_BROKER, "all are down");
	assert_string_equal(fby_ready_why_not(&mst), "broker: all are down");
}

static void
it_is_unready_in_every_other_state(void **state)
{
	(void)state;
	mst.group.state = FBY_GROUP_STEADY;
	for (int s = 0; s < FBY_CYCLE_NSTATES; s++) {
		mst.ctx.state = (enum fby_cycle_state)s;
		if (s != FBY_CYCLE_RUNNING)
			assert_string_equal(fby_ready_why_not(&mst),
			    fby_cycle_state_name(mst.ctx.state));
	}
}

static void
with_a_foreign_runtime_its_own_word_counts(void **state)
{
	(void)state;
	mst.ctx.manifest = &theirs;
	assert_string_equal(fby_ready_why_not(&mst),
	    "the runtime is not running");
	fby_foreign_start(&mst.foreign, "rust");
	assert_null(fby_ready_why_not(&mst)); /* though the group is CLOSED */
}

/* ---- the last word ---------------------------------------------------- */

static void
assert_end(bool ok, const char *part)
{
	fby_cycle_say_end(&mst);
	assert_int_equal(said_ok, ok);
	assert_non_null(strstr(said, part));
}

static void
the_last_word_says_what_is_the_case(void **state)
{
	static char topic[] = "t";

	(void)state;
	assert_end(true, "everything that was acknowledged is committed");
	mst.commit.given_up = 1;
	assert_end(false, "of 1 partition was refused");
	mst.commit.given_up = 2;
	assert_end(false, "of 2 partitions was refused");
	mst.exit_code = FBY_EXIT_FAIL;
	assert_end(false, "exit code 1");
	mst.exit_code = 0;
	mst.commit.given_up = 0;
	fby_unfinished_init(&mst.unfinished);
	fby_unfinished_add(&mst.unfinished,
	    &(struct fby_part){ .topic = topic,
		.partition = 3,
		.committed = 7 },
	    5);
	assert_end(false,
	    "stopped; 1 partition was given back with 5 records in flight, "
	    "which will be read again: t/3 from 7");
	fby_unfinished_begin(&mst.unfinished);
	mst.ctx.manifest = &theirs;
	assert_end(true, "the runtime has exited");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(workers_are_started_when_the_group_is_joined),
		TEST(lanes_are_planned_while_it_runs),
		TEST(a_stop_before_the_ledger_is_read_ends_at_once),
		TEST(a_stop_drains_then_leaves_then_ends),
		TEST(the_group_may_be_left_before_the_workers_have_exited),
		TEST(a_partition_that_has_not_left_keeps_it_draining),
		TEST(what_leaves_while_it_runs_ends_nothing),
		TEST(nothing_is_begun_in_a_state_that_ends),
		TEST(before_the_deadline_a_tick_changes_nothing),
		TEST(what_does_not_drain_in_time_is_left_and_is_an_error),
		TEST(workers_that_do_not_exit_are_not_waited_for),
		TEST(a_group_that_is_not_left_is_not_waited_for),
		TEST(a_runtime_that_survives_sigkill_is_not_waited_for),
		TEST(a_second_signal_ends_the_wait_for_lanes),
		TEST(a_second_signal_ends_the_wait_for_workers_and_runtimes),
		TEST(a_second_signal_may_be_what_it_waited_for),
		TEST(each_process_that_has_exited_is_told_to_its_owner),
		TEST(before_the_ledger_is_read_a_tick_touches_no_module),
		TEST(it_is_ready_as_a_member_without_an_alarm),
		TEST(an_alarm_makes_it_unready_if_it_is_of_that_kind),
		TEST(it_is_unready_in_every_other_state),
		TEST(with_a_foreign_runtime_its_own_word_counts),
		TEST(the_last_word_says_what_is_the_case),
	};

	return UNIT_RUN(tests);
}
