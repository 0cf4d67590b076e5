/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transformer or a map that is a function, on a connection that is the
 * test's own: what it was asked, and what it answers.
 */
#ifndef FBY_UNIT_STAGE_WORLD_H
#define FBY_UNIT_STAGE_WORLD_H

#include "t/unit/worker/fake_function.h"
#include "t/unit/worker/pipeline_world.h"

#include "shared/base/clock.h"

#include "worker/content.h"
#include "worker/function/proto/map.pb-c.h"
#include "worker/function/proto/transform.pb-c.h"
#include "worker/request.h"
#include "worker/stage/stage.h"

static struct fby_outlet *out;
static struct fake_outlet *sink;
static unsigned complaints;
static const char *complaint; /* what they are to be */

rd_kafka_resp_err_t
rd_kafka_message_headers(const rd_kafka_message_t *msg,
    rd_kafka_headers_t **headers)
{
	(void)msg;
	(void)headers;
	return RD_KAFKA_RESP_ERR__NOENT;
}

void
fby_worker_failed(struct fby_worker *worker, enum fby_failure_role role,
    int code, const char *text)
{
	(void)worker;
	(void)code;
	assert_int_equal(role, fby_failure_role(FBY_STAGE_TRANSFORMER));
	assert_string_equal(text, complaint);
	complaints++;
}

/* ---- what was asked --------------------------------------------------- */

struct asked {
	char id[64]; /* "": the end of a batch */
	bool has_watermark, has_metadata;
	int64_t watermark_s;
};

static struct asked asked[16];
static size_t nasked;

static void
note_id(struct asked *a, ProtobufCBinaryData id)
{
	assert_in_range(id.len, 0, sizeof(a->id) - 1);
	memcpy(a->id, id.data, id.len);
}

static void
read_map_request(struct asked *a, const uint8_t *p, size_t n)
{
	Pb__MapRequest *m = pb__map_request__unpack(NULL, n, p);

	assert_non_null(m);
	if (m->request != NULL)
		note_id(a, m->id);
	else
		assert_true(m->status->eot);
	pb__map_request__free_unpacked(m, NULL);
}

static void
read_transform_request(struct asked *a, const uint8_t *p, size_t n)
{
	Pb__TransformRequest *t = pb__transform_request__unpack(NULL, n, p);

	assert_non_null(t);
	note_id(a, t->request->id);
	a->has_metadata = t->request->metadata.len > 0;
	a->has_watermark = t->request->watermark != NULL;
	if (a->has_watermark)
		a->watermark_s = t->request->watermark->seconds;
	pb__transform_request__free_unpacked(t, NULL);
}

/* All that was sent since the last time. */
static void
read_asked(void)
{
	const uint8_t *p;
	size_t n;

	nasked = 0;
	while (next_sent(&p, &n)) {
		struct asked *a = &asked[nasked++];

		assert_in_range(nasked, 1, FBY_NELEM(asked));
		*a = (struct asked){ .id = "" };
		if (out->role == FBY_STAGE_MAP)
			read_map_request(a, p, n);
		else
			read_transform_request(a, p, n);
		evbuffer_drain(conn.out, n);
	}
}

static inline void
ask(size_t n)
{
	submit(lane, n);
	read_asked();
}

/* The record that a request is for. */
static inline void
assert_asked(size_t i, const char *suffix)
{
	const char *slash = strchr(asked[i].id, '/');

	assert_non_null(slash);
	assert_string_equal(slash + 1, suffix);
}

/* ---- what is answered ------------------------------------------------- */

static ProtobufCBinaryData
bytes(const char *text)
{
	return (
	    ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
}

static void
send_answer(const ProtobufCMessage *msg)
{
	static uint8_t packed[2 << 20];
	size_t n = protobuf_c_message_get_packed_size(msg);

	assert_in_range(n, 0, sizeof(packed));
	protobuf_c_message_pack(msg, packed);
	conn.ops->message(conn.arg, packed, n);
}

/* n results, the value of each is `value`. */
static inline void
answer_id(const char *id, size_t n, const char *value)
{
	Pb__TransformResponse__Result one =
	    PB__TRANSFORM_RESPONSE__RESULT__INIT;
	Pb__TransformResponse__Result *list[] = { &one, &one, &one };
	Pb__TransformResponse msg = PB__TRANSFORM_RESPONSE__INIT;

	one.value = bytes(value);
	msg.n_results = n;
	msg.results = list;
	msg.id = bytes(id);
	send_answer(&msg.base);
}

static inline void
answer(size_t i)
{
	answer_id(asked[i].id, 1, "done");
}

/* For a map, perhaps as the last of several. */
static inline void
answer_map(const char *id, size_t n, const char *value, bool is_last)
{
	Pb__MapResponse__Result one = PB__MAP_RESPONSE__RESULT__INIT;
	Pb__MapResponse__Result *list[] = { &one, &one, &one };
	Pb__TransmissionStatus status = PB__TRANSMISSION_STATUS__INIT;
	Pb__MapResponse msg = PB__MAP_RESPONSE__INIT;

	one.value = bytes(value);
	msg.n_results = n;
	msg.results = list;
	msg.id = bytes(id);
	status.eot = is_last;
	if (is_last)
		msg.status = &status;
	send_answer(&msg.base);
}

/* The connection ends, and there is another. */
static inline void
lose(void)
{
	conn.why[0] = '\0';
	conn.is_leaving = false;
	conn.ops->lost(conn.arg, "it is gone", false);
	read_asked();
	assert_int_equal(nasked, 0);
	conn.ops->ready(conn.arg);
	read_asked();
}

static inline void
assert_fails(const char *why)
{
	assert_string_equal(conn.why, why);
	lose();
}

/* ---- life ------------------------------------------------------------- */

static inline void
open_stage(unsigned role, enum fby_info_mode mode)
{
	world_init();
	manifest.name = "demo";
	manifest.host.poison_kills = 2;
	complaints = 0;
	complaint = "the function does not answer";
	nasked = 0;
	sink = add_outlet(FBY_SINK_PRIMARY, &record_ops);
	out = fby_stage_function_open(&w, role);
	w.outs[role] = out;
	conn.info.mode = mode;
	fby_pipeline_start(&w);
	conn.ops->ready(conn.arg);
}

/* What reached the sink is delivered; then nothing may be left anywhere. */
static inline int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < sink->n; i++)
		fby_pipeline_delivered(sink->got[i]);
	fby_pipeline_settle(&w);
	assert_int_equal(conn.in_flight, 0);
	assert_string_equal(conn.why, "");
	out->ops->close(out);
	world_fini();
	return 0;
}

/* So many went on, in the order of the source. */
static inline void
assert_went_on(size_t n)
{
	assert_int_equal(sink->n, n);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sink->got[i]->msg->offset, 100 + (int)i);
}

#endif
