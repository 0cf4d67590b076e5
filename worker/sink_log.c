/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log sink: one line for each record on standard output, as Numaflow
 * prints it, with control characters and broken UTF-8 escaped.
 *
 *	Payload - V Keys - K EventTime - MS Headers - A: B,  ID - T:P:OFFSET
 *
 * A record is delivered when the last byte of its line was written.  Standard
 * output is shared with the master and all workers, so
 *  - it must not become non-blocking for them: a pipe or terminal is opened
 *    once more through /proc, a socket is written with MSG_DONTWAIT, a regular
 *    file never blocks and must keep its common offset;
 *  - lines of several workers must not mix: what goes into a pipe goes in
 *    whole lines of at most PIPE_BUF bytes at once, which POSIX keeps
 *    together.  A longer line may be cut by others.
 *
 * When standard output takes no more (a full disk) all lines that are not out
 * have failed; retryStrategy says what becomes of their records.
 */
#include "shared/fby.h"

#include "worker/sink.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/stdfd.h"
#include "shared/str.h"

#include "worker/batch.h"
#include "worker/lane.h"
#include "worker/pipeline.h"
#include "worker/source.h"
#include "worker/worker.h"

#define BUFFER_BYTES (256 * 1024) /* unwritten; one record may go over */
#define FILE_CHUNK (64 * 1024)
#define LINES_MIN 256

struct line {
	struct fby_record *rec;
	uint64_t end; /* in the stream of all bytes */
};

struct sink_log {
	struct fby_outlet out;
	struct fby_str text; /* bytes [base, base + len) of the stream */
	uint64_t base;
	uint64_t written;
	uint64_t begin;     /* of the first line in the ring */
	struct line *lines; /* ring of those not written */
	uint64_t cap, head, tail;
	int fd;
	bool is_file, is_socket;
	bool must_poll; /* fd may block */
	bool refused;   /* somebody waits for room */
	bool is_torn;   /* a line was begun and not finished */
	struct event ev_write, ev_room;
};

static struct line *
line_get(const struct sink_log *s, uint64_t at)
{
	return &s->lines[at & (s->cap - 1)];
}

static uint64_t
unwritten(const struct sink_log *s)
{
	return s->base + s->text.len - s->written;
}

/* ---- formatting ------------------------------------------------------- */

static void
add_headers(struct fby_str *text, const rd_kafka_message_t *msg)
{
	rd_kafka_headers_t *headers;
	const char *name;
	const void *value;
	size_t size;

	if (rd_kafka_message_headers(msg, &headers))
		return;
	for (size_t i = 0; rd_kafka_header_get_all(headers, i, &name, &value,
			       &size) == RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++) {
		fby_str_escape(text, name, strlen(name));
		fby_str_puts(text, ": ");
		if (value != NULL)
			fby_str_escape(text, value, size);
		fby_str_puts(text, ", ");
	}
}

static void
add_line(struct fby_str *text, const struct fby_lane *ln,
    const rd_kafka_message_t *msg)
{
	fby_str_puts(text, "Payload - ");
	if (msg->payload != NULL)
		fby_str_escape(text, msg->payload, msg->len);
	fby_str_puts(text, " Keys - ");
	if (msg->key != NULL)
		fby_str_escape(text, msg->key, msg->key_len);
	fby_str_printf(text, " EventTime - %" PRId64 " Headers - ",
	    fby_source_event_time(msg, fby_clock_wall()));
	add_headers(text, msg);
	fby_str_printf(text, " ID - %s:%" PRId32 ":%" PRId64 "\n", ln->topic,
	    ln->partition, msg->offset);
}

static void
push_line(struct sink_log *s, struct fby_record *rec)
{
	if (s->tail - s->head == s->cap) {
		uint64_t cap = s->cap ? 2 * s->cap : LINES_MIN;
		struct line *lines = fby_calloc(cap, sizeof(*lines));

		for (uint64_t at = s->head; at != s->tail; at++)
			lines[at & (cap - 1)] = *line_get(s, at);
		free(s->lines);
		s->lines = lines;
		s->cap = cap;
	}
	*line_get(s, s->tail++) = (struct line){
		.rec = rec,
		.end = s->base + s->text.len,
	};
}

static enum fby_rc
log_record(struct fby_outlet *out, struct fby_record *rec)
{
	struct sink_log *s = (struct sink_log *)out;

	if (unwritten(s) >= BUFFER_BYTES) {
		s->refused = true;
		return FBY_AGAIN;
	}
	if (s->is_torn) {
		fby_str_puts(&s->text, "\n");
		s->is_torn = false;
	}
	add_line(&s->text, rec->b->ln, rec->msg);
	push_line(s, rec);
	return FBY_OK;
}

/* ---- writing ---------------------------------------------------------- */

