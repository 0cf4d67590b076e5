/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include <jansson.h>

#include "master/compare/manifest.h"
#include "shared/manifest/manifest.h"

static const char orders[] =
    "apiVersion: numaflow.numaproj.io/v1alpha1\n"
    "kind: MonoVertex\n"
    "metadata: {name: orders}\n"
    "spec:\n"
    "  containerTemplate:\n"
    "    env: [{name: A, value: b}, {name: NUMAFLOW_RUNTIME, value: x}]\n"
    "  source:\n"
    "    kafka:\n"
    "      brokers: [b:9092]\n"
    "      topic: orders\n"
    "      consumerGroup: orders\n"
    "      config: |\n"
    "        # a comment: with a colon\n"
    "        auto.offset.reset: latest\n"
    "        group.instance.id: one\n"
    "        fetch.min.bytes: 7\n"
    "        ssl.key.password: a:b # c\n"
    "  sink:\n"
    "    kafka: {brokers: [b:9092], topic: out}\n"
    "    fallback: {log: {}}\n"
    "  bypass: {fallback: {tags: {values: [bad]}}}\n"
    "  limits: {readBatchSize: 200, readTimeout: 2s}\n"
    "---\n"
    "apiVersion: forebay/v1\n"
    "kind: Host\n"
    "spec:\n"
    "  workers: 3\n"
    "  log: {file: /var/log/forebay, level: info}\n"
    "  deadLetter: {topic: dead}\n"
    "  runtimes: {x: {command: [/bin/x]}}\n";

static struct fby_manifest *
parse(const char *text)
{
	const struct fby_manifest_text t = { "orders.yaml", text, strlen(text),
		NULL };
	struct fby_manifest *m;
	struct fby_err err;

	fby_err_init(&err);
	m = fby_manifest_parse(&t, 1, &err);
	if (m == NULL)
		print_error("%s", fby_err_text(&err));
	assert_non_null(m);
	fby_err_fini(&err);
	return m;
}

static struct fby_manifest *
derive_from(const char *text, const char *runtime, enum fby_compare_sink sink,
    bool single)
{
	const struct fby_compare_change change = { runtime, "orders-compare-1",
		sink == FBY_COMPARE_WRITER ? "ours" : NULL, "/tmp/run", sink,
		single };
	struct fby_manifest *m = parse(text), *made;
	char *why = NULL;

	made = fby_compare_manifest_make(m, &change, &why);
	if (why)
		print_error("%s", why);
	assert_non_null(made);
	fby_manifest_free(m);
	return made;
}

static struct fby_manifest *
derive(const char *runtime, enum fby_compare_sink sink, bool single)
{
	return derive_from(orders, runtime, sink, single);
}

static void
a_run_has_a_group_and_a_place_of_its_own(void **state)
{
	struct fby_manifest *m = derive("c", FBY_COMPARE_BLACKHOLE, false);

	(void)state;
	assert_string_equal(m->source.group, "orders-compare-1");
	assert_string_equal(m->source.topic, "orders");
	assert_string_equal(m->host.run_directory, "/tmp/run");
	assert_string_equal(m->host.http_listen, "127.0.0.1:0");
	assert_null(m->host.log_file);
	assert_string_equal(m->runtime, "c");
	fby_manifest_free(m);
}

static void
what_the_operator_has_set_stays(void **state)
{
	struct fby_manifest *m = derive("c", FBY_COMPARE_BLACKHOLE, false);

	(void)state;
	assert_int_equal(m->host.workers, 3);
	assert_int_equal(m->read_batch_size, 200);
	assert_int_equal(m->read_timeout_ms, 2000);
	/* As it was written: nothing is hidden and nothing is cut. */
	assert_non_null(strstr(m->source.config,
	    "# a comment: with a colon\n"
	    "fetch.min.bytes: 7\n"
	    "ssl.key.password: a:b # c\n"));
	fby_manifest_free(m);
}

static void
all_begin_at_the_start_as_dynamic_members(void **state)
{
	struct fby_manifest *m = derive("c", FBY_COMPARE_BLACKHOLE, false);

	(void)state;
	assert_null(strstr(m->source.config, "latest"));
	assert_non_null(
	    strstr(m->source.config, "auto.offset.reset: earliest"));
	assert_null(strstr(m->source.config, "group.instance.id: one"));
	assert_non_null(strstr(m->source.config, "group.instance.id:\n"));
	fby_manifest_free(m);
	/* To whom an empty id may be an id. */
	m = derive("x", FBY_COMPARE_BLACKHOLE, false);
	assert_string_equal(m->runtime, "x");
	assert_null(strstr(m->source.config, "group.instance.id"));
	fby_manifest_free(m);
}

