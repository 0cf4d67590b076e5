/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The delays of retryStrategy; see retry.h.
 */
#include "shared/fby.h"

#include "worker/retry.h"

#include <math.h>

#include "shared/manifest.h"

#define QUICK_RETRIES 100
#define SLOW_MS 1000

int64_t
fby_retry_delay(const struct fby_retry_strategy *rs, uint32_t tries,
    double random)
{
	int64_t quick = rs->steps > 0 ? rs->steps : QUICK_RETRIES;
	int64_t n = FBY_MIN((int64_t)tries, quick);
	double ms;

	if (rs->steps > 0 && tries > rs->steps &&
	    rs->on_failure == FBY_ON_FAILURE_DROP)
		return FBY_NONE;
	ms = (double)rs->interval_ms * pow(rs->factor, (double)(n - 1));
	ms *= 1 + rs->jitter * (2 * random - 1);
	if (tries > quick)
		ms = fmax(ms, SLOW_MS);
	/* The cap comes last; it also takes care of infinity. */
	ms = fmin(ms, (double)rs->cap_ms);
	return (int64_t)ms;
}
