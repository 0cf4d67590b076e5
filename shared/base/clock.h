/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two clocks, in int64_t milliseconds.  Everything that waits or measures
 * uses the monotonic one, which no administrator can move; only event time
 * and what people read use the wall clock.  Pure logic takes the time as an
 * argument instead.
 */
#ifndef FBY_CLOCK_H
#define FBY_CLOCK_H

#include "shared/fby.h"

struct timeval;

int64_t fby_clock_mono(void);
int64_t fby_clock_mono_us(void);
int64_t fby_clock_wall(void);

/* For libevent. */
struct timeval fby_clock_tv(int64_t ms);

/* "2026-11-22T20:35:00.123Z"; "-" for what has no such text.  Returns buf. */
#define FBY_CLOCK_TEXT 32
const char *fby_clock_text(int64_t wall_ms, char buf[FBY_CLOCK_TEXT]);

#endif
