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

#include "shared/boundary/proto.h"
#include "shared/kafka/queue.h"

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_message_s rd_kafka_message_t;
struct fby_lane;
struct fby_run;
struct fby_worker;

struct fby_source {
	/*
	 * Both are main.c's.  The records of a run are handed on, with their
	 * messages; a lane cannot go on, and may be gone when it returns.
	 */
	void (*submit)(struct fby_lane *ln, const struct fby_run *run);
	void (*fail)(struct fby_lane *ln, enum fby_release_reason reason,
	    int64_t drain_ms, const char *why);
	rd_kafka_t *rk;
	struct fby_kafka_queue kq; /* errors, logs */
	rd_kafka_message_t **msgs; /* of the batch being read */
	size_t cap;
	uint64_t record_bytes; /* recent mean of any lane */
	bool is_down;          /* no broker was reachable */
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

#endif
