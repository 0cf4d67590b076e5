/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Topics that were deleted and made anew under the partitions of a hand-over.
 */
#include "t/unit/unit.h"

#include "t/unit/master/handoff/world.h"

static void
a_topic_made_anew_forgets_what_was_acked(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	fby_store(&row(w, 0)->acked, 150);
	fby_handoff_anew(&w->h, "other", 500);
	assert_int_equal(w->revokes, 0);
	fby_handoff_anew(&w->h, "t", 500);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(w->drain_ms, 500);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->resume, FBY_NONE);
	assert_true(pt->anew);
	fby_handoff_resolved(&w->h, pt, 0, FBY_NONE);
	assert_false(pt->anew);
	assert_int_equal(fby_load(&row(w, 0)->acked), 0);
}

static void
what_leaves_a_topic_made_anew_is_not_committed(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_anew(&w->h, "t", 500);
	fby_handoff_revoke(&w->h, "t", 0, false, 500);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(w->commits, 0);
	assert_int_equal(lefts(w), 1);
}

static void
news_of_a_topic_made_anew_reach_what_is_leaving(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_revoke(&w->h, "t", 0, false, 500);
	fby_handoff_anew(&w->h, "t", 500);
	assert_true(pt->anew);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(w->commits, 0);
	assert_false(pt->anew);
}

/* Its commit, which is under way, says of which topic it is. */
static void
a_last_commit_is_not_waited_for_if_the_topic_is_another_one(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_revoke(&w->h, "t", 0, false, 500);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	fby_handoff_anew(&w->h, "t", 500);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(lefts(w), 1);
}

/* Else what comes back without an ack goes on there, and records are lost. */
static void
a_commit_from_before_a_new_resolution_is_none_of_it(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	unsigned round;

	hold(w);
	round = pt->round;
	fby_handoff_confirmed(&w->h, 0, round, 140, 7);
	assert_int_equal(fby_load(&row(w, 0)->committed), 140);
	assert_int_equal(fby_load(&row(w, 0)->committed_watermark), 7);
	fby_handoff_anew(&w->h, "t", 500);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], FBY_NONE, FBY_NONE);
	fby_handoff_resolved(&w->h, pt, 0, FBY_NONE);
	fby_handoff_confirmed(&w->h, 0, round, 150, 8);
	assert_int_equal(fby_load(&row(w, 0)->committed), FBY_NONE);
	plan(w, slot2, yes, 1);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(pt->start, 0);
}

static void
an_answer_about_the_topic_before_is_outdated(void **state)
{
	struct world *w = *state;
	unsigned round;

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	round = w->h.parts[0].round;
	fby_handoff_anew(&w->h, "t", 500);
	assert_int_not_equal(w->h.parts[0].round, round);
	assert_int_equal(w->resolves, 2);
	assert_true(w->h.parts[0].anew);
}

/* As another master would see it if this one were killed there. */
static void
acks_of_one_topic_are_never_under_the_id_of_another(void **state)
{
	struct world *w = *state;
	const uint64_t turns = 300000;
	struct fby_part *pt;
	uint64_t id = 0;
	int status;
	pid_t pid;

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	pt = &w->h.parts[0];
	if ((pid = fork()) == 0) {
		for (uint64_t i = 1; i <= turns; i++) {
			fby_handoff_set_log(&w->h, pt, 0, (int64_t)i, i);
			pt->acked = (int64_t)i;
			fby_handoff_write(&w->h, pt);
		}
		_exit(0);
	}
	while (id < turns) {
		int64_t acked;

		id = fby_acquire(&row(w, 0)->topic_id);
		acked = fby_acquire(&row(w, 0)->acked);
		if (fby_load(&row(w, 0)->topic_id) == id)
			assert_true(acked == FBY_NONE || acked == (int64_t)id);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
a_topic_made_anew_has_no_history(void **state)
{
	struct world *w = *state;

	kill_alone(w, 3);
	fby_handoff_anew(&w->h, "t", 500);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
	assert_int_equal(w->alarms, 2);
	fby_handoff_resolved(&w->h, &w->h.parts[0], 0, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.slot, 2);
	assert_false(w->last.isolated);
	/* What was to be skipped is not there any more. */
	in_flight(w, 0, 150, 160);
	try_skip(w, 150, FBY_AGAIN);
	fby_handoff_anew(&w->h, "t", 500);
	fby_handoff_released(&w->h, 2, 0, w->h.parts[0].epoch,
	    FBY_RELEASE_REVOKED);
	assert_int_equal(w->skips, 1);
	assert_int_equal(w->skipped, 0);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(acks_of_one_topic_are_never_under_the_id_of_another),
		TEST(a_topic_made_anew_forgets_what_was_acked),
		TEST(what_leaves_a_topic_made_anew_is_not_committed),
		TEST(news_of_a_topic_made_anew_reach_what_is_leaving),
		TEST(
		    a_last_commit_is_not_waited_for_if_the_topic_is_another_one),
		TEST(a_commit_from_before_a_new_resolution_is_none_of_it),
		TEST(an_answer_about_the_topic_before_is_outdated),
		TEST(a_topic_made_anew_has_no_history),
	};

	return UNIT_RUN(tests);
}
