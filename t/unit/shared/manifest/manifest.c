/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/manifest/manifest.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shared/base/base64.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#define MVTX                                                          \
	"apiVersion: numaflow.numaproj.io/v1alpha1\n"                 \
	"kind: MonoVertex\n"                                          \
	"metadata: {name: orders}\n"                                  \
	"spec:\n"                                                     \
	"  source:\n"                                                 \
	"    kafka: {brokers: ['a:1'], topic: t, consumerGroup: g}\n" \
	"  sink: {blackhole: {}}\n"
#define MVTX_TWO                                                  \
	"apiVersion: numaflow.numaproj.io/v1alpha1\n"             \
	"kind: MonoVertex\n"                                      \
	"metadata: {name: two}\n"                                 \
	"spec:\n"                                                 \
	"  source:\n"                                             \
	"    kafka: {brokers: [b], topic: u, consumerGroup: g}\n" \
	"  sink: {blackhole: {}}\n"
#define HOST                       \
	"---\n"                    \
	"apiVersion: forebay/v1\n" \
	"kind: Host\n"             \
	"spec:\n"
#define RUST                     \
	"  containerTemplate:\n" \
	"    env: [{name: NUMAFLOW_RUNTIME, value: rust}]\n"
#define RUST_HOST HOST "  runtimes: {rust: {command: [/bin/numaflow-rs]}}\n"

static struct fby_manifest *
parse(const char *yaml, char **errors)
{
	const struct fby_manifest_text text = { "t", yaml, strlen(yaml), NULL };
	struct fby_manifest *m;
	struct fby_err err;

	fby_err_init(&err);
	m = fby_manifest_parse(&text, 1, &err);
	if (errors)
		*errors = fby_err_text(&err);
	else if (m == NULL)
		fputs(fby_err_text(&err), stderr);
	fby_err_fini(&err);
	return m;
}

static struct fby_manifest *
good(const char *yaml)
{
	struct fby_manifest *m = parse(yaml, NULL);

	assert_non_null(m);
	return m;
}

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

