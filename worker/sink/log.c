/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log sink: one line for each record on standard output, as Numaflow
 * prints it, with control characters and broken UTF-8 escaped.
 *
 *	Payload - V Keys - K EventTime - MS Headers - A: B,  ID - T:P:OFFSET
 *
 * A record is delivered when the last byte of its line was written; output.c
 * keeps the lines apart from what others write, and from fragments.
 *
 * When standard output takes no more (a full disk) all lines that are not out
 * have failed; retryStrategy says where their records go.
 */
#include "shared/fby.h"

#include "worker/sink/sink.h"

#include <errno.h>
#include <event2/event.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/content.h"
#include "worker/lane.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/sink/output.h"
#include "worker/worker.h"

#define BUFFER_BYTES (256 * 1024) /* unwritten; one record may go over */
#define LINES_MIN 256
#define ASK_MS 2 /* when no event tells that there is room */
#define FULL_MS 1000

struct line {
	struct fby_record *rec;
	uint64_t end; /* in the stream of all bytes */
};

struct sink_log {
	struct fby_outlet out;
	struct fby_str text; /* bytes [base, base + len) of the stream */
	uint64_t base;
	uint64_t written;
	struct line *lines; /* ring of those not written */
	uint64_t cap, head, tail;
	struct fby_output output;
	bool refused;    /* somebody waits for room */
	int64_t full_at; /* monotonic: it took no more */
	struct event ev_write, ev_ask, ev_room;
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
add_headers(struct fby_str *text, const rd_kafka_headers_t *headers)
{
	const char *name;
	const void *value;
	size_t size;

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
add_bytes(struct fby_str *text, struct fby_bytes bytes)
{
	if (bytes.p != NULL)
		fby_str_escape(text, bytes.p, bytes.len);
}

static void
add_line(struct fby_str *text, const struct fby_record *rec)
{
	const rd_kafka_headers_t *headers = fby_content_headers(rec);
	size_t nkeys = fby_content_nkeys(rec);

	fby_str_puts(text, "Payload - ");
	add_bytes(text, fby_content_value(rec));
	fby_str_puts(text, " Keys - ");
	for (size_t i = 0; i < nkeys; i++) {
		if (i > 0)
			fby_str_puts(text, ",");
		add_bytes(text, fby_content_key_at(rec, i));
	}
	fby_str_printf(text, " EventTime - %" PRId64 " Headers - ",
	    fby_content_event_time(rec, fby_clock_wall()));
	if (headers != NULL)
		add_headers(text, headers);
	fby_str_printf(text, " ID - %s:%" PRId64 "\n", rec->b->ln->printed,
	    rec->msg->offset);
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
	add_line(&s->text, rec);
	push_line(s, rec);
	return FBY_OK;
}

/* ---- writing ---------------------------------------------------------- */

/* Whole lines up to the size that is written in one piece. */
static size_t
chunk(const struct sink_log *s)
{
	uint64_t most = fby_output_chunk(&s->output);
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

/* Report the lines that are out, and let go of written bytes. */
static void
advance(struct sink_log *s)
{
	uint64_t gone;

	while (s->head != s->tail && line_get(s, s->head)->end <= s->written) {
		struct fby_record *rec = line_get(s, s->head++)->rec;

		fby_pipeline_delivered(rec);
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

/*
 * Nothing that is left goes out: its records are the pipeline's again.  It may
 * have another role for them at once, which may be ours, too.
 */
static void
give_up(struct sink_log *s, const char *why)
{
	const struct sink_log old = *s;

	fby_output_break(&s->output);
	s->lines = NULL;
	s->cap = s->head = s->tail = 0;
	s->base = s->written;
	fby_str_reset(&s->text);
	for (uint64_t at = old.head; at != old.tail; at++)
		fby_pipeline_failed(line_get(&old, at)->rec, why, false);
	free(old.lines);
}

static void
wait_for_output(struct sink_log *s)
{
	struct timeval tv = fby_clock_tv(ASK_MS);

	if (fby_output_must_ask(&s->output))
		event_add(&s->ev_ask, &tv);
	else
		event_add(&s->ev_write, NULL);
}

static bool
is_waiting(const struct sink_log *s)
{
	return event_pending(&s->ev_write, EV_WRITE, NULL) ||
	    event_pending(&s->ev_ask, EV_TIMEOUT, NULL);
}

static void
log_flush(struct fby_outlet *out)
{
	struct sink_log *s = (struct sink_log *)out;

	if (is_waiting(s))
		return;
	while (s->head != s->tail) {
		ssize_t n = fby_output_put(&s->output,
		    s->text.p + (s->written - s->base), chunk(s));

		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK)) {
			wait_for_output(s);
			s->full_at = fby_clock_mono();
			break;
		}
		if (n == -1) {
			give_up(s, strerrordesc_np(errno));
			continue;
		}
		s->written += (uint64_t)n;
		advance(s);
	}
	fby_output_rest(&s->output);
	/* Not from here: this may be called while a lane is being fed. */
	if (s->refused && unwritten(s) < BUFFER_BYTES / 2)
		event_active(&s->ev_room, EV_TIMEOUT, 0);
}

/* A pipe that nobody reads is no error to anybody else. */
static void
log_tick(struct fby_outlet *out, int64_t mono)
{
	struct sink_log *s = (struct sink_log *)out;

	if (is_waiting(s) && mono - s->full_at >= FULL_MS)
		fby_worker_failed(out->w, fby_failure_role(out->role), 0,
		    "standard output takes no more");
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

static void
log_close(struct fby_outlet *out)
{
	struct sink_log *s = (struct sink_log *)out;

	event_del(&s->ev_write);
	event_del(&s->ev_ask);
	event_del(&s->ev_room);
	fby_output_close(&s->output);
	fby_str_fini(&s->text);
	free(s->lines);
	free(s);
}

static const struct fby_outlet_ops log_ops = {
	.name = "log",
	.copies = 1,
	.record = log_record,
	.flush = log_flush,
	.tick = log_tick,
	.close = log_close,
};

struct fby_outlet *
fby_sink_log_open(struct fby_worker *w)
{
	struct sink_log *s = fby_calloc(1, sizeof(*s));

	s->out.ops = &log_ops;
	s->out.w = w;
	if (fby_output_open(&s->output) == -1) {
		fby_error("sink log: standard output: %m");
		free(s);
		return NULL;
	}
	fby_str_init(&s->text);
	event_assign(&s->ev_write, w->base, s->output.stream.fd, EV_WRITE,
	    on_writable, s);
	evtimer_assign(&s->ev_ask, w->base, on_writable, s);
	evtimer_assign(&s->ev_room, w->base, on_room, s);
	return &s->out;
}
