/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests about records; see ask.h.
 */
#include "shared/fby.h"

#include "worker/function/ask.h"

#include "shared/base/bug.h"

#include "worker/function/encode.h"
#include "worker/function/wire.h"

enum { KEYS = 1, VALUE, EVENT_TIME, WATERMARK }; /* in the record */
enum { RECORD = 1 };                             /* around it */
enum { NAME = 1, TEXT, SECONDS = 1, NANOS };     /* in its parts */

const struct fby_ask_fields fby_ask_transform = {
	.headers = 5,
	.id = 6,
	.metadata = 7,
};

const struct fby_ask_fields fby_ask_map = {
	.headers = 5,
	.metadata = 6,
	.id = 2,
	.id_is_outside = true,
};

const struct fby_ask_fields fby_ask_sink = {
	.id = 5,
	.headers = 6,
	.metadata = 7,
};

/* google.protobuf.Timestamp. */
struct stamp {
	uint64_t seconds, nanos;
	size_t len;
};

static struct stamp
stamp_of(int64_t ms)
{
	/* Before 1970 its seconds are negative, and its nanos are not. */
	int64_t rest = (ms % 1000 + 1000) % 1000;
	struct stamp t = {
		.seconds = (uint64_t)(ms / 1000 - (ms % 1000 < 0)),
		.nanos = (uint64_t)rest * 1000000,
	};

	t.len = 2 + fby_wire_varint_size(t.seconds) +
	    fby_wire_varint_size(t.nanos);
	return t;
}

static uint8_t *
put_stamp(uint8_t *p, unsigned field, const struct stamp *t)
{
	p = fby_wire_put_head(p, field, t->len);
	p = fby_wire_put_number(p, SECONDS, t->seconds);
	return fby_wire_put_number(p, NANOS, t->nanos);
}

static uint8_t *
put_bytes(uint8_t *p, unsigned field, ProtobufCBinaryData d)
{
	return fby_wire_put_bytes(p, field, d.data, d.len);
}

static size_t
header_size(const Pb__Header *h)
{
	return fby_wire_bytes_size(h->key.len) +
	    fby_wire_bytes_size(h->value.len);
}

static uint8_t *
put_header(uint8_t *p, unsigned field, const Pb__Header *h)
{
	p = fby_wire_put_head(p, field, header_size(h));
	p = put_bytes(p, NAME, h->key);
	return put_bytes(p, TEXT, h->value);
}

/* Without its id. */
static size_t
record_size(const struct fby_ask *ask, const struct stamp *event_time,
    const struct stamp *watermark)
{
	size_t n = fby_wire_bytes_size(ask->value.len) +
	    fby_wire_bytes_size(event_time->len);

	if (ask->watermark != FBY_NONE)
		n += fby_wire_bytes_size(watermark->len);
	if (ask->metadata.len > 0)
		n += fby_wire_bytes_size(ask->metadata.len);
	for (size_t i = 0; i < ask->nkeys; i++)
		n += fby_wire_bytes_size(ask->keys[i].len);
	for (size_t i = 0; i < ask->nheaders; i++)
		n += fby_wire_bytes_size(header_size(&ask->headers[i]));
	return n;
}

static uint8_t *
put_record(uint8_t *p, const struct fby_ask *ask,
    const struct fby_ask_fields *fields, const struct stamp *event_time,
    const struct stamp *watermark)
{
	for (size_t i = 0; i < ask->nkeys; i++)
		p = put_bytes(p, KEYS, ask->keys[i]);
	p = put_bytes(p, VALUE, ask->value);
	p = put_stamp(p, EVENT_TIME, event_time);
	if (ask->watermark != FBY_NONE)
		p = put_stamp(p, WATERMARK, watermark);
	for (size_t i = 0; i < ask->nheaders; i++)
		p = put_header(p, fields->headers, &ask->headers[i]);
	if (ask->metadata.len > 0)
		p = put_bytes(p, fields->metadata, ask->metadata);
	return p;
}

bool
fby_ask_put(const struct fby_ask *ask, const struct fby_ask_fields *fields,
    struct fby_encoder *to)
{
	const struct stamp event_time = stamp_of(ask->event_time);
	const struct stamp watermark = stamp_of(ask->watermark);
	const size_t id_size = fby_wire_bytes_size(ask->id.len);
	size_t n = record_size(ask, &event_time, &watermark) +
	    (fields->id_is_outside ? 0 : id_size);
	size_t all = fby_wire_bytes_size(n) +
	    (fields->id_is_outside ? id_size : 0);
	uint8_t *p = fby_encoder_next(to, all), *end;

	if (p == NULL)
		return false;
	end = p + all;
	p = fby_wire_put_head(p, RECORD, n);
	p = put_record(p, ask, fields, &event_time, &watermark);
	/* The last of the record, or the first behind it. */
	p = put_bytes(p, fields->id, ask->id);
	FBY_BUG_ON(p != end);
	return true;
}
