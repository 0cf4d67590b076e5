/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink that is the user's function: for the sink, its fallback and
 * onSuccess.
 *
 * One batch after the other, as the protocol has it.  While none is under way
 * records are collected; at the end of the turn they are sent, then the end of
 * transmission.  A record is reported as soon as its answer comes; when the
 * function has said that it is at the end, too, and none is without an answer,
 * the next batch begins.
 *
 * When the connection ends, all that has no answer goes again.  After that
 * these records are sent one by one, so that it shows which of them is the
 * cause: a record with which alone the function has come to its end as often as
 * poisonPill.kills says is refused for good.
 */
#include "shared/fby.h"

#include "worker/sink/sink.h"

#include <event2/buffer.h>
#include <event2/event.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/budget.h"
#include "worker/content.h"
#include "worker/decode.h"
#include "worker/function/ask.h"
#include "worker/function/encode.h"
#include "worker/function/function.h"
#include "worker/function/grpc.h"
#include "worker/function/proto/sink.pb-c.h"
#include "worker/function/wire.h"
#include "worker/lane.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/request.h"
#include "worker/sink/answer.h"
#include "worker/sink/asked.h"
#include "worker/worker.h"

#define BATCH_BYTES (4 * 1024 * 1024) /* one record may go over */
#define BLOCK_BYTES 8000              /* with libevent's head: two pages */
#define SILENT_MS 10000

struct sink_function {
	struct fby_outlet out;
	struct fby_function_conn *conn;
	struct fby_request req;
	struct fby_decoder decoder;
	struct fby_asked asked; /* collected, or sent */
	uint64_t bytes;         /* of those */
	bool is_ready;
	bool is_sent;
	bool is_alone;        /* the one that is asked about */
	bool refused;         /* somebody waits for room */
	int64_t sent_us;      /* monotonic */
	int64_t heard_us;     /* monotonic: sent, or the last answer */
	struct fby_str count; /* a packed Metadata with the retry_count */
	uint32_t tries;       /*   that this is for */
	struct fby_str metadata;
	struct event ev_send;
};

static const char *const crashed[FBY_SINK_N] = {
	[FBY_SINK_PRIMARY] = "it has crashed the sink function each time",
	[FBY_SINK_FALLBACK] = "it has crashed the fallback function each time",
	[FBY_SINK_SUCCESS] = "it has crashed the onSuccess function each time",
};

static const char *const garbled[FBY_SINK_N] = {
	[FBY_SINK_PRIMARY] = "the sink function answers it with garbage",
	[FBY_SINK_FALLBACK] = "the fallback function answers it with garbage",
	[FBY_SINK_SUCCESS] = "the onSuccess function answers it with garbage",
};

static const char *const silent[FBY_SINK_N] = {
	[FBY_SINK_PRIMARY] = "the sink function does not answer",
	[FBY_SINK_FALLBACK] = "the fallback function does not answer",
	[FBY_SINK_SUCCESS] = "the onSuccess function does not answer",
};

/* ---- the batch -------------------------------------------------------- */

static void
garbage_id(struct sink_function *s, const ProtobufCBinaryData *id,
    const char *what)
{
	struct fby_str text;

	fby_str_init(&text);
	if (id->len > 0)
		fby_str_escape(&text, id->data, FBY_MIN(id->len, (size_t)64));
	fby_function_conn_fail(s->conn, "it answers for id \"%s\"%s, %s",
	    text.p, id->len > 64 ? "..." : "", what);
	fby_str_fini(&text);
}

/* What it says is said for a record; false: it is garbage. */
static bool
take_result(struct sink_function *s, ProtobufCBinaryData id,
    const Pb__SinkResponse__Result *result)
{
	size_t i;

	switch (fby_asked_find(&s->asked, id.data, id.len, &i)) {
	case FBY_ASKED_FOUND:
		fby_function_conn_answered(s->conn,
		    result->status == PB__SINK_RESPONSE__STATUS__FAILURE,
		    s->heard_us - s->sent_us);
		fby_answer(&s->out, fby_asked_take(&s->asked, i), result);
		return true;
	case FBY_ASKED_TWICE:
		garbage_id(s, &id, "which has its answer already");
		return false;
	case FBY_ASKED_UNKNOWN:
	default:
		garbage_id(s, &id, "which it was not asked about");
		return false;
	}
}

static void
take_results(struct sink_function *s, const Pb__SinkResponse *msg)
{
	for (size_t i = 0; i < msg->n_results; i++)
		if (!take_result(s, msg->results[i]->id, msg->results[i]))
			break;
}

