/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transformer or a map that is the user's function.
 *
 * Each record is a request of its own, and its answer has its id; they come in
 * any order, and as many are under way as the lanes may have.  A map says in
 * its info file that it wants batches (requests, then the end of transmission;
 * answers, then the end) or that it answers in streams (several answers for an
 * id, the last with the end).  What a stream has said of a record is kept until
 * it has said all: packed messages one behind the other are one.
 *
 * The id begins with the place of the call, "PLACE.SERIAL/", so that no table
 * is needed to find it.
 *
 * When the connection ends, all that has no answer goes again, in its order:
 * one by one if there were several, so that it shows which of them is the
 * cause.  A record with which alone the function has come to its end as often
 * as poisonPill.kills says goes to the dead-letter topic.
 */
#include "shared/fby.h"

#include "worker/stage/stage.h"

#include <event2/buffer.h>
#include <sys/queue.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/content.h"
#include "worker/decode.h"
#include "worker/function/ask.h"
#include "worker/function/encode.h"
#include "worker/function/function.h"
#include "worker/function/grpc.h"
#include "worker/function/info.h"
#include "worker/lane.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/request.h"
#include "worker/stage/result.h"
#include "worker/worker.h"

#define SILENT_MS 10000

struct call {
	TAILQ_ENTRY(call) entry; /* of those sent, or to be sent again */
	struct fby_record *rec;  /* NULL: the call is free */
	uint32_t place, serial;
	int64_t sent_us;
	struct fby_str parts; /* of a stream, so far */
};

TAILQ_HEAD(calls, call);

struct stage_function {
	struct fby_outlet out;
	struct fby_function_conn *conn;
	struct fby_request req;
	struct fby_decoder decoder;
	struct call **calls; /* by place */
	size_t ncalls, calls_cap;
	struct calls sent, again, spare;
	struct fby_str id;
	enum fby_info_mode mode;
	bool is_ready;
	bool is_closed; /* a batch is: it waits for its end */
	bool one_by_one;
	bool refused;     /* somebody waits for room */
	size_t unsent;    /* in the output */
	int64_t heard_at; /* monotonic: sent, or the last answer */
};

static const char *
word(const struct stage_function *s)
{
	return fby_stage_word(s->out.role);
}

/* ---- calls ------------------------------------------------------------ */

static struct call *
new_call(struct stage_function *s, struct fby_record *rec)
{
	struct call *c = TAILQ_FIRST(&s->spare);

	if (c != NULL) {
		TAILQ_REMOVE(&s->spare, c, entry);
	} else {
		if (s->ncalls == s->calls_cap) {
			s->calls_cap = FBY_MAX(2 * s->calls_cap, 64);
			s->calls = fby_realloc(s->calls,
			    s->calls_cap * sizeof(s->calls[0]));
		}
		c = fby_calloc(1, sizeof(*c));
		fby_str_init(&c->parts);
		c->place = (uint32_t)s->ncalls;
		s->calls[s->ncalls++] = c;
	}
	c->rec = rec;
	return c;
}

/* It is in no list.  The record is the caller's. */
static struct fby_record *
end_call(struct stage_function *s, struct call *c)
{
	struct fby_record *rec = c->rec;

	c->rec = NULL;
	c->serial++;
	fby_str_reset(&c->parts);
	TAILQ_INSERT_HEAD(&s->spare, c, entry);
	return rec;
}

static ProtobufCBinaryData
id_of(struct stage_function *s, const struct call *c)
{
	fby_str_reset(&s->id);
	fby_str_printf(&s->id, "%" PRIu32 ".%" PRIu32 "/", c->place, c->serial);
	fby_str_add(&s->id, s->req.id.data, s->req.id.len);
	return (ProtobufCBinaryData){ s->id.len, (uint8_t *)s->id.p };
}

/* NULL: it is of no call, or of one that has its answer. */
static struct call *
find(struct stage_function *s, ProtobufCBinaryData id)
{
	char text[32], *end;
	unsigned long place, serial;
	struct call *c;

	snprintf(text, sizeof(text), "%.*s",
	    (int)FBY_MIN(id.len, sizeof(text) - 1), (const char *)id.data);
	place = strtoul(text, &end, 10);
	if (end == text || *end != '.' || place >= s->ncalls)
		return NULL;
	serial = strtoul(end + 1, &end, 10);
	c = s->calls[place];
	return *end == '/' && c->rec != NULL && c->serial == serial ? c : NULL;
}

