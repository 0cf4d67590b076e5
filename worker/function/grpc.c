/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gRPC call; see grpc.h.  The rules are those of "gRPC over HTTP2" and of
 * "HTTP to gRPC status code mapping".
 */
#include "shared/fby.h"

#include "worker/function/grpc.h"

#include <event2/buffer.h>
#include <limits.h>

#include "shared/base/base64.h"
#include "shared/base/bug.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "worker/function/http2.h"
#include "worker/function/wire.h"

#define TEXT_BYTES 500 /* kept of the server's own words */
#define NO_STATUS UINT_MAX

struct fby_grpc {
	struct fby_http2_stream *stream; /* NULL: closed */
	const struct fby_grpc_ops *ops;
	void *arg;
	unsigned http; /* status of HTTP; 0: none came */
	unsigned code; /* of gRPC, or NO_STATUS */
	bool is_grpc;  /* by its content-type */
	bool is_deaf;  /* nothing more is listened to */
	bool is_lost, is_garbage;
	struct fby_str text; /* grpc-message, printable */
	/*
	 * A message of which a part has come: `got` bytes of prefix, then of
	 * message into `rest`, which has room for `size`.
	 */
	uint8_t prefix[FBY_GRPC_PREFIX];
	size_t got;
	uint8_t *rest; /* heap, or NULL */
	size_t size;
};

/* ---- status ----------------------------------------------------------- */

static const char *const code_names[] = { "OK", "CANCELLED", "UNKNOWN",
	"INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION",
	"ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE",
	"DATA_LOSS", "UNAUTHENTICATED" };

const char *
fby_grpc_code_name(unsigned code, char buf[static 24])
{
	if (code < FBY_NELEM(code_names))
		return code_names[code];
	snprintf(buf, 24, "code %u", code);
	return buf;
}

/* Digits alone, at most 9 of them; else `otherwise`. */
static unsigned
number(const char *text, size_t len, unsigned otherwise)
{
	unsigned n = 0;

	if (len == 0 || len > 9)
		return otherwise;
	for (size_t i = 0; i < len; i++) {
		if (text[i] < '0' || text[i] > '9')
			return otherwise;
		n = 10 * n + (unsigned)(text[i] - '0');
	}
	return n;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* What is percent-encoded is decoded; what is not well encoded stays. */
static void
take_text(struct fby_grpc *g, const char *value, size_t len)
{
	char plain[TEXT_BYTES];
	size_t n = 0;

	for (size_t i = 0; i < len && n < sizeof(plain); i++) {
		bool is_code = value[i] == '%' && i + 2 < len &&
		    hex(value[i + 1]) != -1 && hex(value[i + 2]) != -1;

		if (is_code) {
			plain[n++] = (char)(16 * hex(value[i + 1]) +
			    hex(value[i + 2]));
			i += 2;
		} else {
			plain[n++] = value[i];
		}
	}
	fby_str_reset(&g->text);
	fby_str_printable(&g->text, plain, n);
}

/*
 * google.rpc.Status, base64: its message is the same as grpc-message, which
 * some servers leave out.
 */
static void
take_details(struct fby_grpc *g, const char *value, size_t len)
{
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_MAIN);
	struct fby_wire w = { 0 };
	size_t n = 0;

	w.p = (const uint8_t *)fby_base64_decode(pool,
	    fby_pstrndup(pool, value, len), &n);
	w.end = w.p == NULL ? NULL : w.p + n;
	while (g->text.len == 0 && w.p != NULL && fby_wire_next(&w) == 1)
		if (w.field == 2 && w.bytes != NULL)
			fby_str_printable(&g->text, w.bytes,
			    FBY_MIN(w.len, TEXT_BYTES));
	fby_pool_free(pool);
}

static void
on_header(void *arg, const char *name, const char *value, size_t len)
{
	static const char type[] = "application/grpc";
	struct fby_grpc *g = arg;

	if (strcmp(name, ":status") == 0)
		g->http = number(value, len, 0);
	else if (strcmp(name, "content-type") == 0)
		g->is_grpc = strncmp(value, type, sizeof(type) - 1) == 0;
	else if (strcmp(name, "grpc-status") == 0)
		g->code = number(value, len, FBY_GRPC_UNKNOWN);
	else if (strcmp(name, "grpc-message") == 0)
		take_text(g, value, len);
	else if (strcmp(name, "grpc-status-details-bin") == 0)
		take_details(g, value, len);
}

