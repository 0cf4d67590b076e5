/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a record to a producer: byte for byte what it was, bound for the topic
 * of its role.  What the two Kafka sinks have in common.
 *
 * One timestamp is beyond librdkafka: 0 is written as 1, with the header
 * `forebay-timestamp: 0`.
 */
#ifndef FBY_PRODUCE_H
#define FBY_PRODUCE_H

#include "shared/fby.h"

#include "shared/manifest/manifest.h"

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_topic_s rd_kafka_topic_t;
struct fby_record;

/*
 * 0, or a code of librdkafka.  Key and value are borrowed until the delivery
 * report, whose opaque is the record.
 */
int fby_produce(rd_kafka_t *rk, rd_kafka_topic_t *topic,
    enum fby_sink_role role, struct fby_record *rec) FBY_MUSTCHECK;

/* Would the broker refuse it again, if it was the record's own fault? */
bool fby_produce_is_about_record(int code);

/* It was alone: will it be refused again?  Mends dead letters. */
bool fby_produce_is_final(struct fby_record *rec, int code);

#endif