static struct fby_manifest *
load(const char *file, struct fby_err *err)
{
	char *name = fby_strdup(file);
	struct fby_manifest *m = fby_manifest_load(&name, 1, err);

	free(name);
	return m;
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

/* ---- the runtime ------------------------------------------------------ */

static void
the_last_runtime_in_the_manifest_wins_over_the_environment(void **state)
{
	struct fby_manifest *m;
	char *errors;

	(void)state;
	setenv("NUMAFLOW_RUNTIME", "rust", 1);
	m = good(MVTX RUST_HOST);
	assert_string_equal(m->runtime, "rust");
	fby_manifest_free(m);
	setenv("NUMAFLOW_RUNTIME", "java", 1);
	assert_null(parse(MVTX, &errors));
	assert_string_equal(errors,
	    "environment: NUMAFLOW_RUNTIME: found "
	    "\"java\", known are c and rust; others are made known by "
	    "spec.runtimes of the Host document\n");
	free(errors);
	m = good(MVTX "  containerTemplate: {env: [{name: NUMAFLOW_RUNTIME, "
		      "value: rust}, {name: NUMAFLOW_RUNTIME, value: c}]}\n");
	assert_string_equal(m->runtime, "c");
	fby_manifest_free(m);
	unsetenv("NUMAFLOW_RUNTIME");
	m = good(MVTX RUST RUST_HOST);
	assert_string_equal(m->runtime, "rust");
	fby_manifest_free(m);
}

static void
the_object_is_what_the_controller_would_hand_out(void **state)
{
	struct fby_manifest *m = good(
	    MVTX RUST "  scale: {max: 3}\n"
		      "  lifecycle: {desiredPhase: Running}\n" RUST_HOST);
	char *json = fby_manifest_object(m);

	(void)state;
	assert_string_equal(json,
	    "{\"metadata\":{\"name\":\"orders\","
	    "\"namespace\":\"default\"},\"spec\":{\"source\":{\"kafka\":{"
	    "\"brokers\":[\"a:1\"],\"topic\":\"t\",\"consumerGroup\":\"g\"}},"
	    "\"sink\":{\"blackhole\":{}},\"containerTemplate\":{\"env\":[{"
	    "\"name\":\"NUMAFLOW_RUNTIME\",\"value\":\"rust\"}]},\"scale\":{"
	    "\"lookbackSeconds\":120},\"lifecycle\":{},\"replicas\":0,"
	    "\"limits\":{\"readBatchSize\":500,\"readTimeout\":\"1s\","
	    "\"concurrency\":500},\"updateStrategy\":{}}}");
	free(json);
	fby_manifest_free(m);
}

static void
the_object_of_the_environment_stands_in_for_a_file(void **state)
{
	static const char json[] =
	    "{\"metadata\":{\"name\":\"bench\"},"
	    "\"spec\":{\"source\":{\"kafka\":{\"brokers\":[\"a:1\"],"
	    "\"topic\":\"t\",\"consumerGroup\":\"g\",\"tls\":null}},"
	    "\"sink\":{\"log\":{}},\"bogus\":1}}";
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	char copy[sizeof(json)], *text;
	struct fby_manifest *m;
	struct fby_err err;

	(void)state;
	fby_err_init(&err);
	setenv("NUMAFLOW_MONO_VERTEX_OBJECT",
	    fby_base64_encode(pool, json, strlen(json)), 1);
	assert_null(fby_manifest_load(NULL, 0, &err));
	text = fby_err_text(&err);
	assert_string_equal(text,
	    "NUMAFLOW_MONO_VERTEX_OBJECT:1:138: "
	    "spec.bogus: unknown key\n");
	free(text);
	fby_err_fini(&err);

	memcpy(copy, json, sizeof(json));
	memcpy(strstr(copy, ",\"bogus\":1"), "          ", 10);
	setenv("NUMAFLOW_MONO_VERTEX_OBJECT",
	    fby_base64_encode(pool, copy, strlen(copy)), 1);
	m = fby_manifest_load(NULL, 0, &err);
	assert_non_null(m);
	assert_string_equal(m->name, "bench");
	assert_false(m->source.tls.present);
	fby_manifest_free(m);

	/* A file goes before it. */
	m = load("conf/examples/minimal.yaml", &err);
	assert_string_equal(m->name, "minimal");
	fby_manifest_free(m);

	setenv("NUMAFLOW_MONO_VERTEX_OBJECT", "{\"a\": 1}", 1);
	assert_null(fby_manifest_load(NULL, 0, &err));
	text = fby_err_text(&err);
	assert_string_equal(text,
	    "NUMAFLOW_MONO_VERTEX_OBJECT: not base64"
	    "\n");
	free(text);
	fby_err_fini(&err);
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	fby_pool_free(pool);
}

/* ---- packing ---------------------------------------------------------- */

static void
a_packed_manifest_is_the_same_and_cannot_be_changed(void **state)
{
	char *names[] = { fby_strdup("conf/examples/minimal.yaml"),
		fby_strdup("t/conf/host.yaml") };
	struct fby_manifest *m, *copy;
	struct fby_err err;
	int fd;

	(void)state;
	fby_err_init(&err);
	m = fby_manifest_load(names, 2, &err);
	assert_non_null(m);
	m->host_id = "forebay-0123-minimal";
	fd = fby_manifest_pack(m);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	copy = fby_manifest_unpack(fd, &err);
	assert_non_null(copy);
	assert_int_equal(copy->ntexts, 2);
	assert_string_equal(copy->host_id, "forebay-0123-minimal");
	assert_string_equal(copy->texts[1].name, "t/conf/host.yaml");
	assert_int_equal(copy->host.workers, 3);
	assert_int_equal(fby_manifest_diff(m, copy, NULL, NULL),
	    FBY_POLICY_NONE);
	fby_manifest_free(m);
	fby_manifest_free(copy);
	close(fd);
	free(names[0]);
	free(names[1]);
}

static void
what_is_no_packed_manifest_is_refused(void **state)
{
	static const char *const bad[] = { "", "x", "forebay-manifest 2 ",
		"forebay-manifest 1 0\n", "forebay-manifest 2 \n",
		"forebay-manifest 2 1\n", "forebay-manifest 2 0",
		"forebay-manifest 2 2 \n", "forebay-manifest 2 1 \n",
		"forebay-manifest 2 1 \n5 a\n1234",
		"forebay-manifest 2 1 \n3 a\n1234",
		"forebay-manifest 2 9999999999999999999999 \n",
		"forebay-manifest 2 1 \n99999999999999999999 a\n",
		"forebay-manifest 2 1 \n3a\n123", "forebay-manifest 2 0 \n" };
	struct fby_err err;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bad); i++) {
		const int fd = memfd_create("t", MFD_CLOEXEC);

		fby_err_init(&err);
		assert_int_equal(write(fd, bad[i], strlen(bad[i])),
		    strlen(bad[i]));
		assert_null(fby_manifest_unpack(fd, &err));
		assert_int_equal(err.n, 1);
		fby_err_fini(&err);
		close(fd);
	}
	fby_err_init(&err);
	assert_null(fby_manifest_unpack(-1, &err));
	fby_err_fini(&err);
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

