/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a reload takes: two manifests compared.
 */
#include "t/unit/unit.h"

#include "shared/base/str.h"
#include "t/unit/shared/manifest/texts.h"

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
	assert_diff(MVTX RUST RUST_HOST,
	    MVTX RUST "  udf: {container: {}}\n" RUST_HOST, FBY_POLICY_ROLL,
	    "2 spec.udf;");
	assert_diff(MVTX RUST RUST_HOST,
	    MVTX RUST "  scale: {lookbackSeconds: 5}\n" RUST_HOST,
	    FBY_POLICY_ROLL, "2 spec;");
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_strongest_change_decides_what_a_reload_takes),
		cmocka_unit_test(
		    another_source_takes_a_restart_and_another_sink_a_roll),
		cmocka_unit_test(a_change_of_runtime_takes_a_roll),
		cmocka_unit_test(between_workers_a_change_is_what_it_is_for_c),
		cmocka_unit_test(a_canary_changes_alone),
	};

	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	return UNIT_RUN(tests);
}