/*
 * 1: a result that says SUCCESS and for which id; 0: the end; -1: something
 * else, for protobuf-c to look at.
 */
static int
next_success(struct fby_wire *w, ProtobufCBinaryData *id)
{
	struct fby_wire in;
	int rc = fby_wire_next(w);

	if (rc != 1)
		return rc;
	if (w->field != 1 || w->bytes == NULL)
		return -1;
	in = (struct fby_wire){ .p = w->bytes, .end = w->bytes + w->len };
	*id = (ProtobufCBinaryData){ 0, NULL };
	while ((rc = fby_wire_next(&in)) == 1)
		if (in.field == 1 && in.bytes != NULL)
			*id = (ProtobufCBinaryData){ in.len,
				(uint8_t *)(uintptr_t)in.bytes };
		else if (in.field != 2 || in.bytes != NULL ||
		    in.number != PB__SINK_RESPONSE__STATUS__SUCCESS)
			return -1;
	return rc == 0 ? 1 : -1;
}

/* Most answers are that; unpacking them costs more than all else with them. */
static bool
take_successes(struct sink_function *s, const uint8_t *p, size_t n)
{
	const Pb__SinkResponse__Result success =
	    PB__SINK_RESPONSE__RESULT__INIT;
	struct fby_wire w = { .p = p, .end = p + n };
	ProtobufCBinaryData id;
	int rc;

	while ((rc = next_success(&w, &id)) == 1)
		;
	if (rc == -1)
		return false;
	w = (struct fby_wire){ .p = p, .end = p + n };
	while (next_success(&w, &id) == 1)
		if (!take_result(s, id, &success))
			break;
	return true;
}

/* There is room for the next batch. */
static void
begin(struct sink_function *s)
{
	fby_asked_reset(&s->asked);
	s->bytes = 0;
	s->is_sent = s->is_alone = false;
}

static void
go_on(struct sink_function *s)
{
	if (s->refused && s->is_ready && !s->is_sent) {
		s->refused = false;
		fby_pipeline_ready(s->out.w);
	} else {
		fby_pipeline_settle(s->out.w);
	}
}

static void
on_end(struct sink_function *s)
{
	if (s->asked.open > 0) {
		fby_function_conn_fail(s->conn,
		    "its end of transmission leaves %zu of %zu records "
		    "without an answer",
		    s->asked.open, s->asked.n);
		return;
	}
	begin(s);
}

static void
take_message(struct sink_function *s, const uint8_t *p, size_t n)
{
	const Pb__SinkResponse *msg;

	if (s->is_sent && take_successes(s, p, n))
		return;
	msg = fby_decode(&s->decoder, &pb__sink_response__descriptor, p, n);
	if (msg == NULL)
		fby_function_conn_fail(s->conn,
		    "its answer is no SinkResponse");
	else if (!s->is_sent)
		fby_function_conn_fail(s->conn,
		    "it answers without having been asked");
	else if (msg->status != NULL && msg->status->eot)
		on_end(s);
	else
		take_results(s, msg);
}

static void
on_message(void *arg, const uint8_t *p, size_t n)
{
	struct sink_function *s = arg;

	s->heard_us = fby_clock_mono_us();
	take_message(s, p, n);
	go_on(s);
}

/* ---- the connection --------------------------------------------------- */

static void
on_ready(void *arg)
{
	struct sink_function *s = arg;

	s->is_ready = true;
	go_on(s);
}

/* It was alone when the function ended: is that its doing? */
static void
on_death(struct sink_function *s, struct fby_record *rec, bool by_garbage)
{
	unsigned most = (unsigned)s->out.w->m->host.poison_kills;

	if (fby_answer_death(rec, most))
		fby_pipeline_condemned(rec, most,
		    (by_garbage ? garbled : crashed)[s->out.role]);
	else
		fby_pipeline_again(rec);
}

static void
on_lost(void *arg, const char *why, bool by_garbage)
{
	struct sink_function *s = arg;
	struct fby_asked old = s->asked;
	bool was_sent = s->is_sent, was_alone = s->is_alone;

	(void)why;
	s->is_ready = false;
	if (was_sent)
		fby_function_conn_forgot(s->conn, old.open);
	fby_asked_init(&s->asked);
	begin(s);
	/* Those that have never been sent only wait for the next. */
	for (size_t i = 0; i < old.n; i++) {
		struct fby_record *rec = old.v[i].rec;

		if (rec == NULL)
			continue;
		if (was_sent && !was_alone)
			rec->mark |= FBY_ANSWER_ALONE;
		if (was_sent && was_alone)
			on_death(s, rec, by_garbage);
		else
			fby_pipeline_again(rec);
	}
	fby_asked_fini(&old);
	fby_pipeline_settle(s->out.w);
}