static unsigned
from_http(unsigned http)
{
	switch (http) {
	case 400:
		return FBY_GRPC_INTERNAL;
	case 401:
		return FBY_GRPC_UNAUTHENTICATED;
	case 403:
		return FBY_GRPC_PERMISSION_DENIED;
	case 404:
		return FBY_GRPC_UNIMPLEMENTED;
	case 429:
	case 502:
	case 503:
	case 504:
		return FBY_GRPC_UNAVAILABLE;
	default:
		return FBY_GRPC_UNKNOWN;
	}
}

/* Error codes of HTTP/2, as a gRPC client sees them. */
static unsigned
from_reset(uint32_t error)
{
	switch (error) {
	case 0x7: /* REFUSED_STREAM */
		return FBY_GRPC_UNAVAILABLE;
	case 0x8: /* CANCEL */
		return FBY_GRPC_CANCELLED;
	case 0xb: /* ENHANCE_YOUR_CALM */
		return FBY_GRPC_RESOURCE_EXHAUSTED;
	case 0xc: /* INADEQUATE_SECURITY */
		return FBY_GRPC_PERMISSION_DENIED;
	default:
		return FBY_GRPC_INTERNAL;
	}
}

/* Nothing that the server sends counts from here on. */
static void
judge(struct fby_grpc *g, unsigned code, const char *text)
{
	if (g->is_deaf)
		return;
	g->is_deaf = true;
	g->code = code;
	fby_str_reset(&g->text);
	fby_str_puts(&g->text, text);
}

/* The stream has ended, and no status was among its trailers. */
static void
judge_silence(struct fby_grpc *g, uint32_t error)
{
	char text[80];

	if (error != FBY_HTTP2_NO_ERROR) {
		snprintf(text, sizeof(text),
		    "the stream was reset, error %" PRIu32 " of HTTP/2", error);
		judge(g, from_reset(error), text);
	} else if (g->http != 200 || !g->is_grpc) {
		snprintf(text, sizeof(text), "not gRPC: HTTP status %u",
		    g->http);
		judge(g, from_http(g->http), text);
	} else {
		judge(g, FBY_GRPC_UNKNOWN, "the stream ended without a status");
	}
}

/* ---- messages --------------------------------------------------------- */

static void
drop_rest(struct fby_grpc *g)
{
	free(g->rest);
	g->rest = NULL;
	g->got = 0;
}

static void
refuse(struct fby_grpc *g, unsigned code, const char *text)
{
	g->is_garbage |= !g->is_deaf;
	judge(g, code, text);
	drop_rest(g);
	if (g->stream != NULL)
		fby_http2_reset(g->stream, FBY_HTTP2_CANCEL);
}

