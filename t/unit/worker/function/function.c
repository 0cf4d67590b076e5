/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "t/unit/worker/function/function_world.h"

#include <arpa/inet.h>

static void
it_waits_for_both_files_and_shakes_hands(void **state)
{
	(void)state;
	open_world(&fby_function_sink);
	assert_int_equal(state_now(), FBY_CONN_WAITING);
	assert_int_equal(fby_load(&w.stats.instance), 7);
	later(200);
	assert_non_null(strstr(w.stats.why, "sinker-server-info is not there"));
	put_info("{\"language\":\"go\"");
	later(200);
	assert_non_null(strstr(w.stats.why, "it is not complete"));
	put_info(GOOD_INFO);
	later(200);
	assert_non_null(strstr(w.stats.why, "sink.sock is not there"));
	assert_int_equal(state_now(), FBY_CONN_WAITING);
	listen_at(0, "sink.sock");
	close(w.listeners[0]);
	later(200);
	assert_non_null(strstr(w.stats.why, "nobody listens at "));
	listen_at(0, "sink.sock");
	later(200);
	do_accept(0);
	until(server.nstreams == 1 && server.streams[0].is_ended);
	assert_int_equal(state_now(), FBY_CONN_CHECKING);
	assert_string_equal(server.streams[0].path, "/sink.v1.Sink/IsReady");
	assert_memory_equal(server.streams[0].in.p, "\0\0\0\0\0", 5);
	assert_false(send_text("early"));
	answer_ready();
	until(server.nstreams == 2 && call()->in.len == 9);
	assert_int_equal(state_now(), FBY_CONN_HANDSHAKE);
	assert_string_equal(call()->path, "/sink.v1.Sink/SinkFn");
	assert_memory_equal(call()->in.p, "\0\0\0\0\4\x1a\2\x08\1", 9);
	answer_handshake("\x12\x02\x08\x01", 4);
	until(w.nready == 1);
	assert_int_equal(state_now(), FBY_CONN_READY);
	assert_int_equal(fby_load(&w.stats.connects), 1);
	assert_int_equal(fby_load(&w.stats.failures), 0);
	assert_string_equal(w.stats.language, "go");
	assert_string_equal(w.stats.version, "v0.11.0");
	assert_true(send_text("one"));
	until(call()->in.len == 17);
	server_message(call(), "two", 3);
	until(w.in.len == 4);
	assert_string_equal(w.in.p, "two|");
	close_world();
}

/* However long it takes to answer: a slow function is no broken one. */
static void
a_slow_answer_is_no_failure(void **state)
{
	(void)state;
	open_ready();
	assert_true(send_text("one"));
	later(3600000);
	assert_int_equal(state_now(), FBY_CONN_READY);
	assert_int_equal(w.nlost, 0);
	close_world();
}

/* SDKs shut the server down when a call breaks off. */
static void
an_end_is_said(void **state)
{
	(void)state;
	open_ready();
	fby_function_conn_free(w.c);
	w.c = NULL;
	server_turn();
	assert_true(call()->is_ended);
	assert_false(call()->is_reset);
	close_world();
}

static void
an_old_sdk_is_refused(void **state)
{
	(void)state;
	open_world(&fby_function_sink);
	put_info("{\"language\":\"go\",\"version\":\"v0.8.0\"}" END);
	later(50);
	assert_non_null(strstr(w.stats.why, "is too old"));
	assert_int_equal(state_now(), FBY_CONN_BACKOFF);
	/* It is looked at again. */
	put_info(GOOD_INFO);
	later(1100);
	assert_int_equal(state_now(), FBY_CONN_WAITING);
	close_world();
}

static void
pauses_double_up_to_a_limit(void **state)
{
	static const int64_t pauses[] = { 50, 1000, 2000, 4000, 8000, 16000,
		30000, 30000 };

	(void)state;
	open_world(&fby_function_sink);
	put_info(GOOD_INFO);
	listen_at(0, "sink.sock");
	later(50);
	for (size_t i = 0; i < FBY_NELEM(pauses); i++) {
		do_accept(0);
		break_close();
		until(fby_load(&w.stats.failures) == i + 1);
		later(pauses[i] - 50);
		assert_int_equal(state_now(), FBY_CONN_BACKOFF);
		later(100);
		assert_int_not_equal(state_now(), FBY_CONN_BACKOFF);
	}
	/* Ready, but not for long: it goes on where it was. */
	become_ready();
	break_close();
	until(w.nlost == 1);
	later(29900);
	assert_int_equal(state_now(), FBY_CONN_BACKOFF);
	later(200);
	become_ready();
	later(10000);
	break_close();
	until(w.nlost == 2);
	later(50);
	become_ready();
	close_world();
}

