/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acknowledgements of one lane: which offset may be committed.
 *
 * Records are added in offset order and complete in any order; `acked` is the
 * offset after the longest prefix that is complete.  A record is named by its
 * sequence number, which counts from 0 and never wraps.
 *
 *	offsets that were read:   10 11 12 13 15 16      (14: compacted away)
 *	complete:                  x  x     x  x
 *	                                 ^ acked = 12, in flight 4
 *
 * Offsets that hold no record for us (control records, compacted ones) are
 * passed over as soon as nothing in flight lies before them.
 *
 * Pure: no clock, no Kafka, no shared memory.
 */
#ifndef FBY_ACKS_H
#define FBY_ACKS_H

#include "shared/fby.h"

struct fby_acks_record {
	int64_t offset;
	int64_t event_time;
	int64_t read_at;
	int32_t epoch;
	bool done;
};

struct fby_acks {
	struct fby_acks_record *ring; /* NULL until the first is added */
	uint64_t cap;                 /* power of two, or 0 */
	uint64_t head, tail;          /* sequence numbers: [head, tail) */
	int64_t acked;                /* next offset to commit */
	int64_t position;             /* next offset to read */
	int32_t acked_epoch;          /* leader's, of the record before acked */
	int32_t epoch;                /* of the record before position */
};

/* `epoch` is the leader's of the record before start, or -1: not known. */
void fby_acks_init(struct fby_acks *a, int64_t start, int32_t epoch);
void fby_acks_fini(struct fby_acks *a);

/* Sequence number of the record.  Its offset is `position` or above. */
uint64_t fby_acks_add(struct fby_acks *a, int64_t offset, int32_t epoch,
    int64_t event_time, int64_t read_at);

/* The event time it was added with, of one that is not passed yet. */
int64_t fby_acks_event_time(const struct fby_acks *a, uint64_t seq);

/* A function has changed it. */
void fby_acks_set_event_time(struct fby_acks *a, uint64_t seq,
    int64_t event_time);

/* The record is complete.  Once for each; see fby_acks_advance(). */
void fby_acks_done(struct fby_acks *a, uint64_t seq);

/*
 * Let the prefix pass over what is complete.  Returns the number of records
 * passed; *newest rises to the newest event time among them.
 */
uint64_t fby_acks_advance(struct fby_acks *a, int64_t *newest);

/*
 * Everything before `next` has been read, and all that is not in flight is
 * complete: a whole batch at once, or an end of partition that lies behind
 * control records, whose epoch is not known (-1).  Offsets that are not above
 * the position are ignored.
 */
void fby_acks_pass(struct fby_acks *a, int64_t next, int32_t epoch);

/* Forget the records from `seq` on, as if they had never been read. */
void fby_acks_cut(struct fby_acks *a, uint64_t seq);

/* Records that were read and are not acked yet. */
static inline uint64_t
fby_acks_in_flight(const struct fby_acks *a)
{
	return a->tail - a->head;
}

/* When the oldest of them was read; 0 if there is none. */
int64_t fby_acks_oldest_at(const struct fby_acks *a);

#endif
