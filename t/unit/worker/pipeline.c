/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline between a source and sinks that are the test's own.
 */
#include "t/unit/unit.h"

#include "shared/base/clock.h"

#include "worker/aside.h"
#include "worker/retry.h"

#include "t/unit/worker/pipeline_world.h"

static struct fake_outlet *sink;

static int
setup(void **state)
{
	(void)state;
	world_init();
	sink = add_outlet(FBY_SINK_PRIMARY, &record_ops);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	world_fini();
	return 0;
}

static void
delivered(size_t i)
{
	fby_pipeline_delivered(sink->got[i]);
}

/* ---- the straight way ------------------------------------------------- */

static void
acks_follow_the_prefix_of_what_is_delivered(void **state)
{
	(void)state;
	fby_pipeline_start(&w);
	submit(lane, 3);
	assert_int_equal(sink->n, 3);
	assert_int_equal(fby_load(&rows[0].in_flight), 3);
	delivered(2);
	delivered(1);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 100);
	assert_int_equal(fby_load(&rows[0].delivered), 2);
	delivered(0);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 103);
	assert_int_equal(fby_load(&rows[0].in_flight), 0);
	assert_int_equal(fby_load(&rows[0].watermark), 1102);
	assert_int_equal(fby_load(&slot.sink_writes), 3);
	assert_int_equal(fby_load(&slot.acked), 3);
	assert_int_equal(destroyed, 3);
	assert_int_equal(budget.records, 0);
}

static void
a_sink_that_delivers_at_once_acks_at_once(void **state)
{
	(void)state;
	sink->rc = FBY_DONE;
	fby_pipeline_start(&w);
	submit(lane, 5);
	assert_int_equal(fby_load(&rows[0].acked), 105);
	assert_int_equal(destroyed, 5);
}

static void
a_sink_for_runs_gets_no_single_records(void **state)
{
	(void)state;
	sink = add_outlet(FBY_SINK_PRIMARY, &run_ops);
	fby_pipeline_start(&w);
	assert_true(pipeline.by_run);
	submit(lane, 5);
	assert_int_equal(sink->runs, 1);
	assert_int_equal(sink->n, 0);
	assert_int_equal(fby_load(&rows[0].acked), 105);
	assert_int_equal(fby_load(&rows[0].delivered), 5);
	assert_int_equal(destroyed, 5);
}

static void
what_has_no_room_waits_in_order(void **state)
{
	(void)state;
	sink->room = 2;
	fby_pipeline_start(&w);
	submit(lane, 5);
	assert_int_equal(sink->n, 2);
	assert_true(lane->is_blocked);
	assert_non_null(lane->pending);
	sink->room = 1;
	fby_pipeline_ready(&w);
	assert_int_equal(sink->n, 3);
	assert_true(lane->is_blocked);
	sink->room = SIZE_MAX;
	fby_pipeline_ready(&w);
	assert_int_equal(sink->n, 5);
	assert_false(lane->is_blocked);
	assert_null(lane->pending);
	for (size_t i = 0; i < 5; i++) {
		assert_int_equal(sink->got[i]->msg->offset, 100 + (int)i);
		delivered(i);
	}
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 105);
}

static void
a_starved_lane_is_woken_when_its_batch_has_gone_on(void **state)
{
	(void)state;
	sink->room = 1;
	fby_pipeline_start(&w);
	submit(lane, 2);
	lane->is_starved = true;
	fby_pipeline_settle(&w);
	assert_int_equal(woken, 0);
	sink->room = SIZE_MAX;
	fby_pipeline_ready(&w);
	assert_int_equal(woken, 1);
	delivered(0);
	delivered(1);
	fby_pipeline_settle(&w);
}

/* ---- refused records -------------------------------------------------- */

static void
later_records_wait_for_a_refused_one(void **state)
{
	(void)state;
	sink->room = 1;
	fby_pipeline_start(&w);
	submit(lane, 3);
	fby_pipeline_failed(sink->got[0], "not now", false);
	assert_int_equal(lane->suspects, 1);
	assert_int_equal(fby_budget_get(lane), 0);
	sink->room = SIZE_MAX;
	/* There is room, but its delay is not over. */
	fby_pipeline_ready(&w);
	assert_int_equal(sink->n, 1);
	wait_for_retry();
	assert_int_equal(sink->n, 2);
	assert_ptr_equal(sink->got[1], sink->got[0]);
	assert_int_equal(sink->got[1]->tries, 1);
	delivered(1);
	assert_int_equal(lane->suspects, 0);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 4);
	assert_int_equal(sink->got[2]->msg->offset, 101);
	delivered(2);
	delivered(3);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 103);
	assert_int_equal(fby_load(&slot.sink_errors), 1);
}

