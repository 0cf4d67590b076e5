/* SPDX-License-Identifier: Apache-2.0 */
/*
 * User-defined functions: what two documents say of one.
 */
#include "t/unit/unit.h"

#include "t/unit/shared/manifest/texts.h"

/* With a runtime that refuses nothing. */
#define MVTX_ALL                                                             \
	"apiVersion: numaflow.numaproj.io/v1alpha1\n"                        \
	"kind: MonoVertex\n"                                                 \
	"metadata: {name: orders}\n"                                         \
	"spec:\n"                                                            \
	"  containerTemplate:\n"                                             \
	"    env: [{name: NUMAFLOW_RUNTIME, value: rust}]\n"                 \
	"  source:\n"                                                        \
	"    kafka: {brokers: ['a:1'], topic: t, consumerGroup: g}\n"        \
	"    transformer:\n"                                                 \
	"      container: {image: a, command: [t]}\n"                        \
	"      retryStrategy: {backoff: {steps: 3}, onFailure: drop}\n"      \
	"  udf: {container: {image: b, command: [python3, -u], args: [m],\n" \
	"    env: [{name: A, value: '1'}, {name: B, value: '2'},\n"          \
	"      {name: P, valueFrom: {secretKeyRef: {name: s, key: k}}},\n"   \
	"      {name: H, valueFrom: {fieldRef: {fieldPath: "                 \
	"metadata.name}}},\n"                                                \
	"      {name: A, value: '3'}]}}\n"                                   \
	"  sink:\n"                                                          \
	"    udsink: {container: {image: c}}\n"                              \
	"    fallback: {udsink: {container: {image: d, args: [x]}}}\n"       \
	"    onSuccess: {log: {}}\n"

static void
assert_command(const struct fby_function *f, const char *want)
{
	struct fby_str s;

	fby_str_init(&s);
	for (size_t i = 0; i < f->command.n; i++)
		fby_str_printf(&s, "%s%s", i ? " " : "", f->command.v[i]);
	assert_string_equal(s.p, want);
	fby_str_fini(&s);
}

static void
a_container_section_makes_a_function(void **state)
{
	struct fby_manifest *m = good(MVTX_ALL);
	const struct fby_function *f = m->functions;

	(void)state;
	assert_true(fby_manifest_has_functions(m));
	assert_command(&f[FBY_FUNCTION_TRANSFORMER], "t");
	assert_string_equal(f[FBY_FUNCTION_TRANSFORMER].container.image, "a");
	assert_int_equal(f[FBY_FUNCTION_TRANSFORMER].retry.steps, 3);
	assert_int_equal(f[FBY_FUNCTION_TRANSFORMER].retry.on_failure,
	    FBY_ON_FAILURE_DROP);
	assert_command(&f[FBY_FUNCTION_MAP], "python3 -u m");
	assert_int_equal(f[FBY_FUNCTION_MAP].retry.steps, 0);
	assert_int_equal(f[FBY_FUNCTION_MAP].retry.interval_ms, 1);
	/* An image's own program is not known. */
	assert_command(&f[FBY_FUNCTION_SINK], "");
	assert_command(&f[FBY_FUNCTION_FALLBACK], "");
	assert_false(f[FBY_FUNCTION_SUCCESS].present);
	assert_true(m->sinks[FBY_SINK_PRIMARY].function);
	assert_true(m->sinks[FBY_SINK_FALLBACK].function);
	assert_true(m->sinks[FBY_SINK_FALLBACK].present);
	assert_false(m->sinks[FBY_SINK_SUCCESS].function);
	assert_true(m->sinks[FBY_SINK_SUCCESS].log);
	fby_manifest_free(m);
	m = good(MVTX);
	assert_false(fby_manifest_has_functions(m));
	fby_manifest_free(m);
}

static void
the_last_variable_of_a_name_counts(void **state)
{
	struct fby_manifest *m = good(
	    MVTX_ALL HOST "  functions: {map: {env: {B: yes, C: 4}}}\n");
	const struct fby_environment *env = &m->functions[FBY_FUNCTION_MAP].env;
	static const char *const want[] = { "A", "3", "B", "yes", "P", NULL,
		"H", "$(NUMAFLOW_POD)", "C", "4" };

	(void)state;
	assert_int_equal(env->n, FBY_NELEM(want) / 2);
	for (size_t i = 0; i < env->n; i++) {
		assert_string_equal(env->v[i].name, want[2 * i]);
		if (want[2 * i + 1])
			assert_string_equal(env->v[i].value, want[2 * i + 1]);
	}
	assert_null(env->v[2].value);
	assert_string_equal(env->v[2].secret.name, "s");
	assert_string_equal(env->v[2].secret.key, "k");
	fby_manifest_free(m);
}

