/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "t/unit/worker/function/fake_server.h"

#include <event2/buffer.h>

#include "worker/function/http2.h"

static struct client {
	struct event_base *base;
	struct fby_http2 *h;
	struct fby_http2_stream *s;
	struct fby_str fields, in;
	unsigned nclosed, nended, nleaving;
	uint32_t error, leaving_error;
	char why[100], leaving[100];
	size_t cleaned;
	bool fails; /* the connection, on the first byte */
} c;

static void
on_header(void *arg, const char *name, const char *value, size_t len)
{
	(void)arg;
	assert_int_equal(strlen(value), len);
	fby_str_printf(&c.fields, "%s=%s;", name, value);
}

static void
on_data(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	/* Nothing comes after a connection was given up. */
	assert_false(c.fails && c.in.len > 0);
	fby_str_add(&c.in, p, n);
	if (c.fails)
		fby_http2_fail(c.h, "enough");
}

static void
on_stream_closed(void *arg, uint32_t error, const char *why)
{
	(void)arg;
	c.nended++;
	c.error = error;
	c.s = NULL;
	/* The stream's end comes before the connection's. */
	assert_int_equal(c.nclosed, 0);
	if (why != NULL)
		snprintf(c.why, sizeof(c.why), "%s", why);
}

static void
on_leaving(void *arg, uint32_t error, const char *text)
{
	(void)arg;
	c.nleaving++;
	c.leaving_error = error;
	snprintf(c.leaving, sizeof(c.leaving), "%s", text);
}

static void
on_closed(void *arg, const char *why)
{
	(void)arg;
	c.nclosed++;
	snprintf(c.why, sizeof(c.why), "%s", why);
	fby_http2_free(c.h);
	c.h = NULL;
}

static const struct fby_http2_stream_ops stream_ops = {
	.header = on_header,
	.data = on_data,
	.closed = on_stream_closed,
};
static const struct fby_http2_ops ops = {
	.leaving = on_leaving,
	.closed = on_closed,
};

static void
open_with(int32_t window)
{
	c = (struct client){ .base = event_base_new() };
	fby_str_init(&c.fields);
	fby_str_init(&c.in);
	server_open(c.base, window);
	c.h = fby_http2_new(c.base, server.client_fd, &ops, NULL);
	c.s = fby_http2_request(c.h, "/a.B/C", &stream_ops, NULL);
	assert_non_null(c.s);
	fby_http2_flush(c.h);
	until(server.nstreams == 1);
}

static void
close_all(void)
{
	fby_http2_free(c.h);
	assert_null(c.s);
	server_close();
	fby_str_fini(&c.fields);
	fby_str_fini(&c.in);
	event_base_free(c.base);
}

static struct server_stream *
first(void)
{
	return &server.streams[0];
}

static void
on_clean(const void *p, size_t n, void *arg)
{
	(void)p;
	(void)arg;
	c.cleaned += n;
}

static void
append(const void *p, size_t n)
{
	assert_int_equal(evbuffer_add_reference(fby_http2_output(c.s), p, n,
			     on_clean, NULL),
	    0);
	fby_http2_send(c.s);
	fby_http2_flush(c.h);
}

static void
bytes_go_both_ways(void **state)
{
	static const nghttp2_nv trailers[] = { NV("grpc-status", "0") };

	(void)state;
	open_with(0);
	assert_string_equal(first()->path, "/a.B/C");
	append("ping", 4);
	until(first()->in.len == 4);
	server_head(first());
	server_say(first(), "pong", 4);
	until(c.in.len == 4);
	append("ping", 4);
	fby_http2_end(c.s);
	fby_http2_flush(c.h);
	until(first()->is_ended);
	assert_string_equal(first()->in.p, "pingping");
	assert_int_equal(c.nended, 0);
	server_trailers(first(), trailers, 1);
	until(c.nended == 1);
	assert_string_equal(c.fields.p,
	    ":status=200;content-type=application/grpc;grpc-status=0;");
	assert_string_equal(c.in.p, "pong");
	assert_int_equal(c.error, 0);
	assert_int_equal(c.cleaned, 8);
	assert_int_equal(c.nclosed, 0);
	close_all();
}

