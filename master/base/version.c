/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which forebay this is; see version.h.
 */
#include "shared/fby.h"

#include "master/base/version.h"

#include <event2/event.h>
#include <jansson.h>
#ifndef FBY_NO_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif
#include <librdkafka/rdkafka.h>
#include <yaml.h>

#include "shared/boundary/proto.h"

static const char *
jemalloc_version(void)
{
#ifdef FBY_NO_JEMALLOC
	return "none";
#else
	const char *text;
	size_t size = sizeof(text);

	return mallctl("version", &text, &size, NULL, 0) == 0 ? text : "?";
#endif
}

/* "gzip,snappy,ssl,sasl,…" of the librdkafka that we run with. */
static const char *
kafka_features(void)
{
	static char text[512];
	size_t size = sizeof(text);
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	if (rd_kafka_conf_get(conf, "builtin.features", text, &size) !=
	    RD_KAFKA_CONF_OK)
		snprintf(text, sizeof(text), "?");
	rd_kafka_conf_destroy(conf);
	return text;
}

const struct fby_version *
fby_version_list(void)
{
	static struct fby_version list[9];
	static char abi[16];

	if (list[0].name)
		return list;
	snprintf(abi, sizeof(abi), "%d", FBY_ABI);
	list[1] = (struct fby_version){ "abi", abi };
	list[2] = (struct fby_version){ "librdkafka", rd_kafka_version_str() };
	list[3] = (struct fby_version){ "librdkafka features",
		kafka_features() };
	list[4] = (struct fby_version){ "libevent", event_get_version() };
	list[5] = (struct fby_version){ "jemalloc", jemalloc_version() };
	list[6] = (struct fby_version){ "jansson", jansson_version_str() };
	list[7] = (struct fby_version){ "libyaml", yaml_get_version_string() };
	list[0] = (struct fby_version){ "forebay", FBY_VERSION };
	return list;
}