static void
the_host_wins_field_by_field(void **state)
{
	struct fby_manifest *m = good(MVTX_ALL HOST
	    "  functions:\n"
	    "    transformer: {command: []}\n"
	    "    map: {command: [/bin/m], user: 7, memory: 64MiB, cpus: 0.5,\n"
	    "      instances: 2, isolation: none}\n"
	    "    sink: {command: [podman, run, '{sockets}'], cpus: 1500m}\n"
	    "    fallback: {command: [podman, run], instances: auto}\n");
	const struct fby_function *f = m->functions;

	(void)state;
	assert_command(&f[FBY_FUNCTION_TRANSFORMER], "");
	assert_command(&f[FBY_FUNCTION_MAP], "/bin/m m");
	assert_string_equal(f[FBY_FUNCTION_MAP].user, "7");
	assert_int_equal(f[FBY_FUNCTION_MAP].memory_bytes, 64 << 20);
	assert_int_equal(f[FBY_FUNCTION_MAP].cpus_milli, 500);
	assert_int_equal(f[FBY_FUNCTION_MAP].instances, 2);
	assert_int_equal(f[FBY_FUNCTION_MAP].isolation,
	    FBY_FUNCTION_ISOLATION_NONE);
	assert_command(&f[FBY_FUNCTION_SINK], "podman run {sockets}");
	assert_int_equal(f[FBY_FUNCTION_SINK].cpus_milli, 1500);
	assert_int_equal(f[FBY_FUNCTION_SINK].isolation,
	    FBY_FUNCTION_ISOLATION_AUTO);
	/* What an image's program would be given, its container is. */
	assert_command(&f[FBY_FUNCTION_FALLBACK], "podman run x");
	fby_manifest_free(m);
}

static void
workers_share_instances(void **state)
{
	struct fby_manifest *m = good(
	    MVTX_ALL HOST "  runDirectory: /run/one\n"
			  "  functions: {map: {instances: 2}}\n");
	char buf[FBY_FUNCTION_DIR];

	(void)state;
	assert_string_equal(fby_manifest_function_dir(m, FBY_FUNCTION_MAP, 5,
				buf),
	    "/run/one/functions/map-1");
	assert_string_equal(fby_manifest_function_dir(m, FBY_FUNCTION_SINK, 5,
				buf),
	    "/run/one/functions/sink-5");
	fby_manifest_free(m);
}

static void
a_changed_function_takes_a_roll(void **state)
{
	static const struct {
		const char *a, *b, *path;
	} changes[] = {
		{ "", "map: {args: []}", "spec.functions.map" },
		{ "map: {command: [/a]}", "map: {command: [/b]}",
		    "spec.functions.map.command" },
		{ "map: {command: [/a]}", "map: {command: [/a], args: []}",
		    "spec.functions.map.args" },
		{ "map: {env: {A: b}}", "map: {env: {A: c}}",
		    "spec.functions.map.env" },
		{ "map: {cpus: 1}", "map: {cpus: 2}",
		    "spec.functions.map.cpus" },
		{ "map: {cpus: 1}", "map: {cpus: 1000m}", NULL },
	};
	char a[4096], b[4096];

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(changes); i++) {
		struct fby_manifest *x, *y;

		snprintf(a, sizeof(a), "%s  functions: {%s}\n", MVTX_ALL HOST,
		    changes[i].a);
		snprintf(b, sizeof(b), "%s  functions: {%s}\n", MVTX_ALL HOST,
		    changes[i].b);
		x = good(a);
		y = good(b);
		assert_int_equal(fby_manifest_diff(x, y, NULL, NULL),
		    changes[i].path ? FBY_POLICY_ROLL : FBY_POLICY_NONE);
		fby_manifest_free(x);
		fby_manifest_free(y);
	}
}

static void
secrets_in_the_environment_are_not_shown(void **state)
{
	struct fby_manifest *m = good(
	    "apiVersion: numaflow.numaproj.io/v1alpha1\n"
	    "kind: MonoVertex\n"
	    "metadata: {name: orders}\n"
	    "spec:\n" RUST "  source:\n"
	    "    kafka: {brokers: ['a:1'], topic: t, consumerGroup: g}\n"
	    "  udf: {container: {command: [m],\n"
	    "    env: [{name: API_KEY, value: topsecret}]}}\n"
	    "  sink: {blackhole: {}}\n" HOST
	    "  functions: {map: {env: {A_PASSWORD: topsecret}}}\n");
	char *dump = fby_manifest_dump(m);

	(void)state;
	assert_null(strstr(dump, "topsecret"));
	assert_non_null(strstr(dump, "A_PASSWORD: (hidden)"));
	free(dump);
	fby_manifest_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_container_section_makes_a_function),
		cmocka_unit_test(the_last_variable_of_a_name_counts),
		cmocka_unit_test(the_host_wins_field_by_field),
		cmocka_unit_test(workers_share_instances),
		cmocka_unit_test(a_changed_function_takes_a_roll),
		cmocka_unit_test(secrets_in_the_environment_are_not_shown),
	};

	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	unsetenv("RUNTIME_DIRECTORY");
	return UNIT_RUN(tests);
}
