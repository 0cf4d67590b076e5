/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much more may be read.
 *
 * Two ceilings, and hysteresis of a quarter for both:
 *  - of the worker: memory.maxRecords read and not acked, and half of
 *    memory.budget in bytes that a sink has or waits for;
 *  - of each lane: limits.concurrency records that are not complete, and half
 *    of the worker's ceilings as long as it is not alone, so that a partition
 *    which is stuck leaves room for the others.
 */
#ifndef FBY_ROOM_H
#define FBY_ROOM_H

#include "shared/fby.h"

struct fby_lane;
struct fby_worker;

/* How many records the lane may read now. */
size_t fby_room_get(struct fby_lane *ln);

/* Is the worker's ceiling hit?  Wakes those who waited if it no longer is. */
bool fby_room_check(struct fby_worker *w);

#endif
