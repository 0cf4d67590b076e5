/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function answers for a record, and what that makes of it.
 */
#include "t/unit/unit.h"

#include "t/unit/worker/pipeline_world.h"

#include "shared/base/clock.h"

#include "worker/content.h"
#include "worker/derived.h"
#include "worker/request.h"
#include "worker/stage/result.h"

#define YEAR_MS (INT64_C(86400000) * 365)

static struct fake_outlet *function, *sink;
static struct fby_request req;

rd_kafka_resp_err_t
rd_kafka_message_headers(const rd_kafka_message_t *msg,
    rd_kafka_headers_t **headers)
{
	(void)msg;
	(void)headers;
	return RD_KAFKA_RESP_ERR__NOENT;
}

/* ---- life ------------------------------------------------------------- */

static int
setup(void **state)
{
	(void)state;
	world_init();
	manifest.name = "demo";
	function = add_outlet(FBY_STAGE_TRANSFORMER, &record_ops);
	sink = add_outlet(FBY_SINK_PRIMARY, &record_ops);
	fby_request_init(&req);
	fby_pipeline_start(&w);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sink->n; i++)
		fby_pipeline_delivered(sink->got[i]);
	fby_pipeline_settle(&w);
	fby_request_fini(&req);
	world_fini();
	return 0;
}

/* ---- answers ---------------------------------------------------------- */

static ProtobufCBinaryData
bytes(const char *p, size_t n)
{
	return (ProtobufCBinaryData){ n, (uint8_t *)(uintptr_t)p };
}

/* The results of the answer that the test is about. */
static Pb__TransformResponse__Result made[3];
static ProtobufCBinaryData keys[2];
static Pb__Timestamp event_time;

/* Each as a function that passes the record on would answer it. */
static void
unchanged(void)
{
	pb__timestamp__init(&event_time);
	event_time.seconds = 1;
	event_time.nanos = 100 * 1000000;
	for (size_t i = 0; i < FBY_NELEM(made); i++) {
		pb__transform_response__result__init(&made[i]);
		made[i].value = bytes(payload, RECORD_BYTES);
		made[i].event_time = &event_time;
	}
}

static void
tag(Pb__TransformResponse__Result *to, char *one)
{
	static char *tags[FBY_NELEM(made)];

	tags[to - made] = one;
	to->n_tags = 1;
	to->tags = &tags[to - made];
}

static void
answer_all(struct fby_record *rec, size_t n)
{
	Pb__TransformResponse__Result *list[FBY_NELEM(made)];
	Pb__TransformResponse msg = PB__TRANSFORM_RESPONSE__INIT;

	for (size_t i = 0; i < n; i++)
		list[i] = &made[i];
	msg.n_results = n;
	msg.results = list;
	fby_result_transformed(rec, &req, &msg);
	fby_pipeline_settle(&w);
}

static void
answer(size_t n)
{
	answer_all(function->got[0], n);
}

static char drop[] = "U+005C__DROP__", nack[] = "U+005C__NACK__",
	    fail[] = "U+005C__FAIL__", own[] = "mine";

static void
assert_bytes(struct fby_bytes got, const char *want, size_t n)
{
	assert_int_equal(got.len, n);
	assert_memory_equal(got.p, want, n);
}

/* As Numaflow's metrics count it. */
static void
assert_counted(uint64_t drops, uint64_t errors, uint64_t nacks)
{
	const struct fby_ledger_function
	    *f = &slot.function[FBY_FUNCTION_TRANSFORMER];

	assert_int_equal(fby_load(&f->drops), drops);
	assert_int_equal(fby_load(&f->errors), errors);
	assert_int_equal(fby_load(&slot.nacks), nacks);
}

/* ---- what has changed ------------------------------------------------- */

static void
what_comes_back_as_it_went_is_the_message_s_own(void **state)
{
	static char raw[] = "\xff";
	struct fby_record *rec;

	(void)state;
	submit(lane, 1);
	rec = function->got[0];
	rec->msg->key = raw;
	rec->msg->key_len = 1;
	unchanged();
	/* It was shown so, since it is no UTF-8. */
	keys[0] = bytes("\xef\xbf\xbd", 3);
	made[0].n_keys = 1;
	made[0].keys = keys;
	answer(1);
	assert_ptr_equal(sink->got[0], rec);
	assert_ptr_equal(fby_content_value(rec).p, payload);
	assert_ptr_equal(fby_content_key(rec).p, raw);
	assert_false(fby_content_has(rec, FBY_HAS_TIME));
	assert_null(fby_content_tags(rec));
	assert_null(fby_content_metadata(rec).p);
	rec->msg->key_len = 0;
}

