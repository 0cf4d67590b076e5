/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that an operator skips, and what is counted of them.
 */
#include "t/unit/unit.h"

#include "t/unit/master/handoff/world.h"

static void
what_is_held_back_goes_on_behind_the_skipped_record(void **state)
{
	struct world *w = *state;

	kill_alone(w, 3);
	assert_string_equal(try_skip(w, 139, FBY_FAIL),
	    "t/0 is held back at offset 140, only that one can be skipped");
	try_skip(w, 140, FBY_DONE);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
	assert_int_equal(fby_load(&row(w, 0)->acked), 141);
	assert_int_equal(fby_load(&row(w, 0)->read), 1);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 1);
	assert_int_equal(w->alarms, 2);
	/* The others that were in flight then are not above suspicion. */
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.slot, ISOLATION);
	assert_int_equal(w->last.start, 141);
	assert_int_equal(w->last.poison.kills, 0);
	assert_false(w->last.poison.condemned);
}

static void
what_a_worker_holds_is_released_for_a_skip(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 160);
	fby_store(&row(w, 0)->read, 60);
	fby_store(&row(w, 0)->delivered, 50);
	assert_string_equal(try_skip(w, 149, FBY_FAIL),
	    "t/0 has acked all before offset 150, only that one can be "
	    "skipped");
	assert_string_equal(try_skip(w, 151, FBY_FAIL),
	    "t/0 has acked all before offset 150, only that one can be "
	    "skipped");
	try_skip(w, 150, FBY_AGAIN);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(w->drain_ms, 0);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 0);
	assert_string_equal(try_skip(w, 150, FBY_FAIL),
	    "t/0: a skip of offset 150 is under way already");
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skips, 1);
	assert_int_equal(w->skipped, 1);
	assert_int_equal(w->h.parts[0].start, 151);
	assert_int_equal(fby_load(&row(w, 0)->acked), 151);
	/* read = delivered + dropped + returned */
	assert_int_equal(fby_load(&row(w, 0)->read), 61);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 1);
	assert_int_equal(fby_load(&row(w, 0)->returned), 10);
	assert_int_equal(w->h.skipped, 1);
}

static void
a_single_record_behind_a_gap_can_be_skipped_by_its_own_offset(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 154);
	fby_store(&row(w, 0)->in_flight, 1);
	assert_string_equal(try_skip(w, 154, FBY_FAIL),
	    "t/0 has acked all before offset 150, only that one can be "
	    "skipped");
	try_skip(w, 153, FBY_AGAIN);
	/* Its release takes it to the end of the gap. */
	fby_release(&row(w, 0)->acked, 153);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skipped, 1);
	assert_int_equal(w->h.parts[0].start, 154);
}

static void
a_record_that_is_done_meanwhile_is_not_skipped(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 160);
	try_skip(w, 150, FBY_AGAIN);
	in_flight(w, 0, 155, 160);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skips, 1);
	assert_int_equal(w->skipped, 0);
	assert_int_equal(w->h.parts[0].start, 155);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 0);
}

static void
a_skip_that_the_group_overtakes_is_committed_or_not_done(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 160);
	try_skip(w, 150, FBY_AGAIN);
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skipped, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(fby_load(&row(w, 0)->acked), 151);
	/* Once it is somebody else's, nothing may be done to it. */
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
}

static void
what_is_lost_is_not_skipped(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 160);
	try_skip(w, 150, FBY_AGAIN);
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skips, 1);
	assert_int_equal(w->skipped, 0);
	assert_int_equal(fby_load(&row(w, 0)->acked), 150);
}

/* It cannot be read: it is resolved anew. */
static void
fail_at(struct world *w, int64_t acked)
{
	in_flight(w, 0, acked, acked);
	fby_handoff_released(&w->h, 2, 0, w->h.parts[0].epoch,
	    FBY_RELEASE_FAILED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
}

static void
a_batch_is_skipped_where_it_is_tried_again_and_again(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	unsigned round, resolves;

	hold(w);
	fail_at(w, 150);
	round = pt->round;
	resolves = w->resolves;
	assert_string_equal(try_skip_batch(w, 151, 199, FBY_FAIL),
	    "t/0 has acked all before offset 150, only that one can be "
	    "skipped");
	assert_string_equal(try_skip_batch(w, 150, 1000, FBY_FAIL),
	    "t/0 has no record at offset 1000 yet, its log ends there");
	try_skip_batch(w, 150, 199, FBY_DONE);
	/* Answers that are under way are void, and it is asked at once. */
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_true(pt->round > round);
	assert_true(w->resolves > resolves);
	assert_int_equal(pt->resume, 200);
	assert_int_equal(pt->failures, 0);
	assert_int_equal(fby_load(&row(w, 0)->acked), 200);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 50);
	assert_int_equal(fby_load(&row(w, 0)->read), 50);
	assert_int_equal(w->h.skipped, 50);
	/* It leaves with that. */
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	assert_int_equal(pt->state, FBY_ROW_RELEASED);
	assert_int_equal(pt->acked, 200);
}

static void
a_batch_is_skipped_after_its_holder_has_let_go(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	in_flight(w, 0, 150, 150);
	try_skip_batch(w, 150, 199, FBY_AGAIN);
	/* It has failed while it was told to. */
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_FAILED);
	assert_int_equal(w->skipped, 1);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->resume, 200);
	assert_int_equal(w->h.skipped, 50);
}

static void
what_has_no_start_offset_yet_is_not_skipped(void **state)
{
	struct world *w = *state;

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	assert_string_equal(try_skip_batch(w, 0, 10, FBY_FAIL),
	    "t/0 is RESOLVING; a record can be skipped of what is held, "
	    "idle or held back");
}

static void
there_must_be_a_record_to_skip(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 1000, 1000);
	assert_string_equal(try_skip(w, 1000, FBY_FAIL),
	    "t/0 has no record at offset 1000 yet, its log ends there");
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	assert_string_equal(try_skip(w, 1000, FBY_FAIL),
	    "t/0 is REVOKING; a record can be skipped of what is held, "
	    "idle or held back");
}

static void
what_was_read_and_not_done_is_returned(void **state)
{
	struct world *w = *state;
	struct fby_ledger_row *r;

	hold(w);
	r = row(w, 0);
	fby_store(&r->read, 100);
	fby_store(&r->delivered, 50);
	fby_store(&r->fallback, 5);
	fby_store(&r->dead_lettered, 3);
	fby_store(&r->dropped, 2);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(fby_load(&r->returned), 40);
	plan(w, slot2, yes, 1);
	/* They were read again, and more. */
	fby_store(&r->read, 200);
	fby_store(&r->delivered, 150);
	assert_int_equal(fby_load(&r->returned), 40);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(fby_load(&r->returned), 40);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_is_held_back_goes_on_behind_the_skipped_record),
		TEST(what_a_worker_holds_is_released_for_a_skip),
		TEST(
		    a_single_record_behind_a_gap_can_be_skipped_by_its_own_offset),
		TEST(a_record_that_is_done_meanwhile_is_not_skipped),
		TEST(a_skip_that_the_group_overtakes_is_committed_or_not_done),
		TEST(what_is_lost_is_not_skipped),
		TEST(a_batch_is_skipped_where_it_is_tried_again_and_again),
		TEST(a_batch_is_skipped_after_its_holder_has_let_go),
		TEST(what_has_no_start_offset_yet_is_not_skipped),
		TEST(there_must_be_a_record_to_skip),
		TEST(what_was_read_and_not_done_is_returned),
	};

	return UNIT_RUN(tests);
}
