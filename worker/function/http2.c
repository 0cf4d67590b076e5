/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/2 connection; see http2.h.
 *
 * It has events and buffers of its own and no bufferevent, which reads at most
 * 4 KiB at once (libevent 2.1): answers to a batch are ten times that.
 */
#include "shared/fby.h"

#include "worker/function/http2.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <poll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include <nghttp2/nghttp2.h>

#include "shared/base/bug.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#define READ_BYTES (64 * 1024)
#define READS 16                /* in one turn of the loop */
#define OUT_BYTES (512 * 1024)  /* framed and not written */
#define FRAME_BYTES (64 * 1024) /* of ours at most, if the peer takes it */
#define PEER_FRAME_BYTES (1 << 20)
#define TEXT_BYTES 200 /* of what a peer says */

struct fby_http2_stream {
	struct fby_http2 *h;
	LIST_ENTRY(fby_http2_stream) entry;
	const struct fby_http2_stream_ops *ops;
	void *arg;
	int32_t id;
	struct evbuffer *out;
	bool is_ended;    /* nothing more comes into `out` */
	bool is_waiting;  /* nghttp2 asks no more before it is told to */
	bool is_answered; /* the peer has said all */
};

struct fby_http2 {
	const struct fby_http2_ops *ops;
	void *arg;
	int fd; /* -1: closed */
	nghttp2_session *session;
	LIST_HEAD(, fby_http2_stream) streams;
	struct evbuffer *out; /* frames */
	char *why;            /* heap: it has failed */
	bool is_leaving;
	bool is_full; /* nghttp2 waits for room in `out` */
	bool is_busy; /* nghttp2 is at work, and must not be called anew */
	bool is_begun, is_garbage;
	char fault[TEXT_BYTES]; /* nghttp2's words for what the peer did */
	struct event ev_read, ev_write, ev_failed;
};

static void
give_up(struct fby_http2 *h, char *why)
{
	if (h->why != NULL) {
		free(why);
		return;
	}
	h->why = why;
	event_del(&h->ev_read);
	event_del(&h->ev_write);
	event_active(&h->ev_failed, EV_TIMEOUT, 0);
}

void
fby_http2_fail(struct fby_http2 *h, const char *why)
{
	give_up(h, fby_strdup(why));
}

bool
fby_http2_is_garbage(const struct fby_http2 *h)
{
	return h->is_garbage;
}

/* What came makes no sense. */
static void
refuse(struct fby_http2 *h, char *why)
{
	h->is_garbage |= h->why == NULL;
	give_up(h, why);
}

/* ---- what nghttp2 calls ----------------------------------------------- */

static struct fby_http2_stream *
stream_of(const struct fby_http2 *h, int32_t id)
{
	return h->why != NULL ?
	    NULL :
	    nghttp2_session_get_stream_user_data(h->session, id);
}

static int
on_header(nghttp2_session *session, const nghttp2_frame *frame,
    const uint8_t *name, size_t name_len, const uint8_t *value, size_t len,
    uint8_t flags, void *arg)
{
	struct fby_http2_stream *s = stream_of(arg, frame->hd.stream_id);

	(void)session;
	(void)name_len;
	(void)flags;
	if (s != NULL)
		s->ops->header(s->arg, (const char *)name, (const char *)value,
		    len);
	return 0;
}

static int
on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *p,
    size_t n, void *arg)
{
	struct fby_http2_stream *s = stream_of(arg, id);

	(void)session;
	(void)flags;
	if (s != NULL)
		s->ops->data(s->arg, p, n);
	return 0;
}

static void
free_stream(struct fby_http2_stream *s)
{
	LIST_REMOVE(s, entry);
	evbuffer_free(s->out);
	free(s);
}

static int
on_stream_close(nghttp2_session *session, int32_t id, uint32_t error, void *arg)
{
	struct fby_http2_stream *s = stream_of(arg, id);

	if (s == NULL)
		return 0;
	nghttp2_session_set_stream_user_data(session, id, NULL);
	s->ops->closed(s->arg, s->is_answered ? FBY_HTTP2_NO_ERROR : error,
	    NULL);
	free_stream(s);
	return 0;
}

/* It was answered before we had said all: there is no one to say it to. */
static void
on_answered(struct fby_http2 *h, int32_t id)
{
	struct fby_http2_stream *s = stream_of(h, id);

	if (s == NULL)
		return;
	s->is_answered = true;
	fby_http2_reset(s, FBY_HTTP2_CANCEL);
}

