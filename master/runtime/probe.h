/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a program of others say that it is ready?  A connection to a port of
 * this machine, or a GET over it that is answered with 2xx.  (Of TLS, which
 * numaflow-rs speaks on its port, the connection is all that is looked at.)
 */
#ifndef FBY_PROBE_H
#define FBY_PROBE_H

#include "shared/fby.h"

#include "master/runtime/http_client.h"

struct bufferevent;
struct event_base;

struct fby_probe {
	bool is_ready; /* the last answer */
	struct bufferevent *bev;
	struct fby_http_client fetch;
};

/* Unless a question is under way; `path` NULL: connecting is enough. */
void fby_probe_ask(struct fby_probe *p, struct event_base *base, uint16_t port,
    const char *path);

/* Not ready, and no answer is waited for. */
void fby_probe_cancel(struct fby_probe *p);

#endif
