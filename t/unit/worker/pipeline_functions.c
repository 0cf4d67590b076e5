/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pipeline with functions before its sinks: what they answer, in any
 * order, and 0 to n records for one, goes on in the order of the source.
 */
#include "t/unit/unit.h"

#include "t/unit/worker/pipeline_world.h"

#include "shared/base/clock.h"

#include "worker/aside.h"
#include "worker/content.h"
#include "worker/derived.h"
#include "worker/retry.h"

static struct fake_outlet *function, *sink;

static int
setup(void **state)
{
	(void)state;
	world_init();
	function = add_outlet(FBY_STAGE_TRANSFORMER, &record_ops);
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

/* An answer of n results, each of which is "RECORD.RESULT". */
static void
answer_to(struct fby_record *rec, size_t n)
{
	struct fby_record *made = n > 0 ? fby_derived_make(rec, n) : NULL;
	char text[32];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), "%d.%zu", (int)rec->msg->offset,
		    i);
		fby_content_set_value(&made[i],
		    (struct fby_bytes){ text, strlen(text) });
	}
	fby_pipeline_answered(rec, n);
}

static void
answer(size_t i, size_t n)
{
	answer_to(function->got[i], n);
}

static void
assert_value(const struct fby_record *rec, const char *want)
{
	struct fby_bytes value = fby_content_value(rec);

	assert_int_equal(value.len, strlen(want));
	assert_memory_equal(value.p, want, value.len);
}

static void
deliver_all(struct fake_outlet *out)
{
	for (size_t i = 0; i < out->n; i++)
		fby_pipeline_delivered(out->got[i]);
	out->n = 0;
	fby_pipeline_settle(&w);
}

static void
begin(size_t n)
{
	fby_pipeline_start(&w);
	submit(lane, n);
}

/* In all ways in which a record can end, the ledger adds up. */
static void
assert_row(uint64_t n_delivered, uint64_t n_dropped, int64_t acked)
{
	assert_int_equal(fby_load(&rows[0].delivered), n_delivered);
	assert_int_equal(fby_load(&rows[0].dropped), n_dropped);
	assert_int_equal(fby_load(&rows[0].acked), acked);
}

/* ---- answers ---------------------------------------------------------- */

static void
sinks_see_no_record_before_its_answer(void **state)
{
	(void)state;
	begin(3);
	assert_int_equal(function->n, 3);
	assert_int_equal(sink->n, 0);
	answer(2, 1);
	answer(1, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 0);
	answer(0, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 3);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(sink->got[i]->msg->offset, 100 + (int)i);
	assert_value(sink->got[1], "101.0");
	assert_int_equal(fby_load(&slot.outputs), 3);
	deliver_all(sink);
	assert_row(3, 0, 103);
}

static void
a_record_is_complete_with_the_last_that_was_made_of_it(void **state)
{
	(void)state;
	begin(2);
	answer(0, 3);
	answer(1, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 4);
	assert_value(sink->got[2], "100.2");
	assert_value(sink->got[3], "101.0");
	fby_pipeline_delivered(sink->got[2]);
	fby_pipeline_delivered(sink->got[0]);
	fby_pipeline_delivered(sink->got[3]);
	fby_pipeline_settle(&w);
	assert_row(1, 0, 100);
	fby_pipeline_delivered(sink->got[1]);
	fby_pipeline_settle(&w);
	assert_row(2, 0, 102);
	assert_int_equal(fby_load(&slot.outputs), 4);
	assert_int_equal(fby_load(&slot.sink_writes), 4);
	assert_int_equal(destroyed, 2);
}

static void
no_result_is_a_dropped_record(void **state)
{
	(void)state;
	begin(3);
	answer(0, 0);
	answer(1, 1);
	answer(2, 0);
	fby_pipeline_settle(&w);
	assert_row(0, 2, 101);
	assert_int_equal(fby_load(&slot.sink_drops), 0);
	deliver_all(sink);
	assert_row(1, 2, 103);
}

static uint64_t
samples(enum fby_hist which)
{
	uint64_t n = 0;

	for (size_t i = 0; i <= FBY_HIST_BOUNDS; i++)
		n += fby_load(&slot.hist[which].bucket[i]);
	return n;
}

/* What a function takes is not the sink's time. */
static void
the_sink_s_time_begins_with_its_first_record(void **state)
{
	(void)state;
	begin(2);
	answer(0, 0);
	answer(1, 0);
	fby_pipeline_settle(&w);
	assert_int_equal(samples(FBY_HIST_PROCESSING), 1);
	assert_int_equal(samples(FBY_HIST_SINK), 0);
	submit(lane, 2);
	assert_int_equal(function->got[2]->b->sink_us, 0);
	answer(2, 0);
	answer(3, 1);
	fby_pipeline_settle(&w);
	deliver_all(sink);
	assert_int_equal(samples(FBY_HIST_SINK), 1);
}

