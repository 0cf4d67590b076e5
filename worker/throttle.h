/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors that librdkafka's clients and the sinks repeat: each kind is logged
 * once, then once a minute for as long as it comes, with the number of lines
 * that were left out.
 */
#ifndef FBY_THROTTLE_H
#define FBY_THROTTLE_H

#include "shared/fby.h"

#define FBY_THROTTLE_KINDS 8
#define FBY_THROTTLE_OWN(n) (INT32_MIN + (int)(n)) /* not librdkafka's */

struct fby_throttle {
	struct fby_throttle_kind {
		int code;
		int64_t said_at; /* monotonic; 0: the entry is free */
		uint64_t unsaid;
	} kinds[FBY_THROTTLE_KINDS];
};

/* Log "whose: text", unless the same code was logged within a minute. */
void fby_throttle_log(struct fby_throttle *t, const char *whose, int code,
    const char *text);

/* The next of the kind is worth a line of its own. */
void fby_throttle_reset(struct fby_throttle *t, int code);

#endif
