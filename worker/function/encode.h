/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A message of protobuf-c into a call's output, behind its prefix.
 */
#ifndef FBY_WORKER_ENCODE_H
#define FBY_WORKER_ENCODE_H

#include "shared/fby.h"

#include <protobuf-c/protobuf-c.h>

struct evbuffer;

/* False, and nothing is appended: it is larger than FBY_GRPC_MESSAGE_MAX. */
bool fby_encode(struct evbuffer *to, const ProtobufCMessage *msg);

#endif
