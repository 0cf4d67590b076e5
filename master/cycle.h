/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What signals and the control socket ask of the master's cycle.  Its states
 * and their drawing are in cycle_state.h; what the modules tell it goes by
 * wiring.c.
 */
#ifndef FBY_CYCLE_H
#define FBY_CYCLE_H

#include "shared/fby.h"

struct fby_master;

/*
 * Leave in order: lanes are drained for at most drain_ms, what is acked is
 * committed, the group is left.  A second call shortens the first one's wait.
 */
void fby_cycle_stop(struct fby_master *mst, int64_t drain_ms);

/* SIGCHLD: all that have exited are waited for. */
void fby_cycle_reap(struct fby_master *mst);

#endif
