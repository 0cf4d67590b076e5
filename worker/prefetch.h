/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all lanes together have prefetched must not grow beyond half of
 * memory.budget.  librdkafka bounds each partition's queue
 * (shared/kafka/kafka.c); when many are busy at once, those with the most are
 * paused, what they have is let go, and they take turns.
 */
#ifndef FBY_PREFETCH_H
#define FBY_PREFETCH_H

struct fby_worker;

/* Every half second. */
void fby_prefetch_balance(struct fby_worker *w);

#endif
