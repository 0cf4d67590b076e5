/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTTP/2 connection, client side, over a connected socket: nghttp2's
 * session on the event loop.  It knows streams, header fields and bytes;
 * what they mean is grpc.h's.
 *
 * Whatever ends the connection (end of file, an error of the protocol,
 * fby_http2_fail()) ends it the same way: nothing is called back any more, and
 * on a later turn of the loop the socket and all that was to be written are
 * gone, then `closed` is called for each stream, then for the connection, which
 * may be freed there.  So nothing disappears while one of its callbacks runs.
 *
 * Windows are so large that a peer need not wait for a WINDOW_UPDATE.  Input
 * is consumed at once; who keeps it bounds it.
 */
#ifndef FBY_HTTP2_H
#define FBY_HTTP2_H

#include "shared/fby.h"

struct evbuffer;
struct event_base;
struct fby_http2;
struct fby_http2_stream;

/* What a stream, or both ends, may hold unread, bytes. */
#define FBY_HTTP2_WINDOW (256 << 20)

/* Error codes of HTTP/2, as in RFC 9113 section 7. */
#define FBY_HTTP2_NO_ERROR 0x0
#define FBY_HTTP2_CANCEL 0x8

struct fby_http2_ops {
	/*
	 * The peer takes no new streams; those that it has go on.  `text` is
	 * what it says, printable.  It may be said more than once.
	 */
	void (*leaving)(void *arg, uint32_t error, const char *text);
	/* Once, last.  May free the connection. */
	void (*closed)(void *arg, const char *why);
};

struct fby_http2_stream_ops {
	/* A field of the head or of the trailers; ended by NUL, borrowed. */
	void (*header)(void *arg, const char *name, const char *value,
	    size_t len);
	void (*data)(void *arg, const uint8_t *p, size_t n);
	/*
	 * Once, last: the stream is no more.  `error` is the peer's of
	 * RST_STREAM; `why`: the connection was closed, or NULL.
	 */
	void (*closed)(void *arg, uint32_t error, const char *why);
};

/*
 * `fd` is connected and non-blocking, and the connection's from here on; ops
 * are borrowed.  The preface is written with the first flush.
 */
struct fby_http2 *fby_http2_new(struct event_base *base, int fd,
    const struct fby_http2_ops *ops, void *arg);

/*
 * `closed` is called for each stream that is left, not for the connection.  Not
 * from a callback of a stream.  NULL is fine.
 */
void fby_http2_free(struct fby_http2 *h);

/* Ends it on a later turn.  The first reason counts; it is copied. */
void fby_http2_fail(struct fby_http2 *h, const char *why);

/* It ends since what came makes no sense; to be asked in a `closed`. */
bool fby_http2_is_garbage(const struct fby_http2 *h);

/*
 * A request (POST) whose body is what is put into the output of the stream.
 * NULL: the connection has failed, or the peer takes no new ones.
 */
struct fby_http2_stream *fby_http2_request(struct fby_http2 *h,
    const char *path, const struct fby_http2_stream_ops *ops, void *arg);

/*
 * What is to be sent; append to it, then fby_http2_send().  What is added by
 * reference must stay until libevent cleans it up.
 */
struct evbuffer *fby_http2_output(struct fby_http2_stream *s);
void fby_http2_send(struct fby_http2_stream *s);

/* Nothing more will be appended: END_STREAM. */
void fby_http2_end(struct fby_http2_stream *s);

/* RST_STREAM; `closed` comes with the next flush. */
void fby_http2_reset(struct fby_http2_stream *s, uint32_t error);

/*
 * Wait for what the peer says, at most so long, and take it: for an end that
 * no loop comes after.  False: it said nothing, or the connection has failed.
 */
bool fby_http2_wait(struct fby_http2 *h, int ms);

/*
 * Write what the socket and the windows let; the rest goes by itself.  Within a
 * callback of a stream it is left to what called that.
 */
void fby_http2_flush(struct fby_http2 *h);

#endif
