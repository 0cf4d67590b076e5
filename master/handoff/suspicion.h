/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What follows for partitions from what is known of their records (poison.h):
 * a suspect is granted to an isolation worker only, a worker that holds nothing
 * else then; if there are more suspects than isolation workers, they wait for
 * their turn.  A condemned record goes to the dead-letter topic, or its
 * partition is held back.
 */
#ifndef FBY_SUSPICION_H
#define FBY_SUSPICION_H

#include "shared/fby.h"

struct fby_handoff;
struct fby_handoff_plan;

/*
 * waitpid(2) has returned the holder of these rows, and it may have died of a
 * record; `row` and `offset` say what it had last given to the sink
 * (FBY_NOROW: nothing).
 */
void fby_suspicion_died(struct fby_handoff *h, uint32_t slot, uint32_t row,
    int64_t offset);

/*
 * Of the manifest in force: how often a record may kill, and whether there is
 * a dead-letter topic.  A new one is tried for what is held back.
 */
void fby_suspicion_policy(struct fby_handoff *h, unsigned poison_kills,
    bool has_dead_letter);

/* How many partitions need an isolation worker. */
size_t fby_suspicion_count(const struct fby_handoff *h);

/* A part of fby_plan_make(): those that have their turn. */
void fby_suspicion_plan(struct fby_handoff *h,
    const struct fby_handoff_plan *pl);

/*
 * A part of fby_plan_watch(): who has got past what was suspected, and who
 * has been in an isolation worker for longer than limit_ms while others wait
 * for it.
 */
void fby_suspicion_watch(struct fby_handoff *h, int64_t now, int64_t limit_ms);

#endif
