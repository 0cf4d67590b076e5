/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink that is a function, on a connection that is the test's own.
 */
#include "t/unit/unit.h"

#include <event2/buffer.h>

#include "t/unit/worker/fake_function.h"
#include "t/unit/worker/pipeline_world.h"

#include "shared/base/clock.h"

#include "worker/aside.h"
#include "worker/content.h"
#include "worker/function/grpc.h"
#include "worker/function/proto/sink.pb-c.h"
#include "worker/said.h"
#include "worker/sink/sink.h"

static struct fby_outlet *out;

/* ---- headers of messages ---------------------------------------------- */

static bool has_headers;

rd_kafka_resp_err_t
rd_kafka_message_headers(const rd_kafka_message_t *msg,
    rd_kafka_headers_t **headers)
{
	(void)msg;
	*headers = (rd_kafka_headers_t *)&has_headers;
	return has_headers ? RD_KAFKA_RESP_ERR_NO_ERROR :
			     RD_KAFKA_RESP_ERR__NOENT;
}

rd_kafka_resp_err_t
rd_kafka_header_get_all(const rd_kafka_headers_t *headers, size_t i,
    const char **name, const void **value, size_t *size)
{
	static const struct {
		const char *name, *value;
		size_t size;
	} list[] = { { "null", NULL, 0 }, { "bad\xff", "\xe2\x82", 2 } };

	(void)headers;
	if (i >= FBY_NELEM(list))
		return RD_KAFKA_RESP_ERR__NOENT;
	*name = list[i].name;
	*value = list[i].value;
	*size = list[i].size;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* ---- what was asked --------------------------------------------------- */

/* All requests that were sent, until the next call. */
static Pb__SinkRequest *asked[16];
static size_t nasked;

static void
forget_asked(void)
{
	for (size_t i = 0; i < nasked; i++)
		pb__sink_request__free_unpacked(asked[i], NULL);
	nasked = 0;
}

static void
read_asked(void)
{
	const uint8_t *p;
	size_t n;

	forget_asked();
	while (next_sent(&p, &n)) {
		assert_in_range(nasked, 0, FBY_NELEM(asked) - 1);
		asked[nasked++] = pb__sink_request__unpack(NULL, n, p);
		assert_non_null(asked[nasked - 1]);
		evbuffer_drain(conn.out, n);
	}
}

/* The turn of the loop ends. */
static void
turn(void)
{
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	event_base_loop(w.base, EVLOOP_NONBLOCK);
	read_asked();
}

static bool
is_text(ProtobufCBinaryData d, const char *text)
{
	return d.len == strlen(text) && memcmp(d.data, text, d.len) == 0;
}

/* A batch of one record: the offset that it has. */
static void
assert_asked_alone(int64_t offset)
{
	char id[64];

	snprintf(id, sizeof(id), "demo-t:0:%" PRId64 "-0-0", offset);
	assert_int_equal(nasked, 2);
	assert_true(is_text(asked[0]->request->id, id));
	assert_true(asked[1]->status->eot);
}

/* ---- what is answered ------------------------------------------------- */

static void
send_answer(const Pb__SinkResponse *msg)
{
	uint8_t packed[512];

	assert_in_range(pb__sink_response__get_packed_size(msg), 0,
	    sizeof(packed));
	conn.ops->message(conn.arg, packed,
	    pb__sink_response__pack(msg, packed));
}

static Pb__SinkResponse__Message *message_of_answer;
static Pb__NackOptions *nack_of_answer;

static void
answer_id(const char *id, int status, const char *text)
{
	Pb__SinkResponse__Result result = PB__SINK_RESPONSE__RESULT__INIT;
	Pb__SinkResponse__Result *results = &result;
	Pb__SinkResponse msg = PB__SINK_RESPONSE__INIT;

	result.id = (ProtobufCBinaryData){ strlen(id),
		(uint8_t *)(uintptr_t)id };
	result.status = (Pb__SinkResponse__Status)status;
	result.err_msg = (char *)(uintptr_t)text;
	result.on_success_msg = message_of_answer;
	result.nack_options = nack_of_answer;
	msg.n_results = 1;
	msg.results = &results;
	send_answer(&msg);
	message_of_answer = NULL;
	nack_of_answer = NULL;
}

static void
answer(int64_t offset, int status)
{
	char id[64];

	snprintf(id, sizeof(id), "demo-t:0:%" PRId64 "-0-0", offset);
	answer_id(id, status, "not now");
}

static void
answer_end(void)
{
	Pb__TransmissionStatus status = PB__TRANSMISSION_STATUS__INIT;
	Pb__SinkResponse msg = PB__SINK_RESPONSE__INIT;

	status.eot = true;
	msg.status = &status;
	send_answer(&msg);
}

static void
lose(bool by_garbage)
{
	conn.why[0] = '\0';
	conn.ops->lost(conn.arg, "it is gone", by_garbage);
	turn();
	conn.ops->ready(conn.arg);
	turn();
}

/* ---- life ------------------------------------------------------------- */

void
fby_worker_failed(struct fby_worker *worker, enum fby_failure_role role,
    int code, const char *text)
{
	(void)worker;
	(void)role;
	(void)code;
	(void)text;
}

static int
setup(void **state)
{
	(void)state;
	world_init();
	manifest.name = "demo";
	manifest.run_dir = "/run/forebay/demo";
	manifest.host.poison_kills = 2;
	has_headers = false;
	out = fby_sink_function_open(&w, FBY_SINK_PRIMARY);
	assert_string_equal(conn.role, "sink");
	assert_ptr_equal(conn.service, &fby_function_sink);
	w.outs[FBY_SINK_PRIMARY] = out;
	fby_pipeline_start(&w);
	conn.ops->ready(conn.arg);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	assert_int_equal(conn.in_flight, 0);
	forget_asked();
	out->ops->close(out);
	world_fini();
	return 0;
}

/* ---- the straight way ------------------------------------------------- */

static void
a_batch_is_its_records_and_an_end(void **state)
{
	(void)state;
	submit(lane, 3);
	assert_int_equal(conn.sends, 0);
	turn();
	assert_int_equal(conn.sends, 1);
	assert_int_equal(nasked, 4);
	for (size_t i = 0; i < 3; i++)
		assert_null(asked[i]->status);
	assert_null(asked[3]->request);
	assert_true(asked[3]->status->eot);
	/* In any order. */
	answer(102, 0);
	answer(100, 0);
	assert_int_equal(fby_load(&rows[0].acked), 101);
	answer(101, 0);
	assert_int_equal(fby_load(&rows[0].acked), 103);
	/* The next one begins when the function has said so, too. */
	submit(lane, 2);
	turn();
	assert_int_equal(nasked, 0);
	answer_end();
	turn();
	assert_int_equal(nasked, 3);
	answer(103, 0);
	answer(104, 0);
	answer_end();
	assert_string_equal(conn.why, "");
	assert_int_equal(fby_load(&rows[0].delivered), 5);
}

static void
a_request_has_all_that_a_record_has(void **state)
{
	const Pb__SinkRequest__Record *r;
	Pb__Metadata *md;

	(void)state;
	has_headers = true;
	submit(lane, 1);
	turn();
	r = asked[0]->request;
	assert_int_equal(r->n_keys, 0);
	assert_int_equal(r->event_time->seconds, 1);
	assert_int_equal(r->event_time->nanos, 100000000);
	assert_int_equal(r->n_headers, 3);
	assert_true(is_text(r->headers[0]->key, "null"));
	assert_int_equal(r->headers[0]->value.len, 0);
	assert_true(is_text(r->headers[1]->key, "bad\xef\xbf\xbd"));
	assert_true(is_text(r->headers[1]->value, "\xef\xbf\xbd"));
	assert_true(is_text(r->headers[2]->key, "X-NF-Kafka-TopicName"));
	assert_true(is_text(r->headers[2]->value, "t"));
	md = pb__metadata__unpack(NULL, r->metadata.len, r->metadata.data);
	assert_true(is_text(md->sys_metadata[0]->key, "sink"));
	assert_true(is_text(md->sys_metadata[0]->value->key_value[0]->key,
	    "retry_count"));
	assert_true(
	    is_text(md->sys_metadata[0]->value->key_value[0]->value, "0"));
	pb__metadata__free_unpacked(md, NULL);
	answer(100, 0);
	answer_end();
}

/* ---- answers ---------------------------------------------------------- */

static void
only_what_failed_is_sent_again(void **state)
{
	Pb__Metadata *md;
	const Pb__SinkRequest__Record *r;

	(void)state;
	submit(lane, 3);
	turn();
	answer(100, 0);
	answer(101, 1);
	answer(102, 0);
	answer_end();
	event_base_loop(w.base, EVLOOP_ONCE);
	turn();
	assert_asked_alone(101);
	r = asked[0]->request;
	md = pb__metadata__unpack(NULL, r->metadata.len, r->metadata.data);
	assert_true(
	    is_text(md->sys_metadata[0]->value->key_value[0]->value, "1"));
	pb__metadata__free_unpacked(md, NULL);
	answer(101, 0);
	answer_end();
	assert_int_equal(fby_load(&rows[0].acked), 103);
	assert_int_equal(fby_load(&slot.sink_errors), 1);
}

static void
what_it_says_of_a_record_is_the_reason(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);
	Pb__NackOptions options = PB__NACK_OPTIONS__INIT;
	static char reason[] = "no\nway";

	(void)state;
	options.reason = reason;
	options.max_deliveries = 1;
	submit(lane, 1);
	turn();
	nack_of_answer = &options;
	answer(100, 5);
	answer_end();
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why, "no\\nway");
	fby_pipeline_delivered(dead->got[0]);
	fby_pipeline_settle(&w);
}