/* ---- comparing -------------------------------------------------------- */

struct seen {
	struct fby_str s;
};

static void
on_difference(void *arg, const char *path, enum fby_policy policy)
{
	struct seen *seen = arg;

	fby_str_printf(&seen->s, "%d %s;", (int)policy, path);
}

static void
assert_diff(const char *a, const char *b, enum fby_policy want,
    const char *paths)
{
	struct fby_manifest *ma = good(a), *mb = good(b);
	struct seen seen;

	fby_str_init(&seen.s);
	assert_int_equal(fby_manifest_diff(ma, mb, on_difference, &seen), want);
	assert_string_equal(seen.s.p, paths);
	fby_str_fini(&seen.s);
	fby_manifest_free(ma);
	fby_manifest_free(mb);
}

static void
the_strongest_change_decides_what_a_reload_takes(void **state)
{
	(void)state;
	assert_diff(MVTX, MVTX, FBY_POLICY_NONE, "");
	assert_diff(MVTX,
	    "# a comment\n" MVTX "  replicas: 5\n" HOST
	    "  commitInterval: 1000ms\n",
	    FBY_POLICY_NONE, "");
	assert_diff(MVTX, MVTX "  limits: {readBatchSize: 5}\n",
	    FBY_POLICY_LIVE,
	    "1 spec.limits.readBatchSize;1 spec.limits.concurrency;");
	assert_diff(MVTX, MVTX "  streaming: true\n", FBY_POLICY_LIVE,
	    "1 spec.streaming;");
	assert_diff(MVTX,
	    MVTX HOST "  watermark: {idleSource: {threshold: "
		      "1s, incrementBy: 1s}}\n  log: {level: debug}\n",
	    FBY_POLICY_LIVE, "1 spec.log.level;1 spec.watermark.idleSource;");
	assert_diff(MVTX, MVTX HOST "  workers: 2\n  drainTimeout: 1s\n",
	    FBY_POLICY_ROLL, "2 spec.workers;1 spec.drainTimeout;");
	assert_diff(MVTX HOST "  cpuAffinity: 0-1\n",
	    MVTX HOST "  cpuAffinity: [1, 0]\n", FBY_POLICY_NONE, "");
	assert_diff(MVTX, MVTX HOST "  maxPartitions: 5\n", FBY_POLICY_RESTART,
	    "3 spec.maxPartitions;");
}

