/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of dead-lettered records; see dead_letter.h.
 */
#include "shared/fby.h"

#include "worker/sink/dead_letter.h"

#include <stdarg.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>
#include <openssl/sha.h>

#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/content.h"
#include "worker/lane.h"
#include "worker/worker.h"

static void add(rd_kafka_headers_t *headers, const char *name,
    const char *format, ...) FBY_PRINTF(3, 4);

static void
add(rd_kafka_headers_t *headers, const char *name, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	rd_kafka_header_add(headers, name, -1, text, -1);
}

static uint8_t
cure_of(const struct fby_record *rec, int code)
{
	const struct fby_manifest *m = rec->b->ln->w->m;

	switch (code) {
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
		return FBY_LACKS_TIME;
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
		if (!m->sinks[FBY_SINK_DEAD_LETTER].kafka.truncate)
			return 0;
		return rec->lacks & FBY_LACKS_VALUE ?
		    FBY_LACKS_VALUE | FBY_LACKS_ALL :
		    FBY_LACKS_VALUE;
	default:
		return 0;
	}
}

bool
fby_dead_letter_mend(struct fby_record *rec, int code)
{
	uint8_t cure;

	if (rec->role != FBY_SINK_DEAD_LETTER)
		return false;
	cure = cure_of(rec, code);
	if ((rec->lacks | cure) == rec->lacks)
		return false;
	rec->lacks |= cure;
	return true;
}

static void
add_size(rd_kafka_headers_t *headers, const char *name, struct fby_bytes bytes)
{
	if (bytes.p == NULL)
		add(headers, name, "%s", "");
	else
		add(headers, name, "%zu", bytes.len);
}

/* Of what was left out, enough to know it again. */
static void
add_truncated(rd_kafka_headers_t *headers, const struct fby_record *rec)
{
	const struct fby_bytes value = fby_content_value(rec);
	unsigned char sum[SHA256_DIGEST_LENGTH];
	char hex[2 * sizeof(sum) + 1] = "";

	if (value.p != NULL) {
		SHA256(value.p, value.len, sum);
		for (size_t i = 0; i < sizeof(sum); i++)
			snprintf(hex + 2 * i, 3, "%02x", sum[i]);
	}
	add(headers, "forebay.truncated", "%s",
	    rec->lacks & FBY_LACKS_ALL ? "value, key, headers" : "value");
	add_size(headers, "forebay.source.size", value);
	add(headers, "forebay.source.sha256", "%s", hex);
	add_size(headers, "forebay.source.key.size", fby_content_key(rec));
}

rd_kafka_headers_t *
fby_dead_letter_headers(const struct fby_record *rec)
{
	const struct fby_lane *ln = rec->b->ln;
	rd_kafka_headers_t *own = fby_content_headers(rec), *headers;
	rd_kafka_timestamp_type_t type;
	int64_t timestamp = rd_kafka_message_timestamp(rec->msg, &type);
	char host[256] = "";

	if ((rec->lacks & FBY_LACKS_ALL) == 0 && own != NULL)
		headers = rd_kafka_headers_copy(own);
	else
		headers = rd_kafka_headers_new(8);
	gethostname(host, sizeof(host) - 1);
	add(headers, "forebay.source.topic", "%s", ln->topic);
	add(headers, "forebay.source.partition", "%" PRId32, ln->partition);
	add(headers, "forebay.source.offset", "%" PRId64, rec->msg->offset);
	if (type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || timestamp == -1)
		add(headers, "forebay.source.timestamp", "%s", "");
	else
		add(headers, "forebay.source.timestamp", "%" PRId64, timestamp);
	add(headers, "forebay.attempts", "%" PRIu32, rec->attempts);
	add(headers, "forebay.reason", "%s", rec->why ? rec->why : "");
	add(headers, "forebay.sink", "%s", fby_stage_word(rec->refused_by));
	add(headers, "forebay.worker", "%s/%" PRIu32, host, ln->w->slot_no);
	if (rec->lacks & FBY_LACKS_VALUE)
		add_truncated(headers, rec);
	return headers;
}
