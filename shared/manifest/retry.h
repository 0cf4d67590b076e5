/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How what has failed is tried again: sink.retryStrategy, and those of the
 * transformer and the map function.
 */
#ifndef FBY_MANIFEST_RETRY_H
#define FBY_MANIFEST_RETRY_H

#include "shared/fby.h"

enum fby_on_failure {
	FBY_ON_FAILURE_RETRY,
	FBY_ON_FAILURE_FALLBACK, /* of sinks only */
	FBY_ON_FAILURE_DROP
};

struct fby_retry_strategy {
	int64_t interval_ms;
	int64_t cap_ms;
	double factor;
	double jitter;
	int64_t steps;  /* 0: without end */
	int on_failure; /* enum fby_on_failure */
};

#endif