static void
another_source_takes_a_restart_and_another_sink_a_roll(void **state)
{
	static const char other[] =
	    "apiVersion: numaflow.numaproj.io/v1alpha1\n"
	    "kind: MonoVertex\n"
	    "metadata: {name: orders}\n"
	    "spec:\n"
	    "  source:\n"
	    "    kafka: {brokers: ['a:1'], topic: u, consumerGroup: g,\n"
	    "      tls: {}}\n"
	    "  sink: {log: {}}\n";

	(void)state;
	assert_diff(MVTX, other, FBY_POLICY_RESTART,
	    "3 spec.source.kafka.topic;3 spec.source.kafka.tls;"
	    "2 spec.sink.log;2 spec.sink.blackhole;");
}

static void
a_change_of_runtime_takes_a_roll(void **state)
{
	(void)state;
	assert_diff(MVTX RUST_HOST, MVTX RUST RUST_HOST, FBY_POLICY_ROLL,
	    "2 spec.containerTemplate.env;");
	/* The environment means nothing to our own workers. */
	assert_diff(MVTX,
	    MVTX "  containerTemplate: {env: [{name: A, value: "
		 "b}]}\n",
	    FBY_POLICY_NONE, "");
	/* A runtime counts when it is the chosen one. */
	assert_diff(MVTX RUST_HOST,
	    MVTX HOST "  runtimes: {rust: {command: "
		      "[/bin/other]}}\n",
	    FBY_POLICY_NONE, "");
	assert_diff(MVTX RUST RUST_HOST,
	    MVTX RUST HOST "  runtimes: {rust: "
			   "{command: [/bin/other]}}\n",
	    FBY_POLICY_ROLL, "2 spec.runtimes.rust;");
	assert_diff(MVTX RUST RUST_HOST, MVTX RUST "  udf: {}\n" RUST_HOST,
	    FBY_POLICY_ROLL, "2 spec.udf;");
	assert_diff(MVTX RUST RUST_HOST,
	    MVTX RUST "  scale: {lookbackSeconds: 5}\n" RUST_HOST,
	    FBY_POLICY_ROLL, "2 spec;");
}

#define PYTHON_ENV(name)         \
	"  containerTemplate:\n" \
	"    env: [{name: NUMAFLOW_RUNTIME, value: " name "}]\n"
#define PYTHON_HOST                                             \
	HOST "  runtimes:\n"                                    \
	     "    python: {command: [/bin/python3, -u], args: " \
	     "[w.py], protocol: worker}\n"                      \
	     "    lisp: {command: [/bin/lisp], protocol: worker}\n"

static void
rust_is_known_and_may_be_registered_anew(void **state)
{
	struct fby_manifest *m = good(MVTX RUST);
	const struct fby_runtime *rt;

	(void)state;
	rt = fby_manifest_runtime_find(m, m->runtime);
	assert_non_null(rt);
	assert_string_equal(rt->command.v[0], "/bin/numaflow-rs");
	assert_string_equal(rt->command.v[1], "processor");
	assert_int_equal(rt->replicas, 1);
	assert_false(rt->readiness.present);
	assert_true(rt->metrics.present);
	assert_int_equal(rt->metrics.port, 2469);
	assert_false(fby_manifest_has_workers(m));
	assert_null(fby_manifest_runtime_find(m, "c"));
	fby_manifest_free(m);
	m = good(MVTX RUST HOST
	    "  http: {listen: 127.0.0.1:2471}\n"
	    "  runtimes: {rust: {command: [/opt/rs], replicas: 3, "
	    "readiness: {port: 2469}}}\n");
	rt = fby_manifest_runtime_find(m, m->runtime);
	assert_string_equal(rt->command.v[0], "/opt/rs");
	assert_int_equal(rt->replicas, 3);
	assert_true(rt->readiness.present);
	assert_int_equal(rt->readiness.port, 2469);
	assert_int_equal(rt->metrics.port, 2469);
	assert_int_equal(rt->metrics.scheme, FBY_METRICS_HTTPS);
	assert_null(rt->readiness.path);
	fby_manifest_free(m);
	m = good(MVTX);
	assert_true(fby_manifest_has_workers(m));
	fby_manifest_free(m);
}

