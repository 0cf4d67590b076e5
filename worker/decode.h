/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of functions, unpacked.  What they become lies in a pool that is
 * emptied by the next one; how much that may be is bounded by the size of the
 * message, since two bytes on the wire can be a hundred in memory.
 */
#ifndef FBY_DECODE_H
#define FBY_DECODE_H

#include "shared/fby.h"

#include <protobuf-c/protobuf-c.h>

struct fby_pool;

struct fby_decoder {
	ProtobufCAllocator alloc;
	struct fby_pool *pool;
	size_t left;
};

void fby_decoder_init(struct fby_decoder *d);
void fby_decoder_fini(struct fby_decoder *d);

/*
 * A message of that type, until the next call; its bytes fields are followed by
 * nothing.  NULL: these bytes are none.
 */
void *fby_decode(struct fby_decoder *d, const ProtobufCMessageDescriptor *type,
    const uint8_t *p, size_t n);

#endif
