/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the server of a function sends: frames of HTTP/2, messages of gRPC.
 * The bytes are the server's, through a socketpair, in pieces: the first byte
 * says how large these are.
 */
#include "shared/fby.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/socket.h>

#include "t/fuzz/fuzz.h"
#include "worker/function/grpc.h"
#include "worker/function/http2.h"

#define CALLS 2

static struct event_base *base;
static struct fby_http2 *h;
static unsigned nclosed, ndone;

static void
on_message(void *arg, const uint8_t *p, size_t n)
{
	/* Sanitizers look whether all of it is there. */
	static volatile uint8_t sum;

	FBY_BUG_ON(ndone >= CALLS || n > FBY_GRPC_MESSAGE_MAX);
	(void)arg;
	for (size_t i = 0; i < n; i++)
		sum = sum ^ p[i];
}

static void
on_done(void *arg, unsigned code, const char *text)
{
	char buf[24];

	(void)arg;
	ndone++;
	FBY_BUG_ON(fby_grpc_code_name(code, buf) == NULL);
	FBY_BUG_ON(strchr(text, '\n') != NULL);
	FBY_BUG_ON(!fuzz_is_printable(text) || !fuzz_is_utf8(text));
}

static void
on_leaving(void *arg, uint32_t error, const char *text)
{
	(void)arg;
	(void)error;
	FBY_BUG_ON(!fuzz_is_printable(text) || !fuzz_is_utf8(text));
}

static void
on_closed(void *arg, const char *why)
{
	(void)arg;
	FBY_BUG_ON(nclosed++ > 0 || *why == '\0' || ndone != CALLS);
	fby_http2_free(h);
	h = NULL;
}

static const struct fby_grpc_ops grpc_ops = {
	.message = on_message,
	.done = on_done,
};
static const struct fby_http2_ops http2_ops = {
	.leaving = on_leaving,
	.closed = on_closed,
};

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	signal(SIGPIPE, SIG_IGN);
	base = event_base_new();
	return base == NULL ? -1 : 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t piece = size > 0 && data[0] ? data[0] * 8u : size;
	int fds[2];

	if (size < 1)
		return 0;
	FBY_BUG_ON(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1);
	nclosed = ndone = 0;
	h = fby_http2_new(base, fds[0], &http2_ops, NULL);
	for (int i = 0; i < CALLS; i++) {
		struct fby_grpc *g = fby_grpc_call(h, "/sink.v1.Sink/SinkFn",
		    &grpc_ops, NULL);

		fby_grpc_put(g, "ask", 3);
		if (i == 1)
			fby_grpc_end(g);
	}
	fby_http2_flush(h);
	for (size_t at = 1; at < size; at += piece) {
		(void)!write(fds[1], data + at, FBY_MIN(piece, size - at));
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	close(fds[1]);
	/* Its end, and what that leads to. */
	for (int i = 0; i < 3; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	FBY_BUG_ON(nclosed != 1);
	return 0;
}
