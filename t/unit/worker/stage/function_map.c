/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is a map's own: batches that end on both sides, and streams of answers.
 */
#include "t/unit/unit.h"

#include "t/unit/worker/stage/stage_world.h"

static int
setup_map(void **state)
{
	(void)state;
	open_stage(FBY_STAGE_MAP, FBY_INFO_UNARY);
	assert_string_equal(conn.role, "map");
	assert_ptr_equal(conn.service, &fby_function_map);
	return 0;
}

static int
setup_batch(void **state)
{
	(void)state;
	open_stage(FBY_STAGE_MAP, FBY_INFO_BATCH);
	return 0;
}

static int
setup_stream(void **state)
{
	(void)state;
	open_stage(FBY_STAGE_MAP, FBY_INFO_STREAM);
	return 0;
}

/* ---- one by one -------------------------------------------------------- */

static void
bytes_that_are_no_answer_end_the_connection(void **state)
{
	(void)state;
	ask(1);
	conn.ops->message(conn.arg, (const uint8_t *)"\x0a\x7f", 2);
	assert_fails("its answer is no MapResponse");
	answer_map(asked[0].id, 1, "done", false);
	assert_went_on(1);
}

/* ---- a map's batches -------------------------------------------------- */

static void
a_batch_ends_on_both_sides_before_the_next(void **state)
{
	(void)state;
	ask(2);
	assert_int_equal(nasked, 3);
	assert_string_equal(asked[2].id, "");
	answer_map(asked[1].id, 2, "b", false);
	answer_map(asked[0].id, 1, "a", false);
	assert_int_equal(sink->n, 3);
	submit(lane, 1);
	assert_int_equal(evbuffer_get_length(conn.out), 0);
	answer_map("", 0, "", true);
	read_asked();
	assert_int_equal(nasked, 2);
	assert_asked(0, "demo-t:0:102-0-0");
	answer_map(asked[0].id, 1, "c", false);
	answer_map("", 0, "", true);
	assert_int_equal(sink->n, 4);
}

static void
an_end_that_leaves_records_out_ends_the_connection(void **state)
{
	(void)state;
	ask(2);
	answer_map(asked[1].id, 1, "b", false);
	answer_map("", 0, "", true);
	assert_fails(
	    "its end of transmission leaves records without an answer");
	assert_int_equal(nasked, 2);
	assert_asked(0, "demo-t:0:100-0-0");
	answer_map(asked[0].id, 1, "a", false);
	answer_map("", 0, "", true);
	assert_went_on(2);
}

/* ---- a map's streams -------------------------------------------------- */

static void
what_a_stream_says_counts_with_its_last_message(void **state)
{
	struct fby_bytes value;

	(void)state;
	ask(2);
	answer_map(asked[0].id, 1, "a", false);
	answer_map(asked[1].id, 1, "x", false);
	answer_map(asked[0].id, 2, "b", false);
	assert_int_equal(sink->n, 0);
	answer_map(asked[0].id, 0, "", true);
	assert_int_equal(sink->n, 3);
	value = fby_content_value(sink->got[2]);
	assert_int_equal(value.len, 1);
	assert_memory_equal(value.p, "b", 1);
	/* The last may have a result, too. */
	answer_map(asked[1].id, 1, "y", true);
	assert_int_equal(sink->n, 5);
}

static void
a_stream_that_says_nothing_is_a_failure(void **state)
{
	(void)state;
	ask(1);
	answer_map(asked[0].id, 0, "", true);
	assert_int_equal(sink->n, 0);
	wait_for_retry();
	read_asked();
	assert_int_equal(nasked, 1);
	answer_map(asked[0].id, 1, "a", true);
	assert_went_on(1);
}

/* Half of what it has said is nothing. */
static void
a_stream_that_breaks_begins_anew(void **state)
{
	(void)state;
	ask(1);
	answer_map(asked[0].id, 1, "a", false);
	lose();
	assert_int_equal(nasked, 1);
	answer_map(asked[0].id, 1, "b", true);
	assert_went_on(1);
	assert_memory_equal(fby_content_value(sink->got[0]).p, "b", 1);
}

static void
a_stream_without_end_is_cut(void **state)
{
	static char large[1 << 20];

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	ask(1);
	for (size_t i = 0; i < 70 && conn.why[0] == '\0'; i++)
		answer_map(asked[0].id, 1, large, false);
	assert_fails("its answers for one record are larger than 64 MiB");
	answer_map(asked[0].id, 1, "a", true);
	assert_went_on(1);
}

int
main(void)
{
#define TEST_IN(fn, in) cmocka_unit_test_setup_teardown(fn, in, teardown)
	const struct CMUnitTest tests[] = {
		TEST_IN(bytes_that_are_no_answer_end_the_connection, setup_map),
		TEST_IN(a_batch_ends_on_both_sides_before_the_next,
		    setup_batch),
		TEST_IN(an_end_that_leaves_records_out_ends_the_connection,
		    setup_batch),
		TEST_IN(what_a_stream_says_counts_with_its_last_message,
		    setup_stream),
		TEST_IN(a_stream_that_says_nothing_is_a_failure, setup_stream),
		TEST_IN(a_stream_that_breaks_begins_anew, setup_stream),
		TEST_IN(a_stream_without_end_is_cut, setup_stream),
	};

	return UNIT_RUN(tests);
}