/* Answers that end before the request does: it ends too, without an error. */
static void
a_stream_ends_when_it_is_answered(void **state)
{
	static const nghttp2_nv all[] = { NV(":status", "200"),
		NV("grpc-status", "12") };

	(void)state;
	open_with(0);
	server_fields(first(), all, FBY_NELEM(all), true);
	until(c.nended == 1);
	assert_int_equal(c.error, 0);
	until(first()->is_reset);
	assert_int_equal(c.nclosed, 0);
	close_all();
}

static void
a_reset_ends_the_stream_alone(void **state)
{
	(void)state;
	open_with(0);
	nghttp2_submit_rst_stream(server.session, 0, first()->id, 0xb);
	until(c.nended == 1);
	assert_int_equal(c.error, 0xb);
	assert_string_equal(c.why, "");
	c.s = fby_http2_request(c.h, "/second", &stream_ops, NULL);
	fby_http2_flush(c.h);
	until(server.nstreams == 2);
	fby_http2_reset(c.s, FBY_HTTP2_CANCEL);
	fby_http2_flush(c.h);
	until(c.nended == 2 && server.streams[1].is_reset);
	assert_int_equal(server.streams[1].error, FBY_HTTP2_CANCEL);
	close_all();
}

static void
much_is_sent_whole_and_in_large_frames(void **state)
{
	enum { BYTES = 8 << 20 };
	char *big = fby_malloc(BYTES);

	(void)state;
	for (size_t i = 0; i < BYTES; i++)
		big[i] = (char)(i * 31 >> 7);
	open_with(0);
	nghttp2_session_set_local_window_size(server.session, 0, 0, 1 << 30);
	nghttp2_session_set_local_window_size(server.session, 0, first()->id,
	    1 << 30);
	until(nghttp2_session_want_write(server.session) == 0);
	append(big, BYTES / 2);
	append(big + BYTES / 2, BYTES / 2);
	until(first()->in.len == BYTES);
	assert_memory_equal(first()->in.p, big, BYTES);
	assert_int_equal(c.cleaned, BYTES);
	/* What a server takes that has not said more. */
	assert_true(server.frames <= BYTES / 16384 + 8);
	close_all();
	free(big);
}

/* Windows that are full hold back what is to be sent, and nothing is lost. */
static void
a_full_window_holds_the_rest_back(void **state)
{
	static char text[50000];

	(void)state;
	memset(text, 'x', sizeof(text));
	open_with(20000);
	append(text, sizeof(text));
	until(first()->in.len == 20000);
	for (int i = 0; i < 20; i++)
		turn();
	assert_int_equal(first()->in.len, 20000);
	assert_int_equal(c.nended, 0);
	nghttp2_session_consume(server.session, first()->id, 20000);
	until(first()->in.len == 40000);
	nghttp2_session_consume(server.session, first()->id, 20000);
	until(first()->in.len == 50000);
	close_all();
}

/* One that reads nothing: what is written waits, and is no error. */
static void
a_peer_that_sleeps_is_waited_for(void **state)
{
	enum { BYTES = 4 << 20 };
	char *big = fby_calloc(1, BYTES);

	(void)state;
	open_with(0);
	nghttp2_session_set_local_window_size(server.session, 0, 0, 1 << 30);
	nghttp2_session_set_local_window_size(server.session, 0, first()->id,
	    1 << 30);
	for (int i = 0; i < 20; i++)
		turn();
	server.is_asleep = true;
	append(big, BYTES);
	for (int i = 0; i < 100; i++)
		turn();
	assert_int_equal(c.nended, 0);
	assert_int_equal(c.cleaned, 0);
	server.is_asleep = false;
	until(first()->in.len == BYTES);
	close_all();
	free(big);
}

