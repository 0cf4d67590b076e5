/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS and SASL of a Kafka source or sink, as librdkafka's settings.
 */
#ifndef FBY_KAFKA_AUTH_H
#define FBY_KAFKA_AUTH_H

#include "shared/fby.h"

#include "shared/base/err.h"

struct fby_kafka;
struct fby_manifest;
typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;

/* Reads the secrets; `path` is "spec.source.kafka" or "spec.sink.kafka". */
int fby_kafka_auth_set(const struct fby_manifest *m, const struct fby_kafka *k,
    const char *path, rd_kafka_conf_t *conf, struct fby_err *err) FBY_MUSTCHECK;

/*
 * The user name and the password of `plain` or `scramsha...` as they are now,
 * for a client that was refused; nothing for other mechanisms.  The secrets
 * may be in the middle of being changed: what cannot be read is left alone.
 */
void fby_kafka_auth_renew(const struct fby_manifest *m,
    const struct fby_kafka *k, rd_kafka_t *rk);

#endif
