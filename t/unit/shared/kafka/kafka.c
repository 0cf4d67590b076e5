/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each of the three clients is told.
 */
#include "t/unit/unit.h"

#include "shared/base/mem.h"
#include "t/unit/shared/kafka/clients.h"

static void
the_member_has_a_name_of_its_own_and_never_commits_by_itself(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("") BLACKHOLE HOST("/nonexistent"));
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);
	char id[128] = "";
	size_t size = sizeof(id);

	(void)state;
	assert_conf(conf, "bootstrap.servers", "a:1,b:2");
	assert_conf(conf, "group.id", "g");
	assert_conf(conf, "client.id", "forebay-orders");
	assert_conf(conf, "enable.auto.commit", "false");
	assert_conf(conf, "session.timeout.ms", "15000");
	assert_conf(conf, "heartbeat.interval.ms", "1000");
	assert_conf(conf, "topic.metadata.refresh.interval.ms", "5000");
	assert_conf(conf, "log.queue", "true");
	assert_int_equal(rd_kafka_conf_get(conf, "group.instance.id", id,
			     &size),
	    RD_KAFKA_CONF_OK);
	assert_string_equal(id, "forebay-orders");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "group.instance.id", id);
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
the_master_says_who_the_member_is(void **state)
{
	struct fby_manifest *m = good(SOURCE("") BLACKHOLE);
	rd_kafka_conf_t *conf;

	(void)state;
	m->host_id = "forebay-0123-orders";
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "group.instance.id", "forebay-0123-orders");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

/* They are made again and again, by reloads, checks and lost connections. */
static void
a_client_leaves_nothing_in_the_manifest(void **state)
{
	struct fby_manifest *m = good(SOURCE("") BLACKHOLE);
	uint64_t before = fby_mem_arena(FBY_ARENA_CONFIG);

	(void)state;
	for (int i = 0; i < 500; i++)
		rd_kafka_conf_destroy(conf_of(m, FBY_KAFKA_MEMBER));
	assert_int_equal(fby_mem_arena(FBY_ARENA_CONFIG), before);
	fby_manifest_free(m);
}

static void
the_fetcher_is_no_member(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        auto.offset.reset: earliest\n"
		   "        group.instance.id: mine\n"
		   "        session.timeout.ms: 6000\n"
		   "        queued.max.messages.kbytes: 100\n"
		   "        fetch.min.bytes: 7\n") BLACKHOLE);
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_FETCHER);

	(void)state;
	assert_conf(conf, "group.id", "g");
	assert_conf(conf, "group.instance.id", "");
	assert_conf(conf, "session.timeout.ms", "45000");
	assert_conf(conf, "auto.offset.reset", "error");
	assert_conf(conf, "enable.partition.eof", "true");
	assert_conf(conf, "enable.auto.offset.store", "false");
	assert_conf(conf, "enable.auto.commit", "false");
	assert_conf(conf, "fetch.queue.backoff.ms", "10");
	assert_conf(conf, "queued.max.messages.kbytes", "100");
	assert_conf(conf, "fetch.min.bytes", "7");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "group.instance.id", "mine");
	assert_conf(conf, "session.timeout.ms", "6000");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
an_empty_instance_id_makes_a_dynamic_member(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        group.instance.id:\n") BLACKHOLE);
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);

	(void)state;
	assert_conf(conf, "group.instance.id", "");
	assert_string_equal(fby_kafka_setting(m, "group.instance.id"), "");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
the_session_fits_into_the_poll_interval(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        max.poll.interval.ms: 10000\n") BLACKHOLE
	    "---\n"
	    "apiVersion: forebay/v1\nkind: Host\n"
	    "spec: {drainTimeout: 5s}\n");
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);

	(void)state;
	assert_conf(conf, "session.timeout.ms", "10000");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
the_new_group_protocol_gets_no_timeouts_of_the_old(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        group.protocol: consumer\n") BLACKHOLE);
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);
	rd_kafka_t *rk = fby_kafka_new(m, FBY_KAFKA_MEMBER, conf, &err);

	(void)state;
	assert_errors("");
	assert_non_null(rk);
	rd_kafka_destroy(rk);
	fby_manifest_free(m);
}

static void
the_producer_has_its_own_brokers_and_settings(void **state)
{
	struct fby_manifest *m = good(SOURCE("") KAFKA_SINK("linger.ms: 50"));
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_PRODUCER);

	(void)state;
	assert_conf(conf, "bootstrap.servers", "c:3");
	assert_conf(conf, "linger.ms", "50");
	assert_conf(conf, "enable.idempotence", "true");
	assert_conf(conf, "message.timeout.ms", "30000");
	assert_conf(conf, "compression.codec", "none");
	assert_conf(conf, "group.id", "");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static const char exactly_once[] = SOURCE(
    "      config: 'isolation.level: read_uncommitted'\n") "  sink:\n"
							   "    kafka:\n"
							   "      brokers: ['a:1', 'b:2']\n"
							   "      topic: out\n"
							   "      config: 'transaction.timeout.ms: 7000'\n"
							   "---\n"
							   "apiVersion: forebay/v1\n"
							   "kind: Host\n"
							   "spec: {delivery: exactlyOnce}\n";

