/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker gets which partition: balanced (counts differ by at most one),
 * sticky (a partition stays where it is if balance allows), and with as few
 * moves as that takes.  With a canary its workers share some of them, and the
 * others the rest.  Pure: no clock, no state.
 */
#ifndef FBY_ASSIGN_H
#define FBY_ASSIGN_H

#include "shared/fby.h"

#define FBY_ASSIGN_NONE UINT32_MAX

struct fby_assign_part {
	uint32_t holder; /* slot that has or last had it, or NONE */
	bool held;       /* has: moving it costs a drain */
	uint32_t target; /* out: slot that shall have it, or NONE */
	bool canary;     /* out: it is of the canary's share */
};

/*
 * `slots` are the slots that may hold partitions, ascending.  Without any,
 * all targets are NONE.  Partitions that nobody has are dealt out in the
 * order given, so neighbours go to different workers.
 */
void fby_assign_plan(struct fby_assign_part *parts, size_t nparts,
    const uint32_t *slots, size_t nslots);

/*
 * How many of n partitions a share of so many percent is: rounded, but at
 * least one, and not all, if there are two.
 */
size_t fby_assign_quota(size_t n, int64_t percent);

/*
 * The same with `quota` of the partitions for the slots in `canaries`, and the
 * rest for those in `slots`.  Chosen are those that canaries hold, then those
 * that they held last, then those that nobody holds, then some of whoever
 * holds most.
 */
void fby_assign_plan_canary(struct fby_assign_part *parts, size_t nparts,
    const uint32_t *slots, size_t nslots, const uint32_t *canaries,
    size_t ncanaries, size_t quota);

#endif
