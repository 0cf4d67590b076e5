/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "t/unit/worker/function/fake_server.h"

#include <event2/buffer.h>
#include <limits.h>

#include "worker/function/grpc.h"
#include "worker/function/http2.h"

#define NONE UINT_MAX

static struct client {
	struct event_base *base;
	struct fby_http2 *h;
	struct fby_grpc *g;
	struct fby_str in; /* messages, a bar after each */
	size_t last;       /* length of the last one */
	unsigned nmessages, nclosed;
	unsigned code;
	char text[600];
	bool cancels; /* on the first message */
} c;

static void
on_message(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	assert_int_equal(c.code, NONE);
	c.nmessages++;
	c.last = n;
	if (n < 1000) {
		fby_str_add(&c.in, p, n);
		fby_str_puts(&c.in, "|");
	}
	if (c.cancels)
		fby_grpc_cancel(c.g);
}

static void
on_done(void *arg, unsigned code, const char *text)
{
	(void)arg;
	assert_int_equal(c.code, NONE);
	c.code = code;
	c.g = NULL;
	snprintf(c.text, sizeof(c.text), "%s", text);
}

static void
on_leaving(void *arg, uint32_t error, const char *text)
{
	(void)arg;
	(void)error;
	(void)text;
}

static void
on_closed(void *arg, const char *why)
{
	(void)arg;
	(void)why;
	c.nclosed++;
	fby_http2_free(c.h);
	c.h = NULL;
}

static const struct fby_grpc_ops ops = {
	.message = on_message,
	.done = on_done,
};
static const struct fby_http2_ops http2_ops = {
	.leaving = on_leaving,
	.closed = on_closed,
};

static struct server_stream *
first(void)
{
	return &server.streams[0];
}

static void
open_call(void)
{
	c = (struct client){ .base = event_base_new(), .code = NONE };
	fby_str_init(&c.in);
	server_open(c.base, 0);
	c.h = fby_http2_new(c.base, server.client_fd, &http2_ops, NULL);
	c.g = fby_grpc_call(c.h, "/sink.v1.Sink/SinkFn", &ops, NULL);
	fby_http2_flush(c.h);
	until(server.nstreams == 1);
}

static void
close_all(void)
{
	/* A call goes with its connection. */
	fby_http2_free(c.h);
	assert_null(c.g);
	fby_str_fini(&c.in);
	server_close();
	event_base_free(c.base);
}

static const nghttp2_nv good[] = { NV("grpc-status", "0") };

static void
messages_go_both_ways(void **state)
{
	(void)state;
	open_call();
	assert_string_equal(first()->path, "/sink.v1.Sink/SinkFn");
	fby_grpc_put(c.g, "one", 3);
	fby_grpc_put(c.g, "", 0);
	fby_http2_flush(c.h);
	until(first()->in.len == 13);
	assert_memory_equal(first()->in.p, "\0\0\0\0\3one\0\0\0\0", 13);
	/* Both were in one frame. */
	assert_int_equal(server.frames, 1);
	server_head(first());
	server_message(first(), "a", 1);
	server_message(first(), "", 0);
	server_message(first(), "bcd", 3);
	until(c.nmessages == 3);
	assert_string_equal(c.in.p, "a||bcd|");
	fby_grpc_end(c.g);
	fby_http2_flush(c.h);
	until(first()->is_ended);
	server_trailers(first(), good, 1);
	until(c.code != NONE);
	assert_int_equal(c.code, FBY_GRPC_OK);
	assert_string_equal(c.text, "");
	close_all();
}

/* In pieces of every size, which end anywhere. */
static void
messages_come_in_pieces(void **state)
{
	static const char bytes[] = "\0\0\0\0\5hello\0\0\0\0\0\0\0\0\0\3abc";
	const size_t n = sizeof(bytes) - 1;

	(void)state;
	for (size_t piece = 1; piece <= n; piece++) {
		open_call();
		server_head(first());
		for (size_t at = 0; at < n; at += piece) {
			server_say(first(), bytes + at, FBY_MIN(piece, n - at));
			turn();
		}
		until(c.nmessages == 3);
		assert_string_equal(c.in.p, "hello||abc|");
		server_trailers(first(), good, 1);
		until(c.code == FBY_GRPC_OK);
		close_all();
	}
}