static const struct fby_function_conn_ops conn_ops = {
	.ready = on_ready,
	.message = on_message,
	.lost = on_lost,
};

/* ---- sending ---------------------------------------------------------- */

static uint64_t
size_of(const struct fby_record *rec)
{
	return fby_content_value(rec).len + fby_content_key(rec).len +
	    FBY_RECORD_OVERHEAD;
}

static enum fby_rc
function_record(struct fby_outlet *out, struct fby_record *rec)
{
	struct sink_function *s = (struct sink_function *)out;
	uint64_t bytes = size_of(rec);
	bool alone = rec->mark & FBY_ANSWER_ALONE;

	if (!s->is_ready || s->is_sent || s->is_alone ||
	    s->asked.n >= (size_t)fby_manifest_batch_size(out->w->m) ||
	    (s->asked.n > 0 && (alone || s->bytes + bytes > BATCH_BYTES))) {
		s->refused = true;
		return FBY_AGAIN;
	}
	fby_asked_add(&s->asked, rec);
	s->bytes += bytes;
	s->is_alone = alone;
	return FBY_OK;
}

/*
 * Behind all that this turn of the loop has still to do: other lanes may have
 * records for the same batch.
 */
static void
function_flush(struct fby_outlet *out)
{
	struct sink_function *s = (struct sink_function *)out;

	if (s->asked.n > 0 && !s->is_sent)
		event_active(&s->ev_send, EV_TIMEOUT, 0);
}