static void
nothing_is_written_unless_asked(void **state)
{
	struct fby_manifest *m = derive("c", FBY_COMPARE_BLACKHOLE, false);

	(void)state;
	assert_true(m->sinks[FBY_SINK_PRIMARY].blackhole);
	for (int i = 0; i < FBY_SINK_N; i++)
		assert_false(m->sinks[i].kafka.present);
	assert_false(m->sinks[FBY_SINK_FALLBACK].present);
	assert_false(m->sinks[FBY_SINK_DEAD_LETTER].present);
	fby_manifest_free(m);
	m = derive("c", FBY_COMPARE_LOG, false);
	assert_true(m->sinks[FBY_SINK_PRIMARY].log);
	assert_false(m->sinks[FBY_SINK_DEAD_LETTER].present);
	fby_manifest_free(m);
	m = derive("c", FBY_COMPARE_AS_IS, false);
	assert_string_equal(m->sinks[FBY_SINK_PRIMARY].kafka.topic, "out");
	assert_true(m->sinks[FBY_SINK_FALLBACK].log);
	assert_string_equal(m->sinks[FBY_SINK_DEAD_LETTER].kafka.topic, "dead");
	fby_manifest_free(m);
}

/* Else they would have no section of the MonoVertex. */
static void
functions_go_with_the_sinks_that_they_are(void **state)
{
	static const char text[] =
	    "apiVersion: numaflow.numaproj.io/v1alpha1\n"
	    "kind: MonoVertex\n"
	    "metadata: {name: orders}\n"
	    "spec:\n"
	    "  containerTemplate: {env: [{name: NUMAFLOW_RUNTIME, value: x}]}\n"
	    "  source:\n"
	    "    kafka: {brokers: [b:9092], topic: t, consumerGroup: g}\n"
	    "    transformer: {container: {image: none}}\n"
	    "  sink:\n"
	    "    udsink: {container: {image: none}}\n"
	    "---\n"
	    "apiVersion: forebay/v1\n"
	    "kind: Host\n"
	    "spec:\n"
	    "  runtimes: {x: {command: [/bin/x]}}\n"
	    "  functions:\n"
	    "    sink: {command: [/bin/sink]}\n"
	    "    transformer: {command: [/bin/transformer]}\n";
	struct fby_manifest *m = derive_from(text, "x", FBY_COMPARE_AS_IS,
	    false);

	(void)state;
	assert_int_equal(m->functions[FBY_FUNCTION_SINK].command.n, 1);
	fby_manifest_free(m);
	m = derive_from(text, "x", FBY_COMPARE_BLACKHOLE, false);
	assert_false(m->functions[FBY_FUNCTION_SINK].present);
	assert_int_equal(m->functions[FBY_FUNCTION_TRANSFORMER].command.n, 1);
	fby_manifest_free(m);
}

static void
one_record_at_a_time_is_a_limit(void **state)
{
	struct fby_manifest *m = derive("c", FBY_COMPARE_BLACKHOLE, true);

	(void)state;
	assert_int_equal(m->read_batch_size, 1);
	assert_int_equal(m->concurrency, 1);
	assert_int_equal(m->read_timeout_ms, 2000);
	fby_manifest_free(m);
}

static void
a_writer_has_the_source_s_connection(void **state)
{
	struct fby_manifest *m = derive("c", FBY_COMPARE_WRITER, false);
	const struct fby_kafka *k = &m->sinks[FBY_SINK_PRIMARY].kafka;

	(void)state;
	assert_string_equal(k->topic, "ours");
	assert_string_equal(k->brokers.v[0], "b:9092");
	assert_non_null(strstr(k->config, "ssl.key.password: a:b # c\n"));
	assert_null(strstr(k->config, "fetch.min.bytes"));
	fby_manifest_free(m);
}

static void
what_a_runtime_cannot_run_is_told(void **state)
{
	const struct fby_compare_change change = { "y", "g", NULL, "/tmp/run",
		FBY_COMPARE_BLACKHOLE, false };
	struct fby_manifest *m = parse(orders);
	char *why = NULL;

	(void)state;
	assert_null(fby_compare_manifest_text(m, &change, &why));
	assert_non_null(strstr(why, "NUMAFLOW_RUNTIME: found \"y\""));
	free(why);
	fby_manifest_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_run_has_a_group_and_a_place_of_its_own),
		cmocka_unit_test(what_the_operator_has_set_stays),
		cmocka_unit_test(all_begin_at_the_start_as_dynamic_members),
		cmocka_unit_test(nothing_is_written_unless_asked),
		cmocka_unit_test(functions_go_with_the_sinks_that_they_are),
		cmocka_unit_test(one_record_at_a_time_is_a_limit),
		cmocka_unit_test(a_writer_has_the_source_s_connection),
		cmocka_unit_test(what_a_runtime_cannot_run_is_told),
	};

	return UNIT_RUN(tests);
}