static void
arguments_follow_the_command(void **state)
{
	struct fby_manifest *m = good(MVTX PYTHON_ENV("python") PYTHON_HOST);
	const struct fby_runtime *rt;

	(void)state;
	rt = fby_manifest_runtime_find(m, m->runtime);
	assert_int_equal(rt->protocol, FBY_RUNTIME_WORKER);
	assert_int_equal(rt->command.n, 3);
	assert_string_equal(rt->command.v[2], "w.py");
	assert_true(fby_manifest_has_workers(m));
	fby_manifest_free(m);
}

static void
between_workers_a_change_is_what_it_is_for_c(void **state)
{
	(void)state;
	assert_diff(MVTX PYTHON_HOST, MVTX PYTHON_ENV("python") PYTHON_HOST,
	    FBY_POLICY_ROLL, "2 spec.containerTemplate.env;");
	assert_diff(MVTX PYTHON_ENV("python") PYTHON_HOST,
	    MVTX PYTHON_ENV("lisp") PYTHON_HOST, FBY_POLICY_ROLL,
	    "2 spec.containerTemplate.env;");
	assert_diff(MVTX PYTHON_ENV("python") PYTHON_HOST,
	    MVTX PYTHON_ENV(
		"python") "  limits: {readBatchSize: 7}\n" PYTHON_HOST,
	    FBY_POLICY_LIVE,
	    "1 spec.limits.readBatchSize;1 spec.limits.concurrency;");
	/* What it is told of without our knowing what it means. */
	assert_diff(MVTX PYTHON_ENV("python") PYTHON_HOST,
	    MVTX PYTHON_ENV(
		"python") "  scale: {lookbackSeconds: 5}\n" PYTHON_HOST,
	    FBY_POLICY_ROLL, "2 spec;");
}

#define CANARY(of, share)                                          \
	HOST "  runtimes:\n"                                       \
	     "    python: {command: [" of "], protocol: worker}\n" \
	     "  canary: {runtime: python, share: " share "}\n"

static void
a_canary_is_another_runtime(void **state)
{
	struct fby_manifest *m = good(MVTX CANARY("/bin/py", "25%"));

	(void)state;
	assert_string_equal(fby_manifest_workers_runtime(m), "c");
	assert_string_equal(fby_manifest_canary_runtime(m), "python");
	assert_int_equal(m->host.canary.share, 25);
	assert_true(fby_manifest_uses(m, "python"));
	assert_false(fby_manifest_uses(m, "rust"));
	assert_false(fby_manifest_has_foreign(m));
	fby_manifest_free(m);
	/* One that is a member of the group's own is no worker of ours. */
	m = good(MVTX HOST "  canary: {runtime: rust}\n");
	assert_string_equal(fby_manifest_workers_runtime(m), "c");
	assert_null(fby_manifest_canary_runtime(m));
	assert_true(fby_manifest_has_foreign(m));
	assert_int_equal(m->host.canary.share, 10);
	fby_manifest_free(m);
	m = good(MVTX RUST HOST "  canary: {runtime: c}\n");
	assert_string_equal(fby_manifest_workers_runtime(m), "c");
	assert_null(fby_manifest_canary_runtime(m));
	assert_true(fby_manifest_has_workers(m));
	assert_true(fby_manifest_has_foreign(m));
	fby_manifest_free(m);
}

