/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Manifests with Kafka on both ends, and what their clients are told.
 */
#ifndef FBY_UNIT_CLIENTS_H
#define FBY_UNIT_CLIENTS_H

#include "t/unit/unit.h"

#include <librdkafka/rdkafka.h>

#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#define SOURCE(more)                                  \
	"apiVersion: numaflow.numaproj.io/v1alpha1\n" \
	"kind: MonoVertex\n"                          \
	"metadata: {name: orders}\n"                  \
	"spec:\n"                                     \
	"  source:\n"                                 \
	"    kafka:\n"                                \
	"      brokers: ['a:1', 'b:2']\n"             \
	"      topic: t\n"                            \
	"      consumerGroup: g\n" more
#define BLACKHOLE "  sink: {blackhole: {}}\n"
#define HOST(dir)                  \
	"---\n"                    \
	"apiVersion: forebay/v1\n" \
	"kind: Host\n"             \
	"spec: {secretsDirectory: " dir ", runDirectory: /run/x}\n"
#define KAFKA_SINK(config)         \
	"  sink:\n"                \
	"    kafka:\n"             \
	"      brokers: ['c:3']\n" \
	"      topic: out\n"       \
	"      config: |\n"        \
	"        " config "\n"

static struct fby_err err;

static inline struct fby_manifest *
good(const char *yaml)
{
	const struct fby_manifest_text text = { "t", yaml, strlen(yaml), NULL };
	struct fby_manifest *m;

	fby_err_fini(&err);
	m = fby_manifest_parse(&text, 1, &err);
	if (m == NULL)
		fputs(fby_err_text(&err), stderr);
	assert_non_null(m);
	return m;
}

static inline void
assert_errors(const char *want)
{
	char *text = fby_err_text(&err);

	assert_string_equal(text, want);
	free(text);
	fby_err_fini(&err);
}

/* "" if the setting is not set. */
static inline void
assert_conf(const rd_kafka_conf_t *conf, const char *key, const char *want)
{
	char value[512] = "";
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(conf, key, value, &size) != RD_KAFKA_CONF_OK)
		value[0] = '\0';
	assert_string_equal(value, want);
}

static inline rd_kafka_conf_t *
conf_of(const struct fby_manifest *m, enum fby_kafka_client client)
{
	rd_kafka_conf_t *conf = fby_kafka_conf(m, client, &err);

	assert_errors("");
	assert_non_null(conf);
	return conf;
}

#endif