static void
the_worst_of_a_family_is_the_outcome(void **state)
{
	struct fake_outlet *fallback = add_outlet(FBY_SINK_FALLBACK,
	    &record_ops);

	(void)state;
	manifest.retry.on_failure = FBY_ON_FAILURE_FALLBACK;
	begin(1);
	answer(0, 2);
	fby_pipeline_settle(&w);
	fby_pipeline_failed(sink->got[1], "too large", true);
	fby_pipeline_delivered(fallback->got[0]);
	assert_value(fallback->got[0], "100.1");
	fby_pipeline_delivered(sink->got[0]);
	fby_pipeline_settle(&w);
	assert_row(0, 0, 101);
	assert_int_equal(fby_load(&rows[0].fallback), 1);
	assert_int_equal(fby_load(&slot.sink_writes), 1);
}

static void
what_is_refused_of_a_family_is_tried_again_in_its_order(void **state)
{
	(void)state;
	begin(2);
	answer(0, 3);
	answer(1, 1);
	fby_pipeline_settle(&w);
	fby_pipeline_failed(sink->got[3], "no", false);
	fby_pipeline_failed(sink->got[2], "no", false);
	fby_pipeline_failed(sink->got[1], "no", false);
	wait_for_retry();
	assert_int_equal(sink->n, 7);
	assert_value(sink->got[4], "100.1");
	assert_value(sink->got[5], "100.2");
	assert_value(sink->got[6], "101.0");
	fby_pipeline_delivered(sink->got[0]);
	for (size_t i = 4; i < 7; i++)
		fby_pipeline_delivered(sink->got[i]);
	fby_pipeline_settle(&w);
	assert_row(2, 0, 102);
}

static void
a_family_waits_where_the_sink_has_no_room(void **state)
{
	(void)state;
	sink->room = 1;
	begin(1);
	answer(0, 3);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 1);
	sink->room = 1;
	fby_pipeline_ready(&w);
	assert_int_equal(sink->n, 2);
	sink->room = SIZE_MAX;
	fby_pipeline_ready(&w);
	assert_int_equal(sink->n, 3);
	assert_value(sink->got[2], "100.2");
	deliver_all(sink);
	assert_row(1, 0, 101);
}

static void
a_map_makes_several_of_what_a_transformer_made(void **state)
{
	struct fake_outlet *map = add_outlet(FBY_STAGE_MAP, &record_ops);
	char suffix[FBY_DERIVED_SUFFIX];

	(void)state;
	begin(2);
	answer(0, 2);
	answer(1, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(map->n, 3);
	assert_int_equal(sink->n, 0);
	answer_to(map->got[2], 1);
	answer_to(map->got[1], 2);
	answer_to(map->got[0], 0);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 3);
	assert_string_equal(fby_derived_suffix(sink->got[1], suffix), "-1-1");
	assert_string_equal(fby_derived_suffix(sink->got[2], suffix), "");
	assert_false(fby_derived_is_last(sink->got[0]));
	assert_true(fby_derived_is_last(sink->got[1]));
	assert_int_equal(sink->got[2]->msg->offset, 101);
	assert_int_equal(fby_load(&slot.outputs), 3);
	deliver_all(sink);
	assert_row(2, 0, 102);
}

static void
tags_lead_past_the_map_and_overtake_nothing(void **state)
{
	struct fake_outlet *map = add_outlet(FBY_STAGE_MAP, &record_ops);
	static const char *values[] = { "past" };
	char *tags[] = { (char *)(uintptr_t) "past" };

	(void)state;
	manifest.bypass[FBY_SINK_PRIMARY] = (struct fby_tags){
		.present = true,
		.op = FBY_TAG_OR,
		.values = { .v = values, .n = 1 },
	};
	begin(2);
	answer(0, 1);
	fby_content_set_tags(function->got[1], tags, 1);
	answer(1, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(map->n, 1);
	assert_int_equal(sink->n, 0);
	answer_to(map->got[0], 1);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 2);
	assert_int_equal(sink->got[1]->msg->offset, 101);
	deliver_all(sink);
	assert_row(2, 0, 102);
}

static void
the_watermark_follows_the_changed_event_time(void **state)
{
	(void)state;
	begin(2);
	fby_content_set_event_time(function->got[0], 500);
	answer(0, 1);
	fby_content_set_event_time(function->got[1], 400);
	answer(1, 1);
	fby_pipeline_settle(&w);
	fby_pipeline_delivered(sink->got[0]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].watermark), 400);
	fby_pipeline_delivered(sink->got[1]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].watermark), 500);
}