static void
what_it_answers_is_taken_byte_for_byte(void **state)
{
	static const char value[] = "\xfe\0\xff";

	(void)state;
	submit(lane, 1);
	unchanged();
	made[0].value = bytes(value, 3);
	keys[0] = bytes("a", 1);
	keys[1] = bytes("\xc3\0", 2);
	made[0].n_keys = 2;
	made[0].keys = keys;
	tag(&made[0], own);
	answer(1);
	assert_bytes(fby_content_value(sink->got[0]), value, 3);
	assert_int_equal(fby_content_nkeys(sink->got[0]), 2);
	assert_bytes(fby_content_key_at(sink->got[0], 1), "\xc3\0", 2);
	assert_bytes(fby_content_key(sink->got[0]), "a:\xc3\0", 4);
	assert_int_equal(fby_content_tags(sink->got[0])->n, 1);
	assert_string_equal(fby_content_tags(sink->got[0])->v[0], "mine");
	assert_counted(0, 0, 0);
}

static void
what_is_empty_is_not_what_the_record_had(void **state)
{
	static char key[] = "k";
	struct fby_record *rec;

	(void)state;
	submit(lane, 1);
	rec = function->got[0];
	rec->msg->key = key;
	rec->msg->key_len = 1;
	unchanged();
	made[0].value = bytes(NULL, 0);
	answer(1);
	assert_int_equal(fby_content_value(rec).len, 0);
	assert_non_null(fby_content_value(rec).p);
	assert_int_equal(fby_content_nkeys(rec), 0);
	assert_null(fby_content_key(rec).p);
	rec->msg->key_len = 0;
}

/* A value that was null was shown as an empty one. */
static void
a_null_value_stays_null(void **state)
{
	struct fby_record *rec;

	(void)state;
	submit(lane, 1);
	rec = function->got[0];
	rec->msg->payload = NULL;
	rec->msg->len = 0;
	unchanged();
	made[0].value = bytes(NULL, 0);
	answer(1);
	assert_null(fby_content_value(rec).p);
	rec->msg->len = RECORD_BYTES;
}

static void
an_event_time_may_be_any_that_counts_in_milliseconds(void **state)
{
	static const struct {
		int64_t seconds;
		int32_t nanos;
		int64_t ms;
	} times[] = {
		{ 0, 0, 0 },
		{ 5, 1999999, 5001 },
		/* before 1970: nanos count forward */
		{ -1, 999000000, -1 },
		{ -62135596800, 0, -62135596800000 },
		/* more nanos than a second has, and fewer than none */
		{ 1, INT32_MAX, 3147 },
		{ 1, -500000000, 500 },
		/* none that we could have: as it was */
		{ INT64_MAX, 0, 1100 },
		{ INT64_MIN, 0, 1100 },
		{ INT64_MAX / 1000, INT32_MAX, 1100 },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(times); i++) {
		struct fby_record *rec;

		submit(lane, 1);
		rec = function->got[i];
		/* The others are later records. */
		unchanged();
		event_time.seconds = times[i].seconds;
		event_time.nanos = times[i].nanos;
		answer_all(rec, 1);
		assert_int_equal(fby_content_event_time(rec, 0),
		    times[i].ms == 1100 ? 1100 + (int)i : times[i].ms);
	}
}

static void
without_an_event_time_it_stays(void **state)
{
	(void)state;
	submit(lane, 1);
	unchanged();
	made[0].event_time = NULL;
	answer(1);
	assert_false(fby_content_has(sink->got[0], FBY_HAS_TIME));
	assert_int_equal(fby_content_event_time(sink->got[0], 0), 1100);
}

static void
only_the_user_s_metadata_are_taken(void **state)
{
	Pb__KeyValue pair = PB__KEY_VALUE__INIT, *pairs = &pair;
	Pb__KeyValueGroup inner = PB__KEY_VALUE_GROUP__INIT;
	Pb__MetadataGroup group = PB__METADATA_GROUP__INIT, *groups = &group;
	Pb__Metadata md = PB__METADATA__INIT, *got;
	static char vertex[] = "other";
	struct fby_bytes kept;

	(void)state;
	pair.key = bytes("k", 1);
	pair.value = bytes("\xff\0", 2);
	inner.n_key_value = 1;
	inner.key_value = &pairs;
	group.key = bytes("g", 1);
	group.value = &inner;
	md.previous_vertex = vertex;
	md.n_sys_metadata = md.n_user_metadata = 1;
	md.sys_metadata = md.user_metadata = &groups;
	submit(lane, 1);
	unchanged();
	made[0].metadata = &md;
	answer(1);
	kept = fby_content_metadata(sink->got[0]);
	got = pb__metadata__unpack(NULL, kept.len, kept.p);
	assert_non_null(got);
	assert_string_equal(got->previous_vertex, "");
	assert_int_equal(got->n_sys_metadata, 0);
	assert_int_equal(got->n_user_metadata, 1);
	pair = *got->user_metadata[0]->value->key_value[0];
	assert_int_equal(pair.value.len, 2);
	assert_memory_equal(pair.value.data, "\xff\0", 2);
	pb__metadata__free_unpacked(got, NULL);
}

