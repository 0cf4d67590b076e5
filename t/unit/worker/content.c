/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record carries: the message's own, until a function changes it.
 */
#include "t/unit/unit.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "t/unit/worker/fake_worker.h"

#include "worker/content.h"

static struct fby_lane *lane;
static struct fby_batch *b;
static struct fby_record *rec;

rd_kafka_resp_err_t
rd_kafka_message_headers(const rd_kafka_message_t *msg,
    rd_kafka_headers_t **headers)
{
	(void)msg;
	(void)headers;
	return RD_KAFKA_RESP_ERR__NOENT;
}

void
fby_channel_send(struct fby_channel *ch, enum fby_msg_type type,
    struct fby_msg *msg, size_t size, int fd)
{
	(void)ch;
	(void)type;
	(void)msg;
	(void)size;
	(void)fd;
}

void
fby_pipeline_submit(struct fby_lane *ln, const struct fby_run *run)
{
	b = fby_flight_begin(ln, run);
	rec = &b->rec[0];
}

static int
setup(void **state)
{
	struct fby_msg_grant msg;

	(void)state;
	worker_init();
	budget.weight = 1;
	fby_flight_init(&flight);
	msg = grant_of(0);
	lane = fby_lane_new(&w, &msg);
	submit(lane, 1);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fby_flight_complete(rec, FBY_OUTCOME_DELIVERED);
	assert_int_equal(budget.open_bytes, 0);
	assert_int_equal(lane->open_bytes, 0);
	fby_flight_fini(&flight);
	fby_lane_free(lane);
	worker_fini();
	return 0;
}

static struct fby_bytes
text(const char *s)
{
	return (struct fby_bytes){ s, strlen(s) };
}

static void
assert_bytes(struct fby_bytes got, const char *want)
{
	assert_int_equal(got.len, strlen(want));
	assert_memory_equal(got.p, want, got.len);
}

static void
what_no_function_has_changed_is_the_message_s(void **state)
{
	static char value[] = "v", key[] = "\xff";
	int64_t ms;

	(void)state;
	rec->msg->payload = value;
	rec->msg->len = 1;
	rec->msg->key = key;
	rec->msg->key_len = 1;
	fby_content_set_event_time(rec, 7);
	assert_ptr_equal(fby_content_value(rec).p, value);
	assert_ptr_equal(fby_content_key(rec).p, key);
	assert_int_equal(fby_content_nkeys(rec), 1);
	assert_ptr_equal(fby_content_key_at(rec, 0).p, key);
	assert_null(fby_content_tags(rec));
	assert_null(fby_content_metadata(rec).p);
	assert_int_equal(fby_content_event_time(rec, 1), 7);
	assert_true(fby_content_timestamp(rec, &ms));
	assert_int_equal(ms, 7);
	rec->msg->len = RECORD_BYTES;
	rec->msg->key_len = 0;
}

static void
null_and_empty_are_two_things(void **state)
{
	(void)state;
	rec->msg->payload = NULL;
	assert_null(fby_content_value(rec).p);
	assert_int_equal(fby_content_nkeys(rec), 0);
	fby_content_set_value(rec, text(""));
	assert_non_null(fby_content_value(rec).p);
	assert_int_equal(fby_content_value(rec).len, 0);
	fby_content_set_value(rec, (struct fby_bytes){ NULL, 0 });
	assert_null(fby_content_value(rec).p);
}

static void
several_keys_make_one_for_kafka(void **state)
{
	const struct fby_bytes keys[] = { text("a"), text(""), text("bc") };

	(void)state;
	fby_content_set_keys(rec, keys, 3);
	assert_int_equal(fby_content_nkeys(rec), 3);
	assert_bytes(fby_content_key_at(rec, 2), "bc");
	assert_bytes(fby_content_key(rec), "a::bc");
	fby_content_set_keys(rec, keys, 1);
	assert_bytes(fby_content_key(rec), "a");
	fby_content_set_keys(rec, NULL, 0);
	assert_int_equal(fby_content_nkeys(rec), 0);
	assert_null(fby_content_key(rec).p);
}

static void
what_is_set_is_copied_and_charged_to_the_budget(void **state)
{
	char *tags[] = { strdup("odd"), strdup("late") };
	char *value = strdup("a value of a function");
	uint64_t before = budget.open_bytes;

	(void)state;
	fby_content_set_value(rec, text(value));
	fby_content_set_tags(rec, tags, 2);
	fby_content_set_metadata(rec, text("m"));
	memset(value, 'x', strlen(value));
	memset(tags[1], 'x', 4);
	assert_bytes(fby_content_value(rec), "a value of a function");
	assert_int_equal(fby_content_tags(rec)->n, 2);
	assert_string_equal(fby_content_tags(rec)->v[1], "late");
	assert_bytes(fby_content_metadata(rec), "m");
	assert_int_equal(budget.open_bytes - before, b->pool_bytes);
	assert_int_equal(lane->open_bytes, budget.open_bytes);
	assert_int_equal(b->pool_bytes, fby_pool_bytes(b->pool));
	fby_content_set_tags(rec, tags, 0);
	assert_null(fby_content_tags(rec));
	free(tags[0]);
	free(tags[1]);
	free(value);
}

static void
a_giant_does_not_make_the_pool_take_more_for_the_next(void **state)
{
	char *giant = calloc(1, 4000000);
	uint64_t bytes;

	(void)state;
	fby_content_set_value(rec, (struct fby_bytes){ giant, 4000000 });
	bytes = b->pool_bytes;
	assert_in_range(bytes, 4000000, 4100000);
	fby_content_set_metadata(rec, text("m"));
	assert_in_range(b->pool_bytes - bytes, 0, 512 * 1024);
	free(giant);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_no_function_has_changed_is_the_message_s),
		TEST(null_and_empty_are_two_things),
		TEST(several_keys_make_one_for_kafka),
		TEST(what_is_set_is_copied_and_charged_to_the_budget),
		TEST(a_giant_does_not_make_the_pool_take_more_for_the_next),
	};

	return UNIT_RUN(tests);
}