/* It may be refused without end, and a pool only grows. */
static void
what_it_says_again_takes_the_same_room(void **state)
{
	struct fby_record *rec;
	const char *first;

	(void)state;
	submit(lane, 1);
	rec = &LIST_FIRST(&w.flight->batches.live)->rec[0];
	first = fby_said_text(rec, "no");
	assert_string_equal(first, "no");
	assert_ptr_equal(fby_said_text(rec, "never"), first);
	assert_string_equal(first, "never");
	turn();
	answer(100, 0);
	answer_end();
}

static void
fallback_and_onsuccess_get_what_it_sends_there(void **state)
{
	struct fake_outlet *fallback = add_outlet(FBY_SINK_FALLBACK,
	    &record_ops);
	struct fake_outlet *success = add_outlet(FBY_SINK_SUCCESS, &record_ops);
	Pb__SinkResponse__Message msg = PB__SINK_RESPONSE__MESSAGE__INIT;
	struct fby_bytes value;

	(void)state;
	msg.value = (ProtobufCBinaryData){ 4, (uint8_t *)(uintptr_t) "done" };
	submit(lane, 4);
	turn();
	answer(100, 0);
	answer(101, 2);
	message_of_answer = &msg;
	answer(102, 4);
	answer(103, 4);
	answer_end();
	assert_int_equal(fallback->n, 1);
	assert_int_equal(fallback->got[0]->msg->offset, 101);
	assert_int_equal(success->n, 2);
	value = fby_content_value(success->got[0]);
	assert_int_equal(value.len, 4);
	assert_memory_equal(value.p, "done", 4);
	assert_int_equal(fby_content_nkeys(success->got[0]), 0);
	assert_int_equal(fby_content_value(success->got[1]).len, RECORD_BYTES);
	fby_pipeline_delivered(fallback->got[0]);
	fby_pipeline_delivered(success->got[0]);
	fby_pipeline_delivered(success->got[1]);
	fby_pipeline_settle(&w);
	assert_int_equal(fby_load(&rows[0].fallback), 1);
	assert_int_equal(fby_load(&rows[0].delivered), 3);
}