static void
several_refused_ones_are_tried_in_their_order(void **state)
{
	(void)state;
	fby_pipeline_start(&w);
	submit(lane, 3);
	fby_pipeline_failed(sink->got[2], "no", false);
	fby_pipeline_failed(sink->got[0], "no", false);
	wait_for_retry();
	assert_int_equal(sink->n, 5);
	assert_int_equal(sink->got[3]->msg->offset, 100);
	assert_int_equal(sink->got[4]->msg->offset, 102);
	delivered(1);
	delivered(3);
	delivered(4);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 103);
}

static void
what_is_no_fault_of_a_record_counts_no_attempt(void **state)
{
	(void)state;
	fby_pipeline_start(&w);
	submit(lane, 1);
	fby_pipeline_again(sink->got[0]);
	wait_for_retry();
	assert_int_equal(sink->n, 2);
	assert_int_equal(sink->got[1]->tries, 0);
	assert_int_equal(fby_load(&slot.sink_errors), 0);
	delivered(1);
	fby_pipeline_settle(&w);
}

static void
a_record_that_is_never_taken_goes_to_the_fallback(void **state)
{
	struct fake_outlet *fallback = add_outlet(FBY_SINK_FALLBACK,
	    &record_ops);

	(void)state;
	manifest.retry.on_failure = FBY_ON_FAILURE_FALLBACK;
	fby_pipeline_start(&w);
	submit(lane, 2);
	fby_pipeline_failed(sink->got[0], "too large", true);
	assert_int_equal(fallback->n, 1);
	assert_int_equal(fallback->got[0]->role, FBY_SINK_FALLBACK);
	fby_pipeline_delivered(fallback->got[0]);
	delivered(1);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 102);
	assert_int_equal(fby_load(&rows[0].fallback), 1);
	assert_int_equal(fby_load(&rows[0].delivered), 1);
	assert_int_equal(fby_load(&slot.fallback_writes), 1);
}

static void
what_the_fallback_refuses_becomes_a_dead_letter(void **state)
{
	struct fake_outlet *fallback = add_outlet(FBY_SINK_FALLBACK,
	    &record_ops);
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	manifest.retry.on_failure = FBY_ON_FAILURE_FALLBACK;
	fby_pipeline_start(&w);
	submit(lane, 1);
	fby_pipeline_failed(sink->got[0], "too large", true);
	fby_pipeline_failed(fallback->got[0], "too large there", true);
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why, "too large there");
	assert_int_equal(dead->got[0]->refused_by, FBY_SINK_FALLBACK);
	assert_int_equal(dead->got[0]->attempts, 2);
	/* The last resort is tried for as long as it takes. */
	fby_pipeline_failed(dead->got[0], "not now", true);
	assert_int_equal(lane->nfailed, 1);
	wait_for_retry();
	assert_string_equal(dead->got[1]->why, "too large there");
	fby_pipeline_delivered(dead->got[1]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].dead_lettered), 1);
	assert_int_equal(fby_load(&rows[0].acked), 101);
}

static void
a_record_is_dropped_after_its_steps_if_that_is_the_rule(void **state)
{
	(void)state;
	manifest.retry.on_failure = FBY_ON_FAILURE_DROP;
	manifest.retry.steps = 1;
	fby_pipeline_start(&w);
	submit(lane, 1);
	fby_pipeline_failed(sink->got[0], "no", false);
	wait_for_retry();
	fby_pipeline_failed(sink->got[1], "no", false);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].dropped), 1);
	assert_int_equal(fby_load(&slot.sink_drops), 1);
	assert_int_equal(fby_load(&rows[0].acked), 101);
	assert_int_equal(lane->suspects, 0);
}

static void
a_delivered_record_completes_with_its_copy_for_onsuccess(void **state)
{
	struct fake_outlet *success = add_outlet(FBY_SINK_SUCCESS, &record_ops);

	(void)state;
	fby_pipeline_start(&w);
	submit(lane, 1);
	delivered(0);
	fby_pipeline_settle(&w);
	assert_int_equal(success->n, 1);
	assert_int_equal(fby_load(&rows[0].acked), 100);
	fby_pipeline_delivered(success->got[0]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 101);
	assert_int_equal(fby_load(&rows[0].delivered), 1);
	assert_int_equal(fby_load(&slot.success_writes), 1);
}

static void
no_sink_but_the_last_sees_a_condemned_record(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	lane->poison = 100;
	lane->kills = 3;
	fby_pipeline_start(&w);
	submit(lane, 1);
	assert_int_equal(sink->n, 0);
	assert_int_equal(dead->n, 1);
	assert_int_equal(dead->got[0]->attempts, 3);
	assert_int_equal(lane->poison, FBY_NONE);
	fby_pipeline_delivered(dead->got[0]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].dead_lettered), 1);
}

