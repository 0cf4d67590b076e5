/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a function is asked about a record, as the request of its role.
 *
 * Written by hand, since it is done for each record: protobuf-c walks its
 * descriptions twice, and moves what is in a message by the size of its length.
 */
#ifndef FBY_WORKER_ASK_H
#define FBY_WORKER_ASK_H

#include "shared/fby.h"

#include "worker/function/proto/common.pb-c.h"

struct fby_encoder;

/* All is borrowed. */
struct fby_ask {
	const ProtobufCBinaryData *keys;
	size_t nkeys;
	ProtobufCBinaryData value;
	int64_t event_time; /* ms since 1970, which may be before it */
	int64_t watermark;  /* the same; FBY_NONE: there is none */
	const Pb__Header *headers;
	size_t nheaders;
	ProtobufCBinaryData id;
	ProtobufCBinaryData metadata; /* a packed Metadata; empty: none */
};

/* Where a role's request (proto/) has what is not in the same place in all. */
struct fby_ask_fields {
	uint8_t id, headers, metadata;
	bool id_is_outside; /* beside the record, not in it */
};

extern const struct fby_ask_fields fby_ask_transform, fby_ask_map, fby_ask_sink;

/* False, and nothing is appended: it is larger than a message may be. */
bool fby_ask_put(const struct fby_ask *ask, const struct fby_ask_fields *fields,
    struct fby_encoder *to);

#endif
