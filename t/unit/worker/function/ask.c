/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests of all roles, written by hand, and read by protobuf-c.
 */
#include "t/unit/unit.h"

#include <event2/buffer.h>

#include "worker/function/ask.h"
#include "worker/function/encode.h"
#include "worker/function/grpc.h"
#include "worker/function/proto/map.pb-c.h"
#include "worker/function/proto/sink.pb-c.h"
#include "worker/function/proto/transform.pb-c.h"

#define AT_ONCE 8000

static ProtobufCBinaryData
data(const char *text)
{
	return (
	    ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
}

static void
assert_is(ProtobufCBinaryData d, const char *text)
{
	assert_int_equal(d.len, strlen(text));
	assert_memory_equal(d.data, text, d.len);
}

/* Two keys, one of them empty, and two headers. */
static ProtobufCBinaryData keys[2];
static Pb__Header headers[2];
static struct fby_ask ask;

static int
set_up(void **state)
{
	(void)state;
	keys[0] = data("");
	keys[1] = data("k");
	headers[0] = (Pb__Header){ .key = data("a"), .value = data("b") };
	headers[1] = (Pb__Header){ .key = data("none"), .value = data("") };
	ask = (struct fby_ask){
		.id = data("id"),
		.metadata = data("meta"),
		.watermark = FBY_NONE,
		.keys = keys,
		.nkeys = 2,
		.value = data("value"),
		.event_time = 1700000000123,
		.headers = headers,
		.nheaders = 2,
	};
	return 0;
}

/* The one message of the buffer, unpacked; the caller's. */
static void *
unpack(struct evbuffer *out, const ProtobufCMessageDescriptor *type)
{
	size_t n = evbuffer_get_length(out);
	const uint8_t *p = evbuffer_pullup(out, -1);
	uint8_t prefix[FBY_GRPC_PREFIX];
	void *msg;

	fby_grpc_prefix(prefix, n - FBY_GRPC_PREFIX);
	assert_memory_equal(p, prefix, sizeof(prefix));
	msg = protobuf_c_message_unpack(type, NULL, n - FBY_GRPC_PREFIX,
	    p + FBY_GRPC_PREFIX);
	assert_non_null(msg);
	assert_int_equal(((ProtobufCMessage *)msg)->n_unknown_fields, 0);
	return msg;
}

static void *
encoded(const struct fby_ask_fields *fields,
    const ProtobufCMessageDescriptor *type)
{
	struct evbuffer *out = evbuffer_new();
	struct fby_encoder e;
	void *msg;

	fby_encoder_open(&e, out, 0);
	assert_true(fby_ask_put(&ask, fields, &e));
	fby_encoder_close(&e);
	msg = unpack(out, type);
	evbuffer_free(out);
	return msg;
}

#define assert_record(r, t)                                      \
	do {                                                     \
		assert_int_equal((r)->n_keys, 2);                \
		assert_is((r)->keys[0], "");                     \
		assert_is((r)->keys[1], "k");                    \
		assert_is((r)->value, "value");                  \
		assert_int_equal((r)->event_time->seconds, t);   \
		assert_int_equal((r)->n_headers, 2);             \
		assert_is((r)->headers[0]->key, "a");            \
		assert_is((r)->headers[0]->value, "b");          \
		assert_is((r)->headers[1]->key, "none");         \
		assert_is((r)->headers[1]->value, "");           \
		assert_int_equal((r)->base.n_unknown_fields, 0); \
	} while (0)

static void
a_sink_is_asked(void **state)
{
	Pb__SinkRequest *msg = encoded(&fby_ask_sink,
	    &pb__sink_request__descriptor);

	(void)state;
	assert_record(msg->request, 1700000000);
	assert_int_equal(msg->request->event_time->nanos, 123000000);
	assert_null(msg->request->watermark);
	assert_is(msg->request->id, "id");
	assert_is(msg->request->metadata, "meta");
	pb__sink_request__free_unpacked(msg, NULL);
}

static void
a_transformer_is_asked(void **state)
{
	Pb__TransformRequest *msg;

	(void)state;
	ask.event_time = -1;
	ask.watermark = 0;
	msg = encoded(&fby_ask_transform, &pb__transform_request__descriptor);
	assert_record(msg->request, -1);
	assert_int_equal(msg->request->event_time->nanos, 999000000);
	assert_int_equal(msg->request->watermark->seconds, 0);
	assert_int_equal(msg->request->watermark->nanos, 0);
	assert_is(msg->request->id, "id");
	assert_is(msg->request->metadata, "meta");
	pb__transform_request__free_unpacked(msg, NULL);
	/* Whoever writes to the topic says when that was. */
	ask.event_time = INT64_MIN;
	msg = encoded(&fby_ask_transform, &pb__transform_request__descriptor);
	assert_record(msg->request, INT64_MIN / 1000 - 1);
	pb__transform_request__free_unpacked(msg, NULL);
}

static void
a_map_is_asked(void **state)
{
	Pb__MapRequest *msg;

	(void)state;
	ask.watermark = 1700000000456;
	msg = encoded(&fby_ask_map, &pb__map_request__descriptor);
	assert_record(msg->request, 1700000000);
	assert_int_equal(msg->request->watermark->nanos, 456000000);
	assert_is(msg->id, "id");
	assert_is(msg->request->metadata, "meta");
	pb__map_request__free_unpacked(msg, NULL);
}

/* Small ones, and each hundredth larger than what is reserved at once. */
static void
many_follow_each_other(void **state)
{
	static char large[3 * AT_ONCE];
	struct evbuffer *out = evbuffer_new();
	struct fby_encoder e;

	(void)state;
	ask.metadata.len = 0;
	memset(large, 'x', sizeof(large));
	fby_encoder_open(&e, out, AT_ONCE);
	for (size_t i = 0; i < 1000; i++) {
		ask.value = (ProtobufCBinaryData){ i % 100 ? i : sizeof(large),
			(uint8_t *)large };
		assert_true(fby_ask_put(&ask, &fby_ask_sink, &e));
	}
	fby_encoder_close(&e);
	for (size_t i = 0; i < 1000; i++) {
		uint8_t prefix[FBY_GRPC_PREFIX];
		Pb__SinkRequest *msg;
		size_t n;

		evbuffer_remove(out, prefix, sizeof(prefix));
		n = (size_t)prefix[1] << 24 | (size_t)prefix[2] << 16 |
		    (size_t)prefix[3] << 8 | prefix[4];
		msg = pb__sink_request__unpack(NULL, n,
		    evbuffer_pullup(out, (ev_ssize_t)n));
		assert_non_null(msg);
		assert_int_equal(msg->request->metadata.len, 0);
		assert_int_equal(msg->request->value.len,
		    i % 100 ? i : sizeof(large));
		pb__sink_request__free_unpacked(msg, NULL);
		evbuffer_drain(out, n);
	}
	assert_int_equal(evbuffer_get_length(out), 0);
	evbuffer_free(out);
}

static void
what_is_too_large_leaves_nothing(void **state)
{
	struct evbuffer *out = evbuffer_new();
	struct fby_encoder e;
	Pb__SinkRequest *msg;

	(void)state;
	fby_encoder_open(&e, out, AT_ONCE);
	ask.value.len = FBY_GRPC_MESSAGE_MAX;
	assert_false(fby_ask_put(&ask, &fby_ask_sink, &e));
	ask.value = data("value");
	assert_true(fby_ask_put(&ask, &fby_ask_sink, &e));
	fby_encoder_close(&e);
	msg = unpack(out, &pb__sink_request__descriptor);
	assert_record(msg->request, 1700000000);
	assert_is(msg->request->metadata, "meta");
	pb__sink_request__free_unpacked(msg, NULL);
	evbuffer_free(out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(a_sink_is_asked, set_up),
		cmocka_unit_test_setup(a_transformer_is_asked, set_up),
		cmocka_unit_test_setup(a_map_is_asked, set_up),
		cmocka_unit_test_setup(many_follow_each_other, set_up),
		cmocka_unit_test_setup(what_is_too_large_leaves_nothing,
		    set_up),
	};

	return UNIT_RUN(tests);
}