static void
what_has_no_place_to_go_is_refused_with_a_sentence(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);
	static const char *const why[] = {
		"the function answered FALLBACK, and spec.sink.fallback is "
		"not set",
		"the function answered SERVE, and there is no serving store",
		"the function answered ON_SUCCESS, and spec.sink.onSuccess is "
		"not set",
	};

	(void)state;
	submit(lane, 3);
	turn();
	for (int i = 0; i < 3; i++)
		answer(100 + i, 2 + i);
	answer_end();
	assert_int_equal(dead->n, 3);
	for (size_t i = 0; i < 3; i++) {
		assert_string_equal(dead->got[i]->why, why[i]);
		fby_pipeline_delivered(dead->got[i]);
	}
	fby_pipeline_settle(&w);
}

/* A newer SDK may mean anything by it, so the record has not been taken. */
static void
a_status_that_nobody_knows_is_refused_by_its_number(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	submit(lane, 1);
	turn();
	answer(100, 77);
	answer_end();
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why,
	    "the function answered status 77, which is unknown");
	fby_pipeline_delivered(dead->got[0]);
	fby_pipeline_settle(&w);
}

/* ---- garbage ---------------------------------------------------------- */

static void
ends_with(const char *why)
{
	assert_string_equal(conn.why, why);
	conn.ops->lost(conn.arg, conn.why, true);
	conn.why[0] = '\0';
	turn();
	conn.ops->ready(conn.arg);
	turn();
	assert_asked_alone(100);
	answer(100, 0);
	answer_end();
}

