/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages into a call's output, each behind its prefix.
 *
 * An encoder reserves room for many messages at once, and appends what they
 * have taken of it when it is closed or needs more.  While one is open nobody
 * else may write to its output.
 */
#ifndef FBY_WORKER_ENCODE_H
#define FBY_WORKER_ENCODE_H

#include "shared/fby.h"

#include <protobuf-c/protobuf-c.h>

struct evbuffer;

struct fby_encoder {
	struct evbuffer *to;
	size_t at_once; /* bytes to reserve, if a message needs no more */
	uint8_t *p;     /* NULL: nothing is reserved */
	size_t used, size;
};

void fby_encoder_open(struct fby_encoder *e, struct evbuffer *to,
    size_t at_once);
void fby_encoder_close(struct fby_encoder *e);

/*
 * Where the next message goes, which has n bytes.  NULL, and nothing is
 * appended: that is more than FBY_GRPC_MESSAGE_MAX.
 */
uint8_t *fby_encoder_next(struct fby_encoder *e, size_t n);

/* One message of protobuf-c, for those that are few. */
void fby_encode(struct evbuffer *to, const ProtobufCMessage *msg);

#endif
