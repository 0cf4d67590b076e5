/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which answer of a function belongs to which record, and what is sent again;
 * with a transformer, since a map that is unary is the same.
 */
#include "t/unit/unit.h"

#include "t/unit/worker/stage/stage_world.h"

static int
setup(void **state)
{
	(void)state;
	open_stage(FBY_STAGE_TRANSFORMER, FBY_INFO_UNARY);
	assert_string_equal(conn.role, "transformer");
	assert_ptr_equal(conn.service, &fby_function_transformer);
	return 0;
}

/* ---- ids -------------------------------------------------------------- */

static void
answers_may_come_in_any_order_and_several_batches_be_under_way(void **state)
{
	struct asked first[2];

	(void)state;
	ask(2);
	assert_int_equal(nasked, 2);
	assert_int_equal(conn.sends, 1);
	assert_asked(0, "demo-t:0:100-0-0");
	assert_asked(1, "demo-t:0:101-0-0");
	memcpy(first, asked, sizeof(first));
	ask(2);
	assert_asked(1, "demo-t:0:103-0-0");
	assert_int_equal(conn.in_flight, 4);
	answer(1);
	answer_id(first[1].id, 1, "done");
	assert_went_on(0);
	answer_id(first[0].id, 1, "done");
	assert_went_on(2);
	answer(0);
	assert_went_on(4);
}

static void
what_is_behind_its_own_part_of_an_id_is_the_function_s(void **state)
{
	char id[64];

	(void)state;
	ask(1);
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(asked[0].id, "/") + 1,
	    asked[0].id);
	answer_id(id, 1, "done");
	assert_went_on(1);
}

static void
an_id_that_was_not_asked_ends_the_connection(void **state)
{
	static const char *const ids[] = { "", "x", "0", "0.", "0.0", "1.0/x",
		"-1.0/x", "0.1/x", "0x0.0/x", "4294967296.0/x",
		"99999999999999999999.0/x", "0x0/x", "\xff\xfe" };
	char why[200];

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(ids); i++) {
		/* Of the first call, which is free. */
		answer_id(ids[i], 1, "done");
		snprintf(why, sizeof(why),
		    "it answers for id \"%s\", of which no answer is due",
		    i == FBY_NELEM(ids) - 1 ? "\\xff\\xfe" : ids[i]);
		assert_string_equal(conn.why, why);
		lose();
	}
	ask(1);
	for (size_t i = 0; i < FBY_NELEM(ids); i++) {
		answer_id(ids[i], 1, "done");
		assert_int_not_equal(conn.why[0], '\0');
		conn.why[0] = '\0';
	}
	answer(0);
	assert_went_on(1);
	/* Of a call that is free, with the serial that its next has. */
	answer_id("0.1/x", 1, "done");
	assert_fails("it answers for id \"0.1/x\", of which no answer is due");
}

static void
a_second_answer_does_and_the_first_counts(void **state)
{
	char why[200];

	(void)state;
	ask(2);
	answer_id(asked[0].id, 1, "first");
	answer_id(asked[0].id, 1, "second");
	snprintf(why, sizeof(why),
	    "it answers for id \"%s\", of which no answer is due", asked[0].id);
	assert_fails(why);
	assert_int_equal(nasked, 1);
	assert_asked(0, "demo-t:0:101-0-0");
	answer(0);
	assert_went_on(2);
	assert_memory_equal(fby_content_value(sink->got[0]).p, "first", 5);
}

/* One of the connection before is none of this one's. */
static void
an_answer_that_is_too_late_does(void **state)
{
	char old[64], why[200];

	(void)state;
	manifest.host.poison_kills = 9;
	ask(1);
	memcpy(old, asked[0].id, sizeof(old));
	lose();
	assert_int_equal(nasked, 1);
	assert_string_not_equal(asked[0].id, old);
	answer_id(old, 1, "done");
	snprintf(why, sizeof(why),
	    "it answers for id \"%s\", of which no answer is due", old);
	assert_fails(why);
	assert_went_on(0);
	answer(0);
	assert_went_on(1);
}

