/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A batch: records that were taken from a lane's queue at once and are not
 * all complete yet.
 *
 * It borrows the messages from librdkafka and never copies one.  A record
 * has its message until it is complete, so that memory goes back one record
 * at a time; flight.c destroys the message when it completes the record.  What
 * functions have made of its records is in a pool of the batch.
 * Batches come from free lists by size, since a trickle makes batches of one
 * and a backlog batches of hundreds.
 *
 * Nothing here knows librdkafka.
 */
#ifndef FBY_BATCH_H
#define FBY_BATCH_H

#include "shared/fby.h"

#include <sys/queue.h>

typedef struct rd_kafka_message_s rd_kafka_message_t;
struct fby_batch;
struct fby_content;
struct fby_lane;
struct fby_pool;

struct fby_record {
	struct fby_batch *b;
	rd_kafka_message_t *msg;     /* NULL: complete */
	struct fby_content *content; /* of functions; NULL: none's */
	const char *why;             /* it was refused last; static, or NULL */
	uint32_t index;              /* in its batch */
	uint32_t tries;              /* failed attempts at this sink */
	uint32_t attempts;           /* and at all */
	int64_t due;                 /* monotonic, ms: is not tried before */
	uint8_t role;       /* of a sink, or enum fby_stage: where to */
	uint8_t refused_by; /* the one that refused it last */
	bool suspect;       /* later ones of its lane wait for it */
	uint8_t mark;       /* its sink's own */
	uint8_t lacks;      /* as a dead letter: dead_letter.h */
	bool is_dropped;    /* by a function: no sink is to see it */
};

#define FBY_BATCH_MAGIC 0x62617463u

struct fby_batch {
	unsigned magic;
	unsigned class_;             /* room for 1 << class_ */
	LIST_ENTRY(fby_batch) entry; /* live or free */
	struct fby_lane *ln;
	uint64_t seq; /* of the first record */
	size_t n;
	size_t next;     /* first that no sink has seen */
	size_t open;     /* not complete */
	int64_t read_us; /* monotonic */
	/* Monotonic: the first record goes there; 0: none has. */
	int64_t sink_us, fallback_us, success_us;
	struct fby_pool *pool; /* what functions have made; or NULL */
	uint64_t pool_bytes;
	struct fby_record rec[];
};

#define FBY_BATCH_CLASSES 14
#define FBY_BATCH_MAX (1u << (FBY_BATCH_CLASSES - 1)) /* records */

LIST_HEAD(fby_batch_list, fby_batch);

struct fby_batches {
	struct fby_batch_list live;
	struct fby_batch_list free[FBY_BATCH_CLASSES];
	unsigned nfree[FBY_BATCH_CLASSES];
};

void fby_batches_init(struct fby_batches *bs);
void fby_batches_fini(struct fby_batches *bs); /* none is live */

/* 1 to FBY_BATCH_MAX messages; all records are open, none was tried. */
struct fby_batch *fby_batch_get(struct fby_batches *bs, struct fby_lane *ln,
    rd_kafka_message_t **msgs, size_t n);
void fby_batch_put(struct fby_batches *bs, struct fby_batch *b);

static inline uint64_t
fby_record_seq(const struct fby_record *rec)
{
	return rec->b->seq + rec->index;
}

#endif
