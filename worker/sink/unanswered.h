/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that a producer has had for a while and says nothing of.  Librdkafka
 * waits for a topic that is not there, or may not be seen, for half a minute
 * before it says so; we ask after half a second, and tell the log and the
 * master.  Nothing is decided by it: the records stay where they are.
 */
#ifndef FBY_UNANSWERED_H
#define FBY_UNANSWERED_H

#include "shared/fby.h"

#include "shared/manifest/manifest.h"

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_queue_s rd_kafka_queue_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
struct fby_worker;

struct fby_unanswered_topic {
	const char *name; /* borrowed, for as long as the producer lives */
	enum fby_sink_role role;
};

struct fby_unanswered {
	uint64_t reports; /* the producer's owner counts them */
	uint64_t seen;
	int64_t since;    /* monotonic: the last report, or nothing was open */
	int64_t asked_at; /* monotonic; 0: not yet */
	bool under_way;
	struct fby_unanswered_topic topics[FBY_SINK_N];
	size_t n;
};

/*
 * Every half second, with the number of records that have no report yet.  The
 * answer comes as RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT in that queue.
 */
void fby_unanswered_tick(struct fby_unanswered *u, size_t open, rd_kafka_t *rk,
    rd_kafka_queue_t *queue, const struct fby_unanswered_topic *topics,
    size_t n, int64_t mono);

/* That event. */
void fby_unanswered_described(struct fby_unanswered *u, struct fby_worker *w,
    rd_kafka_event_t *ev);

#endif
