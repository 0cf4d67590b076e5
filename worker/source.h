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

#include "shared/kafka.h"

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_message_s rd_kafka_message_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
struct fby_lane;
struct fby_worker;

/* A trouble that is said once, then once a minute while it lasts. */
struct fby_source_trouble {
	int code;
	int64_t said_at; /* monotonic; 0: the entry is free */
	uint64_t unsaid;
};

#define FBY_SOURCE_TROUBLES 8
#define FBY_SOURCE_OWN(n) (INT32_MIN + (int)(n)) /* not librdkafka's */

struct fby_source {
	rd_kafka_t *rk;
	rd_kafka_queue_t *queue; /* errors, logs */
	int fd;                  /* its eventfd */
	struct event ev;
	rd_kafka_message_t **msgs; /* of the batch being read */
	size_t cap;
	uint64_t record_bytes; /* recent mean of any lane */
	bool is_down;          /* no broker was reachable */
	struct fby_source_trouble troubles[FBY_SOURCE_TROUBLES];
};

/* What was taken from a lane's queue at once. */
struct fby_run {
	rd_kafka_message_t **msgs;
	size_t n;
	uint64_t bytes; /* keys and values */
	uint64_t late;
	int64_t newest;            /* event time */
	int64_t next;              /* offset after the last */
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

/*
 * A client, consumer or producer, whose threads have their own arena.  NULL:
 * the log says why.
 */
rd_kafka_t *fby_source_client(const struct fby_manifest *m,
    enum fby_kafka_client kind) FBY_MUSTCHECK;

/*
 * If the error is a refused log-in of any client: its secrets are read again
 * every half second for a while.
 */
void fby_source_on_login_error(struct fby_worker *w, int code);
void fby_source_login(struct fby_worker *w, int64_t mono);

/* A producer with transactions, of this name. */
rd_kafka_t *fby_source_transactional(const struct fby_manifest *m,
    const char *id) FBY_MUSTCHECK;

/* A line of librdkafka's, into our log at info or below. */
void fby_source_on_log(const char *whose, rd_kafka_event_t *ev);

/* Say it, unless the same was said within the last minute. */
void fby_source_on_trouble(struct fby_source *src, const char *whose, int code,
    const char *text);

#endif
