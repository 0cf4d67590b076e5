/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A GET over 127.0.0.1; see http_client.h.
 */
#include "shared/fby.h"

#include "master/runtime/http_client.h"

#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <event2/http.h>
#include <openssl/ssl.h>

#include "shared/base/mem.h"

#define TIMEOUT_S 2
#define BODY_MAX (16 << 20)

/* Made with the first that is wanted; there is nothing in it to be freed for.
 */
static SSL_CTX *tls_ctx;

static struct bufferevent *
make_tls(struct event_base *base)
{
	struct bufferevent *bev;
	SSL *ssl;

	if (tls_ctx == NULL)
		tls_ctx = SSL_CTX_new(TLS_client_method());
	if (tls_ctx == NULL || (ssl = SSL_new(tls_ctx)) == NULL)
		return NULL;
	bev = bufferevent_openssl_socket_new(base, -1, ssl,
	    BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL)
		SSL_free(ssl);
	else
		bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

static void
on_answer(struct evhttp_request *req, void *arg)
{
	struct fby_http_client *f = arg;
	int code = req ? evhttp_request_get_response_code(req) : 0;
	struct evbuffer *in;

	f->under_way = false;
	if (code == 0) {
		f->fn(f->arg, 0, "", 0);
		return;
	}
	in = evhttp_request_get_input_buffer(req);
	f->fn(f->arg, code, (const char *)evbuffer_pullup(in, -1),
	    evbuffer_get_length(in));
}

void
fby_http_client_get(struct fby_http_client *f, struct event_base *base,
    bool tls, uint16_t port, const char *path)
{
	struct bufferevent *bev = NULL;
	struct evhttp_request *req;

	if (f->under_way)
		return;
	fby_http_client_cancel(f);
	if (tls && (bev = make_tls(base)) == NULL) {
		f->fn(f->arg, 0, "", 0);
		return;
	}
	f->conn = evhttp_connection_base_bufferevent_new(base, NULL, bev,
	    "127.0.0.1", port);
	req = evhttp_request_new(on_answer, f);
	if (f->conn == NULL || req == NULL)
		fby_mem_fatal();
	evhttp_connection_set_timeout(f->conn, TIMEOUT_S);
	evhttp_connection_set_max_body_size(f->conn, BODY_MAX);
	evhttp_add_header(evhttp_request_get_output_headers(req), "Host",
	    "127.0.0.1");
	evhttp_add_header(evhttp_request_get_output_headers(req), "Connection",
	    "close");
	f->under_way = true;
	if (evhttp_make_request(f->conn, req, EVHTTP_REQ_GET, path) == -1 &&
	    f->under_way) {
		fby_http_client_cancel(f);
		f->fn(f->arg, 0, "", 0);
	}
}

/*
 * Not freed by itself on completion: libevent forgets to when nobody listens,
 * and in the callback it must not be.
 */
void
fby_http_client_cancel(struct fby_http_client *f)
{
	struct evhttp_connection *conn = f->conn;

	f->conn = NULL;
	f->under_way = false;
	if (conn)
		evhttp_connection_free(conn);
}
