/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GET from a program of this machine, by HTTP or HTTPS.  It is reached over
 * 127.0.0.1 and no other way, so its certificate, which numaflow-rs makes for
 * itself at each start, is not looked at: whoever can listen there is trusted
 * with being asked, and nothing is told to it.
 */
#ifndef FBY_HTTP_CLIENT_H
#define FBY_HTTP_CLIENT_H

#include "shared/fby.h"

struct event_base;
struct evhttp_connection;

/* The HTTP status, 0: no answer; the body is borrowed. */
typedef void (
    *fby_http_client_fn)(void *arg, int code, const char *body, size_t len);

struct fby_http_client {
	struct evhttp_connection *conn; /* the last one */
	bool under_way;
	fby_http_client_fn fn;
	void *arg;
};

/* Unless one is under way.  May call back before it returns. */
void fby_http_client_get(struct fby_http_client *f, struct event_base *base,
    bool tls, uint16_t port, const char *path);

/* Nothing is called back. */
void fby_http_client_cancel(struct fby_http_client *f);

#endif
