/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of an HTTP/2 connection: nghttp2's server session over a
 * socketpair, or a socket that was accepted, which does what a test says and no
 * more.  There is room for two of them; `server` is the one that was selected.
 *
 * turn() lets all ends do what they can; until(x) turns until x holds, and
 * fails after so many turns that it never will.
 */
#ifndef FBY_FAKE_SERVER_H
#define FBY_FAKE_SERVER_H

#include "shared/fby.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"

#define SERVER_STREAMS 8
#define SERVER_TURNS 20000
#define SERVERS 2

struct server_stream {
	int32_t id;
	char path[64];
	struct fby_str in; /* bytes of its body */
	bool is_ended;     /* by the client */
	bool is_reset;
	uint32_t error;
	struct fby_str out;
	size_t sent;
	const nghttp2_nv *trailer; /* after `out`; or NULL */
	size_t ntrailer;
};

struct fake_server {
	struct event_base *base; /* the client's */
	int client_fd, fd;       /* -1: closed */
	nghttp2_session *session;
	struct server_stream streams[SERVER_STREAMS];
	size_t nstreams;
	bool is_asleep; /* reads and writes nothing */
	size_t frames;  /* of DATA that have come */
};

static struct fake_server servers[SERVERS], *server_now = servers;
#define server (*server_now)

static inline void
server_select(size_t i)
{
	server_now = &servers[i];
}

static inline struct server_stream *
server_find(int32_t id)
{
	for (size_t i = 0; i < server.nstreams; i++)
		if (server.streams[i].id == id)
			return &server.streams[i];
	return NULL;
}

static inline int
server_on_header(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_len, const uint8_t *value, size_t len,
    uint8_t flags, void *arg)
{
	struct server_stream *st = server_find(frame->hd.stream_id);

	(void)session;
	(void)name_len;
	(void)flags;
	(void)arg;
	if (st == NULL && server.nstreams < SERVER_STREAMS) {
		st = &server.streams[server.nstreams++];
		*st = (struct server_stream){ .id = frame->hd.stream_id };
		fby_str_init(&st->in);
		fby_str_init(&st->out);
	}
	if (st != NULL && strcmp((const char *)name, ":path") == 0)
		snprintf(st->path, sizeof(st->path), "%.*s", (int)len,
		    (const char *)value);
	return 0;
}

static inline int
server_on_data(nghttp2_session *session, uint8_t flags, int32_t id,
    const uint8_t *p, size_t n, void *arg)
{
	struct server_stream *st = server_find(id);

	(void)session;
	(void)flags;
	(void)arg;
	if (st != NULL)
		fby_str_add(&st->in, p, n);
	return 0;
}

static inline int
server_on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct server_stream *st = server_find(frame->hd.stream_id);

	(void)session;
	(void)arg;
	if (frame->hd.type == NGHTTP2_DATA)
		server.frames++;
	if (st != NULL && frame->hd.type == NGHTTP2_RST_STREAM) {
		st->is_reset = true;
		st->error = frame->rst_stream.error_code;
	}
	if (st != NULL && frame->hd.type == NGHTTP2_DATA &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		st->is_ended = true;
	return 0;
}

static inline ssize_t
server_on_source(nghttp2_session *session, int32_t id, uint8_t *buf, size_t n,
    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct server_stream *st = source->ptr;
	size_t have = FBY_MIN(n, st->out.len - st->sent);

	(void)arg;
	memcpy(buf, st->out.p + st->sent, have);
	st->sent += have;
	if (st->sent == st->out.len && st->trailer != NULL) {
		*flags |= NGHTTP2_DATA_FLAG_EOF |
		    NGHTTP2_DATA_FLAG_NO_END_STREAM;
		nghttp2_submit_trailer(session, id, st->trailer, st->ntrailer);
	} else if (have == 0) {
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)have;
}

/*
 * On a connected socket.  `window`: of each stream, given out once and never
 * renewed; 0: as usual.
 */
static inline void
server_start(struct event_base *base, int fd, int32_t window)
{
	const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, (uint32_t)window },
	};
	nghttp2_session_callbacks *cbs;
	nghttp2_option *option;

	signal(SIGPIPE, SIG_IGN);
	server = (struct fake_server){ .base = base,
		.client_fd = -1,
		.fd = fd };
	nghttp2_session_callbacks_new(&cbs);
	nghttp2_session_callbacks_set_on_header_callback(cbs, server_on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs,
	    server_on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cbs,
	    server_on_frame);
	nghttp2_option_new(&option);
	nghttp2_option_set_no_auto_window_update(option, window != 0);
	nghttp2_session_server_new2(&server.session, cbs, NULL, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(cbs);
	nghttp2_submit_settings(server.session, NGHTTP2_FLAG_NONE, settings,
	    window != 0);
}

