/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over of one partition: from its assignment to its end.
 */
#include "t/unit/unit.h"

#include "t/unit/master/handoff/world.h"

static void
an_assigned_partition_is_resolved_then_granted(void **state)
{
	struct world *w = *state;

	hold(w);
	assert_int_equal(w->resolves, 1);
	assert_int_equal(w->last.slot, 2);
	assert_int_equal(w->last.start, 100);
	assert_int_equal(w->last.epoch, 1);
	assert_int_equal(fby_load(&row(w, 0)->slot), 2);
	assert_int_equal(fby_load(&row(w, 0)->epoch), 1);
}

static void
nothing_is_granted_before_the_worker_is_ready(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 2 };
	const bool ready[] = { false };

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	fby_handoff_resolved(&w->h, &w->h.parts[0], 100, FBY_NONE);
	plan(w, slots, ready, 1);
	assert_int_equal(w->grants, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
}

/* With exactly-once it may have committed more than it has written down. */
static void
after_a_holder_the_broker_is_asked_if_it_knows_best(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	w->h.ask = true;
	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(w->resolves, 2);
	assert_int_equal(pt->resume, 150);
	fby_handoff_resolved(&w->h, pt, 170, FBY_NONE);
	assert_int_equal(pt->state, FBY_ROW_IDLE);
	assert_int_equal(pt->start, 170);
}

static void
a_move_goes_on_after_the_broker_was_asked(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	const uint32_t slots[] = { 1 };
	const bool ready[] = { true };

	w->h.ask = true;
	hold(w);
	plan(w, slots, ready, 1);
	assert_int_equal(pt->state, FBY_ROW_REVOKING);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->moving_to, FBY_NOSLOT);
	fby_handoff_resolved(&w->h, pt, 100, FBY_NONE);
	plan(w, slots, ready, 1);
	assert_int_equal(w->last.slot, 1);
	assert_int_equal(w->last.epoch, 2);
}

static void
a_revoked_partition_is_free_only_when_its_acks_are_committed(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_revoke(&w->h, "t", 0, false, 5000);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(w->drain_ms, 5000);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(w->commits, 1);
	assert_int_equal(lefts(w), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 149, FBY_NONE);
	fby_handoff_committed(&w->h);
	assert_int_equal(lefts(w), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 150, FBY_NONE);
	fby_handoff_committed(&w->h);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(lefts(w), 1);
}

static void
what_cannot_be_read_is_counted_until_it_moves(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	hold(w);
	for (unsigned i = 1; i <= 3; i++) {
		fby_handoff_released(&w->h, 2, 0, pt->epoch,
		    FBY_RELEASE_FAILED);
		assert_int_equal(pt->state, FBY_ROW_RESOLVING);
		assert_int_equal(pt->failures, i);
		assert_int_equal(pt->ask_at, 0);
		fby_handoff_resolved(&w->h, pt, 100, FBY_NONE);
		plan(w, slots, ready, 1);
		fby_plan_watch(&w->h, 1000, 1000);
		assert_int_equal(pt->failures, i);
	}
	/* A little further it is something new. */
	fby_release(&row(w, 0)->acked, 120);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_FAILED);
	assert_int_equal(pt->failures, 1);
	fby_handoff_resolved(&w->h, pt, 120, FBY_NONE);
	plan(w, slots, ready, 1);
	fby_release(&row(w, 0)->acked, 121);
	fby_plan_watch(&w->h, 1000, 1000);
	assert_int_equal(pt->failures, 0);
	/* Its end will do as well. */
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_FAILED);
	fby_handoff_resolved(&w->h, pt, 121, FBY_NONE);
	plan(w, slots, ready, 1);
	fby_store(&row(w, 0)->flags, FBY_ROW_AT_END);
	fby_plan_watch(&w->h, 1000, 1000);
	assert_int_equal(pt->failures, 0);
}

static void
each_partition_has_its_own_time_to_be_released(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	hold(w);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_set_log(&w->h, &w->h.parts[1], 0, 1000, 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 100, FBY_NONE);
	plan(w, slots, ready, 1);
	assert_null(fby_handoff_overdue(&w->h, 2, 9999));
	w->release_by = 2000;
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	w->release_by = 500;
	fby_handoff_revoke(&w->h, "t", 1, false, 0);
	assert_null(fby_handoff_overdue(&w->h, 2, 500));
	assert_ptr_equal(fby_handoff_overdue(&w->h, 2, 501), &w->h.parts[1]);
	assert_null(fby_handoff_overdue(&w->h, 1, 501));
	fby_handoff_released(&w->h, 2, 1, w->h.parts[1].epoch,
	    FBY_RELEASE_REVOKED);
	assert_null(fby_handoff_overdue(&w->h, 2, 501));
	assert_ptr_equal(fby_handoff_overdue(&w->h, 2, 2001), &w->h.parts[0]);
	fby_handoff_holder_gone(&w->h, 2);
	assert_null(fby_handoff_overdue(&w->h, 2, 2001));
	assert_int_equal(w->h.parts[0].release_by, 0);
}

