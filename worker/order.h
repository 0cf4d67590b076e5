/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a lane that are with a function, in their order.  It answers in
 * any order; they go on in this one.  One that is to be sent to it again keeps
 * its place.
 */
#ifndef FBY_WORKER_ORDER_H
#define FBY_WORKER_ORDER_H

#include "shared/fby.h"

struct fby_record;

struct fby_order_place {
	struct fby_record *rec;
	int64_t due;      /* monotonic: to be sent again; 0: it is there */
	bool is_answered; /* it may go on */
};

struct fby_order {
	struct fby_order_place *ring; /* NULL until the first is added */
	uint64_t cap;                 /* power of two, or 0 */
	uint64_t head, tail;
	size_t nwaiting; /* to be sent again */
};

void fby_order_fini(struct fby_order *o);

/* Behind all others. */
void fby_order_add(struct fby_order *o, struct fby_record *rec,
    bool is_answered);

/* It is in there. */
void fby_order_answered(struct fby_order *o, const struct fby_record *rec);
void fby_order_wait(struct fby_order *o, const struct fby_record *rec,
    int64_t due);

/* It was sent again. */
void fby_order_sent(struct fby_order *o, struct fby_order_place *p);

/* NULL: there is none. */
struct fby_order_place *fby_order_head(const struct fby_order *o);

/* The first, if it is answered; NULL: it is not, or there is none. */
struct fby_record *fby_order_first(const struct fby_order *o);
void fby_order_pop(struct fby_order *o);

/* The place of the first, from *at on, that is due by then; NULL: none. */
struct fby_order_place *fby_order_due(struct fby_order *o, uint64_t *at,
    int64_t mono);

/* Those from head to tail. */
struct fby_order_place *fby_order_get(const struct fby_order *o, uint64_t at);

/* None goes on, since the first is due after that time. */
bool fby_order_is_stuck(const struct fby_order *o, int64_t after);

/* When the next one is; INT64_MAX: none waits. */
int64_t fby_order_next_due(const struct fby_order *o);

#endif
