/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deaths of workers: the isolation of partitions, and condemned records.
 */
#include "t/unit/unit.h"

#include "t/unit/master/handoff/world.h"

static void
two_deaths_at_one_offset_isolate_the_partition_in_isolation(void **state)
{
	struct world *w = *state;

	hold(w);
	w->h.poison_kills = 3;
	die_at(w, 2, 140, 200);
	assert_int_equal(w->last.slot, 2);
	assert_false(w->last.isolated);
	assert_int_equal(fby_suspicion_count(&w->h), 0);
	die_at(w, 2, 140, 250);
	assert_int_equal(w->last.slot, ISOLATION);
	assert_true(w->last.isolated);
	assert_int_equal(w->last.start, 140);
	assert_int_equal(w->last.poison.until, 250);
	assert_int_equal(fby_suspicion_count(&w->h), 1);
}

static void
kills_from_outside_isolate_nobody(void **state)
{
	struct world *w = *state;

	hold(w);
	w->h.poison_kills = 1;
	for (int i = 0; i < 10; i++) {
		in_flight(w, 0, 140, 200);
		fby_handoff_holder_gone(&w->h, 2);
		plan(w, slot2, yes, 1);
	}
	assert_int_equal(w->last.slot, 2);
	assert_false(w->last.isolated);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
}

static void
a_row_that_was_spoilt_is_no_evidence(void **state)
{
	struct world *w = *state;

	kill_alone(w, 2);
	/* The third time would be enough. */
	in_flight(w, 0, 140, 1001);
	fby_suspicion_died(&w->h, ISOLATION, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
	in_flight(w, 0, 140, 141);
	fby_store(&row(w, 0)->in_flight, 77);
	fby_suspicion_died(&w->h, ISOLATION, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
	assert_int_equal(w->last.poison.kills, 2);
	assert_int_equal(w->last.start, 140);
}

static void
of_two_isolation_workers_each_has_its_own(void **state)
{
	struct world *w = *state;

	nisolation = 2;
	hold(w);
	w->h.poison_kills = 1;
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	plan(w, slot2, yes, 1);
	for (int i = 0; i < 2; i++) {
		in_flight(w, 0, 140, 200);
		in_flight(w, 1, 5, 9);
		fby_suspicion_died(&w->h, 2, FBY_NOROW, FBY_NONE);
		plan(w, slot2, yes, 1);
	}
	assert_int_equal(w->h.parts[0].slot, ISOLATION);
	assert_int_equal(w->h.parts[1].slot, ISOLATION + 1);
	/* One dies of its record, the other is none the worse. */
	in_flight(w, 0, 140, 141);
	in_flight(w, 1, 5, 6);
	fby_suspicion_died(&w->h, ISOLATION, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
	assert_int_equal(w->h.parts[1].state, FBY_ROW_HELD);
	assert_int_equal(w->h.parts[1].poison.kills, 0);
	/* A successor takes over the isolation worker: so does its suspect. */
	nisolation = 1;
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[1].state, FBY_ROW_REVOKING);
	assert_int_equal(w->h.parts[1].moving_to, ISOLATION);
	plan(w, slot2, yes, 1);
	fby_handoff_released(&w->h, ISOLATION + 1, 1, w->h.parts[1].epoch,
	    FBY_RELEASE_REVOKED);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[1].slot, ISOLATION);
	assert_true(w->h.parts[1].isolated);
}

static void
isolation_has_one_suspect_at_a_time(void **state)
{
	struct world *w = *state;

	hold(w);
	w->h.poison_kills = 3;
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	plan(w, slot2, yes, 1);
	for (int i = 0; i < 2; i++) {
		in_flight(w, 0, 140, 200);
		in_flight(w, 1, 5, 9);
		/* It was busy with the second one. */
		fby_suspicion_died(&w->h, 2, 1, 7);
		plan(w, slot2, yes, 1);
	}
	assert_int_equal(w->h.parts[1].state, FBY_ROW_HELD);
	assert_int_equal(w->h.parts[1].slot, ISOLATION);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
	/* Which gets past it, and moves out; then it is the first one's turn.
	 */
	in_flight(w, 1, 9, 9);
	fby_plan_watch(&w->h, 1000, 60000);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[1].state, FBY_ROW_REVOKING);
	fby_handoff_released(&w->h, ISOLATION, 1, w->h.parts[1].epoch,
	    FBY_RELEASE_REVOKED);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[1].slot, 2);
	assert_false(w->h.parts[1].isolated);
	assert_int_equal(w->h.parts[0].slot, ISOLATION);
	assert_true(w->h.parts[0].isolated);
}

