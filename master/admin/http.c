/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP listener; see http.h.
 *
 * A manifest can let clients of other machines reach it, so it answers small
 * things only: no bodies, short headers, a limit of time and number
 * (http_guard.h), and one request to a connection.
 */
#include "shared/fby.h"

#include "master/admin/http.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/admin/exposition.h"
#include "master/admin/http_guard.h"
#include "master/base/backoff.h"
#include "master/master.h"
#include "master/ready.h"

#define CLIENT_S 10 /* a client may be silent for this long */
#define HEADERS_BYTES 8192

struct fby_http {
	struct fby_master *mst;
	struct fby_backoff backoff;
	struct fby_http_guard guard;
	struct fby_exposition exposition;
	struct evhttp *evhttp; /* NULL: turned off */
};

/* The one of this process: a listener's argument is evhttp's own. */
static struct fby_http *opened;

/* ---- answers ---------------------------------------------------------- */

/* HEAD has the headers of GET and no body. */
static bool
has_body(struct evhttp_request *req)
{
	return evhttp_request_get_command(req) != EVHTTP_REQ_HEAD;
}

static void
add_header(struct evhttp_request *req, const char *name, const char *value)
{
	evhttp_add_header(evhttp_request_get_output_headers(req), name, value);
}

static void
add_length(struct evhttp_request *req, size_t len)
{
	char length[24];

	snprintf(length, sizeof(length), "%zu", len);
	add_header(req, "Content-Length", length);
}

static bufferevent_event_cb on_libevents_event;

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	if (!(what & BEV_EVENT_EOF))
		on_libevents_event(bev, what, arg);
}

/*
 * A client that has said all it has to say may still listen (shutdown(2), nc
 * -N).  libevent takes the end of what it says for the end of the connection,
 * and would end the answer after what one write took.  That a client is gone
 * shows when it is written to.
 */
static void
write_to_the_end(struct evhttp_connection *conn)
{
	struct bufferevent *bev = evhttp_connection_get_bufferevent(conn);
	bufferevent_data_cb on_read, on_write;
	void *arg;

	bufferevent_getcb(bev, &on_read, &on_write, &on_libevents_event, &arg);
	bufferevent_setcb(bev, on_read, on_write, on_event, arg);
}

static void
finish(struct evhttp_request *req, int code, const char *reason)
{
	struct evhttp_connection *conn = evhttp_request_get_connection(req);

	add_header(req, "Cache-Control", "no-store");
	add_header(req, "Connection", "close");
	evhttp_send_reply(req, code, reason, NULL);
	if (conn)
		write_to_the_end(conn);
}

static void
reply_text(struct evhttp_request *req, int code, const char *reason,
    const char *text)
{
	add_header(req, "Content-Type", "text/plain; charset=utf-8");
	add_length(req, strlen(text));
	if (has_body(req))
		evbuffer_add(evhttp_request_get_output_buffer(req), text,
		    strlen(text));
	finish(req, code, reason);
}

/* Where the client has gone meanwhile, libevent frees the request here. */
static void
on_metrics(void *arg, struct fby_exposition_text *text)
{
	struct evhttp_request *req = arg;

	if (text == NULL) {
		finish(req, HTTP_SERVUNAVAIL, "Service Unavailable");
		return;
	}
	add_length(req, fby_exposition_len(text));
	if (has_body(req))
		fby_exposition_send(text,
		    evhttp_request_get_output_buffer(req));
	finish(req, HTTP_OK, "OK");
}

static void
get_metrics(struct fby_master *mst, struct evhttp_request *req)
{
	struct evkeyvalq *in = evhttp_request_get_input_headers(req);
	enum fby_exposition_format format = fby_exposition_choose(
	    evhttp_find_header(in, "Accept"));
	bool gzip = fby_exposition_may_gzip(
	    evhttp_find_header(in, "Accept-Encoding"));

	(void)mst;
	add_header(req, "Content-Type", fby_exposition_type(format));
	add_header(req, "Vary", "Accept, Accept-Encoding");
	if (gzip)
		add_header(req, "Content-Encoding", "gzip");
	fby_exposition_ask(&opened->exposition, format, gzip, on_metrics, req);
}