/* ---- sending ---------------------------------------------------------- */

/* False: it is too large. */
static bool
put_request(struct stage_function *s, const struct call *c, struct evbuffer *to)
{
	const struct fby_bytes metadata = fby_content_metadata(c->rec);
	struct fby_ask ask = { .watermark = c->rec->b->ln->et.watermark };
	struct fby_encoder e;
	bool is_put;

	fby_request_fill(&s->req, c->rec);
	FBY_REQUEST_INTO(&ask, &s->req);
	ask.id = id_of(s, c);
	ask.metadata.data = (uint8_t *)(uintptr_t)metadata.p;
	ask.metadata.len = metadata.len;
	fby_encoder_open(&e, to, 0);
	is_put = fby_ask_put(&ask,
	    s->out.role == FBY_STAGE_MAP ? &fby_ask_map : &fby_ask_transform,
	    &e);
	fby_encoder_close(&e);
	return is_put;
}

/* Of a batch: no more requests follow before the answers. */
static void
put_end(struct evbuffer *to)
{
	Pb__TransmissionStatus status = PB__TRANSMISSION_STATUS__INIT;
	Pb__MapRequest m = PB__MAP_REQUEST__INIT;

	status.eot = true;
	m.status = &status;
	fby_encode(to, &m.base);
}

static enum fby_rc
send_call(struct stage_function *s, struct call *c)
{
	struct evbuffer *to = fby_function_conn_output(s->conn);

	/* It is leaving: `lost` is to come. */
	if (to == NULL)
		return FBY_AGAIN;
	if (!put_request(s, c, to)) {
		s->out.why = "it is larger than a message to a function may be";
		s->out.is_permanent = true;
		return FBY_FAIL;
	}
	c->sent_us = fby_clock_mono_us();
	TAILQ_INSERT_TAIL(&s->sent, c, entry);
	s->unsent++;
	return FBY_OK;
}

/* They go together, and a batch ends with them. */
static void
send_off(struct stage_function *s)
{
	struct evbuffer *to;

	if (s->unsent == 0)
		return;
	if (s->mode == FBY_INFO_BATCH) {
		to = fby_function_conn_output(s->conn);
		if (to != NULL)
			put_end(to);
		s->is_closed = true;
	}
	if (TAILQ_FIRST(&s->sent) != NULL)
		s->heard_at = fby_clock_mono();
	fby_function_conn_called(s->conn, s->unsent);
	s->unsent = 0;
	fby_function_conn_send(s->conn);
}

/* What was lost, in its order. */
static void
send_again(struct stage_function *s)
{
	struct call *c;

	while ((c = TAILQ_FIRST(&s->again)) != NULL && s->is_ready &&
	    !s->is_closed && !(s->one_by_one && !TAILQ_EMPTY(&s->sent))) {
		TAILQ_REMOVE(&s->again, c, entry);
		switch (send_call(s, c)) {
		case FBY_OK:
			continue;
		case FBY_FAIL:
			fby_pipeline_failed(end_call(s, c), s->out.why, true);
			continue;
		default:
			TAILQ_INSERT_HEAD(&s->again, c, entry);
			goto out;
		}
	}
	if (TAILQ_EMPTY(&s->again) && TAILQ_EMPTY(&s->sent))
		s->one_by_one = false;
out:
	send_off(s);
}

static enum fby_rc
stage_record(struct fby_outlet *out, struct fby_record *rec)
{
	struct stage_function *s = (struct stage_function *)out;
	enum fby_rc rc = FBY_AGAIN;
	struct call *c;

	if (s->is_ready && !s->is_closed && !s->one_by_one &&
	    TAILQ_EMPTY(&s->again)) {
		c = new_call(s, rec);
		rc = send_call(s, c);
		if (rc != FBY_OK)
			end_call(s, c);
	}
	s->refused |= rc == FBY_AGAIN;
	return rc;
}

static void
stage_flush(struct fby_outlet *out)
{
	send_off((struct stage_function *)out);
}

/* ---- answers ---------------------------------------------------------- */

static struct call *
call_of(struct stage_function *s, ProtobufCBinaryData id)
{
	struct call *c = find(s, id);
	struct fby_str text;

	if (c != NULL)
		return c;
	fby_str_init(&text);
	fby_str_escape(&text, (const char *)id.data, FBY_MIN(id.len, 64));
	fby_function_conn_fail(s->conn,
	    "it answers for id \"%s\", of which no answer is due", text.p);
	fby_str_fini(&text);
	return NULL;
}

