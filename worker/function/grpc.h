/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One gRPC call, over a stream of HTTP/2: messages with their length before
 * them, and a status at the end.  What is in the messages is function.h's.
 *
 * A call ends once, with a status: the server's, or what the end of its stream
 * or of the connection amounts to.  Messages are not compressed, and none has
 * more than FBY_GRPC_MESSAGE_MAX bytes, as with numaflow-rs.
 */
#ifndef FBY_GRPC_H
#define FBY_GRPC_H

#include "shared/fby.h"

struct evbuffer;
struct fby_grpc;
struct fby_http2;

#define FBY_GRPC_MESSAGE_MAX (64u << 20)
#define FBY_GRPC_PREFIX 5 /* bytes before each message */

/* The codes of gRPC that a client tells apart. */
enum fby_grpc_code {
	FBY_GRPC_OK = 0,
	FBY_GRPC_CANCELLED = 1,
	FBY_GRPC_UNKNOWN = 2,
	FBY_GRPC_PERMISSION_DENIED = 7,
	FBY_GRPC_RESOURCE_EXHAUSTED = 8,
	FBY_GRPC_UNIMPLEMENTED = 12,
	FBY_GRPC_INTERNAL = 13,
	FBY_GRPC_UNAVAILABLE = 14,
	FBY_GRPC_UNAUTHENTICATED = 16,
	FBY_GRPC_NCODES
};

struct fby_grpc_ops {
	/* Whole; borrowed until it returns. */
	void (*message)(void *arg, const uint8_t *p, size_t n);
	/*
	 * Once, last; the call is no more.  `text` is printable and one line.
	 * A call that was answered before we had ended it may be OK, too.
	 */
	void (*done)(void *arg, unsigned code, const char *text);
};

/* To be asked in `done`: the status is not the server's, but says that */
bool fby_grpc_is_lost(const struct fby_grpc *g);    /* the connection ended */
bool fby_grpc_is_garbage(const struct fby_grpc *g); /* it makes no sense */

/* "/sink.v1.Sink/SinkFn".  NULL: the connection takes no more calls. */
struct fby_grpc *fby_grpc_call(struct fby_http2 *h, const char *path,
    const struct fby_grpc_ops *ops, void *arg);

/*
 * To write messages without a copy: they are appended to this, each behind its
 * prefix, and then sent, as many at once as there are.
 */
struct evbuffer *fby_grpc_output(struct fby_grpc *g);
void fby_grpc_send(struct fby_grpc *g);

/* The five bytes before a message of n. */
void fby_grpc_prefix(uint8_t p[FBY_GRPC_PREFIX], size_t n);

/* A small message, copied and sent. */
void fby_grpc_put(struct fby_grpc *g, const void *p, size_t n);

/* We have said all. */
void fby_grpc_end(struct fby_grpc *g);

/*
 * Give it up.  `done` still comes, with CANCELLED, and no message before it;
 * what was to be sent may still be on its way.
 */
void fby_grpc_cancel(struct fby_grpc *g);

/* "UNAVAILABLE", or "code 99". */
const char *fby_grpc_code_name(unsigned code, char buf[static 24]);

#endif
