/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `config:` block of a Kafka source or sink: "key: value" lines, taken
 * apart with their places, and tried one by one against the librdkafka in
 * use.
 *
 * A line is split at its first colon, so that a value may hold colons; `#`
 * begins a comment line.  (Upstream drops lines with a second colon.)
 */
#ifndef FBY_KAFKA_SETTINGS_H
#define FBY_KAFKA_SETTINGS_H

#include "shared/fby.h"

#include "shared/err.h"

struct fby_kafka;
struct fby_node;
struct fby_pool;

/* Fills k->settings from k->config; `node` is that scalar. */
int fby_kafka_settings_read(struct fby_pool *pool, struct fby_kafka *k,
    const struct fby_node *node, const char *path, struct fby_err *err);

/* Value of the key, or NULL. */
const char *fby_kafka_settings_find(const struct fby_kafka *k, const char *key);

enum fby_settings_of {
	FBY_SETTINGS_SOURCE,
	FBY_SETTINGS_SINK,
	FBY_SETTINGS_HOST /* spec.kafka.config: the connection alone */
};

/*
 * Refuses what must not be named in this document: see kafka_property.h.
 * Nothing is handed to librdkafka, which would load some of it at once.
 */
int fby_kafka_settings_names(const struct fby_kafka *k, enum fby_settings_of of,
    const char *path, struct fby_err *err);

/*
 * Tries all the others; `of` decides what forebay forces.  What names a
 * library is not tried.
 */
int fby_kafka_settings_check(const struct fby_kafka *k, enum fby_settings_of of,
    const char *path, struct fby_err *err) FBY_MUSTCHECK;

#endif
