/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A directory with an info file and sockets, fake servers behind these, a clock
 * that stands still, and a connection whose role notes what it is told.
 */
#ifndef FBY_UNIT_FUNCTION_WORLD_H
#define FBY_UNIT_FUNCTION_WORLD_H

#include "t/unit/unit.h"

#include "t/unit/worker/function/fake_server.h"

#include <event2/buffer.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "shared/base/log.h"
#include "shared/boundary/ledger.h"

#include "worker/function/function.h"
#include "worker/function/grpc.h"
#include "worker/function/info.h"
#include "worker/function/link.h"

#define END "U+005C__END__"
#define GOOD_INFO "{\"language\":\"go\",\"version\":\"v0.11.0\"}" END

static struct world {
	struct event_base *base;
	struct fby_function_conn *c;
	struct fby_ledger_function stats;
	char dir[64];
	int listeners[SERVERS];
	int64_t now;
	struct fby_str in; /* messages, a bar after each */
	unsigned nready, nlost;
	char why[300];
	bool by_garbage;
	bool refuses;       /* the next message */
	struct event *poke; /* is due when one comes; NULL: none */
} w;

static inline int64_t
fake_clock(void)
{
	return w.now;
}

/* ---- the role --------------------------------------------------------- */

static inline void
on_ready(void *arg)
{
	(void)arg;
	w.nready++;
}

static inline void
on_message(void *arg, const uint8_t *p, size_t n)
{
	(void)arg;
	if (n < 1000)
		fby_str_add(&w.in, p, n);
	fby_str_puts(&w.in, "|");
	if (w.poke != NULL)
		event_active(w.poke, EV_TIMEOUT, 0);
	if (w.refuses)
		fby_function_conn_fail(w.c, "an answer to nothing");
}

static inline void
on_lost(void *arg, const char *why, bool by_garbage)
{
	(void)arg;
	w.nlost++;
	w.by_garbage = by_garbage;
	snprintf(w.why, sizeof(w.why), "%s", why);
}

static const struct fby_function_conn_ops ops = {
	.ready = on_ready,
	.message = on_message,
	.lost = on_lost,
};

static inline bool
send_text(const char *text)
{
	struct evbuffer *out = fby_function_conn_output(w.c);
	uint8_t prefix[FBY_GRPC_PREFIX];

	if (out == NULL)
		return false;
	fby_grpc_prefix(prefix, strlen(text));
	evbuffer_add(out, prefix, sizeof(prefix));
	evbuffer_add(out, text, strlen(text));
	fby_function_conn_send(w.c);
	return true;
}

/* ---- the world -------------------------------------------------------- */

static inline unsigned
state_now(void)
{
	return fby_acquire(&w.stats.state);
}

static inline void
path_of(const char *name, char buf[static 100])
{
	snprintf(buf, 100, "%s/%s", w.dir, name);
}

static inline void
put_info(const char *text)
{
	char path[100];
	FILE *f;

	path_of("sinker-server-info", path);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static inline void
listen_at(size_t i, const char *name)
{
	struct sockaddr_un un = { .sun_family = AF_UNIX };
	char path[100];

	path_of(name, path);
	snprintf(un.sun_path, sizeof(un.sun_path), "%s", path);
	unlink(path);
	w.listeners[i] = socket(AF_UNIX,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(w.listeners[i], (struct sockaddr *)&un,
			     sizeof(un)),
	    0);
	assert_int_equal(listen(w.listeners[i], 4), 0);
}

/* So much later, in steps that are as small as any that is waited for. */
static inline void
later(int64_t ms)
{
	for (int64_t end = w.now + ms; w.now < end;) {
		w.now = FBY_MIN(w.now + 50, end);
		fby_function_conn_tick(w.c);
		event_base_loop(w.base, EVLOOP_NONBLOCK);
	}
}

static inline void
open_world(const struct fby_service *service)
{
	struct fby_function_conf conf = {
		.role = "sink",
		.socket = "sink.sock",
		.info = "sinker-server-info",
		.service = service,
		.instance = 7,
		.stats = &w.stats,
		.clock = fake_clock,
	};

	fby_log_init("unit");
	fby_log_set_level(FBY_LOG_CRIT);
	signal(SIGPIPE, SIG_IGN);
	w = (struct world){ .base = event_base_new(), .now = 1000 };
	fby_str_init(&w.in);
	snprintf(w.dir, sizeof(w.dir), "/tmp/forebay-function-XXXXXX");
	assert_non_null(mkdtemp(w.dir));
	memset(servers, 0, sizeof(servers));
	for (size_t i = 0; i < SERVERS; i++) {
		servers[i].base = w.base;
		servers[i].fd = -1;
		w.listeners[i] = -1;
	}
	server_select(0);
	conf.dir = w.dir;
	w.c = fby_function_conn_new(w.base, &conf, &ops, NULL);
}

static inline void
close_world(void)
{
	static const char *const names[] = { "sink.sock", "sinker-server-info",
		"multiproc0.sock", "multiproc1.sock", "batchmap.sock" };
	char path[100];

	/* A server that is gone is not waited for. */
	for (size_t i = 0; i < SERVERS; i++) {
		if (servers[i].fd != -1)
			close(servers[i].fd);
		servers[i].fd = -1;
	}
	fby_function_conn_free(w.c);
	assert_int_equal(state_now(), FBY_CONN_OFF);
	for (size_t i = 0; i < SERVERS; i++) {
		server_select(i);
		if (server.session != NULL)
			server_close();
		if (w.listeners[i] != -1)
			close(w.listeners[i]);
	}
	for (size_t i = 0; i < FBY_NELEM(names); i++) {
		path_of(names[i], path);
		unlink(path);
	}
	assert_int_equal(rmdir(w.dir), 0);
	fby_str_fini(&w.in);
	event_base_free(w.base);
}

static inline void
do_accept(size_t i)
{
	int fd;

	server_select(i);
	if (server.session != NULL)
		server_close();
	until((fd = accept4(w.listeners[i], NULL, NULL, SOCK_NONBLOCK)) != -1);
	server_start(w.base, fd, 0);
}

static const nghttp2_nv good[] = { NV("grpc-status", "0") };

static inline void
answer_ready(void)
{
	until(server.nstreams == 1 && server.streams[0].is_ended);
	server_head(&server.streams[0]);
	server_message(&server.streams[0], "\x08\x01", 2);
	server_trailers(&server.streams[0], good, 1);
}

static inline struct server_stream *
call(void)
{
	return &server.streams[1];
}

static inline void
answer_handshake(const char *bytes, size_t n)
{
	until(server.nstreams == 2 && call()->in.len == 9);
	server_head(call());
	server_message(call(), bytes, n);
}

static inline void
become_ready(void)
{
	unsigned n = w.nready;

	do_accept(0);
	answer_ready();
	answer_handshake("\x12\x02\x08\x01", 4);
	until(w.nready == n + 1);
	assert_int_equal(state_now(), FBY_CONN_READY);
	assert_string_equal(w.stats.why, "");
}

static inline void
open_ready(void)
{
	open_world(&fby_function_sink);
	put_info(GOOD_INFO);
	listen_at(0, "sink.sock");
	later(50);
	become_ready();
}

static inline void
break_close(void)
{
	close(server.fd);
	server.fd = -1;
}

#endif
