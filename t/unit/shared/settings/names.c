/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/settings/names.h"

#include <librdkafka/rdkafka.h>

static bool
is_known(const char *key)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_conf_res_t res = rd_kafka_conf_set(conf, key, "1", NULL, 0);

	rd_kafka_conf_destroy(conf);
	return res != RD_KAFKA_CONF_UNKNOWN;
}

/* All that the Java client of Kafka 4 knows and librdkafka does not. */
static const char *const of_java[] = {
	"auto.include.jmx.reporter",
	"buffer.memory",
	"config.providers",
	"default.api.timeout.ms",
	"exclude.internal.topics",
	"fetch.max.wait.ms",
	"interceptor.classes",
	"key.deserializer",
	"key.serializer",
	"max.block.ms",
	"max.poll.records",
	"max.request.size",
	"metadata.max.idle.ms",
	"metric.reporters",
	"metrics.num.samples",
	"metrics.recording.level",
	"metrics.sample.window.ms",
	"partitioner.adaptive.partitioning.enable",
	"partitioner.availability.timeout.ms",
	"partitioner.class",
	"partitioner.ignore.keys",
	"receive.buffer.bytes",
	"sasl.client.callback.handler.class",
	"sasl.jaas.config",
	"sasl.kerberos.ticket.renew.jitter",
	"sasl.kerberos.ticket.renew.window.factor",
	"sasl.login.callback.handler.class",
	"sasl.login.class",
	"sasl.login.connect.timeout.ms",
	"sasl.login.refresh.buffer.seconds",
	"security.providers",
	"send.buffer.bytes",
	"socket.connection.setup.timeout.max.ms",
	"ssl.enabled.protocols",
	"ssl.engine.factory.class",
	"ssl.keymanager.algorithm",
	"ssl.keystore.certificate.chain",
	"ssl.keystore.key",
	"ssl.keystore.type",
	"ssl.protocol",
	"ssl.provider",
	"ssl.secure.random.implementation",
	"ssl.trustmanager.algorithm",
	"ssl.truststore.certificates",
	"ssl.truststore.location",
	"ssl.truststore.password",
	"ssl.truststore.type",
	"value.deserializer",
	"value.serializer",
};

static void
names_of_java_have_an_answer(void **state)
{
	(void)state;
	for (size_t i = 0; i < FBY_NELEM(of_java); i++) {
		if (fby_kafka_names_foreign(of_java[i]) == NULL)
			print_error("%s\n", of_java[i]);
		assert_non_null(fby_kafka_names_foreign(of_java[i]));
	}
}

/* What stands in `...` and has a dot is a setting, or of the manifest. */
static void
what_is_named_instead_is_a_setting(void **state)
{
	static const char *const more[] = { "initial", "maxMessageBytes",
		"dialTimeout", "requiredAcks", "strategy", "rackID" };
	const size_t n = FBY_NELEM(of_java) + FBY_NELEM(more);

	(void)state;
	for (size_t i = 0; i < n; i++) {
		const char *key = i < FBY_NELEM(of_java) ?
		    of_java[i] :
		    more[i - FBY_NELEM(of_java)];
		const char *p = strstr(fby_kafka_names_foreign(key),
		    "name of `");
		char name[128];

		if (p == NULL)
			continue;
		p += strlen("name of `");
		snprintf(name, sizeof(name), "%.*s", (int)strcspn(p, "`"), p);
		assert_true(is_known(name));
	}
}

static void
sarama_is_known_in_any_case_and_librdkafka_stays(void **state)
{
	(void)state;
	assert_non_null(fby_kafka_names_foreign("consumer"));
	assert_non_null(fby_kafka_names_foreign("Consumer"));
	assert_non_null(fby_kafka_names_foreign("maxmessagebytes"));
	assert_null(fby_kafka_names_foreign("linger.ms"));
	assert_null(fby_kafka_names_foreign("auto.ofset.reset"));
}

static void
values_of_java_have_an_answer(void **state)
{
	static const char key[] = "partition.assignment.strategy";

	(void)state;
	assert_non_null(fby_kafka_names_value(key,
	    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"));
	assert_non_null(fby_kafka_names_value(key, "RangeAssignor"));
	assert_null(fby_kafka_names_value(key, "range"));
	assert_non_null(fby_kafka_names_value("auto.offset.reset", "none"));
	assert_null(fby_kafka_names_value("auto.offset.reset", "latest"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_of_java_have_an_answer),
		cmocka_unit_test(what_is_named_instead_is_a_setting),
		cmocka_unit_test(
		    sarama_is_known_in_any_case_and_librdkafka_stays),
		cmocka_unit_test(values_of_java_have_an_answer),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
