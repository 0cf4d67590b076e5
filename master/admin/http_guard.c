/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many HTTP clients are let in, and for how long; see http_guard.h.
 *
 * libevent says neither when a connection begins nor when it ends.  The first
 * shows in the call for its buffer, whose descriptor is set right after; the
 * second in that the descriptor is another socket's, or nobody's.
 */
#include "shared/fby.h"

#include "master/admin/http_guard.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "shared/base/clock.h"

#define LOOK_MS 100

static void
look_soon(struct fby_http_guard *g)
{
	struct timeval tv = fby_clock_tv(LOOK_MS);

	if (!evtimer_pending(&g->ev_look, NULL))
		evtimer_add(&g->ev_look, &tv);
}

static struct bufferevent *
on_buffer(struct event_base *base, void *arg)
{
	struct fby_http_guard *g = arg;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);

	if (bev != NULL && g->n < FBY_HTTP_CONNS_MAX) {
		/* It may be gone before we come to look at it. */
		bufferevent_incref(bev);
		g->conns[g->n++] = (struct fby_http_conn){
			.bev = bev,
			.fd = -1,
			.since = fby_clock_mono(),
		};
		event_active(&g->ev_new, EV_TIMEOUT, 1);
	}
	if (g->n == FBY_HTTP_CONNS_MAX) {
		evconnlistener_disable(g->listener);
		g->rests = true;
	}
	return bev;
}

/* Freeing a buffer that is still referred to takes its callbacks away. */
static bool
is_gone(struct bufferevent *bev)
{
	void *arg;

	bufferevent_getcb(bev, NULL, NULL, NULL, &arg);
	return arg == NULL;
}

/* The number of one that is gone already may be another file's by now. */
static void
learn_fd(struct fby_http_conn *c)
{
	struct stat st;

	c->fd = is_gone(c->bev) ? -1 : bufferevent_getfd(c->bev);
	if (c->fd != -1 && fstat(c->fd, &st) == 0)
		c->ino = st.st_ino;
	bufferevent_decref(c->bev);
	c->bev = NULL;
}

static void
on_new(evutil_socket_t fd, short what, void *arg)
{
	struct fby_http_guard *g = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < g->n; i++)
		if (g->conns[i].bev)
			learn_fd(&g->conns[i]);
	look_soon(g);
}

static bool
is_open(const struct fby_http_conn *c)
{
	struct stat st;

	return c->fd != -1 && fstat(c->fd, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_ino == c->ino;
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct fby_http_guard *g = arg;
	int64_t now = fby_clock_mono();
	size_t n = 0;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < g->n; i++) {
		struct fby_http_conn *c = &g->conns[i];

		if (c->bev == NULL && !is_open(c))
			continue;
		/* The server sees an end, and frees what it has of it. */
		if (c->bev == NULL && now - c->since >= FBY_HTTP_WHOLE_MS)
			shutdown(c->fd, SHUT_RDWR);
		g->conns[n++] = *c;
	}
	g->n = n;
	if (g->rests && n < FBY_HTTP_CONNS_MAX) {
		evconnlistener_enable(g->listener);
		g->rests = false;
	}
	if (n > 0)
		look_soon(g);
}

void
fby_http_guard_init(struct fby_http_guard *g, struct event_base *base,
    struct evhttp *evhttp, struct evconnlistener *listener)
{
	*g = (struct fby_http_guard){ .base = base, .listener = listener };
	evtimer_assign(&g->ev_look, base, on_look, g);
	event_assign(&g->ev_new, base, -1, 0, on_new, g);
	evhttp_set_bevcb(evhttp, on_buffer, g);
}

void
fby_http_guard_fini(struct fby_http_guard *g)
{
	if (g->listener == NULL)
		return;
	evtimer_del(&g->ev_look);
	event_del(&g->ev_new);
	for (size_t i = 0; i < g->n; i++)
		if (g->conns[i].bev)
			bufferevent_decref(g->conns[i].bev);
	g->n = 0;
	g->listener = NULL;
}
