/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which properties of librdkafka are more than a value; settings/property.h.
 */
#include "shared/fby.h"

#include "shared/settings/property.h"

static const struct {
	const char *key;
	enum fby_property_kind kind;
} properties[] = {
	{ "sasl.kerberos.kinit.cmd", FBY_PROPERTY_PROGRAM },
	/* rd_kafka_conf_set() itself loads these. */
	{ "plugin.library.paths", FBY_PROPERTY_LIBRARY },
	{ "ssl.engine.id", FBY_PROPERTY_LIBRARY },
	{ "ssl.engine.location", FBY_PROPERTY_LIBRARY },
	{ "ssl.providers", FBY_PROPERTY_LIBRARY },
	{ "https.ca.location", FBY_PROPERTY_FILE },
	{ "sasl.kerberos.keytab", FBY_PROPERTY_FILE },
	{ "sasl.oauthbearer.assertion.file", FBY_PROPERTY_FILE },
	{ "sasl.oauthbearer.assertion.jwt.template.file", FBY_PROPERTY_FILE },
	{ "sasl.oauthbearer.assertion.private.key.file", FBY_PROPERTY_FILE },
	{ "ssl.ca.certificate.stores", FBY_PROPERTY_FILE },
	{ "ssl.ca.location", FBY_PROPERTY_FILE },
	{ "ssl.certificate.location", FBY_PROPERTY_FILE },
	{ "ssl.crl.location", FBY_PROPERTY_FILE },
	{ "ssl.key.location", FBY_PROPERTY_FILE },
	{ "ssl.keystore.location", FBY_PROPERTY_FILE },
	/* Offsets are the master's. */
	{ "offset.store.method", FBY_PROPERTY_INTERNAL },
	{ "offset.store.path", FBY_PROPERTY_INTERNAL },
	/* The signal is sent to each thread at the end: 9 would kill us. */
	{ "internal.termination.signal", FBY_PROPERTY_INTERNAL },
	{ "enabled_events", FBY_PROPERTY_INTERNAL },
	/* Not in the list that librdkafka prints. */
	{ "test.mock.broker.rtt", FBY_PROPERTY_INTERNAL },
	{ "test.mock.num.brokers", FBY_PROPERTY_INTERNAL },
	{ "ut_handle_ProduceResponse", FBY_PROPERTY_INTERNAL },
};

enum fby_property_kind
fby_kafka_property_kind(const char *key)
{
	for (size_t i = 0; i < FBY_NELEM(properties); i++)
		if (strcmp(properties[i].key, key) == 0)
			return properties[i].kind;
	return FBY_PROPERTY_VALUE;
}

const char *
fby_kafka_property_names(const char *key)
{
	switch (fby_kafka_property_kind(key)) {
	case FBY_PROPERTY_PROGRAM:
		return "a program";
	case FBY_PROPERTY_LIBRARY:
		return "a library";
	case FBY_PROPERTY_FILE:
		return "a file";
	case FBY_PROPERTY_VALUE:
	case FBY_PROPERTY_INTERNAL:
		break;
	}
	return NULL;
}

bool
fby_kafka_property_is_connection(const char *key)
{
	static const char *const begin[] = { "ssl.", "sasl.", "security.",
		"enable.ssl.", "https.", "socket.", "broker.", "client.",
		"plugin." };

	for (size_t i = 0; i < FBY_NELEM(begin); i++)
		if (strncmp(key, begin[i], strlen(begin[i])) == 0)
			return true;
	return false;
}
