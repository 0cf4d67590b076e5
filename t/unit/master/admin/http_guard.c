/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP clients that are gone before they are looked at.
 */
#include "t/unit/unit.h"

#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <sys/socket.h>
#include <unistd.h>

#include "master/admin/http_guard.h"

typedef struct bufferevent *buffer_fn(struct event_base *base, void *arg);
static buffer_fn *on_buffer;

/* What the guard gives to libevent's server, which is not there. */
void
evhttp_set_bevcb(struct evhttp *evhttp, buffer_fn *fn, void *arg)
{
	(void)evhttp;
	(void)arg;
	on_buffer = fn;
}

static struct event_base *base;
static struct fby_http_guard guard;
static int pair[2];

static int
set_up(void **state)
{
	(void)state;
	base = event_base_new();
	fby_http_guard_init(&guard, base, NULL,
	    (struct evconnlistener *)(void *)&guard);
	return socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
}

static int
tear_down(void **state)
{
	(void)state;
	fby_http_guard_fini(&guard);
	event_base_free(base);
	close(pair[0]);
	close(pair[1]);
	return 0;
}

/* As libevent does it when it has accepted somebody. */
static struct bufferevent *
accept_one(void)
{
	struct bufferevent *bev = on_buffer(base, &guard);

	bufferevent_setfd(bev, pair[0]);
	bufferevent_setcb(bev, NULL, NULL, NULL, &guard);
	return bev;
}

static void
one_that_stays_is_known(void **state)
{
	struct bufferevent *bev = accept_one();

	(void)state;
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(guard.n, 1);
	assert_int_equal(guard.conns[0].fd, pair[0]);
	bufferevent_free(bev);
}

/* Its number is somebody else's now, who must not be cut off. */
static void
one_that_is_gone_has_no_number(void **state)
{
	struct bufferevent *bev = accept_one();

	(void)state;
	bufferevent_free(bev);
	event_base_loop(base, EVLOOP_NONBLOCK);
	assert_int_equal(guard.n, 1);
	assert_int_equal(guard.conns[0].fd, -1);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(one_that_stays_is_known),
		T(one_that_is_gone_has_no_number),
	};
#undef T

	return UNIT_RUN(tests);
}
