/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches and their free lists; see batch.h.
 */
#include "shared/fby.h"

#include "worker/batch.h"

#include "shared/base/mem.h"

#define FREE_BYTES (256 * 1024) /* kept in each free list */

static unsigned
class_of(size_t n)
{
	return n <= 1 ? 0 : 64 - (unsigned)__builtin_clzll(n - 1);
}

static size_t
class_bytes(unsigned class_)
{
	return sizeof(struct fby_batch) +
	    ((size_t)1 << class_) * sizeof(struct fby_record);
}

void
fby_batches_init(struct fby_batches *bs)
{
	*bs = (struct fby_batches){ 0 };
	LIST_INIT(&bs->live);
	for (unsigned i = 0; i < FBY_BATCH_CLASSES; i++)
		LIST_INIT(&bs->free[i]);
}

void
fby_batches_fini(struct fby_batches *bs)
{
	struct fby_batch *b;

	FBY_BUG_ON(!LIST_EMPTY(&bs->live));
	for (unsigned i = 0; i < FBY_BATCH_CLASSES; i++) {
		while ((b = LIST_FIRST(&bs->free[i])) != NULL) {
			LIST_REMOVE(b, entry);
			fby_mem_put(b);
		}
		bs->nfree[i] = 0;
	}
}

struct fby_batch *
fby_batch_get(struct fby_batches *bs, struct fby_lane *ln,
    rd_kafka_message_t **msgs, size_t n)
{
	unsigned class_ = class_of(n);
	struct fby_batch *b;

	FBY_BUG_ON(n < 1 || n > FBY_BATCH_MAX);
	b = LIST_FIRST(&bs->free[class_]);
	if (b != NULL) {
		LIST_REMOVE(b, entry);
		bs->nfree[class_]--;
	} else {
		b = fby_mem_get(FBY_ARENA_BATCH, class_bytes(class_));
	}
	b->magic = FBY_BATCH_MAGIC;
	b->class_ = class_;
	b->ln = ln;
	b->seq = 0;
	b->n = b->open = n;
	b->next = 0;
	b->read_us = b->sink_us = 0;
	b->fallback_us = b->success_us = 0;
	b->pool = NULL;
	b->pool_bytes = 0;
	for (size_t i = 0; i < n; i++)
		b->rec[i] = (struct fby_record){
			.b = b,
			.msg = msgs[i],
			.index = (uint32_t)i,
		};
	LIST_INSERT_HEAD(&bs->live, b, entry);
	return b;
}

void
fby_batch_put(struct fby_batches *bs, struct fby_batch *b)
{
	unsigned class_ = b->class_;

	FBY_BUG_ON(b->magic != FBY_BATCH_MAGIC);
	LIST_REMOVE(b, entry);
	b->magic = 0;
	FBY_BUG_ON(b->pool != NULL);
	if ((bs->nfree[class_] + 1) * class_bytes(class_) > FREE_BYTES) {
		fby_mem_put(b);
		return;
	}
	LIST_INSERT_HEAD(&bs->free[class_], b, entry);
	bs->nfree[class_]++;
}