static struct fby_record *
answered(struct stage_function *s, struct call *c)
{
	fby_function_conn_answered(s->conn, false,
	    fby_clock_mono_us() - c->sent_us);
	TAILQ_REMOVE(&s->sent, c, entry);
	c->rec->mark = 0;
	return end_call(s, c);
}

static void
on_transformed(struct stage_function *s, const uint8_t *p, size_t n)
{
	const Pb__TransformResponse *msg = fby_decode(&s->decoder,
	    &pb__transform_response__descriptor, p, n);
	struct call *c;

	if (msg == NULL)
		fby_function_conn_fail(s->conn,
		    "its answer is no SourceTransformResponse");
	else if ((c = call_of(s, msg->id)) != NULL)
		fby_result_transformed(answered(s, c), &s->req, msg);
}

/* More may come; all of it is one message in the end. */
static void
on_part(struct stage_function *s, const Pb__MapResponse *msg, const uint8_t *p,
    size_t n)
{
	struct call *c = call_of(s, msg->id);
	bool is_last = msg->status != NULL && msg->status->eot;

	if (c == NULL)
		return;
	if (c->parts.len + n > FBY_GRPC_MESSAGE_MAX) {
		fby_function_conn_fail(s->conn,
		    "its answers for one record are larger than 64 MiB");
		return;
	}
	fby_str_add(&c->parts, p, n);
	if (!is_last)
		return;
	msg = fby_decode(&s->decoder, &pb__map_response__descriptor,
	    (const uint8_t *)c->parts.p, c->parts.len);
	if (msg == NULL)
		fby_function_conn_fail(s->conn, "its answer is no MapResponse");
	else
		fby_result_mapped(answered(s, c), &s->req, msg);
}

static void
on_batch_end(struct stage_function *s)
{
	if (!TAILQ_EMPTY(&s->sent))
		fby_function_conn_fail(s->conn,
		    "its end of transmission leaves records without an answer");
	else
		s->is_closed = false;
}

static void
on_mapped(struct stage_function *s, const uint8_t *p, size_t n)
{
	const Pb__MapResponse *msg = fby_decode(&s->decoder,
	    &pb__map_response__descriptor, p, n);
	struct call *c;

	if (msg == NULL)
		fby_function_conn_fail(s->conn, "its answer is no MapResponse");
	else if (s->mode == FBY_INFO_STREAM)
		on_part(s, msg, p, n);
	else if (s->mode == FBY_INFO_BATCH && msg->status != NULL &&
	    msg->status->eot)
		on_batch_end(s);
	else if ((c = call_of(s, msg->id)) != NULL)
		fby_result_mapped(answered(s, c), &s->req, msg);
}

static void
go_on(struct stage_function *s)
{
	send_again(s);
	if (s->refused && s->is_ready && !s->is_closed && !s->one_by_one &&
	    TAILQ_EMPTY(&s->again)) {
		s->refused = false;
		fby_pipeline_ready(s->out.w);
	} else {
		fby_pipeline_settle(s->out.w);
	}
}

static void
on_message(void *arg, const uint8_t *p, size_t n)
{
	struct stage_function *s = arg;

	s->heard_at = fby_clock_mono();
	if (s->out.role == FBY_STAGE_MAP)
		on_mapped(s, p, n);
	else
		on_transformed(s, p, n);
	go_on(s);
}

/* ---- the connection --------------------------------------------------- */

static void
on_ready(void *arg)
{
	struct stage_function *s = arg;

	s->is_ready = true;
	s->mode = s->out.role == FBY_STAGE_MAP ?
	    fby_function_conn_info(s->conn)->mode :
	    FBY_INFO_UNARY;
	go_on(s);
}

/* It was alone when the function ended: is that its doing? */
static bool
is_condemned(struct stage_function *s, struct fby_record *rec)
{
	if (rec->mark < UINT8_MAX)
		rec->mark++;
	return rec->mark >= FBY_MIN(s->out.w->m->host.poison_kills, UINT8_MAX);
}

