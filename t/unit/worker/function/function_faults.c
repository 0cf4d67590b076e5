/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "t/unit/worker/function/function_world.h"

static void
break_bytes(void)
{
	assert_int_equal(write(server.fd, "\xff\xff\xff\xff\xff\xff\xff", 7),
	    7);
	assert_int_equal(write(server.fd, "\xff\xff\xff\xff\xff\xff\xff", 7),
	    7);
}

static void
break_half(void)
{
	assert_int_equal(write(server.fd, "\0\0\x10\0\0\0\0\0\3abc", 12), 12);
	break_close();
}

static void
break_large(void)
{
	server_say(call(), "\0\4\0\0\1", 5);
}

static void
break_compressed(void)
{
	server_say(call(), "\1\0\0\0\1x", 6);
}

static void
break_goaway(void)
{
	nghttp2_submit_goaway(server.session, 0, 3, 2,
	    (const uint8_t *)"too many", 8);
}

static void
break_reset(void)
{
	nghttp2_submit_rst_stream(server.session, 0, call()->id, 2);
}

static void
break_status(void)
{
	static const nghttp2_nv nv[] = {
		NV("grpc-status", "13"),
		NV("grpc-message", "UDF_EXECUTION_ERROR(udsink): boom"),
		NV("grpc-status-details-bin", "CA0SBm90aGVycw=="),
	};

	server_trailers(call(), nv, FBY_NELEM(nv));
}

static void
break_details(void)
{
	static const nghttp2_nv nv[] = {
		NV("grpc-status", "13"),
		/* google.rpc.Status{code: 13, message: "boom\n"}, no padding */
		NV("grpc-status-details-bin", "CA0SBWJvb20K"),
	};

	server_trailers(call(), nv, FBY_NELEM(nv));
}

static void
break_end(void)
{
	server_trailers(call(), good, 1);
}

static void
break_role(void)
{
	fby_function_conn_fail(w.c, "an unknown\nid");
	assert_false(send_text("late"));
}

static void
break_answer(void)
{
	w.refuses = true;
	server_say(call(), "\0\0\0\0\1a\0\0\0\0\1b", 12);
}

struct fault {
	void (*happen)(void);
	const char *why;
	bool by_garbage;
};

static const struct fault faults[] = {
	{ break_close, "the peer closed the connection", false },
	{ break_half, "the peer closed the connection", false },
	{ break_bytes, "HTTP/2: FRAME_SIZE_ERROR", true },
	{ break_large,
	    "sink.v1.Sink/SinkFn: RESOURCE_EXHAUSTED: a message of 67108865 "
	    "bytes; at most 67108864 are taken",
	    true },
	{ break_compressed,
	    "sink.v1.Sink/SinkFn: INTERNAL: a message is compressed", true },
	{ break_goaway, "GOAWAY, error 2 of HTTP/2: too many", true },
	{ break_reset,
	    "sink.v1.Sink/SinkFn: INTERNAL: the stream was reset, error 2 of "
	    "HTTP/2",
	    false },
	{ break_status,
	    "sink.v1.Sink/SinkFn: INTERNAL: UDF_EXECUTION_ERROR(udsink): boom",
	    false },
	{ break_details, "sink.v1.Sink/SinkFn: INTERNAL: boom\\n", false },
	{ break_end, "it ended sink.v1.Sink/SinkFn", false },
	{ break_role, "an unknown\\nid", true },
	{ break_answer, "an answer to nothing", true },
};

static void
each_fault_is_one_reason_and_a_new_connection(void **state)
{
	(void)state;
	for (size_t i = 0; i < FBY_NELEM(faults); i++) {
		open_ready();
		later(20000);
		faults[i].happen();
		until(w.nlost == 1);
		if (strncmp(w.why, faults[i].why, strlen(faults[i].why)) != 0)
			fail_msg("%zu: %s", i, w.why);
		assert_int_equal(w.by_garbage, faults[i].by_garbage);
		assert_null(strchr(w.why, '\n'));
		assert_int_equal(strncmp(w.stats.why, w.why,
				     sizeof(w.stats.why) - 1),
		    0);
		assert_int_not_equal(state_now(), FBY_CONN_READY);
		assert_int_equal(fby_load(&w.stats.failures), 1);
		/* What was said before it was refused, and no more. */
		assert_string_equal(w.in.p, w.refuses ? "a|" : "");
		assert_false(send_text("late"));
		/* At once, since it had worked. */
		later(50);
		become_ready();
		assert_int_equal(w.nlost, 1);
		close_world();
	}
}

static void
on_poke(evutil_socket_t fd, short what, void *arg)
{
	bool *is_poked = arg;

	(void)fd;
	(void)what;
	*is_poked = true;
	assert_int_equal(w.nlost, 0);
	assert_false(send_text("late"));
}

/* Others of the same turn of the loop come before `lost` does. */
static void
an_ended_call_takes_nothing_although_none_was_told(void **state)
{
	bool is_poked = false;

	(void)state;
	open_ready();
	w.poke = evtimer_new(w.base, on_poke, &is_poked);
	assert_non_null(w.poke);
	server_message(call(), "last", 4);
	server_trailers(call(), good, 1);
	until(w.nlost == 1);
	assert_true(is_poked);
	assert_string_equal(w.in.p, "last|");
	event_free(w.poke);
	close_world();
}

