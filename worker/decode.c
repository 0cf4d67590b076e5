/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of functions; see decode.h.
 */
#include "shared/fby.h"

#include "worker/decode.h"

#include "shared/base/mem.h"

#define GROWTH 32
#define GROWTH_BYTES (64 * 1024)
#define GROWTH_MAX (32 * 1024 * 1024)

static void *
take(void *arg, size_t size)
{
	struct fby_decoder *d = arg;

	if (size > d->left)
		return NULL;
	d->left -= size;
	return fby_palloc(d->pool, size);
}

static void
give(void *arg, void *p)
{
	(void)arg;
	(void)p;
}

void
fby_decoder_init(struct fby_decoder *d)
{
	*d = (struct fby_decoder){
		.alloc = { .alloc = take, .free = give, .allocator_data = d },
		.pool = fby_pool_new(FBY_ARENA_BATCH),
	};
}

void
fby_decoder_fini(struct fby_decoder *d)
{
	fby_pool_free(d->pool);
}

void *
fby_decode(struct fby_decoder *d, const ProtobufCMessageDescriptor *type,
    const uint8_t *p, size_t n)
{
	fby_pool_reset(d->pool);
	d->left = n + FBY_MIN(GROWTH * n + GROWTH_BYTES, GROWTH_MAX);
	return protobuf_c_message_unpack(type, &d->alloc, n, p);
}