static void
a_map_changes_all_but_the_event_time(void **state)
{
	Pb__MapResponse__Result one = PB__MAP_RESPONSE__RESULT__INIT;
	Pb__MapResponse__Result *list = &one;
	Pb__MapResponse msg = PB__MAP_RESPONSE__INIT;

	(void)state;
	one.value = bytes("other", 5);
	msg.n_results = 1;
	msg.results = &list;
	submit(lane, 1);
	fby_result_mapped(function->got[0], &req, &msg);
	fby_pipeline_settle(&w);
	assert_bytes(fby_content_value(sink->got[0]), "other", 5);
	assert_false(fby_content_has(sink->got[0], FBY_HAS_TIME));
}

/* ---- how many --------------------------------------------------------- */

static void
of_several_each_is_a_record_and_dropped_ones_are_left_out(void **state)
{
	(void)state;
	submit(lane, 1);
	unchanged();
	made[0].value = bytes("first", 5);
	tag(&made[1], drop);
	made[2].value = bytes("third", 5);
	answer(3);
	assert_int_equal(sink->n, 2);
	assert_bytes(fby_content_value(sink->got[0]), "first", 5);
	assert_bytes(fby_content_value(sink->got[1]), "third", 5);
	assert_counted(1, 0, 0);
	assert_int_equal(fby_load(&slot.outputs), 2);
}

static void
if_all_are_dropped_the_record_is(void **state)
{
	(void)state;
	submit(lane, 1);
	unchanged();
	for (size_t i = 0; i < 3; i++)
		tag(&made[i], drop);
	answer(3);
	assert_int_equal(sink->n, 0);
	assert_int_equal(fby_load(&rows[0].dropped), 1);
	assert_int_equal(fby_load(&rows[0].acked), 101);
	assert_counted(3, 0, 0);
}

/* ---- what is about the whole record ----------------------------------- */

static void
assert_comes_again(const char *why)
{
	assert_string_equal(function->got[0]->why, why);
	assert_int_equal(sink->n, 0);
	wait_for_retry();
	assert_int_equal(function->n, 2);
	unchanged();
	answer_all(function->got[1], 1);
	assert_int_equal(sink->n, 1);
}

/* SDKs mark a drop: a record that was forgotten is not to be lost. */
static void
no_result_is_a_failure(void **state)
{
	(void)state;
	submit(lane, 1);
	answer(0);
	assert_comes_again("the function answered no result");
	assert_counted(0, 1, 0);
}

static void
one_that_failed_speaks_for_all(void **state)
{
	(void)state;
	submit(lane, 1);
	unchanged();
	tag(&made[1], drop);
	tag(&made[2], fail);
	answer(3);
	assert_comes_again("the function answered FAIL");
	assert_counted(0, 1, 0);
}

static void
a_nack_comes_again_and_is_counted(void **state)
{
	(void)state;
	submit(lane, 1);
	unchanged();
	tag(&made[1], nack);
	answer(2);
	assert_comes_again("the function answered NACK");
	assert_counted(0, 0, 1);
}

static void
its_options_are_obeyed(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);
	Pb__NackOptions options = PB__NACK_OPTIONS__INIT;
	static char reason[] = "no\nstock";

	(void)state;
	options.reason = reason;
	options.max_deliveries = 2;
	options.delay = 1;
	submit(lane, 1);
	unchanged();
	tag(&made[0], nack);
	made[0].nack_options = &options;
	answer(1);
	wait_for_retry();
	assert_int_equal(function->n, 2);
	assert_int_equal(dead->n, 0);
	answer_all(function->got[1], 1);
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why, "no\\nstock");
	assert_int_equal(dead->got[0]->attempts, 2);
	assert_counted(0, 0, 2);
	fby_pipeline_delivered(dead->got[0]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].dead_lettered), 1);
}

static void
a_delay_beyond_all_bounds_is_a_year(void **state)
{
	Pb__NackOptions options = PB__NACK_OPTIONS__INIT;
	struct fby_order *order = &lane->order[0];
	int64_t due;

	(void)state;
	options.delay = UINT64_MAX;
	submit(lane, 1);
	unchanged();
	tag(&made[0], nack);
	made[0].nack_options = &options;
	answer(1);
	due = fby_order_next_due(order);
	assert_in_range(due, YEAR_MS, fby_clock_mono() + YEAR_MS);
	fby_order_sent(order, fby_order_head(order));
	unchanged();
	answer(1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_comes_back_as_it_went_is_the_message_s_own),
		TEST(what_it_answers_is_taken_byte_for_byte),
		TEST(what_is_empty_is_not_what_the_record_had),
		TEST(a_null_value_stays_null),
		TEST(an_event_time_may_be_any_that_counts_in_milliseconds),
		TEST(without_an_event_time_it_stays),
		TEST(only_the_user_s_metadata_are_taken),
		TEST(a_map_changes_all_but_the_event_time),
		TEST(of_several_each_is_a_record_and_dropped_ones_are_left_out),
		TEST(if_all_are_dropped_the_record_is),
		TEST(no_result_is_a_failure),
		TEST(one_that_failed_speaks_for_all),
		TEST(a_nack_comes_again_and_is_counted),
		TEST(its_options_are_obeyed),
		TEST(a_delay_beyond_all_bounds_is_a_year),
	};

	return UNIT_RUN(tests);
}
