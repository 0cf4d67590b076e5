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

/* Tries all; `is_source` decides what forebay forces. */
int fby_kafka_settings_check(const struct fby_kafka *k, bool is_source,
    const char *path, struct fby_err *err) FBY_MUSTCHECK;

#endif
