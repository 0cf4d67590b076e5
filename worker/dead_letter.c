/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers of dead-lettered records; see dead_letter.h.
 */
#include "shared/fby.h"

#include "worker/dead_letter.h"

#include <stdarg.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "shared/manifest.h"

#include "worker/batch.h"
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

rd_kafka_headers_t *
fby_dead_letter_headers(const struct fby_record *rec)
{
	const struct fby_lane *ln = rec->b->ln;
	rd_kafka_timestamp_type_t type;
	int64_t timestamp = rd_kafka_message_timestamp(rec->msg, &type);
	rd_kafka_headers_t *own, *headers;
	char host[256] = "";

	if (rd_kafka_message_headers(rec->msg, &own) ==
	    RD_KAFKA_RESP_ERR_NO_ERROR)
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
	add(headers, "forebay.sink", "%s",
	    fby_manifest_sink_word((enum fby_sink_role)rec->refused_by));
	add(headers, "forebay.worker", "%s/%" PRIu32, host, ln->w->slot_no);
	return headers;
}
