/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which runtime a manifest chooses, and what is known of it.
 */
#include "t/unit/unit.h"

#include "t/unit/shared/manifest/texts.h"

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

/* What C workers cannot do is refused if they do only some of it, too. */
static void
refusals_hold_for_a_canary_of_ours(void **state)
{
	char *errors;

	(void)state;
	assert_null(parse(MVTX RUST "  limits: {rateLimit: {max: 5}}\n" HOST
				    "  canary: {runtime: c}\n",
	    &errors));
	assert_string_equal(errors,
	    "t:10:12: spec.limits.rateLimit: the C workers have no rate limit "
	    "yet; another runtime may (NUMAFLOW_RUNTIME)\n");
	free(errors);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_last_runtime_in_the_manifest_wins_over_the_environment),
		cmocka_unit_test(rust_is_known_and_may_be_registered_anew),
		cmocka_unit_test(arguments_follow_the_command),
		cmocka_unit_test(a_canary_is_another_runtime),
		cmocka_unit_test(refusals_hold_for_a_canary_of_ours),
	};

	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	return UNIT_RUN(tests);
}
