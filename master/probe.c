/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is it ready?  See probe.h.
 */
#include "shared/fby.h"

#include "master/probe.h"

#include <arpa/inet.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>

#include "shared/mem.h"

#define TIMEOUT_S 2

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
on_answer(struct evhttp_request *req, void *arg)
{
	struct fby_probe *p = arg;
	int code = req ? evhttp_request_get_response_code(req) : 0;

	p->is_ready = code >= 200 && code < 300;
	p->conn = NULL; /* frees itself */
}

static void
get(struct fby_probe *p, struct event_base *base, uint16_t port,
    const char *path)
{
	struct evhttp_request *req = evhttp_request_new(on_answer, p);
	struct evhttp_connection *conn;

	conn = evhttp_connection_base_new(base, NULL, "127.0.0.1", port);
	if (req == NULL || conn == NULL)
		fby_mem_fatal();
	p->conn = conn;
	evhttp_connection_set_timeout(conn, TIMEOUT_S);
	evhttp_connection_free_on_completion(conn);
	evhttp_add_header(evhttp_request_get_output_headers(req), "Host",
	    "127.0.0.1");
	evhttp_add_header(evhttp_request_get_output_headers(req), "Connection",
	    "close");
	if (evhttp_make_request(conn, req, EVHTTP_REQ_GET, path) == -1)
		fby_probe_cancel(p);
}

void
fby_probe_ask(struct fby_probe *p, struct event_base *base, uint16_t port,
    const char *path)
{
	if (p->bev || p->conn)
		return;
	if (path)
		get(p, base, port, path);
	else
		connect_to(p, base, port);
}

void
fby_probe_cancel(struct fby_probe *p)
{
	struct evhttp_connection *conn = p->conn;

	if (p->bev)
		bufferevent_free(p->bev);
	p->bev = NULL;
	p->conn = NULL;
	if (conn)
		evhttp_connection_free(conn);
	p->is_ready = false;
}