/* ---- several processes ------------------------------------------------ */

static void
open_two(void)
{
	open_world(&fby_function_map);
	put_info("{\"language\":\"python\",\"version\":\"0.14.0\","
		 "\"metadata\":{\"MULTIPROC\":\"2\"}}" END);
	listen_at(0, "multiproc0.sock");
	later(100);
	assert_int_equal(state_now(), FBY_CONN_WAITING);
	assert_non_null(strstr(w.stats.why, "multiproc1.sock is not there"));
	/* The first one's connection that came to nothing. */
	close(accept(w.listeners[0], NULL, NULL));
	close(w.listeners[0]);
	listen_at(0, "multiproc0.sock");
	listen_at(1, "multiproc1.sock");
	later(100);
	for (size_t i = 0; i < 2; i++)
		do_accept(i);
	for (size_t i = 0; i < 2; i++) {
		server_select(i);
		answer_ready();
		assert_int_equal(w.nready, 0);
		answer_handshake("\x1a\x02\x08\x01", 4);
	}
	until(w.nready == 1);
}

static void
several_processes_take_turns(void **state)
{
	(void)state;
	open_two();
	assert_true(send_text("a"));
	assert_true(send_text("bc"));
	assert_true(send_text("d"));
	server_select(0);
	until(call()->in.len == 9 + 6 + 6);
	server_message(call(), "A", 1);
	server_select(1);
	until(call()->in.len == 9 + 7);
	server_message(call(), "B", 1);
	until(w.in.len == 4);
	/* One that is lost takes all along. */
	break_close();
	until(w.nlost == 1);
	assert_int_not_equal(state_now(), FBY_CONN_READY);
	assert_false(send_text("e"));
	close_world();
}

/* As older SDKs for Python have it. */
static void
an_endpoint_is_connected_to(void **state)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	socklen_t len = sizeof(in);
	char text[200];

	(void)state;
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	open_world(&fby_function_map);
	w.listeners[0] = socket(AF_INET,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w.listeners[0], (struct sockaddr *)&in,
			     sizeof(in)),
	    0);
	assert_int_equal(listen(w.listeners[0], 4), 0);
	assert_int_equal(getsockname(w.listeners[0], (struct sockaddr *)&in,
			     &len),
	    0);
	snprintf(text, sizeof(text),
	    "{\"protocol\":\"tcp\",\"metadata\":{\"MULTIPROC_ENDPOINTS\":"
	    "\"http://0.0.0.0:%u\"}}" END,
	    ntohs(in.sin_port));
	put_info(text);
	later(100);
	do_accept(0);
	answer_ready();
	answer_handshake("\x1a\x02\x08\x01", 4);
	until(w.nready == 1);
	close_world();
}

static void
a_map_has_a_socket_for_each_mode(void **state)
{
	(void)state;
	open_world(&fby_function_map);
	put_info("{\"metadata\":{\"MAP_MODE\":\"batch-map\"}}" END);
	later(100);
	assert_non_null(strstr(w.stats.why, "batchmap.sock is not there"));
	listen_at(0, "batchmap.sock");
	later(100);
	do_accept(0);
	answer_ready();
	answer_handshake("\x1a\x02\x08\x01", 4);
	until(w.nready == 1);
	assert_int_equal(fby_function_conn_info(w.c)->mode, FBY_INFO_BATCH);
	close_world();
}

static void
records_are_counted(void **state)
{
	(void)state;
	open_ready();
	fby_function_conn_called(w.c, 5);
	fby_function_conn_answered(w.c, false, 50);
	fby_function_conn_answered(w.c, true, 700);
	fby_function_conn_forgot(w.c, 2);
	assert_int_equal(fby_load(&w.stats.calls), 5);
	assert_int_equal(fby_load(&w.stats.answers), 2);
	assert_int_equal(fby_load(&w.stats.errors), 1);
	assert_int_equal(fby_load(&w.stats.in_flight), 1);
	assert_int_equal(fby_load(&w.stats.answer.bucket[0]), 1);
	assert_int_equal(fby_load(&w.stats.answer.bucket[2]), 1);
	close_world();
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_for_both_files_and_shakes_hands),
		cmocka_unit_test(a_slow_answer_is_no_failure),
		cmocka_unit_test(an_end_is_said),
		cmocka_unit_test(an_old_sdk_is_refused),
		cmocka_unit_test(pauses_double_up_to_a_limit),
		cmocka_unit_test(several_processes_take_turns),
		cmocka_unit_test(an_endpoint_is_connected_to),
		cmocka_unit_test(a_map_has_a_socket_for_each_mode),
		cmocka_unit_test(records_are_counted),
	};

	return UNIT_RUN(tests);
}