static void
on_goaway(struct fby_http2 *h, const nghttp2_goaway *goaway)
{
	size_t len = FBY_MIN(goaway->opaque_data_len, TEXT_BYTES);
	struct fby_str text;

	h->is_leaving = true;
	fby_str_init(&text);
	if (len > 0)
		fby_str_printable(&text, goaway->opaque_data, len);
	h->ops->leaving(h->arg, goaway->error_code, text.p);
	fby_str_fini(&text);
}

static int
on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct fby_http2 *h = arg;

	(void)session;
	if (h->why != NULL)
		return 0;
	if (frame->hd.type == NGHTTP2_GOAWAY)
		on_goaway(h, &frame->goaway);
	else if ((frame->hd.type == NGHTTP2_DATA ||
		     frame->hd.type == NGHTTP2_HEADERS) &&
	    frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		on_answered(h, frame->hd.stream_id);
	return 0;
}

/* The first one: others follow from it. */
static int
on_error(nghttp2_session *session, int code, const char *text, size_t len,
    void *arg)
{
	struct fby_http2 *h = arg;

	(void)session;
	(void)code;
	if (h->fault[0] == '\0')
		fby_str_print_into(h->fault, sizeof(h->fault), text, len);
	return 0;
}

/* Not all faults have words: the code that we tell the peer has a name. */
static int
on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	if (frame->hd.type == NGHTTP2_GOAWAY &&
	    frame->goaway.error_code != NGHTTP2_NO_ERROR) {
		const char *name = nghttp2_http2_strerror(
		    frame->goaway.error_code);

		on_error(session, 0, name, strlen(name), arg);
	}
	return 0;
}

static bool
has_room(struct fby_http2 *h)
{
	h->is_full = evbuffer_get_length(h->out) >= OUT_BYTES;
	return !h->is_full;
}

static ssize_t
on_send(nghttp2_session *session, const uint8_t *p, size_t n, int flags,
    void *arg)
{
	struct fby_http2 *h = arg;

	(void)session;
	(void)flags;
	if (!has_room(h))
		return NGHTTP2_ERR_WOULDBLOCK;
	if (evbuffer_add(h->out, p, n) == -1)
		fby_mem_fatal();
	return (ssize_t)n;
}

/* As much as fits; nghttp2's own choice is 16 KiB, whatever the peer takes. */
static ssize_t
on_length(nghttp2_session *session, uint8_t type, int32_t id,
    int32_t session_window, int32_t stream_window, uint32_t frame_size,
    void *arg)
{
	int32_t most = FBY_MIN((int32_t)FBY_MIN(frame_size, FRAME_BYTES),
	    FBY_MIN(session_window, stream_window));

	(void)session;
	(void)type;
	(void)id;
	(void)arg;
	return most;
}

