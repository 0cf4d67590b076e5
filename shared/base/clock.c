/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two clocks; see clock.h.
 */
#include "shared/fby.h"

#include "shared/base/clock.h"

#include <sys/time.h>

static int64_t
read_us(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t
fby_clock_mono_us(void)
{
	return read_us(CLOCK_MONOTONIC);
}

int64_t
fby_clock_mono(void)
{
	return read_us(CLOCK_MONOTONIC) / 1000;
}

int64_t
fby_clock_wall(void)
{
	return read_us(CLOCK_REALTIME) / 1000;
}

struct timeval
fby_clock_tv(int64_t ms)
{
	struct timeval tv;

	tv.tv_sec = ms / 1000;
	tv.tv_usec = ms % 1000 * 1000;
	return tv;
}

const char *
fby_clock_text(int64_t wall_ms, char buf[FBY_CLOCK_TEXT])
{
	time_t sec = (time_t)(wall_ms / 1000);
	struct tm tm;
	size_t n;

	if (wall_ms < 0 || gmtime_r(&sec, &tm) == NULL ||
	    (n = strftime(buf, FBY_CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm)) ==
		0) {
		snprintf(buf, FBY_CLOCK_TEXT, "-");
		return buf;
	}
	snprintf(buf + n, FBY_CLOCK_TEXT - n, ".%03dZ", (int)(wall_ms % 1000));
	return buf;
}