/* The loop turns, or nobody would answer. */
static void
get_livez(struct fby_master *mst, struct evhttp_request *req)
{
	(void)mst;
	finish(req, HTTP_NOCONTENT, "No Content");
}

static void
get_readyz(struct fby_master *mst, struct evhttp_request *req)
{
	const char *reason = fby_ready_why_not(mst);
	struct fby_str s;

	if (reason == NULL) {
		finish(req, HTTP_NOCONTENT, "No Content");
		return;
	}
	fby_str_init(&s);
	fby_str_printf(&s, "%s\n", reason);
	reply_text(req, HTTP_SERVUNAVAIL, "Service Unavailable", s.p);
	fby_str_fini(&s);
}

static void get_index(struct fby_master *mst, struct evhttp_request *req);

/* clang-format off */
static const struct {
	const char	*path;
	void		(*fn)(struct fby_master *mst,
			    struct evhttp_request *req);
	const char	*help;
} pages[] = {
	{ "/", get_index, "this page" },
	{ "/metrics", get_metrics,
	    "OpenMetrics, or Prometheus' text for Accept: text/plain" },
	{ "/livez", get_livez, "204: the master's loop turns" },
	{ "/readyz", get_readyz,
	    "204: records can flow; 503 and the reason: they cannot" },
};
/* clang-format on */

static void
get_index(struct fby_master *mst, struct evhttp_request *req)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_printf(&s, "forebay " FBY_VERSION ", %s\n\n",
	    mst->ctx.manifest->name);
	for (size_t i = 0; i < FBY_NELEM(pages); i++)
		fby_str_printf(&s, "%-9s %s\n", pages[i].path, pages[i].help);
	reply_text(req, HTTP_OK, "OK", s.p);
	fby_str_fini(&s);
}

static void
on_request(struct evhttp_request *req, void *arg)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
	struct fby_http *http = arg;

	if (evhttp_request_get_command(req) != EVHTTP_REQ_GET &&
	    has_body(req)) {
		add_header(req, "Allow", "GET, HEAD");
		reply_text(req, HTTP_BADMETHOD, "Method Not Allowed",
		    "GET and HEAD are allowed\n");
		return;
	}
	if (path == NULL || *path == '\0')
		path = "/";
	for (size_t i = 0; i < FBY_NELEM(pages); i++)
		if (strcmp(pages[i].path, path) == 0) {
			pages[i].fn(http->mst, req);
			return;
		}
	reply_text(req, HTTP_NOTFOUND, "Not Found",
	    "there is no such page; / lists them\n");
}

/* ---- listening -------------------------------------------------------- */

/* "[::1]:80", "127.0.0.1:80", "host:80", ":80"; -1: none of these. */
static int
split_address(const char *listen_on, char host[NI_MAXHOST], char port[8])
{
	const char *colon = strrchr(listen_on, ':'), *from = listen_on;
	size_t len;

	if (colon == NULL || strlen(colon + 1) == 0 || strlen(colon + 1) >= 8)
		return -1;
	len = (size_t)(colon - from);
	if (len >= 2 && from[0] == '[' && from[len - 1] == ']') {
		from++;
		len -= 2;
	}
	if (len >= NI_MAXHOST)
		return -1;
	memcpy(host, from, len);
	host[len] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return 0;
}