/* ---- the end of a lane ------------------------------------------------ */

static void
what_no_sink_has_seen_goes_back_unread(void **state)
{
	(void)state;
	sink->room = 2;
	fby_pipeline_start(&w);
	submit(lane, 5);
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	fby_pipeline_stop(lane);
	assert_int_equal(sink->hurries, 1);
	assert_int_equal(lane->acks.position, 102);
	assert_int_equal(fby_acks_in_flight(&lane->acks), 2);
	assert_int_equal(budget.records, 2);
	assert_int_equal(destroyed, 3);
	delivered(0);
	delivered(1);
	fby_pipeline_settle(&w);
	/* Its owner looks whether anything is left. */
	assert_int_equal(drained, 1);
	assert_int_equal(fby_load(&rows[0].acked), 102);
}

static void
what_comes_after_the_release_is_stale(void **state)
{
	struct fby_lane *heir;

	(void)state;
	fby_pipeline_start(&w);
	submit(lane, 2);
	fby_pipeline_failed(sink->got[1], "no", false);
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	fby_pipeline_stop(lane);
	fby_pipeline_forget(lane);
	/* The refused one is given back; one is with the sink. */
	assert_int_equal(destroyed, 1);
	assert_int_equal(sink->forgets, 1);
	assert_int_equal(budget.records, 0);
	fby_lane_set_state(lane, FBY_LANE_DRAINED, "deadline");
	TAILQ_REMOVE(&w.lanes, lane, entry);
	w.nlanes--;
	heir = add_lane(0);
	delivered(0);
	assert_int_equal(fby_load(&rows[0].stale), 1);
	assert_int_equal(fby_load(&rows[0].delivered), 0);
	assert_int_equal(drained, 1);
	assert_int_equal(lane->nbatches, 0);
	fby_lane_free(lane);
	assert_int_equal(heir->acks.acked, 100);
}

static void
what_a_sink_never_returned_is_freed_in_the_end(void **state)
{
	(void)state;
	fby_pipeline_start(&w);
	submit(lane, 3);
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	fby_pipeline_stop(lane);
	fby_pipeline_forget(lane);
	fby_lane_set_state(lane, FBY_LANE_DRAINED, "deadline");
	fby_flight_fini(&flight);
	fby_flight_init(&flight);
	assert_int_equal(destroyed, 3);
	assert_int_equal(drained, 1);
}

/* ---- what a function wants -------------------------------------------- */

static struct fby_nack nack = { .why = "not yet" };

static void
a_nacked_record_comes_again_and_no_other_waits(void **state)
{
	(void)state;
	nack = (struct fby_nack){ .why = "not yet", .delay_ms = 60000 };
	sink->room = 1;
	fby_pipeline_start(&w);
	submit(lane, 3);
	fby_pipeline_nacked(sink->got[0], &nack);
	assert_int_equal(lane->suspects, 0);
	sink->room = SIZE_MAX;
	fby_pipeline_ready(&w);
	assert_int_equal(sink->n, 3);
	/* One that fails is not held up, and does not bring it back early. */
	fby_pipeline_failed(sink->got[1], "no", false);
	wait_for_retry();
	assert_int_equal(sink->n, 4);
	assert_int_equal(sink->got[3]->msg->offset, 101);
	delivered(2);
	delivered(3);
	/* As if that minute was over. */
	assert_true(sink->got[0]->due > fby_clock_mono());
	assert_true(event_pending(&lane->ev_due, EV_TIMEOUT, NULL));
	sink->got[0]->due = 0;
	event_active(&lane->ev_due, EV_TIMEOUT, 0);
	wait_for_retry();
	assert_int_equal(sink->n, 5);
	assert_int_equal(sink->got[4]->msg->offset, 100);
	assert_int_equal(sink->got[4]->tries, 1);
	delivered(4);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 103);
}

/* It had failed before, and others waited for it. */
static void
for_a_nacked_record_no_other_waits_any_more(void **state)
{
	(void)state;
	nack = (struct fby_nack){ .why = "not yet", .delay_ms = 60000 };
	fby_pipeline_start(&w);
	submit(lane, 1);
	fby_pipeline_failed(sink->got[0], "no", false);
	submit(lane, 2);
	wait_for_retry();
	assert_int_equal(sink->n, 2);
	assert_int_equal(lane->suspects, 1);
	fby_pipeline_nacked(sink->got[1], &nack);
	assert_int_equal(lane->suspects, 0);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 4);
	delivered(2);
	delivered(3);
	assert_false(fby_aside_is_all(lane, sink->got[1]->due));
	assert_true(fby_aside_is_all(lane, sink->got[1]->due - 1));
	sink->got[1]->due = 0;
	event_active(&lane->ev_due, EV_TIMEOUT, 0);
	wait_for_retry();
	assert_int_equal(sink->n, 5);
	assert_false(fby_aside_is_all(lane, 0));
	delivered(4);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].acked), 103);
}

