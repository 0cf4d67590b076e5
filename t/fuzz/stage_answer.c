/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user's transformer or map answers for a record: bytes that are an
 * answer are one again when they are packed, two of them one behind the other
 * are one of both (a stream's), and the record goes on once, as what the
 * results say, or comes again.
 */
#include "shared/fby.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/budget.h"
#include "worker/content.h"
#include "worker/decode.h"
#include "worker/derived.h"
#include "worker/lane.h"
#include "worker/outcome.h"
#include "worker/pipeline.h"
#include "worker/request.h"
#include "worker/stage/result.h"
#include "worker/worker.h"

#include "t/fuzz/fuzz.h"

static struct fby_decoder decoder, again;
static struct fby_manifest manifest = { .name = "demo" };
static struct fby_budget budget = { .weight = 1 };
static struct fby_worker w = { .m = &manifest, .budget = &budget };
static struct fby_lane lane = { .w = &w };
static struct fby_batches batches;
static struct fby_request req;
static char value[] = "value", key[] = "\xff";

/* ---- the record ------------------------------------------------------- */

int64_t
rd_kafka_message_timestamp(const rd_kafka_message_t *msg,
    rd_kafka_timestamp_type_t *type)
{
	(void)msg;
	*type = RD_KAFKA_TIMESTAMP_CREATE_TIME;
	return 1100;
}

rd_kafka_resp_err_t
rd_kafka_message_headers(const rd_kafka_message_t *msg,
    rd_kafka_headers_t **headers)
{
	(void)msg;
	(void)headers;
	return RD_KAFKA_RESP_ERR__NOENT;
}

static unsigned ends; /* each of these is one */
static size_t left_out, results;

void
fby_pipeline_failed(struct fby_record *rec, const char *why, bool permanent)
{
	(void)rec;
	FBY_BUG_ON(*why == '\0' || permanent);
	ends++;
}

void
fby_pipeline_nacked(struct fby_record *rec, const struct fby_nack *nack)
{
	(void)rec;
	FBY_BUG_ON(*nack->why == '\0' || nack->delay_ms < 0);
	ends++;
}

/* All of it is there to be read, to its last byte. */
static void
touch(struct fby_bytes b)
{
	static volatile unsigned char sum;

	for (size_t i = 0; i < b.len; i++)
		sum = (unsigned char)(sum + ((const unsigned char *)b.p)[i]);
}

static void
look_at(const struct fby_record *rec)
{
	const struct fby_strings *tags = fby_content_tags(rec);

	touch(fby_content_value(rec));
	touch(fby_content_key(rec));
	for (size_t i = 0; i < fby_content_nkeys(rec); i++)
		touch(fby_content_key_at(rec, i));
	for (size_t i = 0; tags != NULL && i < tags->n; i++)
		touch((struct fby_bytes){ tags->v[i], strlen(tags->v[i]) });
	touch(fby_content_metadata(rec));
	fby_content_event_time(rec, 0);
}

void
fby_pipeline_answered(struct fby_record *rec, size_t n)
{
	struct fby_family *f = fby_derived_of(rec);

	FBY_BUG_ON(n + left_out != results);
	FBY_BUG_ON(n > 1 && (f == NULL || f->n != n));
	for (size_t i = 0; i < n; i++)
		look_at(f != NULL ? &f->rec[i] : rec);
	ends++;
}

void
fby_outcome_left_out(const struct fby_record *rec, size_t n)
{
	(void)rec;
	left_out += n;
}

void
fby_outcome_refused(const struct fby_record *rec)
{
	(void)rec;
}

static size_t
results_of(const ProtobufCMessage *msg)
{
	return msg->descriptor == &pb__map_response__descriptor ?
	    ((const Pb__MapResponse *)msg)->n_results :
	    ((const Pb__TransformResponse *)msg)->n_results;
}

static void
answer(const ProtobufCMessage *msg)
{
	rd_kafka_message_t message = {
		.payload = value,
		.len = sizeof(value) - 1,
		.key = key,
		.key_len = sizeof(key) - 1,
	};
	rd_kafka_message_t *messages = &message;
	struct fby_batch *b = fby_batch_get(&batches, &lane, &messages, 1);

	ends = 0;
	left_out = 0;
	results = results_of(msg);
	if (msg->descriptor == &pb__map_response__descriptor)
		fby_result_mapped(&b->rec[0], &req,
		    (const Pb__MapResponse *)msg);
	else
		fby_result_transformed(&b->rec[0], &req,
		    (const Pb__TransformResponse *)msg);
	FBY_BUG_ON(ends != 1);
	fby_content_free(b);
	fby_batch_put(&batches, b);
	FBY_BUG_ON(budget.open_bytes != 0);
}

/* ---- bytes ------------------------------------------------------------ */

static void
decode(const ProtobufCMessageDescriptor *type, const uint8_t *data, size_t size)
{
	const ProtobufCMessage *msg = fby_decode(&decoder, type, data, size);
	const ProtobufCMessage *both;
	uint8_t *packed;
	size_t n;

	if (msg == NULL)
		return;
	answer(msg);
	n = protobuf_c_message_get_packed_size(msg);
	packed = fby_malloc(2 * n + 1);
	FBY_BUG_ON(protobuf_c_message_pack(msg, packed) != n);
	/* What came in several pieces has less room when it is one. */
	if (n >= size) {
		memcpy(packed + n, packed, n);
		FBY_BUG_ON(fby_decode(&again, type, packed, n) == NULL);
		both = fby_decode(&again, type, packed, 2 * n);
		FBY_BUG_ON(
		    both == NULL || results_of(both) != 2 * results_of(msg));
	}
	free(packed);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	decode(&pb__transform_response__descriptor, data, size);
	decode(&pb__map_response__descriptor, data, size);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char topic[] = "t";

	(void)argc;
	(void)argv;
	fuzz_quiet();
	fby_decoder_init(&decoder);
	fby_decoder_init(&again);
	fby_batches_init(&batches);
	fby_request_init(&req);
	lane.topic = topic;
	return 0;
}
