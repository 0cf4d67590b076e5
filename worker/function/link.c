/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a function's server; see link.h.
 *
 * All ends go by way of the end of the HTTP/2 connection, which comes on a turn
 * of its own: what went wrong first is kept in `why` until then.
 */
#include "shared/fby.h"

#include "worker/function/link.h"

#include <event2/event.h>
#include <event2/event_struct.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/bug.h"
#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "worker/function/address.h"
#include "worker/function/grpc.h"
#include "worker/function/http2.h"
#include "worker/function/wire.h"

struct fby_link {
	const struct fby_service *service;
	const struct fby_link_ops *ops;
	void *arg;
	int fd; /* -1: h's */
	struct event ev_connected;
	struct fby_http2 *h; /* NULL: not connected yet */
	struct fby_grpc *ready, *call;
	enum fby_link_stage stage;
	char *why; /* heap: it is failing */
	bool by_garbage;
};

static const char shutting_down[] = "it is shutting down";

static void
move(struct fby_link *l, enum fby_link_stage stage)
{
	l->stage = stage;
	l->ops->moved(l->arg, stage);
}

static void
give_up(struct fby_link *l, bool by_garbage, char *why)
{
	if (l->why != NULL) {
		free(why);
		return;
	}
	l->why = why;
	l->by_garbage = by_garbage;
	if (l->h != NULL)
		fby_http2_fail(l->h, why);
	else
		event_active(&l->ev_connected, EV_TIMEOUT, 0);
}

void
fby_link_fail(struct fby_link *l, const char *why, bool by_garbage)
{
	give_up(l, by_garbage, fby_strdup(why));
}

/* A call has ended that should not have, or not so. */
static void
give_up_call(struct fby_link *l, const struct fby_grpc *g, const char *name,
    unsigned code, const char *text)
{
	char buf[24];

	if (fby_grpc_is_lost(g))
		give_up(l, fby_http2_is_garbage(l->h), fby_strdup(text));
	else if (code == FBY_GRPC_OK)
		give_up(l, false, fby_asprintf("it ended %s", name));
	else
		give_up(l, fby_grpc_is_garbage(g),
		    fby_asprintf("%s: %s%s%s", name,
			fby_grpc_code_name(code, buf), *text ? ": " : "",
			text));
}

/* ---- the call that carries all ---------------------------------------- */

/* Is it {handshake: {sot: true}}, with nothing else of any meaning? */
static bool
is_handshake(const struct fby_link *l, const uint8_t *p, size_t n)
{
	struct fby_wire w = { .p = p, .end = p + n }, in = { 0 };
	bool is_there = false;
	int rc;

	while ((rc = fby_wire_next(&w)) == 1)
		if (w.field == l->service->answer && w.bytes != NULL)
			in = (struct fby_wire){ .p = w.bytes,
				.end = w.bytes + w.len };
	while (rc == 0 && in.p != NULL && (rc = fby_wire_next(&in)) == 1) {
		is_there |= in.field == 1 && in.number == 1;
		rc = 0;
	}
	return rc == 0 && is_there;
}

static void
on_message(void *arg, const uint8_t *p, size_t n)
{
	struct fby_link *l = arg;

	if (l->why != NULL)
		return;
	if (l->stage != FBY_LINK_HANDSHAKE)
		l->ops->message(l->arg, p, n);
	else if (is_handshake(l, p, n))
		move(l, FBY_LINK_READY);
	else
		give_up(l, true,
		    fby_asprintf("%s: its first message is no handshake",
			l->service->call + 1));
}

static void
on_done(void *arg, unsigned code, const char *text)
{
	struct fby_link *l = arg;
	struct fby_grpc *g = l->call;

	l->call = NULL;
	if (l->stage == FBY_LINK_LEAVING && code == FBY_GRPC_OK)
		give_up(l, false, fby_strdup(shutting_down));
	else
		give_up_call(l, g, l->service->call + 1, code, text);
}

static const struct fby_grpc_ops call_ops = {
	.message = on_message,
	.done = on_done,
};

static void
open_call(struct fby_link *l)
{
	const uint8_t hello[] = { (uint8_t)(l->service->ask << 3 | 2), 2, 8,
		1 };

	l->call = fby_grpc_call(l->h, l->service->call, &call_ops, l);
	if (l->call == NULL) {
		give_up(l, false, fby_strdup("it takes no calls"));
		return;
	}
	fby_grpc_put(l->call, hello, sizeof(hello));
	fby_http2_flush(l->h);
	move(l, FBY_LINK_HANDSHAKE);
}

/* ---- is it ready? ----------------------------------------------------- */

/* As in numaflow, that it answers is enough. */
static void
on_ready_message(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	(void)p;
	(void)n;
}

