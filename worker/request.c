/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record for a user's function; see request.h.
 */
#include "shared/fby.h"

#include "worker/request.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/utf8.h"
#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/content.h"
#include "worker/derived.h"
#include "worker/lane.h"
#include "worker/worker.h"

static const char topic_header[] = "X-NF-Kafka-TopicName";

static ProtobufCBinaryData
mend(struct fby_request *req, const void *p, size_t len)
{
	ProtobufCBinaryData d;
	struct fby_str s;

	fby_str_init(&s);
	fby_str_mend(&s, p, len);
	d.len = s.len;
	d.data = fby_palloc(req->mended, s.len);
	memcpy(d.data, s.p, s.len);
	fby_str_fini(&s);
	req->has_mended = true;
	return d;
}

static ProtobufCBinaryData
text(struct fby_request *req, const void *p, size_t len)
{
	if (!fby_utf8_is_valid(p, len))
		return mend(req, p, len);
	return (ProtobufCBinaryData){ len, (uint8_t *)(uintptr_t)p };
}

/* ---- ids -------------------------------------------------------------- */

static char *
put_number(char *to, uint64_t n)
{
	char digits[20], *at = digits + sizeof(digits);

	do
		*--at = (char)('0' + n % 10);
	while ((n /= 10) > 0);
	memcpy(to, at, (size_t)(digits + sizeof(digits) - at));
	return to + (digits + sizeof(digits) - at);
}

/* Several that were made of one record have ids of their own. */
static char *
put_index(char *to, const struct fby_record *rec)
{
	char suffix[FBY_DERIVED_SUFFIX];
	size_t len = strlen(fby_derived_suffix(rec, suffix));

	if (len == 0)
		return (char *)memcpy(to, "-0", 2) + 2;
	return (char *)memcpy(to, suffix, len) + len;
}

static ProtobufCBinaryData
fixed(const char *text)
{
	return (
	    ProtobufCBinaryData){ strlen(text), (uint8_t *)(uintptr_t)text };
}

/* What all records of a partition have in common. */
static void
fill_lane(struct fby_request *req, const struct fby_lane *ln)
{
	if (req->ln == ln && req->epoch == ln->epoch)
		return;
	req->ln = ln;
	req->epoch = ln->epoch;
	req->topic.key = fixed(topic_header);
	req->topic.value = fixed(ln->topic);
	req->id_prefix = (size_t)snprintf(req->id_text, sizeof(req->id_text),
	    "%s-%s:%" PRId32 ":", ln->w->m->name, ln->topic, ln->partition);
	FBY_BUG_ON(req->id_prefix + 128 > sizeof(req->id_text));
}

static void
fill_id(struct fby_request *req, const struct fby_record *rec)
{
	const struct fby_lane *ln = rec->b->ln;
	char *at;

	at = put_number(req->id_text + req->id_prefix,
	    (uint64_t)rec->msg->offset);
	*at++ = '-';
	at = put_number(at, (uint64_t)ln->partition);
	at = put_index(at, rec);
	req->id.data = (uint8_t *)req->id_text;
	req->id.len = (size_t)(at - req->id_text);
}

/* ---- the rest --------------------------------------------------------- */

static void
fill_keys(struct fby_request *req, const struct fby_record *rec)
{
	size_t n = fby_content_nkeys(rec);

	if (n > req->keys_cap) {
		req->keys_cap = FBY_MAX(n, 8);
		req->keys = fby_realloc(req->keys,
		    req->keys_cap * sizeof(req->keys[0]));
	}
	for (size_t i = 0; i < n; i++) {
		const struct fby_bytes key = fby_content_key_at(rec, i);

		req->keys[i] = text(req, key.p, key.len);
	}
	req->nkeys = n;
}

static void
add_header(struct fby_request *req, Pb__Header h)
{
	if (req->nheaders == req->headers_cap) {
		req->headers_cap = FBY_MAX(2 * req->headers_cap, 8);
		req->headers = fby_realloc(req->headers,
		    req->headers_cap * sizeof(req->headers[0]));
	}
	req->headers[req->nheaders++] = h;
}

static void
fill_headers(struct fby_request *req, const struct fby_record *rec)
{
	rd_kafka_headers_t *headers = fby_content_headers(rec);
	const char *name;
	const void *value;
	size_t len;

	req->nheaders = 0;
	for (size_t i = 0; headers != NULL &&
	     rd_kafka_header_get_all(headers, i, &name, &value, &len) ==
		 RD_KAFKA_RESP_ERR_NO_ERROR;
	     i++)
		add_header(req,
		    (Pb__Header){ .key = text(req, name, strlen(name)),
			.value = text(req, value, value != NULL ? len : 0) });
	add_header(req, req->topic);
}

static void
fill_time(struct fby_request *req, const struct fby_record *rec)
{
	req->event_time = fby_content_event_time(rec, INT64_MIN);
	/* The clock is asked for those only that have none. */
	if (req->event_time == INT64_MIN)
		req->event_time = fby_clock_wall();
}

void
fby_request_fill(struct fby_request *req, const struct fby_record *rec)
{
	const struct fby_bytes value = fby_content_value(rec);

	if (req->has_mended)
		fby_pool_reset(req->mended);
	req->has_mended = false;
	fill_lane(req, rec->b->ln);
	fill_keys(req, rec);
	req->value.data = (uint8_t *)(uintptr_t)value.p;
	req->value.len = value.len;
	fill_time(req, rec);
	fill_headers(req, rec);
	fill_id(req, rec);
}

/* ---- life ------------------------------------------------------------- */

void
fby_request_init(struct fby_request *req)
{
	*req = (struct fby_request){ .ln = NULL };
	req->mended = fby_pool_new(FBY_ARENA_BATCH);
}

void
fby_request_fini(struct fby_request *req)
{
	free(req->keys);
	free(req->headers);
	fby_pool_free(req->mended);
}
