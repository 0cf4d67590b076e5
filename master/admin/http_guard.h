/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many HTTP clients are let in, and for how long: clients that take their
 * time must take neither the descriptors that workers are started with nor the
 * memory for answers that nobody reads.
 *
 * libevent's server has neither limit.  Each connection is seen when libevent
 * asks for its buffer, and while there are as many as may be the listener
 * rests: further ones wait in the kernel.  There is one request to a
 * connection, so the time for the request and its answer is that of the
 * connection; who exceeds it is cut off.
 */
#ifndef FBY_HTTP_GUARD_H
#define FBY_HTTP_GUARD_H

#include "shared/fby.h"

#include <event2/event_struct.h>
#include <sys/types.h>

struct bufferevent;
struct evconnlistener;
struct event_base;
struct evhttp;

#define FBY_HTTP_CONNS_MAX 32
#define FBY_HTTP_WHOLE_MS 15000

struct fby_http_conn {
	struct bufferevent *bev; /* until its descriptor is known; or NULL */
	int fd;                  /* -1: not known yet */
	ino_t ino;               /* another one: that socket is closed */
	int64_t since;           /* monotonic */
};

struct fby_http_guard {
	struct event_base *base;
	struct evconnlistener *listener;
	struct fby_http_conn conns[FBY_HTTP_CONNS_MAX];
	size_t n;
	bool rests; /* the listener, because of us */
	struct event ev_new, ev_look;
};

/* Before the first connection. */
void fby_http_guard_init(struct fby_http_guard *g, struct event_base *base,
    struct evhttp *evhttp, struct evconnlistener *listener);

/* Before the server is freed. */
void fby_http_guard_fini(struct fby_http_guard *g);

#endif