static void
after_goaway_no_stream_begins(void **state)
{
	static const nghttp2_nv trailers[] = { NV("grpc-status", "0") };

	(void)state;
	open_with(0);
	nghttp2_submit_goaway(server.session, 0, first()->id, 0,
	    (const uint8_t *)"bye\n", 4);
	until(c.nleaving == 1);
	assert_string_equal(c.leaving, "bye\\n");
	assert_null(fby_http2_request(c.h, "/x", &stream_ops, NULL));
	/* The one that it knows goes on to its end. */
	server_head(first());
	server_say(first(), "still", 5);
	until(c.in.len == 5);
	fby_http2_end(c.s);
	server_trailers(first(), trailers, 1);
	until(c.nclosed == 1);
	assert_int_equal(c.nended, 1);
	assert_int_equal(c.error, 0);
	close_all();
}

/* One that it has not looked at can be tried elsewhere. */
static void
goaway_refuses_the_streams_after_its_last(void **state)
{
	(void)state;
	open_with(0);
	nghttp2_submit_goaway(server.session, 0, 0, 0, NULL, 0);
	until(c.nended == 1);
	assert_int_equal(c.error, 7);
	until(c.nclosed == 1);
	close_all();
}

static void
a_peer_that_goes_ends_everything_once(void **state)
{
	static char text[1000];

	(void)state;
	open_with(0);
	server.is_asleep = true;
	append(text, sizeof(text));
	close(server.fd);
	server.fd = -1;
	until(c.nclosed == 1);
	assert_int_equal(c.nended, 1);
	assert_non_null(strstr(c.why, "read: Connection reset"));
	/* What was borrowed is given back before anybody hears of the end. */
	assert_int_equal(c.cleaned, sizeof(text));
	close_all();
}

static void
bytes_that_are_no_http2_end_it(void **state)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\n\r\n";

	(void)state;
	open_with(0);
	turn();
	assert_int_equal(write(server.fd, text, sizeof(text) - 1),
	    sizeof(text) - 1);
	server.is_asleep = true;
	until(c.nclosed == 1);
	assert_int_equal(c.nended, 1);
	close_all();
}

static void
nothing_is_called_after_it_was_given_up(void **state)
{
	(void)state;
	open_with(0);
	c.fails = true;
	server_head(first());
	server_say(first(), "a", 1);
	server_say(first(), "b", 1);
	until(c.nclosed == 1);
	assert_string_equal(c.why, "enough");
	assert_int_equal(c.in.len, 1);
	assert_int_equal(c.nended, 1);
	close_all();
}

static void
much_is_read_without_waiting_for_windows(void **state)
{
	enum { BYTES = 20 << 20 };
	char *big = fby_calloc(1, BYTES);

	(void)state;
	open_with(0);
	server_head(first());
	server_say(first(), big, BYTES);
	until(c.in.len == BYTES);
	close_all();
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_go_both_ways),
		cmocka_unit_test(a_stream_ends_when_it_is_answered),
		cmocka_unit_test(a_reset_ends_the_stream_alone),
		cmocka_unit_test(much_is_sent_whole_and_in_large_frames),
		cmocka_unit_test(a_full_window_holds_the_rest_back),
		cmocka_unit_test(a_peer_that_sleeps_is_waited_for),
		cmocka_unit_test(after_goaway_no_stream_begins),
		cmocka_unit_test(goaway_refuses_the_streams_after_its_last),
		cmocka_unit_test(a_peer_that_goes_ends_everything_once),
		cmocka_unit_test(bytes_that_are_no_http2_end_it),
		cmocka_unit_test(nothing_is_called_after_it_was_given_up),
		cmocka_unit_test(much_is_read_without_waiting_for_windows),
	};

	return UNIT_RUN(tests);
}
