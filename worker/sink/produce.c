/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a record to a producer; see produce.h.
 */
#include "shared/fby.h"

#include "worker/sink/produce.h"

#include <librdkafka/rdkafka.h>

#include "worker/batch.h"
#include "worker/content.h"
#include "worker/lane.h"
#include "worker/sink/dead_letter.h"
#include "worker/worker.h"

bool
fby_produce_is_about_record(int code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
	case RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE:
	case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
	case RD_KAFKA_RESP_ERR_INVALID_RECORD:
	case RD_KAFKA_RESP_ERR__INVALID_DIFFERENT_RECORD:
		return true;
	default:
		return false;
	}
}

bool
fby_produce_is_final(struct fby_record *rec, int code)
{
	return fby_produce_is_about_record(code) &&
	    !fby_dead_letter_mend(rec, code);
}

/* For librdkafka to keep, since the record's own may be wanted again. */
static rd_kafka_headers_t *
headers_of(enum fby_sink_role role, const struct fby_record *rec)
{
	const rd_kafka_headers_t *headers;

	if (role == FBY_SINK_DEAD_LETTER)
		return fby_dead_letter_headers(rec);
	headers = fby_content_headers(rec);
	return headers != NULL ? rd_kafka_headers_copy(headers) : NULL;
}

/*
 * The record's own, -1 ("none") and those before 1970, too.  librdkafka takes
 * 0 for "now", so 0 becomes the next millisecond, and a header says so.  What
 * a dead letter was is in its headers already.
 */
static int64_t
timestamp_of(enum fby_sink_role role, const struct fby_record *rec,
    rd_kafka_headers_t **headers)
{
	int64_t ms;

	if (rec->lacks & FBY_LACKS_TIME)
		return 0;
	if (!fby_content_timestamp(rec, &ms))
		return -1;
	if (ms != 0)
		return ms;
	if (role == FBY_SINK_DEAD_LETTER)
		return 1;
	if (*headers == NULL)
		*headers = rd_kafka_headers_new(1);
	rd_kafka_header_add(*headers, "forebay-timestamp", -1, "0", -1);
	return 1;
}

int
fby_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic, enum fby_sink_role role,
    struct fby_record *rec)
{
	const struct fby_bytes value = fby_content_value(rec);
	const struct fby_bytes key = fby_content_key(rec);
	rd_kafka_headers_t *headers = headers_of(role, rec);
	rd_kafka_resp_err_t code;
	rd_kafka_error_t *error;
	rd_kafka_vu_t v[7] = {
		{ .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic },
		{ .vtype = RD_KAFKA_VTYPE_PARTITION,
		    .u.i32 = RD_KAFKA_PARTITION_UA },
		{ .vtype = RD_KAFKA_VTYPE_VALUE,
		    .u.mem = { (void *)(uintptr_t)value.p, value.len } },
		{ .vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = rec },
		{ .vtype = RD_KAFKA_VTYPE_TIMESTAMP,
		    .u.i64 = timestamp_of(role, rec, &headers) },
	};
	size_t n = 5;

	if (rec->lacks & FBY_LACKS_VALUE)
		v[2] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_VALUE };
	if (rec->b->ln->w->m->sinks[role].kafka.set_key &&
	    (rec->lacks & FBY_LACKS_ALL) == 0)
		v[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_KEY,
			.u.mem = { (void *)(uintptr_t)key.p, key.len } };
	if (headers != NULL)
		v[n++] = (rd_kafka_vu_t){ .vtype = RD_KAFKA_VTYPE_HEADERS,
			.u.headers = headers };
	error = rd_kafka_produceva(rk, v, n);
	if (error == NULL)
		return 0;
	if (headers != NULL)
		rd_kafka_headers_destroy(headers);
	code = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	return code;
}