static void
a_lost_partition_is_never_committed(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_revoke(&w->h, "t", 0, true, 5000);
	assert_int_equal(w->drain_ms, 0);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(w->commits, 0);
	assert_int_equal(lefts(w), 1);
}

static void
a_dead_holders_partition_goes_on_at_its_acks_with_a_new_epoch(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	hold(w);
	fby_store(&row(w, 0)->watermark, 777);
	fby_release(&row(w, 0)->acked, 140);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
	assert_int_equal(fby_load(&row(w, 0)->slot), FBY_NOSLOT);
	plan(w, slots, ready, 1);
	assert_int_equal(w->grants, 2);
	assert_int_equal(w->last.start, 140);
	assert_int_equal(w->last.watermark, 777);
	assert_int_equal(w->last.epoch, 2);
}

static void
no_watermark_beyond_the_limit_is_handed_on(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	hold(w);
	w->h.watermark_limit = 1000;
	fby_store(&row(w, 0)->watermark, 5000);
	assert_int_equal(fby_handoff_watermark(&w->h, &w->h.parts[0]), 1000);
	fby_handoff_holder_gone(&w->h, 2);
	plan(w, slots, ready, 1);
	assert_int_equal(w->last.watermark, 1000);
	/* Nor one that is not wanted any more. */
	w->h.parts[0].no_watermark = true;
	assert_int_equal(fby_handoff_watermark(&w->h, &w->h.parts[0]),
	    FBY_NONE);
	fby_handoff_holder_gone(&w->h, 2);
	plan(w, slots, ready, 1);
	assert_int_equal(w->grants, 3);
	assert_int_equal(w->last.watermark, FBY_NONE);
	assert_false(w->h.parts[0].no_watermark);
}

static void
a_release_of_an_old_epoch_is_counted_and_ignored(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_released(&w->h, 2, 0, 99, FBY_RELEASE_REVOKED);
	fby_handoff_released(&w->h, 1, 0, 1, FBY_RELEASE_REVOKED);
	fby_handoff_released(&w->h, 2, 12345, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
	assert_int_equal(w->h.stale, 3);
}

static void
out_of_range_is_resolved_anew(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_RANGE);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
	assert_int_equal(w->resolves, 2);
}

static void
a_log_that_was_cut_is_read_again_from_there(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	struct fby_ledger_row *row;

	hold(w);
	row = fby_handoff_row(&w->h, pt);
	assert_int_equal(fby_load(&row->leader_epoch), -1);
	fby_store(&row->leader_epoch, 4);
	fby_store(&row->high, 200);
	fby_release(&row->acked, 180);
	fby_handoff_set_committed(&w->h, pt, 170, FBY_NONE);
	/* Not of its holder: nothing. */
	fby_handoff_cut(&w->h, 1, 0, 1, 120);
	assert_int_equal(pt->cut_at, FBY_NONE);
	fby_handoff_cut(&w->h, 2, 0, 1, 150);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_CUT);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->resume, 150);
	assert_int_equal(pt->committed, 150);
	assert_int_equal(pt->cut_from, 170);
	assert_int_equal(pt->epoch_before, -1);
	assert_int_equal(w->h.cuts, 1);
}

/* Or the next one would not see that the log was cut. */
static void
the_epoch_outlives_a_holder_that_has_acked_nothing(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	struct fby_ledger_row *row;

	hold(w);
	row = fby_handoff_row(&w->h, pt);
	assert_int_equal(fby_load(&row->leader_epoch), -1);
	assert_int_equal(fby_handoff_epoch_before(&w->h, pt), 3);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(pt->state, FBY_ROW_IDLE);
	assert_int_equal(pt->epoch_before, 3);
	/* One that acks and does not say of which epoch. */
	plan(w, slot2, yes, 1);
	fby_store(&row->high, 200);
	fby_release(&row->acked, 150);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(pt->acked, 150);
	assert_int_equal(pt->epoch_before, -1);
}

static void
what_was_acked_before_the_cut_stays(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	struct fby_ledger_row *row;

	hold(w);
	row = fby_handoff_row(&w->h, pt);
	fby_store(&row->leader_epoch, 4);
	fby_store(&row->high, 200);
	fby_release(&row->acked, 180);
	fby_handoff_cut(&w->h, 2, 0, 1, 190);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_CUT);
	assert_int_equal(pt->resume, 180);
	assert_int_equal(pt->epoch_before, 4);
	assert_int_equal(pt->cut_from, FBY_NONE);
}

static void
a_second_worker_takes_over_half_without_ping_pong(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 1, 2 };
	const bool ready[] = { true, true };
	struct fby_part moving;

	hold(w);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_set_log(&w->h, &w->h.parts[1], 0, 1000, 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	plan(w, slots + 1, ready, 1);
	assert_int_equal(fby_handoff_count_slot(&w->h, 2), 2);

	plan(w, slots, ready, 2);
	assert_int_equal(w->revokes, 1);
	moving = w->last;
	/* Planning while it is on its way must not start another move. */
	plan(w, slots, ready, 2);
	assert_int_equal(w->revokes, 1);
	fby_handoff_released(&w->h, 2, moving.row, moving.epoch,
	    FBY_RELEASE_REVOKED);
	plan(w, slots, ready, 2);
	assert_int_equal(w->last.row, moving.row);
	assert_int_equal(w->last.slot, 1);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(fby_handoff_count_slot(&w->h, 1), 1);
	assert_int_equal(fby_handoff_count_slot(&w->h, 2), 1);
}

