/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the turns of the master's loop take: from the moment when
 * epoll_wait(2) has returned until it is called again.  Nothing in the loop
 * may wait, since everything waits for the loop; this is how it is seen.
 *
 * libevent tells nobody when a turn begins or ends (2.2 will, with evwatch).
 * But it finds the epoll_wait() of this program before the C library's, so
 * turn.c has one.
 */
#ifndef FBY_TURN_H
#define FBY_TURN_H

#include "shared/fby.h"

/* Upper bounds in seconds; one bucket more than bounds. */
#define FBY_TURN_BOUNDS 10
extern const double fby_turn_bounds[FBY_TURN_BOUNDS];

struct fby_turns {
	uint64_t bucket[FBY_TURN_BOUNDS + 1]; /* not cumulative */
	uint64_t us;                          /* of all turns together */
	int64_t longest_us;
};

/* From now on the turns of this thread's loop are measured. */
void fby_turn_start(void);

const struct fby_turns *fby_turns(void);

#endif
