/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is in a manifest, what a dump of it has, and broken ones.
 */
#include "t/unit/unit.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "t/unit/shared/manifest/texts.h"

static void
the_least_manifest_has_all_defaults(void **state)
{
	struct fby_manifest *m = good(MVTX);

	(void)state;
	assert_string_equal(m->name, "orders");
	assert_string_equal(m->namespace_, "default");
	assert_string_equal(m->runtime, "c");
	assert_int_equal(m->read_batch_size, 500);
	assert_int_equal(m->read_timeout_ms, 1000);
	assert_int_equal(m->concurrency, 500);
	assert_false(m->streaming);
	assert_int_equal(fby_manifest_batch_size(m), 500);
	assert_int_equal(m->topics.n, 1);
	assert_true(m->sinks[FBY_SINK_PRIMARY].blackhole);
	assert_false(m->sinks[FBY_SINK_PRIMARY].log);
	assert_false(m->sinks[FBY_SINK_PRIMARY].kafka.present);
	assert_int_equal(m->retry.interval_ms, 1);
	assert_int_equal(m->retry.cap_ms, UINT32_MAX);
	assert_int_equal(m->retry.steps, 0);
	assert_int_equal(m->retry.on_failure, FBY_ON_FAILURE_RETRY);
	assert_int_equal(m->host.workers, 0);
	assert_int_equal(m->host.cpus.n, 0);
	assert_string_equal(m->host.http_listen, "127.0.0.1:2469");
	assert_null(m->host.run_directory);
	assert_string_equal(m->host.secrets_directory, "/var/numaflow/secrets");
	assert_null(m->host.log_file);
	assert_int_equal(m->host.log_level, FBY_LOG_NOTICE);
	assert_int_equal(m->host.commit_interval_ms, 1000);
	assert_int_equal(m->host.drain_timeout_ms, 30000);
	assert_int_equal(m->host.worker_timeout_ms, 10000);
	assert_int_equal(m->host.max_partitions, 65536);
	assert_int_equal(m->host.watermark.max_delay_ms, 0);
	assert_false(m->host.watermark.idle.present);
	assert_int_equal(m->host.memory.budget_bytes, 64 << 20);
	assert_int_equal(m->host.memory.max_records, 100000);
	assert_int_equal(m->host.nruntimes, 0);
	fby_manifest_free(m);
}

static void
everything_that_can_be_set_is_where_it_belongs(void **state)
{
	struct fby_manifest *m;
	struct fby_err err;

	(void)state;
	fby_err_init(&err);
	m = load("t/conf/good/everything.yaml", &err);
	assert_non_null(m);
	assert_string_equal(m->namespace_, "data");
	assert_int_equal(m->source.brokers.n, 2);
	assert_int_equal(m->topics.n, 2);
	assert_string_equal(m->topics.v[0], "orders");
	assert_string_equal(m->topics.v[1], "payments");
	assert_true(m->source.tls.present);
	assert_true(m->source.tls.insecure_skip_verify);
	assert_true(m->source.tls.ca.optional);
	assert_int_equal(m->source.sasl.mechanism, FBY_SASL_SCRAM_256);
	assert_true(m->source.sasl.scram256.present);
	assert_false(m->source.sasl.plain.present);
	assert_string_equal(m->source.sasl.scram256.user.key, "word");
	assert_int_equal(m->source.nsettings, 5);
	assert_true(m->sinks[FBY_SINK_PRIMARY].kafka.present);
	assert_false(m->sinks[FBY_SINK_PRIMARY].kafka.set_key);
	assert_false(m->sinks[FBY_SINK_PRIMARY].kafka.tls.present);
	assert_int_equal(m->sinks[FBY_SINK_PRIMARY].kafka.nsettings, 2);
	assert_int_equal(m->retry.interval_ms, 1);
	assert_int_equal(m->retry.steps, 5);
	assert_int_equal(m->retry.cap_ms, 60000);
	assert_int_equal(m->retry.on_failure, FBY_ON_FAILURE_DROP);
	assert_int_equal(m->concurrency, 50);
	assert_int_equal(m->read_batch_size, 100);
	assert_int_equal(fby_manifest_batch_size(m), 1);
	assert_int_equal(m->env.n, 3);
	assert_string_equal(m->env.v[2], "PASSWORD=hunter2");
	assert_int_equal(m->host.workers, 8);
	assert_int_equal(m->host.cpus.n, 7);
	assert_string_equal(m->host.cpus.v[6], "12");
	assert_string_equal(m->host.http_listen, "[::1]:0");
	assert_int_equal(m->host.log_level, FBY_LOG_DEBUG);
	assert_int_equal(m->host.watermark.idle.init_source_delay_ms, 5000);
	assert_int_equal(m->host.memory.budget_bytes, 1000000000);
	assert_int_equal(m->host.nruntimes, 1);
	assert_string_equal(m->host.runtimes[0].command.v[1], "processor");
	assert_string_equal(m->host.runtimes[0].env.v[1],
	    "NUMAFLOW_CPU_REQUEST=2");
	assert_string_equal(fby_manifest_run_dir(m), "/run/forebay/every");
	fby_manifest_free(m);
	fby_err_fini(&err);
}

