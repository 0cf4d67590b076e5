/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that are with a function, in their order; see order.h.
 *
 * Answers come nearly in order, so who is looked for is near the head.
 */
#include "shared/fby.h"

#include "worker/order.h"

#include "shared/base/mem.h"

#define RING_MIN 64

struct fby_order_place *
fby_order_get(const struct fby_order *o, uint64_t at)
{
	return &o->ring[at & (o->cap - 1)];
}

void
fby_order_fini(struct fby_order *o)
{
	free(o->ring);
	*o = (struct fby_order){ .ring = NULL };
}

static void
grow(struct fby_order *o)
{
	uint64_t cap = o->cap ? 2 * o->cap : RING_MIN;
	struct fby_order_place *ring = fby_calloc(cap, sizeof(*ring));

	for (uint64_t at = o->head; at != o->tail; at++)
		ring[at & (cap - 1)] = *fby_order_get(o, at);
	free(o->ring);
	o->ring = ring;
	o->cap = cap;
}

void
fby_order_add(struct fby_order *o, struct fby_record *rec, bool is_answered)
{
	if (o->tail - o->head == o->cap)
		grow(o);
	*fby_order_get(o, o->tail++) = (struct fby_order_place){
		.rec = rec,
		.is_answered = is_answered,
	};
}

static struct fby_order_place *
find(const struct fby_order *o, const struct fby_record *rec)
{
	uint64_t at = o->head;

	while (at != o->tail && fby_order_get(o, at)->rec != rec)
		at++;
	FBY_BUG_ON(at == o->tail);
	return fby_order_get(o, at);
}

void
fby_order_answered(struct fby_order *o, const struct fby_record *rec)
{
	struct fby_order_place *p = find(o, rec);

	FBY_BUG_ON(p->is_answered || p->due != 0);
	p->is_answered = true;
}

void
fby_order_wait(struct fby_order *o, const struct fby_record *rec, int64_t due)
{
	struct fby_order_place *p = find(o, rec);

	FBY_BUG_ON(p->is_answered || p->due != 0);
	p->due = FBY_MAX(due, 1);
	o->nwaiting++;
}

void
fby_order_sent(struct fby_order *o, struct fby_order_place *p)
{
	FBY_BUG_ON(p->due == 0);
	p->due = 0;
	o->nwaiting--;
}

struct fby_order_place *
fby_order_head(const struct fby_order *o)
{
	return o->head == o->tail ? NULL : fby_order_get(o, o->head);
}

struct fby_record *
fby_order_first(const struct fby_order *o)
{
	if (o->head == o->tail || !fby_order_get(o, o->head)->is_answered)
		return NULL;
	return fby_order_get(o, o->head)->rec;
}

void
fby_order_pop(struct fby_order *o)
{
	FBY_BUG_ON(o->head == o->tail);
	o->nwaiting -= fby_order_get(o, o->head)->due != 0;
	o->head++;
}

struct fby_order_place *
fby_order_due(struct fby_order *o, uint64_t *at, int64_t mono)
{
	if (o->nwaiting == 0)
		return NULL;
	for (*at = FBY_MAX(*at, o->head); *at != o->tail; (*at)++) {
		struct fby_order_place *p = fby_order_get(o, *at);

		if (p->due != 0 && p->due <= mono)
			return p;
	}
	return NULL;
}

bool
fby_order_is_stuck(const struct fby_order *o, int64_t after)
{
	return o->head != o->tail && fby_order_get(o, o->head)->due > after;
}

int64_t
fby_order_next_due(const struct fby_order *o)
{
	int64_t next = INT64_MAX;

	if (o->nwaiting == 0)
		return next;
	for (uint64_t at = o->head; at != o->tail; at++)
		if (fby_order_get(o, at)->due != 0)
			next = FBY_MIN(next, fby_order_get(o, at)->due);
	return next;
}