static void
bytes_that_are_no_answer_do(void **state)
{
	(void)state;
	ask(1);
	conn.ops->message(conn.arg, (const uint8_t *)"\x0a\x7f", 2);
	assert_fails("its answer is no SourceTransformResponse");
	answer(0);
	assert_went_on(1);
}

/* ---- requests --------------------------------------------------------- */

static void
a_request_has_the_watermark_once_there_is_one(void **state)
{
	(void)state;
	ask(1);
	assert_false(asked[0].has_watermark);
	assert_false(asked[0].has_metadata);
	answer(0);
	fby_pipeline_delivered(sink->got[0]);
	sink->n = 0;
	fby_pipeline_settle(&w);
	ask(1);
	assert_true(asked[0].has_watermark);
	assert_int_equal(asked[0].watermark_s, 1);
	answer(0);
}

static void
what_is_too_large_to_send_is_refused_for_good(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);
	struct fby_record *rec;

	(void)state;
	conn.ops->lost(conn.arg, "gone", false);
	submit(lane, 1);
	rec = &lane->pending->rec[0];
	rec->msg->len = FBY_GRPC_MESSAGE_MAX;
	conn.ops->ready(conn.arg);
	rec->msg->len = RECORD_BYTES;
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why,
	    "it is larger than a message to a function may be");
	assert_int_equal(conn.in_flight, 0);
	fby_pipeline_delivered(dead->got[0]);
	fby_pipeline_settle(&w);
}

/* ---- the end of the function ------------------------------------------ */

static void
what_has_no_answer_goes_again_one_by_one(void **state)
{
	(void)state;
	ask(3);
	answer(1);
	lose();
	assert_int_equal(conn.lost, 2);
	assert_int_equal(nasked, 1);
	assert_asked(0, "demo-t:0:100-0-0");
	submit(lane, 1);
	answer(0);
	read_asked();
	assert_int_equal(nasked, 1);
	assert_asked(0, "demo-t:0:102-0-0");
	answer(0);
	assert_went_on(3);
	/* And then as before. */
	read_asked();
	assert_asked(0, "demo-t:0:103-0-0");
	answer(0);
	ask(3);
	assert_int_equal(nasked, 3);
	for (size_t i = 0; i < 3; i++)
		answer(i);
	assert_went_on(7);
}

static void
a_record_that_ends_it_each_time_is_condemned(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	ask(2);
	lose();
	assert_asked(0, "demo-t:0:100-0-0");
	lose();
	assert_asked(0, "demo-t:0:100-0-0");
	assert_int_equal(dead->n, 0);
	lose();
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why,
	    "it has crashed the transformer each time");
	assert_asked(0, "demo-t:0:101-0-0");
	answer(0);
	fby_pipeline_delivered(dead->got[0]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].dead_lettered), 1);
}

/* An answer in between shows that it was not that record. */
static void
one_that_was_answered_is_no_suspect_any_more(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	ask(1);
	lose();
	answer_id(asked[0].id, 0, "");
	wait_for_retry();
	read_asked();
	assert_int_equal(nasked, 1);
	lose();
	assert_int_equal(dead->n, 0);
	answer(0);
	assert_went_on(1);
}

/* As if its time had come. */
static void
come_due(void)
{
	fby_order_head(&lane->order[0])->due = 1;
	event_active(&lane->ev_later, EV_TIMEOUT, 0);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	read_asked();
}