static void
the_largest_message_is_taken(void **state)
{
	char *big = fby_calloc(1, FBY_GRPC_MESSAGE_MAX);

	(void)state;
	open_call();
	server_head(first());
	server_message(first(), big, FBY_GRPC_MESSAGE_MAX);
	until(c.nmessages == 1);
	assert_int_equal(c.last, FBY_GRPC_MESSAGE_MAX);
	close_all();
	free(big);
}

struct bad {
	const char *bytes;
	size_t n;
	unsigned code;
	const char *text;
};

static void
bad_messages_end_the_call(void **state)
{
	static const struct bad bads[] = {
		{ "\0\4\0\0\1", 5, FBY_GRPC_RESOURCE_EXHAUSTED,
		    "a message of 67108865 bytes; at most 67108864 are taken" },
		{ "\1\0\0\0\1x", 6, FBY_GRPC_INTERNAL,
		    "a message is compressed" },
		{ "\7\0\0\0\1x", 6, FBY_GRPC_INTERNAL,
		    "a message begins with 0x07, not 0" },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bads); i++) {
		/* At once, and byte by byte. */
		for (int split = 0; split < 2; split++) {
			open_call();
			server_head(first());
			for (size_t at = 0; split && at < 4; at++) {
				server_say(first(), bads[i].bytes + at, 1);
				turn();
			}
			server_say(first(), bads[i].bytes + 4 * split,
			    bads[i].n - 4 * (size_t)split);
			until(c.code != NONE);
			assert_int_equal(c.code, bads[i].code);
			assert_string_equal(c.text, bads[i].text);
			assert_int_equal(c.nmessages, 0);
			until(first()->is_reset);
			assert_int_equal(first()->error, FBY_HTTP2_CANCEL);
			assert_int_equal(c.nclosed, 0);
			close_all();
		}
	}
}

static void
half_a_message_is_an_error(void **state)
{
	(void)state;
	open_call();
	server_head(first());
	server_say(first(), "\0\0\0\0\5hel", 8);
	server_trailers(first(), good, 1);
	until(c.code != NONE);
	assert_int_equal(c.code, FBY_GRPC_INTERNAL);
	assert_string_equal(c.text, "the stream ended within a message");
	assert_int_equal(c.nmessages, 0);
	close_all();
}

static void
trailers_tell_the_status(void **state)
{
	static const nghttp2_nv nv[] = {
		NV("grpc-status", "13"),
		NV("grpc-message",
		    "UDF_EXECUTION_ERROR(udsink)%3A caf%C3%A9 %0a100%"),
		NV("grpc-status-details-bin", "CAE"),
	};

	(void)state;
	open_call();
	server_head(first());
	server_message(first(), "a", 1);
	server_trailers(first(), nv, FBY_NELEM(nv));
	until(c.code != NONE);
	assert_int_equal(c.code, FBY_GRPC_INTERNAL);
	assert_string_equal(c.text,
	    "UDF_EXECUTION_ERROR(udsink): caf\xc3\xa9 \\n100%");
	assert_string_equal(c.in.p, "a|");
	close_all();
}

struct head {
	const char *http, *type, *status, *message;
	unsigned code;
	const char *text;
};

/* An answer that is a head alone, as of servers that know no such method. */
static void
a_head_alone_tells_the_status(void **state)
{
	static const struct head heads[] = {
		{ "200", "application/grpc", "12", "no such method", 12,
		    "no such method" },
		{ "200", "application/grpc+proto", "0", "", 0, "" },
		{ "200", "application/grpc", "99", "", 99, "" },
		{ "200", "application/grpc", "x", "", FBY_GRPC_UNKNOWN, "" },
		{ "200", "application/grpc", NULL, NULL, FBY_GRPC_UNKNOWN,
		    "the stream ended without a status" },
		{ "404", "text/html", NULL, NULL, FBY_GRPC_UNIMPLEMENTED,
		    "not gRPC: HTTP status 404" },
		{ "503", "text/html", NULL, NULL, FBY_GRPC_UNAVAILABLE,
		    "not gRPC: HTTP status 503" },
		{ "200", "text/html", NULL, NULL, FBY_GRPC_UNKNOWN,
		    "not gRPC: HTTP status 200" },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(heads); i++) {
		const struct head *hd = &heads[i];
		const nghttp2_nv nv[] = {
			NV(":status", hd->http),
			NV("content-type", hd->type),
			NV("grpc-status", hd->status ? hd->status : ""),
			NV("grpc-message", hd->message ? hd->message : ""),
		};

		open_call();
		server_fields(first(), nv, hd->status ? 4 : 2, true);
		until(c.code != NONE);
		assert_int_equal(c.code, hd->code);
		assert_string_equal(c.text, hd->text);
		close_all();
	}
}