static void
exactly_once_sees_stable_offsets_only_and_gives_up_in_time(void **state)
{
	struct fby_manifest *m = good(exactly_once);
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);

	(void)state;
	/* Also against the manifest's will. */
	assert_conf(conf, "isolation.level", "read_committed");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(m, FBY_KAFKA_FETCHER);
	assert_conf(conf, "isolation.level", "read_uncommitted");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(m, FBY_KAFKA_PRODUCER);
	assert_conf(conf, "transaction.timeout.ms", "7000");
	assert_conf(conf, "message.timeout.ms", "7000");
	assert_conf(conf, "retry.backoff.ms", "2");
	assert_conf(conf, "linger.ms", "1");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
all_clients_can_be_made(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("") KAFKA_SINK("compression.type: lz4"));

	(void)state;
	for (int i = FBY_KAFKA_MEMBER; i <= FBY_KAFKA_PRODUCER; i++) {
		const enum fby_kafka_client client = (enum fby_kafka_client)i;
		rd_kafka_t *rk = fby_kafka_new(m, client, conf_of(m, client),
		    &err);

		assert_errors("");
		assert_non_null(rk);
		rd_kafka_destroy(rk);
	}
	fby_manifest_free(m);
}

static void
settings_that_exclude_idempotence_turn_it_off(void **state)
{
	static const char *const sinks[] = {
		SOURCE("") KAFKA_SINK("acks: 0"),
		SOURCE("") KAFKA_SINK("acks: 1"),
		SOURCE("") KAFKA_SINK("retries: 0"),
		SOURCE("") KAFKA_SINK("max.in.flight: 6"),
		SOURCE("") KAFKA_SINK("queuing.strategy: lifo"),
		SOURCE("")
		    KAFKA_SINK("queue.buffering.backpressure.threshold: 2"),
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(sinks); i++) {
		struct fby_manifest *m = good(sinks[i]);
		rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_PRODUCER);

		assert_conf(conf, "enable.idempotence", "false");
		rd_kafka_conf_destroy(conf);
		/* And that there is no setKey. */
		assert_int_equal(m->notes->total, 2);
		assert_int_equal(fby_kafka_try(m, &err), 0);
		fby_manifest_free(m);
	}
}

static void
what_librdkafka_refuses_as_a_whole_is_said(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("") KAFKA_SINK("acks: 1\n        enable.idempotence: true"));
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_PRODUCER);

	(void)state;
	assert_null(fby_kafka_new(m, FBY_KAFKA_PRODUCER, conf, &err));
	assert_int_equal(err.n, 1);
	assert_int_equal(err.items[0].pos.line, 14);
	assert_non_null(strstr(err.items[0].text, "acks"));
	fby_err_fini(&err);
	fby_manifest_free(m);
}

static void
settings_are_split_at_the_first_colon(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        # fetch.min.bytes: 1\n"
		   "\n"
		   "        client.rack :  a:b c  \n"
		   "        auto.offset.reset: smallest\n"
		   "        debug: generic\n") BLACKHOLE);

	(void)state;
	assert_int_equal(m->source.nsettings, 3);
	assert_string_equal(fby_kafka_setting(m, "client.rack"), "a:b c");
	assert_string_equal(fby_kafka_setting(m, "auto.offset.reset"),
	    "earliest");
	assert_null(fby_kafka_setting(m, "fetch.min.bytes"));
	assert_int_equal(m->source.settings[0].pos.line, 13);
	assert_int_equal(m->source.settings[0].pos.col, 9);
	assert_int_equal(m->source.settings[0].value_pos.col, 24);
	fby_manifest_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_member_has_a_name_of_its_own_and_never_commits_by_itself),
		cmocka_unit_test(the_master_says_who_the_member_is),
		cmocka_unit_test(a_client_leaves_nothing_in_the_manifest),
		cmocka_unit_test(the_fetcher_is_no_member),
		cmocka_unit_test(an_empty_instance_id_makes_a_dynamic_member),
		cmocka_unit_test(the_session_fits_into_the_poll_interval),
		cmocka_unit_test(
		    the_new_group_protocol_gets_no_timeouts_of_the_old),
		cmocka_unit_test(the_producer_has_its_own_brokers_and_settings),
		cmocka_unit_test(
		    exactly_once_sees_stable_offsets_only_and_gives_up_in_time),
		cmocka_unit_test(all_clients_can_be_made),
		cmocka_unit_test(settings_that_exclude_idempotence_turn_it_off),
		cmocka_unit_test(what_librdkafka_refuses_as_a_whole_is_said),
		cmocka_unit_test(settings_are_split_at_the_first_colon),
	};

	fby_mem_init();
	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("RUNTIME_DIRECTORY");
	return UNIT_RUN(tests);
}