static ssize_t
on_source(nghttp2_session *session, int32_t id, uint8_t *buf, size_t length,
    uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct fby_http2_stream *s = source->ptr;
	size_t have = evbuffer_get_length(s->out);

	(void)session;
	(void)id;
	(void)buf;
	(void)arg;
	if (have == 0 && !s->is_ended) {
		s->is_waiting = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (have <= length && s->is_ended)
		*flags |= NGHTTP2_DATA_FLAG_EOF;
	return (ssize_t)FBY_MIN(have, length);
}

/* Whole blocks move from buffer to buffer; nothing is copied but the ends. */
static int
on_send_data(nghttp2_session *session, nghttp2_frame *frame,
    const uint8_t *head, size_t length, nghttp2_data_source *source, void *arg)
{
	struct fby_http2_stream *s = source->ptr;
	struct fby_http2 *h = arg;

	(void)session;
	FBY_BUG_ON(frame->data.padlen != 0);
	if (!has_room(h))
		return NGHTTP2_ERR_WOULDBLOCK;
	if (evbuffer_add(h->out, head, 9) == -1 ||
	    evbuffer_remove_buffer(s->out, h->out, length) != (int)length)
		fby_mem_fatal();
	return 0;
}

/* ---- the socket ------------------------------------------------------- */

/* Nothing is expected any more, after GOAWAY or an error of the protocol. */
static bool
is_over(const struct fby_http2 *h)
{
	return !nghttp2_session_want_read(h->session) &&
	    !nghttp2_session_want_write(h->session) &&
	    evbuffer_get_length(h->out) == 0;
}

/* False: no more now. */
static bool
write_out(struct fby_http2 *h)
{
	while (evbuffer_get_length(h->out) > 0) {
		if (evbuffer_write(h->out, h->fd) >= 0)
			continue;
		if (errno == EAGAIN || errno == EINTR)
			event_add(&h->ev_write, NULL);
		else
			give_up(h,
			    fby_asprintf("write: %s", strerrordesc_np(errno)));
		return false;
	}
	return true;
}

/* nghttp2's words have the peer's in them. */
static void
end(struct fby_http2 *h)
{
	struct fby_str why;

	if (h->is_leaving) {
		fby_http2_fail(h, "the peer ended the connection");
		return;
	}
	fby_str_init(&why);
	fby_str_puts(&why, "HTTP/2: ");
	fby_str_puts(&why, h->fault);
	if (h->fault[0] == '\0')
		fby_str_puts(&why, "an error of the protocol");
	refuse(h, fby_str_take(&why));
	fby_str_fini(&why);
}

void
fby_http2_flush(struct fby_http2 *h)
{
	int rc;

	if (h->is_busy)
		return;
	do {
		if (h->why != NULL)
			return;
		h->is_full = false;
		h->is_busy = true;
		rc = nghttp2_session_send(h->session);
		h->is_busy = false;
		if (rc != 0) {
			fby_http2_fail(h, nghttp2_strerror(rc));
			return;
		}
	} while (write_out(h) && h->is_full);
	if (h->why == NULL && is_over(h))
		end(h);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct fby_http2 *h = arg;

	(void)fd;
	(void)what;
	if (write_out(h))
		fby_http2_flush(h);
}

/*
 * What comes first is SETTINGS, in all versions of HTTP/2.  A server that does
 * not speak it often says in plain words what it is.
 */
static bool
is_http2(struct fby_http2 *h, const uint8_t *p, size_t n)
{
	struct fby_str why;

	if (h->is_begun || n < 9 || p[3] == NGHTTP2_SETTINGS) {
		h->is_begun = true;
		return true;
	}
	fby_str_init(&why);
	fby_str_puts(&why, "it does not speak HTTP/2; it begins with \"");
	fby_str_escape(&why, p, FBY_MIN(n, 40));
	fby_str_puts(&why, "\"");
	refuse(h, fby_str_take(&why));
	fby_str_fini(&why);
	return false;
}

/* False: nothing more to be read now. */
static bool
read_some(struct fby_http2 *h)
{
	uint8_t buf[READ_BYTES];
	ssize_t n = recv(h->fd, buf, sizeof(buf), 0), used;

	if (n == 0)
		fby_http2_fail(h, "the peer closed the connection");
	else if (n == -1 && errno != EAGAIN && errno != EINTR)
		give_up(h, fby_asprintf("read: %s", strerrordesc_np(errno)));
	if (n <= 0 || !is_http2(h, buf, (size_t)n))
		return false;
	h->is_busy = true;
	used = nghttp2_session_mem_recv(h->session, buf, (size_t)n);
	h->is_busy = false;
	if (used < 0) {
		refuse(h,
		    fby_asprintf("HTTP/2: %s", nghttp2_strerror((int)used)));
		return false;
	}
	return (size_t)n == sizeof(buf) && h->why == NULL;
}

static void
on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct fby_http2 *h = arg;

	(void)fd;
	(void)what;
	for (int i = 0; i < READS && read_some(h); i++)
		;
	fby_http2_flush(h);
}

bool
fby_http2_wait(struct fby_http2 *h, int ms)
{
	struct pollfd p = { .fd = h->fd, .events = POLLIN };

	if (h->why != NULL || poll(&p, 1, ms) != 1)
		return false;
	on_readable(h->fd, EV_READ, h);
	return h->why == NULL;
}

/* ---- life ------------------------------------------------------------- */

/* With the buffers goes what they have borrowed. */
static void
close_socket(struct fby_http2 *h)
{
	struct fby_http2_stream *s;

	event_del(&h->ev_read);
	event_del(&h->ev_write);
	if (h->fd == -1)
		return;
	close(h->fd);
	h->fd = -1;
	evbuffer_drain(h->out, evbuffer_get_length(h->out));
	LIST_FOREACH (s, &h->streams, entry)
		evbuffer_drain(s->out, evbuffer_get_length(s->out));
}

static void
close_streams(struct fby_http2 *h)
{
	struct fby_http2_stream *s;

	close_socket(h);
	while ((s = LIST_FIRST(&h->streams)) != NULL) {
		s->ops->closed(s->arg, FBY_HTTP2_NO_ERROR, h->why);
		free_stream(s);
	}
}

static void
on_failed(evutil_socket_t fd, short what, void *arg)
{
	struct fby_http2 *h = arg;

	(void)fd;
	(void)what;
	close_streams(h);
	h->ops->closed(h->arg, h->why);
}