static void
on_ready_done(void *arg, unsigned code, const char *text)
{
	struct fby_link *l = arg;
	struct fby_grpc *g = l->ready;

	l->ready = NULL;
	if (l->why != NULL)
		return;
	if (code == FBY_GRPC_OK)
		open_call(l);
	else if (code == FBY_GRPC_UNIMPLEMENTED)
		give_up(l, false,
		    fby_asprintf("it does not serve %s: %s", l->service->name,
			text));
	else
		give_up_call(l, g, l->service->ready + 1, code, text);
}

static const struct fby_grpc_ops ready_ops = {
	.message = on_ready_message,
	.done = on_ready_done,
};

static void
ask(struct fby_link *l)
{
	l->ready = fby_grpc_call(l->h, l->service->ready, &ready_ops, l);
	FBY_BUG_ON(l->ready == NULL);
	fby_grpc_put(l->ready, "", 0);
	fby_grpc_end(l->ready);
	fby_http2_flush(l->h);
	move(l, FBY_LINK_CHECKING);
}

/* ---- the connection --------------------------------------------------- */

static void
on_leaving(void *arg, uint32_t error, const char *text)
{
	struct fby_link *l = arg;

	if (l->why != NULL)
		return;
	if (error != FBY_HTTP2_NO_ERROR) {
		give_up(l, true,
		    fby_asprintf("GOAWAY, error %" PRIu32 " of HTTP/2%s%s",
			error, *text ? ": " : "", text));
	} else if (l->stage != FBY_LINK_READY) {
		if (l->stage != FBY_LINK_LEAVING)
			give_up(l, false, fby_strdup(shutting_down));
	} else {
		/* It answers what it has, and then ends the call. */
		fby_grpc_end(l->call);
		move(l, FBY_LINK_LEAVING);
	}
}

static void
on_closed(void *arg, const char *why)
{
	struct fby_link *l = arg;

	if (l->why == NULL) {
		l->why = fby_strdup(why);
		l->by_garbage = fby_http2_is_garbage(l->h);
	}
	if (l->stage == FBY_LINK_LEAVING && !l->by_garbage) {
		free(l->why);
		l->why = fby_strdup(shutting_down);
	}
	fby_http2_free(l->h);
	l->h = NULL;
	l->ops->closed(l->arg, l->why, l->by_garbage);
}

static const struct fby_http2_ops http2_ops = {
	.leaving = on_leaving,
	.closed = on_closed,
};

/* Connected, or connect(2) has failed, or the owner gives up. */
static void
on_connected(evutil_socket_t fd, short what, void *arg)
{
	struct fby_link *l = arg;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)what;
	event_del(&l->ev_connected);
	if (l->why == NULL &&
	    (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1 ||
		error != 0))
		l->why = fby_asprintf("connect: %s", strerrordesc_np(error));
	if (l->why != NULL) {
		l->ops->closed(l->arg, l->why, l->by_garbage);
		return;
	}
	l->fd = -1;
	l->h = fby_http2_new(event_get_base(&l->ev_connected), fd, &http2_ops,
	    l);
	ask(l);
}

/* ---- life ------------------------------------------------------------- */

struct fby_link *
fby_link_new(struct event_base *base, const struct fby_address *a,
    const struct fby_service *service, const struct fby_link_ops *ops,
    void *arg)
{
	struct fby_link *l;
	int fd = fby_address_connect(a);

	if (fd == -1)
		return NULL;
	l = fby_calloc(1, sizeof(*l));
	l->service = service;
	l->ops = ops;
	l->arg = arg;
	l->fd = fd;
	event_assign(&l->ev_connected, base, fd, EV_WRITE, on_connected, l);
	event_add(&l->ev_connected, NULL);
	return l;
}

void
fby_link_end(struct fby_link *l)
{
	if (l == NULL || l->why != NULL || l->call == NULL)
		return;
	fby_grpc_end(l->call);
	fby_http2_flush(l->h);
}

void
fby_link_wait(struct fby_link *l, int64_t until)
{
	while (l != NULL && l->why == NULL && l->call != NULL) {
		int64_t left = until - fby_clock_mono();

		if (left <= 0 || !fby_http2_wait(l->h, (int)left))
			break;
	}
}

void
fby_link_free(struct fby_link *l)
{
	if (l == NULL)
		return;
	/* The ends of its calls are told to nobody. */
	if (l->why == NULL)
		l->why = fby_strdup("closed at this end");
	event_del(&l->ev_connected);
	if (l->fd != -1)
		close(l->fd);
	fby_http2_free(l->h);
	free(l->why);
	free(l);
}

struct evbuffer *
fby_link_output(struct fby_link *l)
{
	FBY_BUG_ON(l->stage != FBY_LINK_READY);
	/* Its call may have ended; that is told on a later turn. */
	if (l->why != NULL)
		return NULL;
	return fby_grpc_output(l->call);
}

void
fby_link_send(struct fby_link *l)
{
	if (l->why != NULL)
		return;
	fby_grpc_send(l->call);
	fby_http2_flush(l->h);
}
