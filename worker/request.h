/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A record as a user's function is shown it: what the requests of all roles
 * have in common, ready to be packed.
 *
 * Keys, names and values of headers are valid UTF-8: what is not is mended
 * here, and nowhere else, so the record keeps its own bytes.  A header without
 * a value has an empty one, and X-NF-Kafka-TopicName comes last, which is how
 * Numaflow's source shows a record.
 *
 * One of these is filled again and again.  What it has is borrowed from the
 * record or its own, until it is filled again; nothing is allocated for a
 * record, once it has grown to the largest.
 */
#ifndef FBY_WORKER_REQUEST_H
#define FBY_WORKER_REQUEST_H

#include "shared/fby.h"

#include "worker/function/proto/common.pb-c.h"

struct fby_lane;
struct fby_pool;
struct fby_record;

#define FBY_REQUEST_ID 512 /* bytes, more than any has */

struct fby_request {
	ProtobufCBinaryData *keys;
	size_t nkeys;
	ProtobufCBinaryData value;
	int64_t event_time; /* ms since 1970, which may be before it */
	Pb__Header *headers;
	size_t nheaders;
	/* "VERTEX-TOPIC:PARTITION:OFFSET-PARTITION-INDEX", derived.h */
	ProtobufCBinaryData id;

	/* request.c's */
	size_t keys_cap, headers_cap;
	struct fby_pool *mended; /* text that was no UTF-8 */
	bool has_mended;
	const struct fby_lane *ln; /* topic and id below are of this one */
	uint64_t epoch;
	Pb__Header topic;
	size_t id_prefix;
	char id_text[FBY_REQUEST_ID];
};

void fby_request_init(struct fby_request *req);
void fby_request_fini(struct fby_request *req);

void fby_request_fill(struct fby_request *req, const struct fby_record *rec);

/* Into a struct fby_ask; id, watermark and metadata are the role's. */
#define FBY_REQUEST_INTO(to, req)                     \
	do {                                          \
		(to)->keys = (req)->keys;             \
		(to)->nkeys = (req)->nkeys;           \
		(to)->value = (req)->value;           \
		(to)->event_time = (req)->event_time; \
		(to)->headers = (req)->headers;       \
		(to)->nheaders = (req)->nheaders;     \
	} while (0)

#endif