static void
condemn(struct stage_function *s, struct call *c)
{
	static const char *const why[] = {
		"it has crashed the transformer each time",
		"it has crashed the map each time",
	};
	struct fby_record *rec = c->rec;

	TAILQ_REMOVE(&s->again, c, entry);
	end_call(s, c);
	fby_pipeline_condemned(rec, rec->mark,
	    why[s->out.role == FBY_STAGE_MAP]);
}

static void
on_lost(void *arg, const char *why, bool by_garbage)
{
	struct stage_function *s = arg;
	struct call *c = TAILQ_FIRST(&s->sent), *next;
	bool was_alone = c != NULL && TAILQ_NEXT(c, entry) == NULL;
	size_t n = 0;

	(void)why;
	(void)by_garbage;
	s->is_ready = s->is_closed = false;
	s->unsent = 0;
	TAILQ_FOREACH (c, &s->sent, entry)
		n++;
	fby_function_conn_forgot(s->conn, n);
	if (n > 1)
		s->one_by_one = true;
	TAILQ_CONCAT(&s->sent, &s->again, entry);
	TAILQ_CONCAT(&s->again, &s->sent, entry);
	for (c = TAILQ_FIRST(&s->again); c != NULL; c = next) {
		bool is_stale = c->rec->b->ln->state == FBY_LANE_DRAINED;

		next = TAILQ_NEXT(c, entry);
		fby_str_reset(&c->parts);
		c->serial++;
		if (is_stale) {
			TAILQ_REMOVE(&s->again, c, entry);
			fby_pipeline_answered(end_call(s, c), 0);
		} else if (was_alone && c == TAILQ_FIRST(&s->again) &&
		    is_condemned(s, c->rec)) {
			condemn(s, c);
		}
	}
	fby_pipeline_settle(s->out.w);
}

static const struct fby_function_conn_ops conn_ops = {
	.ready = on_ready,
	.message = on_message,
	.lost = on_lost,
};

static void
stage_tick(struct fby_outlet *out, int64_t mono)
{
	const struct stage_function *s = (const struct stage_function *)out;
	const char *why = NULL;

	if (!TAILQ_EMPTY(&s->sent) && mono - s->heard_at >= SILENT_MS)
		why = "the function does not answer";
	else if (!s->is_ready && (s->refused || !TAILQ_EMPTY(&s->again)))
		why = "there is no connection to the function";
	if (why != NULL)
		fby_worker_failed(out->w, fby_failure_role(out->role), 0, why);
}

/* ---- life ------------------------------------------------------------- */

static void
stage_close(struct fby_outlet *out)
{
	struct stage_function *s = (struct stage_function *)out;

	fby_function_conn_free(s->conn);
	for (size_t i = 0; i < s->ncalls; i++) {
		fby_str_fini(&s->calls[i]->parts);
		free(s->calls[i]);
	}
	free(s->calls);
	fby_decoder_fini(&s->decoder);
	fby_request_fini(&s->req);
	fby_str_fini(&s->id);
	free(s);
}

static const struct fby_outlet_ops stage_ops = {
	.name = "function",
	.copies = 1,
	.record = stage_record,
	.flush = stage_flush,
	.tick = stage_tick,
	.close = stage_close,
};

static struct fby_function_conn *
connect_function(struct stage_function *s)
{
	struct fby_worker *w = s->out.w;
	enum fby_function_role role = fby_stage_function(s->out.role);
	char dir[FBY_FUNCTION_DIR];
	const struct fby_function_conf conf = {
		.role = word(s),
		.dir = fby_manifest_function_dir(w->m, role, w->place, dir),
		.socket = fby_function_socket(role),
		.info = fby_function_info(role),
		.service = role == FBY_FUNCTION_MAP ? &fby_function_map :
						      &fby_function_transformer,
		.instance = (uint32_t)fby_manifest_function_instance(w->m, role,
		    w->place),
		.stats = &w->slot->function[role],
	};

	return fby_function_conn_new(w->base, &conf, &conn_ops, s);
}

struct fby_outlet *
fby_stage_function_open(struct fby_worker *w, unsigned stage)
{
	struct stage_function *s = fby_calloc(1, sizeof(*s));

	s->out.ops = &stage_ops;
	s->out.w = w;
	s->out.role = stage;
	TAILQ_INIT(&s->sent);
	TAILQ_INIT(&s->again);
	TAILQ_INIT(&s->spare);
	fby_request_init(&s->req);
	fby_decoder_init(&s->decoder);
	fby_str_init(&s->id);
	s->conn = connect_function(s);
	return &s->out;
}
