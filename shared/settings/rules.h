/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What settings of a `config:` block mean to each other and to forebay, as far
 * as librdkafka itself says it too late or not at all.
 */
#ifndef FBY_KAFKA_RULES_H
#define FBY_KAFKA_RULES_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/settings/settings.h"

#define FBY_KAFKA_TRANSACTION_MS 10000 /* transaction.timeout.ms if unset */

/* The setting as a number; `unset` if it is not there, or is none. */
int64_t fby_kafka_rules_number(const struct fby_kafka *k, const char *key,
    int64_t unset);

/* group.protocol is consumer: the broker assigns. */
bool fby_kafka_rules_is_new_protocol(const struct fby_kafka *k);

/* session.timeout.ms, as set or by our default. */
int64_t fby_kafka_rules_session_ms(const struct fby_kafka *k);

/*
 * The first setting of the operator's that an idempotent producer cannot
 * have, NULL if there is none.  As the Java client does, it is then written
 * without idempotence, and said; an explicit enable.idempotence stands, and
 * librdkafka refuses the pair.
 */
const struct fby_setting *fby_kafka_rules_excludes_idempotence(
    const struct fby_kafka *k);

/* What librdkafka would only say when the member is made. */
int fby_kafka_rules_check_member(const struct fby_kafka *k, const char *path,
    struct fby_err *err) FBY_MUSTCHECK;

#endif
