/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Acknowledgements of one lane: a ring of records between the last that is
 * acked and the last that was read; see acks.h.
 *
 * The ring only grows: its size is what the budget lets a lane have in
 * flight, and it goes with the lane.
 */
#include "shared/fby.h"

#include "worker/acks.h"

#include "shared/base/mem.h"

#define RING_MIN 64

static struct fby_acks_record *
record_get(const struct fby_acks *a, uint64_t seq)
{
	return &a->ring[seq & (a->cap - 1)];
}

void
fby_acks_init(struct fby_acks *a, int64_t start, int32_t epoch)
{
	*a = (struct fby_acks){
		.acked = start,
		.position = start,
		.acked_epoch = epoch,
		.epoch = epoch,
	};
}

void
fby_acks_fini(struct fby_acks *a)
{
	free(a->ring);
	a->ring = NULL;
	a->cap = a->head = a->tail = 0;
}

static void
grow_ring(struct fby_acks *a)
{
	uint64_t cap = a->cap ? 2 * a->cap : RING_MIN;
	struct fby_acks_record *ring = fby_calloc(cap, sizeof(*ring));

	for (uint64_t seq = a->head; seq != a->tail; seq++)
		ring[seq & (cap - 1)] = *record_get(a, seq);
	free(a->ring);
	a->ring = ring;
	a->cap = cap;
}

uint64_t
fby_acks_add(struct fby_acks *a, int64_t offset, int32_t epoch,
    int64_t event_time, int64_t read_at)
{
	FBY_BUG_ON(offset < a->position);
	if (a->tail - a->head == a->cap)
		grow_ring(a);
	*record_get(a, a->tail) = (struct fby_acks_record){
		.offset = offset,
		.event_time = event_time,
		.read_at = read_at,
		.epoch = epoch,
	};
	a->position = offset + 1;
	a->epoch = epoch;
	return a->tail++;
}

int64_t
fby_acks_event_time(const struct fby_acks *a, uint64_t seq)
{
	FBY_BUG_ON(seq < a->head || seq >= a->tail);
	return record_get(a, seq)->event_time;
}

void
fby_acks_set_event_time(struct fby_acks *a, uint64_t seq, int64_t event_time)
{
	FBY_BUG_ON(seq < a->head || seq >= a->tail);
	record_get(a, seq)->event_time = event_time;
}

void
fby_acks_done(struct fby_acks *a, uint64_t seq)
{
	struct fby_acks_record *r;

	FBY_BUG_ON(seq < a->head || seq >= a->tail);
	r = record_get(a, seq);
	FBY_BUG_ON(r->done);
	r->done = true;
}

/* Nothing is in flight: what was read last is what was acked last. */
static void
catch_up(struct fby_acks *a)
{
	a->acked = a->position;
	a->acked_epoch = a->epoch;
}

uint64_t
fby_acks_advance(struct fby_acks *a, int64_t *newest)
{
	uint64_t from = a->head;

	while (a->head != a->tail) {
		const struct fby_acks_record *r = record_get(a, a->head);

		if (!r->done)
			break;
		a->acked = r->offset + 1;
		a->acked_epoch = r->epoch;
		*newest = FBY_MAX(*newest, r->event_time);
		a->head++;
	}
	if (a->head == a->tail)
		catch_up(a);
	return a->head - from;
}

void
fby_acks_pass(struct fby_acks *a, int64_t next, int32_t epoch)
{
	if (next > a->position) {
		a->position = next;
		a->epoch = epoch;
	}
	if (a->head == a->tail)
		catch_up(a);
}

void
fby_acks_cut(struct fby_acks *a, uint64_t seq)
{
	FBY_BUG_ON(seq < a->head || seq > a->tail);
	if (seq == a->tail)
		return;
	a->position = record_get(a, seq)->offset;
	a->tail = seq;
	/* There may be a gap before it. */
	a->epoch = -1;
	if (a->head != a->tail)
		return;
	if (a->acked == a->position)
		a->epoch = a->acked_epoch;
	catch_up(a);
}

int64_t
fby_acks_oldest_at(const struct fby_acks *a)
{
	return a->head == a->tail ? 0 : record_get(a, a->head)->read_at;
}
