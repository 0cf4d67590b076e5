/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it ready?  See probe.h.
 */
#include "shared/fby.h"

#include "master/runtime/probe.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/in.h>

#include "shared/base/mem.h"

static void
on_connected(struct bufferevent *bev, short what, void *arg)
{
	struct fby_probe *p = arg;

	p->is_ready = (what & BEV_EVENT_CONNECTED) != 0;
	p->bev = NULL;
	bufferevent_free(bev);
}

static void
connect_to(struct fby_probe *p, struct event_base *base, uint16_t port)
{
	const struct sockaddr_in sin = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	struct bufferevent *bev;

	bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL)
		fby_mem_fatal();
	p->bev = bev;
	bufferevent_setcb(bev, NULL, NULL, on_connected, p);
	/* A refusal comes by the callback, too. */
	if (bufferevent_socket_connect(bev, (const struct sockaddr *)&sin,
		sizeof(sin)) == -1 &&
	    p->bev == bev)
		fby_probe_cancel(p);
}

static void
on_readiness(void *arg, int code, const char *body, size_t len)
{
	struct fby_probe *p = arg;

	(void)body;
	(void)len;
	p->is_ready = code >= 200 && code < 300;
}

void
fby_probe_ask(struct fby_probe *p, struct event_base *base, uint16_t port,
    const char *path)
{
	p->fetch.fn = on_readiness;
	p->fetch.arg = p;
	if (p->bev || p->fetch.under_way)
		return;
	if (path)
		fby_http_client_get(&p->fetch, base, false, port, path);
	else
		connect_to(p, base, port);
}

void
fby_probe_cancel(struct fby_probe *p)
{
	if (p->bev)
		bufferevent_free(p->bev);
	p->bev = NULL;
	fby_http_client_cancel(&p->fetch);
	p->is_ready = false;
}