static void
what_makes_no_sense_ends_the_connection(void **state)
{
	(void)state;
	submit(lane, 1);
	turn();
	answer_id("nobody", 0, "");
	ends_with("it answers for id \"nobody\", which it was not asked about");
	submit(lane, 1);
	turn();
	answer_id("", 0, "");
	assert_string_equal(conn.why,
	    "it answers for id \"\", which it was not asked about");
	lose(true);
	answer(101, 0);
	answer_end();
}

static void
an_end_that_leaves_records_out_does(void **state)
{
	(void)state;
	submit(lane, 1);
	turn();
	answer_end();
	ends_with("its end of transmission leaves 1 of 1 records without an "
		  "answer");
}

static void
an_answer_that_is_none_does(void **state)
{
	(void)state;
	submit(lane, 1);
	turn();
	conn.ops->message(conn.arg, (const uint8_t *)"\x0a\x7f", 2);
	ends_with("its answer is no SinkResponse");
}

static void
a_second_answer_does_and_the_first_counts(void **state)
{
	(void)state;
	submit(lane, 1);
	turn();
	answer(100, 0);
	answer(100, 1);
	assert_string_equal(conn.why,
	    "it answers for id \"demo-t:0:100-0-0\", which has its answer "
	    "already");
	lose(true);
	assert_int_equal(nasked, 0);
	assert_int_equal(fby_load(&rows[0].acked), 101);
	assert_int_equal(fby_load(&slot.sink_errors), 0);
}

static void
an_answer_to_nothing_does(void **state)
{
	(void)state;
	answer(100, 0);
	assert_string_equal(conn.why, "it answers without having been asked");
}

/* ---- the end of the function ------------------------------------------ */

static void
what_has_no_answer_goes_again_one_by_one(void **state)
{
	(void)state;
	submit(lane, 3);
	turn();
	answer(101, 0);
	lose(false);
	assert_asked_alone(100);
	answer(100, 0);
	answer_end();
	turn();
	assert_asked_alone(102);
	answer(102, 0);
	answer_end();
	assert_int_equal(fby_load(&rows[0].acked), 103);
	submit(lane, 2);
	turn();
	assert_int_equal(nasked, 3);
	answer(103, 0);
	answer(104, 0);
	answer_end();
}