/* Whole lines up to the size that is written in one piece. */
static size_t
chunk(const struct sink_log *s)
{
	uint64_t most = s->is_file ? FILE_CHUNK : PIPE_BUF;
	uint64_t end = s->written;

	for (uint64_t at = s->head; at != s->tail; at++) {
		uint64_t e = line_get(s, at)->end;

		if (e - s->written > most && end != s->written)
			break;
		end = e;
		if (e - s->written >= most)
			break;
	}
	return (size_t)(end - s->written);
}

static ssize_t
put(const struct sink_log *s, const char *p, size_t n)
{
	struct pollfd pfd = { .fd = s->fd, .events = POLLOUT };

	if (s->is_socket)
		return send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL);
	/* A pipe that polls as writable takes PIPE_BUF without blocking. */
	if (s->must_poll) {
		if (poll(&pfd, 1, 0) == 0) {
			errno = EAGAIN;
			return -1;
		}
		n = FBY_MIN(n, PIPE_BUF);
	}
	return write(s->fd, p, n);
}

/* Report the lines that are out, and let go of written bytes. */
static void
advance(struct sink_log *s)
{
	uint64_t gone;

	while (s->head != s->tail && line_get(s, s->head)->end <= s->written) {
		struct line *line = line_get(s, s->head++);

		s->begin = line->end;
		fby_pipeline_delivered(line->rec);
	}
	gone = s->written - s->base;
	if (gone == s->text.len) {
		/* A giant is not kept. */
		if (s->text.cap > 4 * BUFFER_BYTES) {
			fby_str_fini(&s->text);
			fby_str_init(&s->text);
		}
		fby_str_reset(&s->text);
		s->base = s->written;
	} else if (gone >= BUFFER_BYTES / 2) {
		memmove(s->text.p, s->text.p + gone, s->text.len - gone + 1);
		s->text.len -= gone;
		s->base = s->written;
	}
}

/* Nothing that is left goes out: its records are the pipeline's again. */
static void
give_up(struct sink_log *s, const char *why)
{
	uint64_t head = s->head, tail = s->tail;

	s->is_torn = s->written > s->begin;
	s->head = tail;
	s->base = s->begin = s->written;
	fby_str_reset(&s->text);
	while (head != tail)
		fby_pipeline_failed(line_get(s, head++)->rec, why, false);
}

static void
log_flush(struct fby_outlet *out)
{
	struct sink_log *s = (struct sink_log *)out;

	if (event_pending(&s->ev_write, EV_WRITE, NULL))
		return;
	while (s->head != s->tail) {
		ssize_t n = put(s, s->text.p + (s->written - s->base),
		    chunk(s));

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			event_add(&s->ev_write, NULL);
			break;
		}
		if (n == -1) {
			give_up(s, strerrordesc_np(errno));
			break;
		}
		s->written += (uint64_t)n;
		advance(s);
	}
	/* Not from here: this may be called while a lane is being fed. */
	if (s->refused && unwritten(s) < BUFFER_BYTES / 2)
		event_active(&s->ev_room, EV_TIMEOUT, 0);
}

static void
on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct sink_log *s = arg;

	(void)fd;
	(void)what;
	log_flush(&s->out);
	fby_pipeline_settle(s->out.w);
}

static void
on_room(evutil_socket_t fd, short what, void *arg)
{
	struct sink_log *s = arg;

	(void)fd;
	(void)what;
	s->refused = false;
	fby_pipeline_ready(s->out.w);
}

/* ---- life ------------------------------------------------------------- */

static int
open_stdout(struct sink_log *s)
{
	struct stat st;

	/* Opened once more, below, what was meant for reading would do. */
	if (!fby_stdfd_is_writable(STDOUT_FILENO)) {
		errno = EBADF;
		return -1;
	}
	if (fstat(STDOUT_FILENO, &st) == -1)
		return -1;
	s->is_file = S_ISREG(st.st_mode);
	s->is_socket = S_ISSOCK(st.st_mode);
	if (!s->is_file && !s->is_socket) {
		s->fd = open("/proc/self/fd/1",
		    O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (s->fd != -1)
			return 0;
		s->must_poll = true;
	}
	s->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return s->fd == -1 ? -1 : 0;
}

static void
log_close(struct fby_outlet *out)
{
	struct sink_log *s = (struct sink_log *)out;

	event_del(&s->ev_write);
	event_del(&s->ev_room);
	close(s->fd);
	fby_str_fini(&s->text);
	free(s->lines);
	free(s);
}

static const struct fby_sink_ops log_ops = {
	.name = "log",
	.copies = 1,
	.record = log_record,
	.flush = log_flush,
	.close = log_close,
};

struct fby_outlet *
fby_sink_log_open(struct fby_worker *w)
{
	struct sink_log *s = fby_calloc(1, sizeof(*s));

	s->out.ops = &log_ops;
	s->out.w = w;
	if (open_stdout(s) == -1) {
		fby_error("sink log: standard output: %m");
		free(s);
		return NULL;
	}
	fby_str_init(&s->text);
	event_assign(&s->ev_write, w->base, s->fd, EV_WRITE, on_writable, s);
	evtimer_assign(&s->ev_room, w->base, on_room, s);
	return &s->out;
}