static void
a_page_is_no_message(void **state)
{
	static const nghttp2_nv nv[] = {
		NV(":status", "502"),
		NV("content-type", "text/html"),
	};

	(void)state;
	open_call();
	server_fields(first(), nv, FBY_NELEM(nv), false);
	server_say(first(), "<html>", 6);
	until(c.code != NONE);
	assert_int_equal(c.code, FBY_GRPC_UNAVAILABLE);
	assert_string_equal(c.text, "the answer is not application/grpc");
	assert_int_equal(c.nmessages, 0);
	close_all();
}

static void
resets_have_their_codes(void **state)
{
	static const unsigned codes[][2] = {
		{ 0x2, FBY_GRPC_INTERNAL },
		{ 0x7, FBY_GRPC_UNAVAILABLE },
		{ 0x8, FBY_GRPC_CANCELLED },
		{ 0xb, FBY_GRPC_RESOURCE_EXHAUSTED },
		{ 0xc, FBY_GRPC_PERMISSION_DENIED },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(codes); i++) {
		open_call();
		nghttp2_submit_rst_stream(server.session, 0, first()->id,
		    codes[i][0]);
		until(c.code != NONE);
		assert_int_equal(c.code, codes[i][1]);
		assert_non_null(strstr(c.text, "the stream was reset, error "));
		close_all();
	}
}

static void
a_lost_connection_is_unavailable(void **state)
{
	(void)state;
	open_call();
	server_head(first());
	server_message(first(), "a", 1);
	until(c.nmessages == 1);
	close(server.fd);
	server.fd = -1;
	until(c.nclosed == 1);
	assert_int_equal(c.code, FBY_GRPC_UNAVAILABLE);
	assert_string_equal(c.text, "the peer closed the connection");
	close_all();
}

static void
a_call_can_be_given_up(void **state)
{
	(void)state;
	open_call();
	c.cancels = true;
	server_head(first());
	/* The second one is in the same frame, and is not listened to. */
	server_say(first(), "\0\0\0\0\1a\0\0\0\0\1b", 12);
	until(c.code != NONE);
	assert_int_equal(c.code, FBY_GRPC_CANCELLED);
	assert_string_equal(c.in.p, "a|");
	until(first()->is_reset);
	close_all();
}

static void
codes_have_names(void **state)
{
	char buf[24];

	(void)state;
	assert_string_equal(fby_grpc_code_name(14, buf), "UNAVAILABLE");
	assert_string_equal(fby_grpc_code_name(16, buf), "UNAUTHENTICATED");
	assert_string_equal(fby_grpc_code_name(17, buf), "code 17");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(messages_go_both_ways),
		cmocka_unit_test(messages_come_in_pieces),
		cmocka_unit_test(the_largest_message_is_taken),
		cmocka_unit_test(bad_messages_end_the_call),
		cmocka_unit_test(half_a_message_is_an_error),
		cmocka_unit_test(trailers_tell_the_status),
		cmocka_unit_test(a_head_alone_tells_the_status),
		cmocka_unit_test(a_page_is_no_message),
		cmocka_unit_test(resets_have_their_codes),
		cmocka_unit_test(a_lost_connection_is_unavailable),
		cmocka_unit_test(a_call_can_be_given_up),
		cmocka_unit_test(codes_have_names),
	};

	return UNIT_RUN(tests);
}