static void
after_the_last_delivery_a_nacked_one_is_a_dead_letter(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	nack = (struct fby_nack){ .why = "never", .max_deliveries = 2 };
	fby_pipeline_start(&w);
	submit(lane, 1);
	fby_pipeline_nacked(sink->got[0], &nack);
	assert_int_equal(dead->n, 0);
	wait_for_retry();
	fby_pipeline_nacked(sink->got[1], &nack);
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why, "never");
	assert_int_equal(dead->got[0]->attempts, 2);
	fby_pipeline_delivered(dead->got[0]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].dead_lettered), 1);
	assert_int_equal(fby_load(&rows[0].acked), 101);
}

static void
a_nacked_record_of_a_released_lane_is_given_back(void **state)
{
	(void)state;
	nack = (struct fby_nack){ .why = "not yet", .delay_ms = 60000 };
	fby_pipeline_start(&w);
	submit(lane, 1);
	fby_pipeline_nacked(sink->got[0], &nack);
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	fby_pipeline_stop(lane);
	fby_pipeline_forget(lane);
	assert_int_equal(destroyed, 1);
	assert_false(event_pending(&lane->ev_due, EV_TIMEOUT, NULL));
	fby_lane_set_state(lane, FBY_LANE_DRAINED, "deadline");
}

static void
a_function_may_send_a_record_to_the_fallback(void **state)
{
	struct fake_outlet *fallback = add_outlet(FBY_SINK_FALLBACK,
	    &record_ops);

	(void)state;
	fby_pipeline_start(&w);
	submit(lane, 1);
	fby_pipeline_fall_back(sink->got[0], "asked for");
	assert_int_equal(fallback->n, 1);
	assert_int_equal(lane->suspects, 0);
	fby_pipeline_delivered(fallback->got[0]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].fallback), 1);
	assert_int_equal(fby_load(&slot.sink_errors), 0);
}

static void
a_function_says_what_goes_to_onsuccess(void **state)
{
	static struct fby_outlet_ops names;
	struct fake_outlet *success = add_outlet(FBY_SINK_SUCCESS, &record_ops);

	(void)state;
	names = record_ops;
	names.names_success = true;
	sink = add_outlet(FBY_SINK_PRIMARY, &names);
	fby_pipeline_start(&w);
	submit(lane, 2);
	delivered(0);
	assert_int_equal(success->n, 0);
	fby_pipeline_succeeded(sink->got[1]);
	assert_int_equal(success->n, 1);
	fby_pipeline_delivered(success->got[0]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].delivered), 2);
	assert_int_equal(fby_load(&slot.sink_writes), 2);
	assert_int_equal(fby_load(&slot.success_writes), 1);
	assert_int_equal(fby_load(&rows[0].acked), 102);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(acks_follow_the_prefix_of_what_is_delivered),
		TEST(a_sink_that_delivers_at_once_acks_at_once),
		TEST(a_sink_for_runs_gets_no_single_records),
		TEST(what_has_no_room_waits_in_order),
		TEST(a_starved_lane_is_woken_when_its_batch_has_gone_on),
		TEST(later_records_wait_for_a_refused_one),
		TEST(several_refused_ones_are_tried_in_their_order),
		TEST(what_is_no_fault_of_a_record_counts_no_attempt),
		TEST(a_record_that_is_never_taken_goes_to_the_fallback),
		TEST(what_the_fallback_refuses_becomes_a_dead_letter),
		TEST(a_record_is_dropped_after_its_steps_if_that_is_the_rule),
		TEST(a_delivered_record_completes_with_its_copy_for_onsuccess),
		TEST(no_sink_but_the_last_sees_a_condemned_record),
		TEST(what_no_sink_has_seen_goes_back_unread),
		TEST(what_comes_after_the_release_is_stale),
		TEST(what_a_sink_never_returned_is_freed_in_the_end),
		TEST(a_nacked_record_comes_again_and_no_other_waits),
		TEST(for_a_nacked_record_no_other_waits_any_more),
		TEST(after_the_last_delivery_a_nacked_one_is_a_dead_letter),
		TEST(a_nacked_record_of_a_released_lane_is_given_back),
		TEST(a_function_may_send_a_record_to_the_fallback),
		TEST(a_function_says_what_goes_to_onsuccess),
	};

	return UNIT_RUN(tests);
}