/* ---- refused ---------------------------------------------------------- */

static void
what_a_function_refuses_keeps_its_place(void **state)
{
	(void)state;
	begin(2);
	fby_pipeline_failed(function->got[0], "not now", false);
	answer(1, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 0);
	assert_int_equal(lane->suspects, 0);
	wait_for_retry();
	assert_int_equal(function->n, 3);
	assert_ptr_equal(function->got[2], function->got[0]);
	answer(2, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 2);
	assert_int_equal(sink->got[0]->msg->offset, 100);
	deliver_all(sink);
	assert_row(2, 0, 102);
}

static void
after_its_steps_it_is_dropped_if_that_is_the_rule(void **state)
{
	(void)state;
	manifest.functions[FBY_FUNCTION_TRANSFORMER].retry.steps = 1;
	manifest.functions[FBY_FUNCTION_TRANSFORMER]
	    .retry.on_failure = FBY_ON_FAILURE_DROP;
	begin(1);
	fby_pipeline_failed(function->got[0], "no", false);
	wait_for_retry();
	fby_pipeline_failed(function->got[1], "no", false);
	fby_pipeline_settle(&w);
	assert_row(0, 1, 101);
	assert_int_equal(fby_load(
			     &slot.function[FBY_FUNCTION_TRANSFORMER].drops),
	    1);
	assert_int_equal(fby_load(&slot.sink_drops), 0);
}

static void
the_last_delivery_of_a_nacked_record_ends_in_the_dead_letters(void **state)
{
	const struct fby_nack nack = {
		.why = "no stock",
		.delay_ms = 1,
		.max_deliveries = 2,
	};
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	begin(1);
	fby_pipeline_nacked(function->got[0], &nack);
	wait_for_retry();
	assert_int_equal(function->n, 2);
	fby_pipeline_nacked(function->got[1], &nack);
	fby_pipeline_settle(&w);
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why, "no stock");
	assert_int_equal(dead->got[0]->refused_by, FBY_STAGE_TRANSFORMER);
	deliver_all(dead);
	assert_int_equal(fby_load(&rows[0].dead_lettered), 1);
	assert_int_equal(fby_load(&slot.nacks), 2);
	assert_row(0, 0, 101);
}

static void
a_condemned_record_goes_in_its_order(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	begin(2);
	fby_pipeline_condemned(function->got[1], 3, "it crashes");
	fby_pipeline_settle(&w);
	assert_int_equal(dead->n, 0);
	answer(0, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(dead->n, 1);
	assert_int_equal(dead->got[0]->attempts, 3);
	assert_int_equal(fby_load(&slot.outputs), 1);
	deliver_all(sink);
	deliver_all(dead);
	assert_int_equal(fby_load(&rows[0].dead_lettered), 1);
	assert_row(1, 0, 102);
}

/* ---- the end of a lane ------------------------------------------------ */

/* As grant.c does it. */
static void
release(void)
{
	fby_pipeline_forget(lane);
	fby_acks_cut(&lane->acks, lane->acks.head);
	fby_lane_set_state(lane, FBY_LANE_DRAINED, "deadline");
	TAILQ_REMOVE(&w.lanes, lane, entry);
	w.nlanes--;
}

/* Without dead letters it holds up what comes after it, and no drain. */
static void
a_condemned_record_is_held_back(void **state)
{
	int64_t by = fby_clock_mono() + 60000;

	(void)state;
	begin(3);
	fby_pipeline_condemned(function->got[1], 3, "it crashes");
	answer(0, 1);
	answer(2, 1);
	fby_pipeline_settle(&w);
	deliver_all(sink);
	assert_row(1, 0, 101);
	assert_int_equal(function->n, 3);
	assert_int_equal(function->got[1]->attempts, 3);
	assert_true(fby_aside_is_all(lane, by));
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	release();
	fby_lane_free(lane);
}

static void
a_lane_drains_through_the_function(void **state)
{
	(void)state;
	function->room = 2;
	begin(3);
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	fby_pipeline_stop(lane);
	assert_int_equal(lane->acks.position, 102);
	answer(0, 2);
	answer(1, 1);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 3);
	deliver_all(sink);
	assert_true(drained > 0);
	assert_row(2, 0, 102);
}

