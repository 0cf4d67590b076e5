/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a record that the sink refused is tried again: retryStrategy.
 *
 * Attempt n+1 follows attempt n after interval * factor^(n-1), times a random
 * factor within 1 +- jitter, at most cap; `steps` such retries are made.
 * After them, with onFailure "drop", the record is given up.  With "retry"
 * it is tried without end, but slowly: Numaflow's default interval is 1 ms,
 * which is no pace for an outage of hours, so from then on (from the 100th
 * retry if there are no steps) at least a second passes, within the cap.
 *
 * Pure: the random number is an argument.
 */
#ifndef FBY_RETRY_H
#define FBY_RETRY_H

#include "shared/fby.h"

struct fby_retry_strategy;

/*
 * Milliseconds to wait after `tries` failed attempts, at least 1 of them;
 * FBY_NONE: give up.  `random` is in [0, 1).
 */
int64_t fby_retry_delay(const struct fby_retry_strategy *rs, uint32_t tries,
    double random);

#endif