static void
without_a_dead_letter_topic_it_is_held_back(void **state)
{
	(void)state;
	ask(2);
	for (size_t i = 0; i < 3; i++)
		lose();
	assert_int_equal(nasked, 1);
	assert_asked(0, "demo-t:0:101-0-0");
	answer(0);
	assert_went_on(0);
	assert_true(
	    fby_order_next_due(&lane->order[0]) > fby_clock_mono() + 500000);
	come_due();
	assert_int_equal(nasked, 1);
	assert_asked(0, "demo-t:0:100-0-0");
	answer(0);
	assert_went_on(2);
}

static void
nothing_is_taken_before_it_is_ready_or_when_it_leaves(void **state)
{
	(void)state;
	ask(1);
	conn.is_leaving = true;
	ask(2);
	assert_int_equal(nasked, 0);
	assert_true(lane->is_blocked);
	lose();
	assert_int_equal(nasked, 3);
	assert_asked(0, "demo-t:0:100-0-0");
	for (size_t i = 0; i < 3; i++)
		answer(i);
	assert_went_on(3);
}

static void
a_lane_that_is_gone_is_owed_nothing(void **state)
{
	(void)state;
	ask(2);
	fby_lane_set_state(lane, FBY_LANE_DRAINING, "revoked");
	fby_pipeline_stop(lane);
	fby_pipeline_forget(lane);
	fby_acks_cut(&lane->acks, lane->acks.head);
	fby_lane_set_state(lane, FBY_LANE_DRAINED, "deadline");
	TAILQ_REMOVE(&w.lanes, lane, entry);
	w.nlanes--;
	answer(1);
	assert_int_equal(destroyed, 1);
	lose();
	assert_int_equal(nasked, 0);
	assert_int_equal(destroyed, 2);
	assert_int_equal(drained, 1);
	fby_lane_free(lane);
}

static void
it_is_said_when_it_is_silent(void **state)
{
	int64_t now = fby_clock_mono();

	(void)state;
	out->ops->tick(out, now + 60000);
	assert_int_equal(complaints, 0);
	ask(2);
	out->ops->tick(out, now + 9000);
	assert_int_equal(complaints, 0);
	out->ops->tick(out, now + 11000);
	assert_int_equal(complaints, 1);
	answer(0);
	answer(1);
	out->ops->tick(out, now + 60000);
	assert_int_equal(complaints, 1);
}

static void
so_it_is_when_records_wait_for_a_connection(void **state)
{
	(void)state;
	complaint = "there is no connection to the function";
	ask(1);
	conn.ops->lost(conn.arg, "it is gone", false);
	out->ops->tick(out, fby_clock_mono());
	assert_int_equal(complaints, 1);
	conn.ops->ready(conn.arg);
	read_asked();
	out->ops->tick(out, fby_clock_mono());
	assert_int_equal(complaints, 1);
	answer(0);
	assert_went_on(1);
	conn.ops->lost(conn.arg, "it is gone", false);
	out->ops->tick(out, fby_clock_mono());
	assert_int_equal(complaints, 1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(
		    answers_may_come_in_any_order_and_several_batches_be_under_way),
		TEST(what_is_behind_its_own_part_of_an_id_is_the_function_s),
		TEST(an_id_that_was_not_asked_ends_the_connection),
		TEST(a_second_answer_does_and_the_first_counts),
		TEST(an_answer_that_is_too_late_does),
		TEST(bytes_that_are_no_answer_do),
		TEST(a_request_has_the_watermark_once_there_is_one),
		TEST(what_is_too_large_to_send_is_refused_for_good),
		TEST(what_has_no_answer_goes_again_one_by_one),
		TEST(a_record_that_ends_it_each_time_is_condemned),
		TEST(one_that_was_answered_is_no_suspect_any_more),
		TEST(without_a_dead_letter_topic_it_is_held_back),
		TEST(nothing_is_taken_before_it_is_ready_or_when_it_leaves),
		TEST(a_lane_that_is_gone_is_owed_nothing),
		TEST(it_is_said_when_it_is_silent),
		TEST(so_it_is_when_records_wait_for_a_connection),
	};

	return UNIT_RUN(tests);
}
