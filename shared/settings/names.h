/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Settings by the names that they have elsewhere: in the Java client, which
 * most documentation of Kafka is about, and in sarama, which Numaflow's source
 * and sink were made of before 1.5.
 */
#ifndef FBY_KAFKA_NAMES_H
#define FBY_KAFKA_NAMES_H

#include "shared/fby.h"

/*
 * Whose name it is, and what to write instead or why there is nothing: a
 * sentence's end that goes on after "`key` ".  NULL: not known.
 */
const char *fby_kafka_names_foreign(const char *key);

/* The same for a value that another client has for a key of librdkafka. */
const char *fby_kafka_names_value(const char *key, const char *value);

#endif