static ProtobufCBinaryData
fixed(const char *text)
{
	return (
	    ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
}

/* {"sink": {"retry_count": "N"}} */
static void
pack_count(struct sink_function *s, uint32_t tries)
{
	char text[12];
	Pb__KeyValue kv = PB__KEY_VALUE__INIT, *kvs = &kv;
	Pb__KeyValueGroup group = PB__KEY_VALUE_GROUP__INIT;
	Pb__MetadataGroup sink = PB__METADATA_GROUP__INIT, *sinks = &sink;
	Pb__Metadata all = PB__METADATA__INIT;
	uint8_t packed[128];

	kv.key = fixed("retry_count");
	snprintf(text, sizeof(text), "%" PRIu32, tries);
	kv.value = fixed(text);
	group.n_key_value = 1;
	group.key_value = &kvs;
	sink.key = fixed("sink");
	sink.value = &group;
	all.n_sys_metadata = 1;
	all.sys_metadata = &sinks;
	FBY_BUG_ON(pb__metadata__get_packed_size(&all) > sizeof(packed));
	fby_str_reset(&s->count);
	fby_str_add(&s->count, packed, pb__metadata__pack(&all, packed));
	s->tries = tries;
}

/* The user's, and behind it the system's: together they are one message. */
static ProtobufCBinaryData
metadata_of(struct sink_function *s, const struct fby_record *rec)
{
	const struct fby_bytes own = fby_content_metadata(rec);

	if (s->count.len == 0 || s->tries != rec->tries)
		pack_count(s, rec->tries);
	if (own.len == 0)
		return (
		    ProtobufCBinaryData){ s->count.len, (uint8_t *)s->count.p };
	fby_str_reset(&s->metadata);
	fby_str_add(&s->metadata, own.p, own.len);
	fby_str_add(&s->metadata, s->count.p, s->count.len);
	return (
	    ProtobufCBinaryData){ s->metadata.len, (uint8_t *)s->metadata.p };
}

static bool
put_record(struct sink_function *s, struct fby_encoder *to, size_t i)
{
	const struct fby_record *rec = s->asked.v[i].rec;
	struct fby_ask ask = { .watermark = FBY_NONE };

	fby_request_fill(&s->req, rec);
	FBY_REQUEST_INTO(&ask, &s->req);
	ask.id = s->req.id;
	ask.metadata = metadata_of(s, rec);
	fby_asked_name(&s->asked, i, ask.id.data, ask.id.len);
	return fby_ask_put(&ask, &fby_ask_sink, to);
}

static void
put_end(struct evbuffer *to)
{
	Pb__TransmissionStatus status = PB__TRANSMISSION_STATUS__INIT;
	Pb__SinkRequest msg = PB__SINK_REQUEST__INIT;

	status.eot = true;
	msg.status = &status;
	fby_encode(to, &msg.base);
}

/* What is released, or too large, is not sent. */
static void
put_batch(struct sink_function *s, struct evbuffer *out)
{
	struct fby_encoder to;

	fby_encoder_open(&to, out, BLOCK_BYTES);
	for (size_t i = 0; i < s->asked.n; i++) {
		struct fby_record *rec = s->asked.v[i].rec;

		if (rec->b->ln->state == FBY_LANE_DRAINED)
			fby_pipeline_again(fby_asked_take(&s->asked, i));
		else if (!put_record(s, &to, i))
			fby_answer_refuse(fby_asked_take(&s->asked, i),
			    "it is larger than a message to a function may be");
	}
	fby_encoder_close(&to);
}

static void
on_send(evutil_socket_t fd, short what, void *arg)
{
	struct sink_function *s = arg;
	struct evbuffer *to;

	(void)fd;
	(void)what;
	if (!s->is_ready || s->is_sent || s->asked.n == 0)
		return;
	/* It is leaving: they go again when it is lost. */
	to = fby_function_conn_output(s->conn);
	if (to == NULL)
		return;
	put_batch(s, to);
	if (s->asked.open == 0) {
		begin(s);
		go_on(s);
		return;
	}
	put_end(to);
	fby_function_conn_called(s->conn, s->asked.open);
	fby_function_conn_send(s->conn);
	s->is_sent = true;
	s->sent_us = s->heard_us = fby_clock_mono_us();
	fby_pipeline_settle(s->out.w);
}

/* ---- life ------------------------------------------------------------- */

static void
function_tick(struct fby_outlet *out, int64_t mono)
{
	const struct sink_function *s = (const struct sink_function *)out;
	const char *why = NULL;

	if (s->is_sent && mono - s->heard_us / 1000 >= SILENT_MS)
		why = silent[out->role];
	else if (!s->is_ready && (s->refused || s->asked.n > 0))
		why = "there is no connection to the function";
	if (why != NULL)
		fby_worker_failed(out->w, fby_failure_role(out->role), 0, why);
}

static void
function_close(struct fby_outlet *out)
{
	struct sink_function *s = (struct sink_function *)out;

	event_del(&s->ev_send);
	fby_function_conn_free(s->conn);
	fby_asked_fini(&s->asked);
	fby_decoder_fini(&s->decoder);
	fby_request_fini(&s->req);
	fby_str_fini(&s->count);
	fby_str_fini(&s->metadata);
	free(s);
}

static const struct fby_outlet_ops function_ops = {
	.name = "udsink",
	.copies = 1,
	.names_success = true,
	.record = function_record,
	.flush = function_flush,
	.tick = function_tick,
	.close = function_close,
};

/* ---- set-up ----------------------------------------------------------- */

static struct fby_function_conn *
connect_function(struct sink_function *s, enum fby_function_role role)
{
	struct fby_worker *w = s->out.w;
	char dir[FBY_FUNCTION_DIR];
	const struct fby_function_conf conf = {
		.role = fby_function_word(role),
		.dir = fby_manifest_function_dir(w->m, role, w->place, dir),
		.socket = fby_function_socket(role),
		.info = fby_function_info(role),
		.service = &fby_function_sink,
		.instance = (uint32_t)fby_manifest_function_instance(w->m, role,
		    w->place),
		.stats = &w->slot->function[role],
	};

	return fby_function_conn_new(w->base, &conf, &conn_ops, s);
}

struct fby_outlet *
fby_sink_function_open(struct fby_worker *w, enum fby_sink_role role)
{
	static const enum fby_function_role functions[] = {
		[FBY_SINK_PRIMARY] = FBY_FUNCTION_SINK,
		[FBY_SINK_FALLBACK] = FBY_FUNCTION_FALLBACK,
		[FBY_SINK_SUCCESS] = FBY_FUNCTION_SUCCESS,
	};
	struct sink_function *s = fby_calloc(1, sizeof(*s));

	s->out.ops = &function_ops;
	s->out.w = w;
	s->out.role = role;
	fby_request_init(&s->req);
	fby_decoder_init(&s->decoder);
	fby_asked_init(&s->asked);
	fby_str_init(&s->count);
	fby_str_init(&s->metadata);
	event_assign(&s->ev_send, w->base, -1, 0, on_send, s);
	event_priority_set(&s->ev_send, FBY_PRIORITY_LANE);
	s->conn = connect_function(s, functions[role]);
	return &s->out;
}
