/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A wall clock that can be moved, for t/733-clock-jumps.t.
 *
 * CLOCK_REALTIME is ahead by the milliseconds that are written in the file
 * named by FOREBAY_CLOCK_SHIFT; CLOCK_MONOTONIC is left alone.  Waits for a
 * moment of the wall clock follow its jumps, as the kernel's do: librdkafka's
 * threads wait so.  (libfaketime allocates memory on its way to the time, and
 * jemalloc asks for the time on its way to memory.)
 */
#include "shared/fby.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <threads.h>
#include <time.h>
#include <unistd.h>

#define MS INT64_C(1000000)
#define SLICE (20 * MS)

static _Atomic int64_t none;
static _Atomic int64_t *shift = &none;

__attribute__((constructor)) static void
open_shift(void)
{
	const char *path = getenv("FOREBAY_CLOCK_SHIFT");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	void *map;

	if (fd == -1)
		return;
	map = mmap(NULL, sizeof(*shift), PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (map != MAP_FAILED)
		shift = map;
}

static int64_t
ns(const struct timespec *ts)
{
	return ts->tv_sec * INT64_C(1000000000) + ts->tv_nsec;
}

static struct timespec
timespec(int64_t t)
{
	return (struct timespec){ t / INT64_C(1000000000),
		t % INT64_C(1000000000) };
}

static int64_t
now(clockid_t clock)
{
	struct timespec ts;

	syscall(SYS_clock_gettime, clock, &ts);
	if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
		return ns(&ts);
	return ns(&ts) + atomic_load_explicit(shift, memory_order_relaxed) * MS;
}

int
clock_gettime(clockid_t clock, struct timespec *ts)
{
	if (clock != CLOCK_REALTIME && clock != CLOCK_REALTIME_COARSE)
		return (int)syscall(SYS_clock_gettime, clock, ts);
	*ts = timespec(now(clock));
	return 0;
}

int
timespec_get(struct timespec *ts, int base)
{
	*ts = timespec(now(CLOCK_REALTIME));
	return base;
}

int
gettimeofday(struct timeval *tv, void *zone)
{
	struct timespec ts = timespec(now(CLOCK_REALTIME));

	(void)zone;
	tv->tv_sec = ts.tv_sec;
	tv->tv_usec = ts.tv_nsec / 1000;
	return 0;
}

time_t
time(time_t *out)
{
	time_t t = now(CLOCK_REALTIME) / INT64_C(1000000000);

	if (out)
		*out = t;
	return t;
}

/* In slices, so that a jump shortens or prolongs it. */
int
pthread_cond_timedwait(pthread_cond_t *cond, pthread_mutex_t *mutex,
    const struct timespec *until)
{
	for (;;) {
		int64_t left = ns(until) - now(CLOCK_REALTIME);
		struct timespec slice;
		int rc;

		if (left > SLICE)
			left = SLICE;
		slice = timespec(now(CLOCK_MONOTONIC) + (left > 0 ? left : 0));
		rc = pthread_cond_clockwait(cond, mutex, CLOCK_MONOTONIC,
		    &slice);
		if (rc == 0 || ns(until) <= now(CLOCK_REALTIME))
			return rc;
	}
}

/* In glibc these are the same objects under other names. */
int
cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until)
{
	int rc = pthread_cond_timedwait((pthread_cond_t *)cond,
	    (pthread_mutex_t *)mutex, until);

	return rc == 0      ? thrd_success :
	    rc == ETIMEDOUT ? thrd_timedout :
			      thrd_error;
}