static void
a_server_that_shuts_down_answers_what_it_has(void **state)
{
	(void)state;
	open_ready();
	assert_true(send_text("one"));
	until(call()->in.len == 17);
	nghttp2_submit_shutdown_notice(server.session);
	until(!send_text("x"));
	until(call()->is_ended);
	server_message(call(), "last", 4);
	until(strstr(w.in.p, "last|") != NULL);
	assert_int_equal(w.nlost, 0);
	server_trailers(call(), good, 1);
	until(w.nlost == 1);
	assert_string_equal(w.why, "it is shutting down");
	assert_false(w.by_garbage);
	close_world();
}

/* As servers do that have no time. */
static void
a_server_that_shuts_down_may_just_be_gone(void **state)
{
	(void)state;
	open_ready();
	nghttp2_submit_shutdown_notice(server.session);
	server_write();
	break_close();
	until(w.nlost == 1);
	assert_string_equal(w.why, "it is shutting down");
	close_world();
}

static void
a_server_that_shuts_down_is_not_waited_for_without_end(void **state)
{
	(void)state;
	open_ready();
	fby_function_conn_called(w.c, 1);
	nghttp2_submit_shutdown_notice(server.session);
	until(call()->is_ended);
	later(29000);
	assert_int_equal(w.nlost, 0);
	later(2000);
	assert_int_equal(w.nlost, 1);
	assert_non_null(strstr(w.why, "does not answer what it has"));
	close_world();
}

/* As that of numaflow-go, which does not notice that we have ended the call. */
static void
a_server_that_has_answered_all_may_go(void **state)
{
	(void)state;
	open_ready();
	fby_function_conn_called(w.c, 1);
	nghttp2_submit_shutdown_notice(server.session);
	until(call()->is_ended);
	later(5000);
	assert_int_equal(w.nlost, 0);
	fby_function_conn_answered(w.c, false, 1);
	later(400);
	assert_int_equal(w.nlost, 0);
	later(200);
	assert_int_equal(w.nlost, 1);
	assert_string_equal(w.why, "it is shutting down");
	assert_false(w.by_garbage);
	close_world();
}

static void
nor_is_one_waited_for_that_has_nothing(void **state)
{
	(void)state;
	open_ready();
	nghttp2_submit_shutdown_notice(server.session);
	until(call()->is_ended);
	later(600);
	assert_int_equal(w.nlost, 1);
	close_world();
}

/* ---- before it is ready ----------------------------------------------- */

static void
open_connected(void)
{
	open_world(&fby_function_sink);
	put_info(GOOD_INFO);
	listen_at(0, "sink.sock");
	later(50);
	do_accept(0);
}

static void
expect_failed(const char *why)
{
	until(fby_load(&w.stats.failures) == 1);
	if (strncmp(w.stats.why, why, strlen(why)) != 0)
		fail_msg("%s", w.stats.why);
	/* It never was there. */
	assert_int_equal(w.nlost, 0);
	close_world();
}

static void
a_page_is_recognised(void **state)
{
	static const char page[] = "HTTP/1.1 400 Bad Request\r\n\r\n<html>";

	(void)state;
	open_connected();
	assert_int_equal(write(server.fd, page, sizeof(page) - 1),
	    sizeof(page) - 1);
	expect_failed("it does not speak HTTP/2; it begins with "
		      "\"HTTP/1.1 400 Bad Request\\r\\n\\r\\n<html>\"");
}

static void
a_silent_server_fails_in_time(void **state)
{
	(void)state;
	open_connected();
	until(server.nstreams == 1);
	later(9900);
	assert_int_equal(state_now(), FBY_CONN_CHECKING);
	later(200);
	expect_failed("it does not answer whether it is ready");

	open_connected();
	answer_ready();
	until(server.nstreams == 2);
	later(10100);
	expect_failed("it does not answer the handshake");
}

static void
another_service_is_said_to_be_one(void **state)
{
	static const nghttp2_nv nv[] = {
		NV(":status", "200"),
		NV("content-type", "application/grpc"),
		NV("grpc-status", "12"),
		NV("grpc-message", "unknown service sink.v1.Sink"),
	};

	(void)state;
	open_connected();
	until(server.nstreams == 1);
	server_fields(&server.streams[0], nv, FBY_NELEM(nv), true);
	expect_failed("it does not serve sink.v1.Sink: unknown service "
		      "sink.v1.Sink");
}

static void
a_wrong_handshake_is_refused(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
	} bads[] = {
		{ "", 0 }, { "\x12\x00", 2 }, /* sot is false */
		{ "\x12\x02\x08\x00", 4 },    /* the same in words */
		{ "\x1a\x02\x08\x01", 4 },    /* another field */
		{ "\x12\x05\x08\x01", 4 },    /* no protobuf */
		{ "\x12\x02\x08\xff", 4 }, { "\x0a\x02id", 4 }, /* a result */
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bads); i++) {
		open_connected();
		answer_ready();
		answer_handshake(bads[i].bytes, bads[i].n);
		expect_failed("sink.v1.Sink/SinkFn: its first message is no "
			      "handshake");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_is_one_reason_and_a_new_connection),
		cmocka_unit_test(
		    an_ended_call_takes_nothing_although_none_was_told),
		cmocka_unit_test(a_server_that_shuts_down_answers_what_it_has),
		cmocka_unit_test(a_server_that_shuts_down_may_just_be_gone),
		cmocka_unit_test(
		    a_server_that_shuts_down_is_not_waited_for_without_end),
		cmocka_unit_test(a_server_that_has_answered_all_may_go),
		cmocka_unit_test(nor_is_one_waited_for_that_has_nothing),
		cmocka_unit_test(a_page_is_recognised),
		cmocka_unit_test(a_silent_server_fails_in_time),
		cmocka_unit_test(another_service_is_said_to_be_one),
		cmocka_unit_test(a_wrong_handshake_is_refused),
	};

	return UNIT_RUN(tests);
}