/* It wants the second an hour later; nothing goes past that. */
static void
a_lane_does_not_drain_for_what_a_function_wants_later(void **state)
{
	const struct fby_nack nack = { .why = "later", .delay_ms = 3600000 };
	int64_t by = fby_clock_mono() + 60000;

	(void)state;
	begin(4);
	answer(2, 1);
	fby_pipeline_settle(&w);
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	fby_pipeline_stop(lane);
	drained = 0;
	fby_pipeline_nacked(function->got[1], &nack);
	fby_pipeline_settle(&w);
	assert_int_equal(drained, 1);
	assert_false(fby_aside_is_all(lane, by));
	answer(0, 2);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 2);
	fby_pipeline_delivered(sink->got[0]);
	fby_pipeline_settle(&w);
	assert_false(fby_aside_is_all(lane, by));
	fby_pipeline_delivered(sink->got[1]);
	fby_pipeline_settle(&w);
	assert_row(1, 0, 101);
	/* The last has no answer yet. */
	assert_true(fby_aside_is_all(lane, by));
	assert_false(fby_aside_is_all(lane, by + 3600000));
	release();
	answer(3, 1);
	assert_int_equal(destroyed, 4);
	fby_lane_free(lane);
}

/* Of two that were made of one record the sink wants one an hour later. */
static void
nor_for_a_part_of_what_was_made_of_a_record(void **state)
{
	const struct fby_nack nack = { .why = "later", .delay_ms = 3600000 };
	int64_t by = fby_clock_mono() + 60000;

	(void)state;
	begin(2);
	answer(0, 2);
	answer(1, 2);
	fby_pipeline_settle(&w);
	fby_pipeline_nacked(sink->got[0], &nack);
	fby_pipeline_nacked(sink->got[1], &nack);
	assert_false(fby_aside_is_all(lane, by));
	fby_pipeline_nacked(sink->got[3], &nack);
	assert_true(fby_aside_is_all(lane, by));
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	release();
	fby_pipeline_delivered(sink->got[2]);
	fby_lane_free(lane);
}

/* A map wants one later that a transformer has made. */
static void
nor_for_what_is_behind_it_in_an_earlier_function(void **state)
{
	const struct fby_nack nack = { .why = "later", .delay_ms = 3600000 };
	struct fake_outlet *map = add_outlet(FBY_STAGE_MAP, &record_ops);
	int64_t by = fby_clock_mono() + 60000;

	(void)state;
	begin(3);
	answer(0, 2);
	fby_pipeline_settle(&w);
	fby_pipeline_nacked(map->got[0], &nack);
	answer(2, 1);
	fby_pipeline_settle(&w);
	assert_true(fby_aside_is_all(lane, by));
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	release();
	answer_to(map->got[1], 1);
	answer(1, 1);
	fby_lane_free(lane);
}

/* One is with the function, one waits for it, one for others; one of a family
 * is with the sink. */
static void
what_is_on_its_way_when_a_lane_goes_is_given_back(void **state)
{
	(void)state;
	sink->room = 1;
	begin(4);
	answer(0, 2);
	fby_pipeline_settle(&w);
	assert_int_equal(sink->n, 1);
	fby_pipeline_failed(function->got[2], "no", false);
	answer(3, 2);
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	fby_pipeline_stop(lane);
	release();
	assert_int_equal(destroyed, 2);
	answer(1, 3);
	assert_int_equal(destroyed, 3);
	assert_int_equal(drained, 0);
	fby_pipeline_delivered(sink->got[0]);
	assert_int_equal(destroyed, 4);
	assert_int_equal(drained, 1);
	assert_int_equal(lane->nbatches, 0);
	fby_lane_free(lane);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(sinks_see_no_record_before_its_answer),
		TEST(a_record_is_complete_with_the_last_that_was_made_of_it),
		TEST(no_result_is_a_dropped_record),
		TEST(the_sink_s_time_begins_with_its_first_record),
		TEST(the_worst_of_a_family_is_the_outcome),
		TEST(what_is_refused_of_a_family_is_tried_again_in_its_order),
		TEST(a_family_waits_where_the_sink_has_no_room),
		TEST(a_map_makes_several_of_what_a_transformer_made),
		TEST(tags_lead_past_the_map_and_overtake_nothing),
		TEST(the_watermark_follows_the_changed_event_time),
		TEST(what_a_function_refuses_keeps_its_place),
		TEST(after_its_steps_it_is_dropped_if_that_is_the_rule),
		TEST(
		    the_last_delivery_of_a_nacked_record_ends_in_the_dead_letters),
		TEST(a_condemned_record_goes_in_its_order),
		TEST(a_condemned_record_is_held_back),
		TEST(a_lane_drains_through_the_function),
		TEST(a_lane_does_not_drain_for_what_a_function_wants_later),
		TEST(nor_for_a_part_of_what_was_made_of_a_record),
		TEST(nor_for_what_is_behind_it_in_an_earlier_function),
		TEST(what_is_on_its_way_when_a_lane_goes_is_given_back),
	};

	return UNIT_RUN(tests);
}
