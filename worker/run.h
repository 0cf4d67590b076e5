/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run: the records that were taken from a lane's queue at once, in the order
 * of their offsets.  The source makes it, the pipeline takes it.
 */
#ifndef FBY_RUN_H
#define FBY_RUN_H

#include "shared/fby.h"

typedef struct rd_kafka_message_s rd_kafka_message_t;

struct fby_run {
	rd_kafka_message_t **msgs;
	size_t n;
	uint64_t bytes; /* keys and values */
	uint64_t late, future;
	int64_t newest;            /* event time, at most `limit` */
	int64_t limit;             /* what is beyond it is not believed */
	int64_t next;              /* offset after the last */
	int32_t leader_epoch;      /* of the last */
	int64_t read_at;           /* wall clock, ms */
	int64_t began_us, read_us; /* monotonic */
};

/* Record timestamp in ms since 1970, or `otherwise` if it has none. */
int64_t fby_run_event_time(const rd_kafka_message_t *msg, int64_t otherwise);

#endif