static void
who_sits_in_isolation_too_long_makes_room(void **state)
{
	struct world *w = *state;

	isolation_has_one_suspect_at_a_time(state);
	in_flight(w, 0, 140, 200);
	/* Nobody waits: it may stay. */
	fby_plan_watch(&w->h, 1000, 5000);
	fby_plan_watch(&w->h, 7000, 5000);
	assert_true(w->h.parts[0].poison.until != FBY_NONE);
	/* Its neighbour is suspected once more. */
	for (int i = 0; i < 2; i++) {
		in_flight(w, 1, 9, 12);
		fby_suspicion_died(&w->h, 2, FBY_NOROW, FBY_NONE);
		plan(w, slot2, yes, 1);
	}
	fby_plan_watch(&w->h, 7000, 5000);
	assert_true(w->h.parts[0].poison.until == FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_REVOKING);
	fby_handoff_released(&w->h, ISOLATION, 0, w->h.parts[0].epoch,
	    FBY_RELEASE_REVOKED);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[0].slot, 2);
	assert_int_equal(w->h.parts[1].slot, ISOLATION);
}

static void
a_condemned_record_is_held_back_without_a_dead_letter_topic(void **state)
{
	struct world *w = *state;
	unsigned grants;

	kill_alone(w, 2);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
	grants = w->grants;
	die_at(w, ISOLATION, 140, 141);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
	assert_int_equal(fby_load(&row(w, 0)->state), FBY_ROW_QUARANTINED);
	assert_int_equal(fby_load(&row(w, 0)->slot), FBY_NOSLOT);
	assert_int_equal(w->h.quarantined, 1);
	assert_int_equal(w->alarms, 1);
	/* Nobody gets it, and no isolation worker is needed. */
	assert_int_equal(w->grants, grants);
	assert_int_equal(fby_suspicion_count(&w->h), 0);
	/* What is acked is still committed when it leaves. */
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(w->commits, 1);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 140, FBY_NONE);
	fby_handoff_committed(&w->h);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(w->alarms, 2);
	assert_int_equal(w->h.parts[0].poison.kills, 0);
}

static void
a_condemned_record_goes_to_the_dead_letter_topic(void **state)
{
	struct world *w = *state;

	hold(w);
	w->h.has_dead_letter = true;
	w->h.poison_kills = 1;
	die_at(w, 2, 140, 200);
	die_at(w, 2, 140, 200);
	assert_false(w->last.poison.condemned);
	/* Offsets have a gap before it. */
	in_flight(w, 0, 140, 144);
	fby_store(&row(w, 0)->in_flight, 1);
	fby_suspicion_died(&w->h, ISOLATION, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.slot, ISOLATION);
	assert_true(w->last.poison.condemned);
	assert_int_equal(w->last.poison.kills, 1);
	assert_int_equal(w->last.start, 143);
	assert_int_equal(w->alarms, 0);
	/* It kills even so. */
	die_at(w, ISOLATION, 143, 144);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
}

static void
a_new_dead_letter_topic_is_tried_for_what_is_held_back(void **state)
{
	struct world *w = *state;

	kill_alone(w, 3);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
	fby_suspicion_policy(&w->h, 3, false);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
	fby_suspicion_policy(&w->h, 3, true);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.slot, ISOLATION);
	assert_true(w->last.poison.condemned);
	assert_int_equal(w->alarms, 2);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(
		    two_deaths_at_one_offset_isolate_the_partition_in_isolation),
		TEST(kills_from_outside_isolate_nobody),
		TEST(a_row_that_was_spoilt_is_no_evidence),
		TEST(of_two_isolation_workers_each_has_its_own),
		TEST(isolation_has_one_suspect_at_a_time),
		TEST(who_sits_in_isolation_too_long_makes_room),
		TEST(
		    a_condemned_record_is_held_back_without_a_dead_letter_topic),
		TEST(a_condemned_record_goes_to_the_dead_letter_topic),
		TEST(a_new_dead_letter_topic_is_tried_for_what_is_held_back),
	};

	return UNIT_RUN(tests);
}
