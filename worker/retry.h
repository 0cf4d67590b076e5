/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a record goes that a sink refused: retryStrategy, the fallback
 * sink, the dead-letter topic.
 *
 * Attempt n+1 follows attempt n after interval * factor^(n-1), times a random
 * factor within 1 +- jitter, at most cap; `steps` such retries are made.
 * What then happens:
 *
 *	at the sink	onFailure fallback: on to the fallback sink
 *			onFailure drop: dropped
 *			onFailure retry: on to the dead-letter topic; without
 *			one it is tried without end
 *	at the fallback	on to the dead-letter topic, or without end
 *	at onSuccess	onFailure drop: it counts as delivered; otherwise as at
 *			the fallback
 *	at the dead-letter topic	without end, at a pace of its own
 *	at a function before the sinks	as at the sink, by a retryStrategy of
 *			its own, which knows no fallback
 *
 * A record that a sink will never take ("permanent": too large, invalid) does
 * not wait for the steps, unless it is to be dropped by rule.
 *
 * Without end means slowly: Numaflow's default interval is 1 ms, which is no
 * pace for an outage of hours, so after the steps (from the 100th retry if
 * there are none) at least a second passes, within the cap.
 *
 * Pure: the random number is an argument.
 */
#ifndef FBY_RETRY_H
#define FBY_RETRY_H

#include "shared/fby.h"

#include "shared/manifest/manifest.h"

enum fby_retry {
	FBY_RETRY_AGAIN,    /* after fby_retry_delay() */
	FBY_RETRY_FALLBACK, /* on to that sink */
	FBY_RETRY_DEAD_LETTER,
	FBY_RETRY_DROP,
	FBY_RETRY_DELIVERED, /* onSuccess is given up */
};

/* A function wants a record once more. */
struct fby_nack {
	const char *why; /* lives as long as the record */
	int64_t delay_ms;
	uint32_t max_deliveries; /* 0: without end */
};

/* After `tries` failed attempts at this sink, at least 1 of them. */
enum fby_retry fby_retry_judge(const struct fby_manifest *m, unsigned role,
    uint32_t tries, bool permanent);

/*
 * Milliseconds to wait after them.  What would be refused again is not tried
 * in a hurry, unless the strategy counts its steps.  `random` is in [0, 1).
 */
int64_t fby_retry_delay(const struct fby_manifest *m, unsigned role,
    uint32_t tries, bool permanent, double random);

/*
 * The same after `tries` deliveries that ended with this: it is tried again
 * after the delay that the function wants, or as a failed one if it wants none,
 * and after the last delivery goes to the dead-letter topic, if there is one.
 */
enum fby_retry fby_retry_judge_nack(const struct fby_manifest *m,
    uint32_t tries, const struct fby_nack *nack);
int64_t fby_retry_delay_nack(const struct fby_manifest *m, unsigned role,
    uint32_t tries, const struct fby_nack *nack, double random);

#endif