static void
a_record_that_ends_it_each_time_is_condemned(void **state)
{
	struct fake_outlet *dead = add_outlet(FBY_SINK_DEAD_LETTER,
	    &record_ops);

	(void)state;
	submit(lane, 2);
	turn();
	lose(false);
	assert_asked_alone(100);
	lose(false);
	assert_asked_alone(100);
	assert_int_equal(dead->n, 0);
	lose(false);
	assert_int_equal(dead->n, 1);
	assert_string_equal(dead->got[0]->why,
	    "it has crashed the sink function each time");
	assert_asked_alone(101);
	fby_pipeline_delivered(dead->got[0]);
	fby_pipeline_settle(&w);
	answer(101, 0);
	answer_end();
	assert_int_equal(fby_load(&rows[0].acked), 102);
	assert_int_equal(fby_load(&rows[0].dead_lettered), 1);
}

/* Without dead letters it waits, with those behind it, and ends nothing. */
static void
a_condemned_record_is_held_back(void **state)
{
	(void)state;
	submit(lane, 2);
	turn();
	for (int i = 0; i < 3; i++) {
		lose(false);
		if (i < 2)
			assert_asked_alone(100);
	}
	assert_asked_alone(101);
	answer(101, 0);
	answer_end();
	forget_asked();
	turn();
	assert_int_equal(nasked, 0);
	assert_int_equal(fby_load(&slot.sink_errors), 1);
	assert_int_equal(lane->suspects, 1);
	assert_true(fby_aside_is_all(lane, fby_clock_mono() + 60000));
	assert_false(fby_aside_is_all(lane, fby_clock_mono() + 3600000));
	assert_int_equal(fby_load(&rows[0].acked), 100);
	/* As if the ten minutes were over. */
	lane->failed[0]->due = 0;
	event_active(&lane->ev_due, EV_TIMEOUT, 0);
	turn();
	assert_asked_alone(100);
	answer(100, 0);
	answer_end();
	assert_int_equal(lane->suspects, 0);
	assert_int_equal(fby_load(&rows[0].acked), 102);
}

static void
what_was_not_sent_is_no_suspect(void **state)
{
	(void)state;
	submit(lane, 2);
	lose(false);
	assert_int_equal(nasked, 3);
	answer(100, 0);
	answer(101, 0);
	answer_end();
}

static void
nothing_is_taken_before_it_is_ready(void **state)
{
	(void)state;
	conn.ops->lost(conn.arg, "gone", false);
	submit(lane, 2);
	turn();
	assert_int_equal(nasked, 0);
	assert_true(lane->is_blocked);
	conn.ops->ready(conn.arg);
	turn();
	assert_int_equal(nasked, 3);
	answer(100, 0);
	answer(101, 0);
	answer_end();
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_batch_is_its_records_and_an_end),
		TEST(a_request_has_all_that_a_record_has),
		TEST(only_what_failed_is_sent_again),
		TEST(what_it_says_of_a_record_is_the_reason),
		TEST(what_it_says_again_takes_the_same_room),
		TEST(fallback_and_onsuccess_get_what_it_sends_there),
		TEST(what_has_no_place_to_go_is_refused_with_a_sentence),
		TEST(a_status_that_nobody_knows_is_refused_by_its_number),
		TEST(what_makes_no_sense_ends_the_connection),
		TEST(an_end_that_leaves_records_out_does),
		TEST(an_answer_that_is_none_does),
		TEST(a_second_answer_does_and_the_first_counts),
		TEST(an_answer_to_nothing_does),
		TEST(what_has_no_answer_goes_again_one_by_one),
		TEST(a_record_that_ends_it_each_time_is_condemned),
		TEST(a_condemned_record_is_held_back),
		TEST(what_was_not_sent_is_no_suspect),
		TEST(nothing_is_taken_before_it_is_ready),
	};

	return UNIT_RUN(tests);
}