static void
the_run_directory_is_given_or_systemds_or_by_name(void **state)
{
	struct fby_manifest *m = good(MVTX);

	(void)state;
	unsetenv("RUNTIME_DIRECTORY");
	assert_string_equal(fby_manifest_run_dir(m), "/run/forebay/orders");
	setenv("RUNTIME_DIRECTORY", "/run/one:/run/two", 1);
	assert_string_equal(fby_manifest_run_dir(m), "/run/one");
	unsetenv("RUNTIME_DIRECTORY");
	fby_manifest_free(m);
}

static void
a_place_is_known_for_each_path(void **state)
{
	struct fby_manifest *m = good(MVTX HOST "  drainTimeout: 5s\n");
	struct fby_pos pos;

	(void)state;
	pos = fby_manifest_pos(m, "spec.source.kafka.brokers[0]");
	assert_int_equal(pos.line, 6);
	assert_int_equal(pos.col, 23);
	pos = fby_manifest_pos(m, "spec.drainTimeout");
	assert_int_equal(pos.line, 12);
	pos = fby_manifest_pos(m, "spec.source.kafka.tls.caCertSecret");
	assert_int_equal(pos.line, 6);
	pos = fby_manifest_pos(m, "spec.watermark.maxDelay");
	assert_int_equal(pos.line, 12);
	fby_manifest_free(m);
	m = good(MVTX);
	pos = fby_manifest_pos(m, "spec.watermark.maxDelay");
	assert_string_equal(pos.file, "t");
	assert_int_equal(pos.line, 0);
	fby_manifest_free(m);
}

static void
a_file_that_cannot_be_read_is_said_by_name(void **state)
{
	struct fby_err err;
	char *text;

	(void)state;
	fby_err_init(&err);
	assert_null(load("/nonexistent/a.yaml", &err));
	assert_null(load("/", &err));
	text = fby_err_text(&err);
	assert_string_equal(text,
	    "/nonexistent/a.yaml: cannot be read: No "
	    "such file or directory\n/: cannot be read: Is a directory\n");
	free(text);
	fby_err_fini(&err);
}

static void
a_dump_is_the_same_manifest_without_its_secrets(void **state)
{
	struct fby_manifest *m, *again;
	struct fby_err err;
	char *text;

	(void)state;
	fby_err_init(&err);
	m = load("t/conf/good/everything.yaml", &err);
	assert_non_null(m);
	text = fby_manifest_dump(m);
	assert_null(strstr(text, "hunter2"));
	again = good(text);
	free(text);
	assert_int_equal(fby_manifest_diff(m, again, NULL, NULL),
	    FBY_POLICY_NONE);
	fby_manifest_free(m);
	fby_manifest_free(again);

	m = good("apiVersion: numaflow.numaproj.io/v1alpha1\n"
		 "kind: MonoVertex\nmetadata: {name: orders}\nspec:\n"
		 "  source:\n    kafka:\n      brokers: ['a:1']\n"
		 "      topic: t\n      consumerGroup: g\n      config: |\n"
		 "        sasl.password: topsecret\n"
		 "        ssl.key.pem: topsecret\n"
		 "        # sasl.password: topsecret\n"
		 "        fetch.min.bytes: 5\n"
		 "  sink: {log: {}}\n");
	text = fby_manifest_dump(m);
	assert_null(strstr(text, "topsecret"));
	assert_non_null(strstr(text, "sasl.password: (hidden)"));
	assert_non_null(strstr(text, "fetch.min.bytes: 5"));
	free(text);
	fby_manifest_free(m);
	fby_err_fini(&err);
}

static void
survive(const char *text, size_t len)
{
	const struct fby_manifest_text t = { "garbage", text, len, NULL };
	struct fby_manifest *m;
	struct fby_err err;
	char *errors;

	fby_err_init(&err);
	m = fby_manifest_parse(&t, 1, &err);
	assert_int_equal(m == NULL, err.total > 0);
	if (m)
		free(fby_manifest_dump(m));
	fby_manifest_free(m);
	errors = fby_err_text(&err);
	free(errors);
	fby_err_fini(&err);
}

