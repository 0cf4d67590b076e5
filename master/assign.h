/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker gets which partition: balanced (counts differ by at most one),
 * sticky (a partition stays where it is if balance allows), and with as few
 * moves as that takes.  Pure: no clock, no state.
 */
#ifndef FBY_ASSIGN_H
#define FBY_ASSIGN_H

#include "shared/fby.h"

#define FBY_ASSIGN_NONE UINT32_MAX

struct fby_assign_part {
	uint32_t holder; /* slot that has or last had it, or NONE */
	bool held;       /* has: moving it costs a drain */
	uint32_t target; /* out: slot that shall have it, or NONE */
};

/*
 * `slots` are the slots that may hold partitions, ascending.  Without any,
 * all targets are NONE.  Partitions that nobody has are dealt out in the
 * order given, so neighbours go to different workers.
 */
void fby_assign_plan(struct fby_assign_part *parts, size_t nparts,
    const uint32_t *slots, size_t nslots);

#endif