static void
what_is_assigned_while_it_leaves_is_resolved_when_it_has(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_REVOKING);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
	assert_int_equal(w->resolves, 2);
	assert_false(w->h.parts[0].lost);
}

static void
what_was_acked_before_a_new_resolution_is_remembered(void **state)
{
	struct world *w = *state;
	unsigned round;

	hold(w);
	round = w->h.parts[0].round;
	fby_release(&row(w, 0)->acked, 140);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_FAILED);
	assert_int_equal(w->h.parts[0].resume, 140);
	assert_int_not_equal(w->h.parts[0].round, round);
	fby_handoff_resolved(&w->h, &w->h.parts[0], 140, FBY_NONE);
	assert_int_equal(w->h.parts[0].resume, FBY_NONE);
}

static void
what_was_acked_before_a_new_resolution_is_committed_on_leaving(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_release(&row(w, 0)->acked, 140);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_FAILED);
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(w->commits, 1);
	assert_int_equal(lefts(w), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 140, FBY_NONE);
	fby_handoff_committed(&w->h);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(lefts(w), 1);
}

static void
what_a_dead_holder_left_is_not_believed_unseen(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 120, FBY_NONE);
	fby_release(&row(w, 0)->acked, 1001);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(w->h.parts[0].start, 120);
	assert_int_equal(fby_load(&row(w, 0)->acked), 120);
}

/* It came back while its last commit was waited for, which then failed. */
static void
what_is_let_go_begins_anew_if_it_is_ours_again(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	fby_store(&row(w, 0)->high, 1000);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_released(&w->h, 2, 0, w->h.parts[0].epoch,
	    FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	fby_handoff_let_go(&w->h, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
}

static void
a_move_that_fails_is_no_move_any_more(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 1, 2 };
	const bool ready[] = { true, true };
	const struct fby_handoff_plan one = {
		.slots = slots + 1,
		.ready = ready,
		.nslots = 1,
		.drain_ms = 30000,
	};
	const struct fby_handoff_plan both = {
		.slots = slots,
		.ready = ready,
		.nslots = 2,
		.drain_ms = 30000,
	};

	hold(w);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_set_log(&w->h, &w->h.parts[1], 0, 1000, 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	fby_plan_make(&w->h, &one);
	fby_plan_make(&w->h, &both);
	assert_int_equal(w->last.moving_to, 1);
	fby_handoff_released(&w->h, 2, w->last.row, w->last.epoch,
	    FBY_RELEASE_FAILED);
	assert_int_equal(w->h.parts[w->last.row].moving_to, FBY_NOSLOT);
}

/* The first one's commit is done from within the series of revokes. */
static void
the_last_one_is_waited_for_even_if_a_commit_is_done_at_once(void **state)
{
	struct world *w = *state;

	w->mirrors = true;
	hold(w);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[1], FBY_NONE, FBY_NONE);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 0, FBY_NONE);
	fby_handoff_revoke(&w->h, "t", 1, false, 1000);
	assert_int_equal(w->h.parts[1].state, FBY_ROW_FREE);
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	assert_int_equal(lefts(w), 0);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(lefts(w), 1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(after_a_holder_the_broker_is_asked_if_it_knows_best),
		TEST(a_move_goes_on_after_the_broker_was_asked),
		TEST(an_assigned_partition_is_resolved_then_granted),
		TEST(nothing_is_granted_before_the_worker_is_ready),
		TEST(
		    a_revoked_partition_is_free_only_when_its_acks_are_committed),
		TEST(what_cannot_be_read_is_counted_until_it_moves),
		TEST(each_partition_has_its_own_time_to_be_released),
		TEST(a_lost_partition_is_never_committed),
		TEST(
		    a_dead_holders_partition_goes_on_at_its_acks_with_a_new_epoch),
		TEST(no_watermark_beyond_the_limit_is_handed_on),
		TEST(a_release_of_an_old_epoch_is_counted_and_ignored),
		TEST(out_of_range_is_resolved_anew),
		TEST(a_log_that_was_cut_is_read_again_from_there),
		TEST(the_epoch_outlives_a_holder_that_has_acked_nothing),
		TEST(what_was_acked_before_the_cut_stays),
		TEST(a_second_worker_takes_over_half_without_ping_pong),
		TEST(what_is_assigned_while_it_leaves_is_resolved_when_it_has),
		TEST(what_was_acked_before_a_new_resolution_is_remembered),
		TEST(
		    what_was_acked_before_a_new_resolution_is_committed_on_leaving),
		TEST(what_a_dead_holder_left_is_not_believed_unseen),
		TEST(what_is_let_go_begins_anew_if_it_is_ours_again),
		TEST(a_move_that_fails_is_no_move_any_more),
		TEST(
		    the_last_one_is_waited_for_even_if_a_commit_is_done_at_once),
	};

	return UNIT_RUN(tests);
}
