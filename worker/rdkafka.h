/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the librdkafka clients of a worker are made, consumer and producers, and
 * where their log lines go.
 */
#ifndef FBY_RDKAFKA_H
#define FBY_RDKAFKA_H

#include "shared/fby.h"

#include "shared/kafka/kafka.h"

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_op_s rd_kafka_event_t;
struct fby_manifest;

/*
 * A client whose threads have their own arena; a producer with transactions,
 * of this name.  NULL: the log says why.
 */
rd_kafka_t *fby_rdkafka_new(const struct fby_manifest *m,
    enum fby_kafka_client kind) FBY_MUSTCHECK;
rd_kafka_t *fby_rdkafka_new_transactional(const struct fby_manifest *m,
    const char *id) FBY_MUSTCHECK;

/* A line of librdkafka's, into our log at info or below. */
void fby_rdkafka_on_log(const char *whose, rd_kafka_event_t *ev);

#endif