static inline void
server_open(struct event_base *base, int32_t window)
{
	int fds[2];

	FBY_BUG_ON(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	server_start(base, fds[1], window);
	server.client_fd = fds[0];
}

static inline void
server_close(void)
{
	if (server.fd != -1)
		close(server.fd);
	server.fd = -1;
	nghttp2_session_del(server.session);
	server.session = NULL;
	for (size_t i = 0; i < server.nstreams; i++) {
		fby_str_fini(&server.streams[i].in);
		fby_str_fini(&server.streams[i].out);
	}
	server.nstreams = 0;
}

static inline void
server_write(void)
{
	const uint8_t *p;
	ssize_t n;

	while (server.fd != -1 &&
	    (n = nghttp2_session_mem_send(server.session, &p)) > 0) {
		/* What it says fits into the socket's buffer, or is lost. */
		for (ssize_t at = 0; at < n;) {
			ssize_t w = write(server.fd, p + at, (size_t)(n - at));

			if (w == -1 && errno != EAGAIN)
				return;
			if (w == -1)
				event_base_loop(server.base, EVLOOP_NONBLOCK);
			else
				at += w;
		}
	}
}

static inline void
server_turn(void)
{
	static uint8_t buf[1 << 16];
	ssize_t n;

	if (server.session == NULL || server.fd == -1 || server.is_asleep)
		return;
	while ((n = read(server.fd, buf, sizeof(buf))) > 0)
		if (nghttp2_session_mem_recv(server.session, buf, (size_t)n) <
		    0)
			break;
	server_write();
}

static inline void
turn(void)
{
	struct event_base *base = server.base;
	struct fake_server *selected = server_now;

	event_base_loop(base, EVLOOP_NONBLOCK);
	for (size_t i = 0; i < SERVERS; i++) {
		server_select(i);
		server_turn();
	}
	server_now = selected;
	event_base_loop(base, EVLOOP_NONBLOCK);
}

/* A port takes its time when the machine is busy, a unix socket never. */
#define until(cond)                                     \
	do {                                            \
		for (int n_ = 0; !(cond); n_++) {       \
			assert_true(n_ < SERVER_TURNS); \
			if (n_ > SERVER_TURNS / 2)      \
				poll(NULL, 0, 1);       \
			turn();                         \
		}                                       \
	} while (0)

#define NV(name_, value_)                                            \
	{                                                            \
		.name = (uint8_t *)(uintptr_t)(name_),               \
		.value = (uint8_t *)(uintptr_t)(value_),             \
		.namelen = strlen(name_), .valuelen = strlen(value_) \
	}

/* A head with these fields; `is_all`: and nothing after it. */
static inline void
server_fields(struct server_stream *st, const nghttp2_nv *nv, size_t n,
    bool is_all)
{
	nghttp2_data_provider source = {
		.source = { .ptr = st },
		.read_callback = server_on_source,
	};

	nghttp2_submit_response(server.session, st->id, nv, n,
	    is_all ? NULL : &source);
	server_write();
}

static inline void
server_head(struct server_stream *st)
{
	const nghttp2_nv nv[] = {
		NV(":status", "200"),
		NV("content-type", "application/grpc"),
	};

	server_fields(st, nv, FBY_NELEM(nv), false);
}

/* Bytes of the body, as they are. */
static inline void
server_say(struct server_stream *st, const void *p, size_t n)
{
	fby_str_add(&st->out, p, n);
	nghttp2_session_resume_data(server.session, st->id);
	server_write();
}

/* A message of gRPC. */
static inline void
server_message(struct server_stream *st, const void *p, size_t n)
{
	const uint8_t prefix[5] = { 0, (uint8_t)(n >> 24), (uint8_t)(n >> 16),
		(uint8_t)(n >> 8), (uint8_t)n };

	fby_str_add(&st->out, prefix, sizeof(prefix));
	server_say(st, p, n);
}

/* The trailers, after all that was said.  `nv` stays. */
static inline void
server_trailers(struct server_stream *st, const nghttp2_nv *nv, size_t n)
{
	st->trailer = nv;
	st->ntrailer = n;
	nghttp2_session_resume_data(server.session, st->id);
	server_write();
}

#endif