static nghttp2_session *
make_session(struct fby_http2 *h)
{
	nghttp2_session_callbacks *cbs;
	nghttp2_session *session;

	if (nghttp2_session_callbacks_new(&cbs) != 0)
		fby_mem_fatal();
	nghttp2_session_callbacks_set_send_callback(cbs, on_send);
	nghttp2_session_callbacks_set_send_data_callback(cbs, on_send_data);
	nghttp2_session_callbacks_set_data_source_read_length_callback(cbs,
	    on_length);
	nghttp2_session_callbacks_set_on_header_callback(cbs, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cbs, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cbs, on_frame);
	nghttp2_session_callbacks_set_error_callback2(cbs, on_error);
	nghttp2_session_callbacks_set_on_frame_send_callback(cbs,
	    on_frame_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(cbs,
	    on_stream_close);
	if (nghttp2_session_client_new(&session, cbs, h) != 0)
		fby_mem_fatal();
	nghttp2_session_callbacks_del(cbs);
	return session;
}

static void
submit_settings(nghttp2_session *session)
{
	static const nghttp2_settings_entry settings[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, FBY_HTTP2_WINDOW },
		{ NGHTTP2_SETTINGS_MAX_FRAME_SIZE, PEER_FRAME_BYTES },
	};

	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings,
		FBY_NELEM(settings)) != 0 ||
	    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0,
		FBY_HTTP2_WINDOW) != 0)
		fby_mem_fatal();
}

struct fby_http2 *
fby_http2_new(struct event_base *base, int fd, const struct fby_http2_ops *ops,
    void *arg)
{
	struct fby_http2 *h = fby_calloc(1, sizeof(*h));

	h->ops = ops;
	h->arg = arg;
	h->fd = fd;
	LIST_INIT(&h->streams);
	if ((h->out = evbuffer_new()) == NULL)
		fby_mem_fatal();
	h->session = make_session(h);
	submit_settings(h->session);
	event_assign(&h->ev_read, base, fd, EV_READ | EV_PERSIST, on_readable,
	    h);
	event_assign(&h->ev_write, base, fd, EV_WRITE, on_writable, h);
	evtimer_assign(&h->ev_failed, base, on_failed, h);
	event_add(&h->ev_read, NULL);
	return h;
}

void
fby_http2_free(struct fby_http2 *h)
{
	if (h == NULL)
		return;
	if (h->why == NULL)
		fby_http2_fail(h, "closed at this end");
	event_del(&h->ev_failed);
	close_streams(h);
	nghttp2_session_del(h->session);
	evbuffer_free(h->out);
	free(h->why);
	free(h);
}

/* ---- streams ---------------------------------------------------------- */

/* nghttp2 copies both; its type is not const. */
static nghttp2_nv
field(const char *name, const char *value)
{
	return (nghttp2_nv){
		.name = (uint8_t *)(uintptr_t)name,
		.value = (uint8_t *)(uintptr_t)value,
		.namelen = strlen(name),
		.valuelen = strlen(value),
	};
}

struct fby_http2_stream *
fby_http2_request(struct fby_http2 *h, const char *path,
    const struct fby_http2_stream_ops *ops, void *arg)
{
	const nghttp2_nv fields[] = {
		field(":method", "POST"),
		field(":scheme", "http"),
		field(":path", path),
		field(":authority", "localhost"),
		field("content-type", "application/grpc"),
		field("te", "trailers"),
		field("user-agent", "forebay/" FBY_VERSION),
	};
	struct fby_http2_stream *s;
	nghttp2_data_provider source = { .read_callback = on_source };

	if (h->why != NULL || h->is_leaving)
		return NULL;
	s = fby_calloc(1, sizeof(*s));
	s->h = h;
	s->ops = ops;
	s->arg = arg;
	if ((s->out = evbuffer_new()) == NULL)
		fby_mem_fatal();
	source.source.ptr = s;
	s->id = nghttp2_submit_request(h->session, NULL, fields,
	    FBY_NELEM(fields), &source, s);
	if (s->id == NGHTTP2_ERR_NOMEM)
		fby_mem_fatal();
	LIST_INSERT_HEAD(&h->streams, s, entry);
	/* 2^30 streams were opened. */
	if (s->id < 0) {
		free_stream(s);
		return NULL;
	}
	return s;
}

struct evbuffer *
fby_http2_output(struct fby_http2_stream *s)
{
	return s->out;
}

void
fby_http2_send(struct fby_http2_stream *s)
{
	if (!s->is_waiting || s->h->why != NULL)
		return;
	s->is_waiting = false;
	if (nghttp2_session_resume_data(s->h->session, s->id) ==
	    NGHTTP2_ERR_NOMEM)
		fby_mem_fatal();
}

void
fby_http2_end(struct fby_http2_stream *s)
{
	s->is_ended = true;
	fby_http2_send(s);
}

void
fby_http2_reset(struct fby_http2_stream *s, uint32_t error)
{
	if (s->h->why == NULL &&
	    nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id,
		error) == NGHTTP2_ERR_NOMEM)
		fby_mem_fatal();
}
