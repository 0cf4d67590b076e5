/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source: one librdkafka consumer, and for each lane a queue with an
 * eventfd.
 *
 * The consumer subscribes to nothing and commits nothing: partitions come by
 * incremental assign, at the absolute offset that the master resolved.
 *
 * A batch is what is there, up to limits.readBatchSize; it is never held back
 * to fill up, so limits.readTimeout is kept by never waiting at all.
 */
#ifndef FBY_SOURCE_H
#define FBY_SOURCE_H

#include "shared/fby.h"

#include <event2/event_struct.h>

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_message_s rd_kafka_message_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
struct fby_lane;
struct fby_worker;

struct fby_source {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue; /* errors, logs */
	int fd;                  /* its eventfd */
	struct event ev;
	rd_kafka_message_t **msgs; /* of the batch being read */
	size_t cap;
	uint64_t record_bytes; /* recent mean of any lane */
	bool is_down;          /* no broker was reachable */
};

/* What was taken from a lane's queue at once. */
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

/* -1: the log says why. */
int fby_source_open(struct fby_worker *w) FBY_MUSTCHECK;
void fby_source_close(struct fby_worker *w);

/* -1: the log says why, and the lane has no queue. */
int fby_source_attach(struct fby_lane *ln, int64_t start) FBY_MUSTCHECK;

/* No record comes after this; idempotent. */
void fby_source_detach(struct fby_lane *ln);

/* Look at the queue again: there is room for what may lie in it. */
void fby_source_wake(struct fby_lane *ln);

/*
 * Every half second: tell librdkafka to stop fetching for a lane that has not
 * been allowed to read for a second, and let its prefetch go.
 */
void fby_source_tick(struct fby_lane *ln, int64_t mono);

/* Stop fetching for it, and let its prefetch go; or go on. */
void fby_source_set_paused(struct fby_lane *ln, bool paused);

/* Refresh the row's `high` from what the last fetch said. */
void fby_source_high(struct fby_lane *ln);

/* Record timestamp in ms since 1970, or `otherwise` if it has none. */
int64_t fby_source_event_time(const rd_kafka_message_t *msg, int64_t otherwise);

#endif
