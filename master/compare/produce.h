/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of our own, in topics of our own: many at once, or one at a time
 * with the time that it was sent.
 */
#ifndef FBY_COMPARE_PRODUCE_H
#define FBY_COMPARE_PRODUCE_H

#include "shared/fby.h"

struct fby_compare;
struct fby_compare_produce;

/* A producer to this topic of so many partitions; NULL: c->k.why. */
struct fby_compare_produce *fby_compare_produce_open(struct fby_compare *c,
    const char *topic, size_t partitions);

/* Waits for nothing; what is not out yet is lost. */
void fby_compare_produce_close(struct fby_compare_produce *p);

/* So many records of that size, all acknowledged; -1: c->k.why. */
int fby_compare_produce_fill(struct fby_compare_produce *p, int64_t records,
    int64_t size) FBY_MUSTCHECK;

/* One record: `text`, filled up to the size; -1: c->k.why. */
int fby_compare_produce_send(struct fby_compare_produce *p, const char *text,
    int64_t size) FBY_MUSTCHECK;

#endif
