/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker is to hold which partition: first those that are suspected of
 * killing workers (suspicion.h), then the balance of all others (assign.h).
 */
#ifndef FBY_PLAN_H
#define FBY_PLAN_H

#include "shared/fby.h"

struct fby_handoff;
struct fby_handoff_plan;

/*
 * Bring lanes to where the balance, and suspicion, want them; so many at a time
 * that a worker's messages do not keep the loop from turning.  true: there are
 * more, for another turn.
 */
bool fby_plan_make(struct fby_handoff *h, const struct fby_handoff_plan *pl);

/*
 * Every second: who has got past what was suspected or could not be read, and
 * who has been in an isolation worker for longer than limit_ms while others
 * wait for it.
 */
void fby_plan_watch(struct fby_handoff *h, int64_t now, int64_t limit_ms);

#endif