/* Each in memory of its own size, so that a byte too far is seen. */
static void
survive_part(const char *text, size_t len)
{
	char *part = fby_malloc(len);

	memcpy(part, text, len);
	survive(part, len);
	free(part);
}

static void
torment(const char *text, size_t len, unsigned *seed)
{
	char *copy = fby_strndup(text, len);

	for (size_t i = 0; i < len; i++)
		survive_part(text, i);
	for (size_t i = 0; i < len; i++) {
		*seed = *seed * 1103515245 + 12345;
		copy[i] = (char)(copy[i] ^ (1 << (*seed >> 16) % 8));
		survive(copy, len);
		copy[i] = text[i];
	}
	for (size_t i = 0; i < len; i += 3) {
		*seed = *seed * 1103515245 + 12345;
		copy[i] = "\t\n{}[]:,&*!|>'\"%@`#-\0\xff"[(*seed >> 16) % 22];
		survive(copy, len);
	}
	free(copy);
}

static void
torment_file(const char *dir, const char *name, unsigned *seed)
{
	char *path = fby_asprintf("%s/%s", dir, name);
	char text[16384];
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	const ssize_t n = read(fd, text, sizeof(text));

	close(fd);
	free(path);
	assert_true(n > 0);
	torment(text, (size_t)n, seed);
}

static void
broken_files_are_refused_and_never_crash(void **state)
{
	DIR *dir = opendir("t/conf/good");
	unsigned seed = 1;
	struct dirent *e;

	(void)state;
	assert_non_null(dir);
	while ((e = readdir(dir)))
		if (e->d_name[0] != '.')
			torment_file("t/conf/good", e->d_name, &seed);
	closedir(dir);
}

/* Upstream's rules: no values match everybody, no tags match nobody. */
static void
tags_choose_the_first_sink(void **state)
{
	const char *a[] = { "a" }, *ab[] = { "a", "b" }, *c[] = { "c" };
	const struct fby_strings tags_a = { a, 1 }, tags_ab = { ab, 2 },
				 tags_c = { c, 1 };
	struct fby_manifest m = { 0 };
	struct fby_tags *want = &m.bypass[FBY_SINK_FALLBACK];

	(void)state;
	assert_int_equal(fby_manifest_route(&m, &tags_a), FBY_SINK_PRIMARY);
	*want = (struct fby_tags){ true, FBY_TAG_OR, { ab, 2 } };
	assert_int_equal(fby_manifest_route(&m, &tags_a), FBY_SINK_FALLBACK);
	assert_int_equal(fby_manifest_route(&m, &tags_c), FBY_SINK_PRIMARY);
	want->op = FBY_TAG_AND;
	assert_int_equal(fby_manifest_route(&m, &tags_a), FBY_SINK_PRIMARY);
	assert_int_equal(fby_manifest_route(&m, &tags_ab), FBY_SINK_FALLBACK);
	want->op = FBY_TAG_NOT;
	assert_int_equal(fby_manifest_route(&m, &tags_a), FBY_SINK_PRIMARY);
	assert_int_equal(fby_manifest_route(&m, &tags_c), FBY_SINK_FALLBACK);
	assert_int_equal(fby_manifest_route(&m, NULL), FBY_SINK_PRIMARY);
	want->values.n = 0;
	assert_int_equal(fby_manifest_route(&m, NULL), FBY_SINK_FALLBACK);
	m.bypass[FBY_SINK_PRIMARY] = (struct fby_tags){ true, FBY_TAG_OR,
		{ c, 1 } };
	assert_int_equal(fby_manifest_route(&m, &tags_c), FBY_SINK_PRIMARY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_least_manifest_has_all_defaults),
		cmocka_unit_test(
		    everything_that_can_be_set_is_where_it_belongs),
		cmocka_unit_test(
		    the_run_directory_is_given_or_systemds_or_by_name),
		cmocka_unit_test(a_place_is_known_for_each_path),
		cmocka_unit_test(a_file_that_cannot_be_read_is_said_by_name),
		cmocka_unit_test(
		    a_dump_is_the_same_manifest_without_its_secrets),
		cmocka_unit_test(broken_files_are_refused_and_never_crash),
		cmocka_unit_test(tags_choose_the_first_sink),
	};

	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	return UNIT_RUN(tests);
}
