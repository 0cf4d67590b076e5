/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/settings/property.h"

#include <ctype.h>

#include <librdkafka/rdkafka.h>

/*
 * Texts that are looked at and found to name nothing of this machine.  A
 * property of a newer librdkafka that is neither here nor in the table of
 * settings/property.c makes the test fail: read what it does, then put it into
 * one of the two.
 */
static const char *const harmless[] = {
	"broker.version.fallback",
	"builtin.features",
	"client.id",
	"client.rack",
	"client.software.name",
	"client.software.version",
	"group.id",
	"group.instance.id",
	"group.protocol.type",
	"group.remote.assignor",
	"https.ca.pem",
	"bootstrap.servers",
	"metadata.broker.list",
	"partition.assignment.strategy",
	"partitioner",
	"sasl.kerberos.principal",
	"sasl.kerberos.service.name",
	"sasl.mechanism",
	"sasl.mechanisms",
	"sasl.oauthbearer.assertion.claim.aud",
	"sasl.oauthbearer.assertion.claim.iss",
	"sasl.oauthbearer.assertion.claim.sub",
	"sasl.oauthbearer.assertion.private.key.passphrase",
	"sasl.oauthbearer.assertion.private.key.pem",
	"sasl.oauthbearer.client.credentials.client.id",
	"sasl.oauthbearer.client.credentials.client.secret",
	"sasl.oauthbearer.client.id",
	"sasl.oauthbearer.client.secret",
	"sasl.oauthbearer.config",
	"sasl.oauthbearer.extensions",
	"sasl.oauthbearer.scope",
	"sasl.oauthbearer.sub.claim.name",
	"sasl.oauthbearer.token.endpoint.url",
	"sasl.password",
	"sasl.username",
	"ssl.ca.pem",
	"ssl.certificate.pem",
	"ssl.cipher.suites",
	"ssl.curves.list",
	"ssl.key.password",
	"ssl.key.pem",
	"ssl.keystore.password",
	"ssl.sigalgs.list",
	"topic.blacklist",
	"transactional.id",
};

static bool
is_harmless(const char *key)
{
	for (size_t i = 0; i < FBY_NELEM(harmless); i++)
		if (strcmp(harmless[i], key) == 0)
			return true;
	return fby_kafka_property_kind(key) != FBY_PROPERTY_VALUE;
}

/* Numbers, truth values and words of a list cannot name anything. */
static bool
is_text(const char *row)
{
	static const char *const types[] = { "*Type: boolean*",
		"*Type: integer*", "*Type: float*", "*Type: enum value*",
		"*Type: CSV flags*", "*Type: see dedicated API*" };

	for (size_t i = 0; i < FBY_NELEM(types); i++)
		if (strstr(row, types[i]))
			return false;
	return true;
}

static void
every_text_that_librdkafka_takes_is_classified(void **state)
{
	char *table = NULL, *save = NULL;
	size_t size = 0, n = 0, unknown = 0;
	FILE *f = open_memstream(&table, &size);

	(void)state;
	assert_non_null(f);
	rd_kafka_conf_properties_show(f);
	fclose(f);
	for (char *row = strtok_r(table, "\n", &save); row;
	     row = strtok_r(NULL, "\n", &save)) {
		const size_t len = strcspn(row, " ");

		if (!islower((unsigned char)*row) || !strchr(row, '|') ||
		    !is_text(row))
			continue;
		row[len] = '\0';
		n++;
		if (is_harmless(row))
			continue;
		print_error("%s: is it a program, a library or a file?\n", row);
		unknown++;
	}
	free(table);
	assert_true(n > 40);
	assert_int_equal(unknown, 0);
}

/* What the table has is spelled as librdkafka spells it. */
static void
what_names_code_and_files_is_in_the_table(void **state)
{
	static const char *const known[] = { "sasl.kerberos.kinit.cmd",
		"plugin.library.paths", "ssl.engine.location", "ssl.engine.id",
		"ssl.providers", "ssl.ca.location", "sasl.kerberos.keytab" };
	char value[512];

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(known); i++) {
		rd_kafka_conf_t *conf = rd_kafka_conf_new();
		size_t size = sizeof(value);

		assert_int_not_equal(rd_kafka_conf_get(conf, known[i], value,
					 &size),
		    RD_KAFKA_CONF_INVALID);
		assert_non_null(fby_kafka_property_names(known[i]));
		rd_kafka_conf_destroy(conf);
	}
	assert_null(fby_kafka_property_names("client.id"));
	assert_int_equal(fby_kafka_property_kind("internal.termination.signal"),
	    FBY_PROPERTY_INTERNAL);
}

static void
connections_are_told_from_memberships(void **state)
{
	(void)state;
	assert_true(fby_kafka_property_is_connection("ssl.ca.location"));
	assert_true(fby_kafka_property_is_connection("plugin.library.paths"));
	assert_false(fby_kafka_property_is_connection("group.id"));
	assert_false(fby_kafka_property_is_connection("linger.ms"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    every_text_that_librdkafka_takes_is_classified),
		cmocka_unit_test(what_names_code_and_files_is_in_the_table),
		cmocka_unit_test(connections_are_told_from_memberships),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