static void
a_canary_changes_alone(void **state)
{
	(void)state;
	assert_diff(MVTX CANARY("/bin/py", "25%"),
	    MVTX CANARY("/bin/py", "50%"), FBY_POLICY_LIVE,
	    "1 spec.canary.share;");
	assert_diff(MVTX CANARY("/bin/py", "25%"),
	    MVTX CANARY("/bin/py2", "25%"), FBY_POLICY_ROLL,
	    "2 spec.runtimes.python;");
	assert_diff(MVTX, MVTX CANARY("/bin/py", "25%"), FBY_POLICY_ROLL,
	    "2 spec.canary;");
	assert_diff(MVTX CANARY("/bin/py", "25%"),
	    MVTX HOST "  canary: {runtime: rust, share: 25%}\n",
	    FBY_POLICY_ROLL, "2 spec.canary.runtime;");
}

/* What C workers cannot do is refused if they do only some of it, too. */
static void
refusals_hold_for_a_canary_of_ours(void **state)
{
	char *errors;

	(void)state;
	assert_null(
	    parse(MVTX RUST "  udf: {}\n" HOST "  canary: {runtime: c}\n",
		&errors));
	assert_string_equal(errors,
	    "t:10:3: spec.udf: the C workers run no map function yet; another "
	    "runtime may (NUMAFLOW_RUNTIME)\n");
	free(errors);
}

/* ---- dumping ---------------------------------------------------------- */

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

/* ---- garbage ---------------------------------------------------------- */

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

static void
the_one_that_is_picked_is_what_workers_find(void **state)
{
	static const char yaml[] = MVTX "---\n" MVTX_TWO;
	const struct fby_manifest_text text = { "t", yaml, strlen(yaml),
		"two" };
	struct fby_manifest *m, *other;
	struct fby_err err;
	int fd;

	(void)state;
	fby_err_init(&err);
	m = fby_manifest_parse(&text, 1, &err);
	assert_non_null(m);
	assert_string_equal(m->name, "two");
	fd = fby_manifest_pack(m);
	other = fby_manifest_unpack(fd, &err);
	assert_non_null(other);
	assert_string_equal(other->name, "two");
	fby_manifest_free(other);
	fby_manifest_free(m);
	close(fd);
	fby_err_fini(&err);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_one_that_is_picked_is_what_workers_find),
		cmocka_unit_test(the_least_manifest_has_all_defaults),
		cmocka_unit_test(
		    everything_that_can_be_set_is_where_it_belongs),
		cmocka_unit_test(
		    the_run_directory_is_given_or_systemds_or_by_name),
		cmocka_unit_test(a_place_is_known_for_each_path),
		cmocka_unit_test(
		    the_last_runtime_in_the_manifest_wins_over_the_environment),
		cmocka_unit_test(
		    the_object_is_what_the_controller_would_hand_out),
		cmocka_unit_test(
		    the_object_of_the_environment_stands_in_for_a_file),
		cmocka_unit_test(
		    a_packed_manifest_is_the_same_and_cannot_be_changed),
		cmocka_unit_test(what_is_no_packed_manifest_is_refused),
		cmocka_unit_test(a_file_that_cannot_be_read_is_said_by_name),
		cmocka_unit_test(
		    the_strongest_change_decides_what_a_reload_takes),
		cmocka_unit_test(
		    another_source_takes_a_restart_and_another_sink_a_roll),
		cmocka_unit_test(a_change_of_runtime_takes_a_roll),
		cmocka_unit_test(rust_is_known_and_may_be_registered_anew),
		cmocka_unit_test(arguments_follow_the_command),
		cmocka_unit_test(between_workers_a_change_is_what_it_is_for_c),
		cmocka_unit_test(a_canary_is_another_runtime),
		cmocka_unit_test(a_canary_changes_alone),
		cmocka_unit_test(refusals_hold_for_a_canary_of_ours),
		cmocka_unit_test(
		    a_dump_is_the_same_manifest_without_its_secrets),
		cmocka_unit_test(broken_files_are_refused_and_never_crash),
		cmocka_unit_test(tags_choose_the_first_sink),
	};

	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	return UNIT_RUN(tests);
}