static size_t
length_of(const uint8_t *prefix)
{
	return (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 |
	    (size_t)prefix[3] << 8 | prefix[4];
}

/* The prefix of the next message is whole; false: it is refused. */
static bool
is_good(struct fby_grpc *g, const uint8_t *prefix)
{
	char text[96];

	g->size = length_of(prefix);
	if (prefix[0] != 0) {
		snprintf(text, sizeof(text),
		    prefix[0] == 1 ? "a message is compressed" :
				     "a message begins with 0x%02x, not 0",
		    prefix[0]);
		refuse(g, FBY_GRPC_INTERNAL, text);
		return false;
	}
	if (g->size > FBY_GRPC_MESSAGE_MAX) {
		snprintf(text, sizeof(text),
		    "a message of %zu bytes; at most %u are taken", g->size,
		    FBY_GRPC_MESSAGE_MAX);
		refuse(g, FBY_GRPC_RESOURCE_EXHAUSTED, text);
		return false;
	}
	return true;
}

/* Into the message that has begun.  Returns how much of it was taken. */
static size_t
fill_prefix(struct fby_grpc *g, const uint8_t *p, size_t n)
{
	size_t take = FBY_MIN(n, FBY_GRPC_PREFIX - g->got);

	memcpy(g->prefix + g->got, p, take);
	g->got += take;
	return take;
}

/* The buffer grows with what comes, not with what is promised. */
static size_t
fill_rest(struct fby_grpc *g, const uint8_t *p, size_t n)
{
	size_t have = g->got - FBY_GRPC_PREFIX;
	size_t take = FBY_MIN(n, g->size - have);
	size_t cap = 4096;

	while (cap < have)
		cap *= 2;
	if (g->rest == NULL || have + take > cap) {
		while (cap < have + take)
			cap *= 2;
		g->rest = fby_realloc(g->rest, cap);
	}
	memcpy(g->rest + have, p, take);
	g->got += take;
	return take;
}

static void
deliver_rest(struct fby_grpc *g)
{
	uint8_t *rest = g->rest;

	g->rest = NULL;
	g->got = 0;
	g->ops->message(g->arg, rest, g->size);
	free(rest);
}

/* A message that lies whole in what has come is not copied. */
static size_t
take_whole(struct fby_grpc *g, const uint8_t *p, size_t n)
{
	if (n < FBY_GRPC_PREFIX || !is_good(g, p) ||
	    n - FBY_GRPC_PREFIX < g->size)
		return 0;
	g->ops->message(g->arg, p + FBY_GRPC_PREFIX, g->size);
	return FBY_GRPC_PREFIX + g->size;
}

static size_t
take(struct fby_grpc *g, const uint8_t *p, size_t n)
{
	size_t used = g->got == 0 ? take_whole(g, p, n) : 0;

	if (used > 0 || g->is_deaf)
		return used;
	if (g->got < FBY_GRPC_PREFIX) {
		used = fill_prefix(g, p, n);
		if (g->got < FBY_GRPC_PREFIX || !is_good(g, g->prefix))
			return used;
	} else {
		used = fill_rest(g, p, n);
	}
	if (g->got == FBY_GRPC_PREFIX + g->size)
		deliver_rest(g);
	return used;
}

static void
on_data(void *arg, const uint8_t *p, size_t n)
{
	struct fby_grpc *g = arg;

	if (!g->is_deaf && !g->is_grpc)
		refuse(g, from_http(g->http),
		    "the answer is not application/grpc");
	while (n > 0 && !g->is_deaf) {
		size_t used = take(g, p, n);

		p += used;
		n -= used;
	}
}

/* ---- life ------------------------------------------------------------- */

static void
on_closed(void *arg, uint32_t error, const char *why)
{
	struct fby_grpc *g = arg;

	g->stream = NULL;
	if (why != NULL && !g->is_deaf) {
		g->is_lost = true;
		judge(g, FBY_GRPC_UNAVAILABLE, why);
	} else if (g->code == NO_STATUS) {
		g->is_garbage = error == FBY_HTTP2_NO_ERROR;
		judge_silence(g, error);
	} else if (g->got > 0) {
		g->is_garbage = true;
		judge(g, FBY_GRPC_INTERNAL,
		    "the stream ended within a message");
	}
	g->ops->done(g->arg, g->code, g->text.p);
	drop_rest(g);
	fby_str_fini(&g->text);
	free(g);
}

static const struct fby_http2_stream_ops stream_ops = {
	.header = on_header,
	.data = on_data,
	.closed = on_closed,
};

struct fby_grpc *
fby_grpc_call(struct fby_http2 *h, const char *path,
    const struct fby_grpc_ops *ops, void *arg)
{
	struct fby_grpc *g = fby_calloc(1, sizeof(*g));

	g->ops = ops;
	g->arg = arg;
	g->code = NO_STATUS;
	g->stream = fby_http2_request(h, path, &stream_ops, g);
	if (g->stream == NULL) {
		free(g);
		return NULL;
	}
	fby_str_init(&g->text);
	return g;
}

bool
fby_grpc_is_lost(const struct fby_grpc *g)
{
	return g->is_lost;
}

bool
fby_grpc_is_garbage(const struct fby_grpc *g)
{
	return g->is_garbage;
}

struct evbuffer *
fby_grpc_output(struct fby_grpc *g)
{
	return fby_http2_output(g->stream);
}

void
fby_grpc_send(struct fby_grpc *g)
{
	fby_http2_send(g->stream);
}

void
fby_grpc_prefix(uint8_t p[FBY_GRPC_PREFIX], size_t n)
{
	p[0] = 0;
	p[1] = (uint8_t)(n >> 24);
	p[2] = (uint8_t)(n >> 16);
	p[3] = (uint8_t)(n >> 8);
	p[4] = (uint8_t)n;
}

void
fby_grpc_put(struct fby_grpc *g, const void *p, size_t n)
{
	uint8_t prefix[FBY_GRPC_PREFIX];
	struct evbuffer *out = fby_grpc_output(g);

	FBY_BUG_ON(n > FBY_GRPC_MESSAGE_MAX);
	fby_grpc_prefix(prefix, n);
	if (evbuffer_add(out, prefix, sizeof(prefix)) == -1 ||
	    evbuffer_add(out, p, n) == -1)
		fby_mem_fatal();
	fby_grpc_send(g);
}

void
fby_grpc_end(struct fby_grpc *g)
{
	fby_http2_end(g->stream);
}

void
fby_grpc_cancel(struct fby_grpc *g)
{
	refuse(g, FBY_GRPC_CANCELLED, "given up");
}
