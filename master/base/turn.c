/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long the turns of the loop take; see turn.h.
 */
#include "shared/fby.h"

#include "master/base/turn.h"

#include <sys/epoll.h>

#include "shared/base/clock.h"

const double fby_turn_bounds[FBY_TURN_BOUNDS] = { 0.0001, 0.001, 0.005, 0.01,
	0.02, 0.05, 0.1, 0.5, 1, 5 };

static struct fby_turns turns;
static _Thread_local bool is_measured;
static _Thread_local int64_t since_us; /* 0: no turn has begun */

static void
end_turn(void)
{
	int64_t us;
	size_t i = 0;

	if (since_us == 0)
		return;
	us = fby_clock_mono_us() - since_us;
	since_us = 0;
	while (i < FBY_TURN_BOUNDS && (double)us > fby_turn_bounds[i] * 1e6)
		i++;
	turns.bucket[i]++;
	turns.us += (uint64_t)us;
	turns.longest_us = FBY_MAX(turns.longest_us, us);
}

int
epoll_wait(int fd, struct epoll_event *events, int max, int timeout_ms)
{
	int n;

	end_turn();
	n = epoll_pwait(fd, events, max, timeout_ms, NULL);
	if (is_measured)
		since_us = fby_clock_mono_us();
	return n;
}

void
fby_turn_start(void)
{
	is_measured = true;
}

const struct fby_turns *
fby_turns(void)
{
	return &turns;
}