static int
listen_at(const struct addrinfo *ai)
{
	int one = 1, saved;
	int fd = socket(ai->ai_family,
	    ai->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);

	if (fd == -1)
		return -1;
	/* Not to be kept waiting by the connections of the master before. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, ai->ai_addr, ai->ai_addrlen) == 0 && listen(fd, 64) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

/* The first address of the name that works; -1: said in the log. */
static int
open_listener(const char *where)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM,
		.ai_flags = AI_PASSIVE },
			*list = NULL;
	char host[NI_MAXHOST], port[8];
	int fd = -1, rc;

	if (split_address(where, host, port) == -1) {
		fby_error("http: %s: not of the form address:port", where);
		return -1;
	}
	rc = getaddrinfo(*host && strcmp(host, "*") != 0 ? host : NULL, port,
	    &hints, &list);
	if (rc != 0) {
		fby_error("http: %s: %s", where, gai_strerror(rc));
		return -1;
	}
	for (const struct addrinfo *ai = list; ai && fd == -1; ai = ai->ai_next)
		fd = listen_at(ai);
	if (fd == -1)
		fby_error("http: cannot listen at %s: %s; the setting is "
			  "http.listen of the Host document, off turns it off",
		    where, strerror(errno));
	freeaddrinfo(list);
	return fd;
}

/* As bound: a port 0 has become a real one. */
static void
find_address(struct fby_http *http, int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	char host[NI_MAXHOST], port[8];

	if (getsockname(fd, (struct sockaddr *)&ss, &len) == -1 ||
	    getnameinfo((struct sockaddr *)&ss, len, host, sizeof(host), port,
		sizeof(port), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		return;
	snprintf(http->mst->http_address, sizeof(http->mst->http_address),
	    ss.ss_family == AF_INET6 ? "[%s]:%s" : "%s:%s", host, port);
}

static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	(void)listener;
	(void)arg;
	fby_backoff_rest(&opened->backoff);
}

struct fby_http *
fby_http_open(struct fby_master *mst)
{
	const char *where = mst->ctx.manifest->host.http_listen;
	struct fby_http *http = fby_calloc(1, sizeof(*http));
	struct evhttp_bound_socket *bound = NULL;
	int fd;

	http->mst = mst;
	if (where == NULL || *where == '\0')
		return http;
	if ((fd = open_listener(where)) == -1) {
		free(http);
		return NULL;
	}
	http->evhttp = evhttp_new(mst->ctx.base);
	if (http->evhttp != NULL)
		bound = evhttp_accept_socket_with_handle(http->evhttp, fd);
	if (bound == NULL)
		fby_mem_fatal();
	opened = http;
	fby_exposition_init(&http->exposition, mst->ctx.base, mst);
	fby_backoff_init(&http->backoff, mst->ctx.base,
	    evhttp_bound_socket_get_listener(bound), "http");
	evconnlistener_set_error_cb(http->backoff.listener, on_accept_error);
	/* on_request() refuses the others; libevent would say 501. */
	evhttp_set_allowed_methods(http->evhttp,
	    EVHTTP_REQ_GET | EVHTTP_REQ_HEAD | EVHTTP_REQ_POST |
		EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
		EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	fby_http_guard_init(&http->guard, mst->ctx.base, http->evhttp,
	    http->backoff.listener);
	evhttp_set_max_headers_size(http->evhttp, HEADERS_BYTES);
	evhttp_set_max_body_size(http->evhttp, HEADERS_BYTES);
	evhttp_set_timeout(http->evhttp, CLIENT_S);
	evhttp_set_gencb(http->evhttp, on_request, http);
	find_address(http, fd);
	fby_notice("http: listening at %s", mst->http_address);
	return http;
}

void
fby_http_close(struct fby_http *http)
{
	if (http == NULL)
		return;
	fby_backoff_fini(&http->backoff);
	fby_http_guard_fini(&http->guard);
	/* Requests that wait are answered while there is a server. */
	fby_exposition_fini(&http->exposition);
	opened = NULL;
	http->mst->http_address[0] = '\0';
	if (http->evhttp)
		evhttp_free(http->evhttp);
	free(http);
}
