/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The environment of a function.
 */
#include "t/unit/unit.h"

#include "shared/base/mem.h"
#include "shared/kafka/environment.h"
#include "t/unit/shared/manifest/texts.h"

static void
references_are_followed_as_kubernetes_does(void **state)
{
	char *vars[] = { (char[]){ "A=1" }, (char[]){ "AB=two" },
		(char[]){ "E=" }, (char[]){ "A=again" }, NULL };
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },
		{ "$(A)$(AB)", "1two" },
		{ "a$(E)b", "ab" },
		{ "$(NONE)", "$(NONE)" },
		{ "$$(A)", "$(A)" },
		{ "$$$(A)", "$1" },
		{ "$A $", "$A $" },
		{ "$(A", "$(A" },
		{ "$()", "$()" },
		{ "$($(A))", "$($(A))" },
		{ "{sockets}/x", "/run/s/x" },
		{ "{socket}$(A){sockets}", "{socket}1/run/s" },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(cases); i++) {
		char *text = fby_environment_expand(cases[i].text, vars,
		    "/run/s");

		assert_string_equal(text, cases[i].want);
		free(text);
	}
}

static void
a_variable_sees_those_before_it(void **state)
{
	static const char *common[] = { "NUMAFLOW_POD=orders-mv-3",
		"OWN=not mine" };
	const struct fby_strings all = { common, FBY_NELEM(common) };
	static const char *const want[] = { "NUMAFLOW_POD=orders-mv-3",
		"OWN=not mine", "A=forebay", "B=forebay:$(C)", "C=orders-mv-3",
		"D=/s/map.sock", NULL };
	struct fby_manifest *m = good(
	    "apiVersion: numaflow.numaproj.io/v1alpha1\n"
	    "kind: MonoVertex\n"
	    "metadata: {name: orders}\n"
	    "spec:\n" RUST "  source:\n"
	    "    kafka: {brokers: ['a:1'], topic: t, consumerGroup: g}\n"
	    "  udf: {container: {command: [m], env: [\n"
	    "    {name: A, valueFrom: {secretKeyRef: {name: test, key: "
	    "word}}},\n"
	    "    {name: LESS, valueFrom: {secretKeyRef: {name: test, key: none, "
	    "optional: true}}},\n"
	    "    {name: B, value: '$(A):$(C)'},\n"
	    "    {name: C, valueFrom: {fieldRef: {fieldPath: "
	    "metadata.name}}},\n"
	    "    {name: OWN, value: mine}]}}\n"
	    "  sink: {blackhole: {}}\n" HOST
	    "  functions: {map: {env: {D: '{sockets}/map.sock'}}}\n");
	struct fby_err err;
	char **vars;

	(void)state;
	fby_err_init(&err);
	vars = fby_environment_new(m, FBY_FUNCTION_MAP, &all, "/s", &err);
	assert_non_null(vars);
	for (size_t i = 0; i < FBY_NELEM(want); i++) {
		if (want[i])
			assert_string_equal(vars[i], want[i]);
		else
			assert_null(vars[i]);
	}
	fby_environment_free(vars);
	assert_int_equal(fby_environment_try(m, &err), 0);
	fby_err_fini(&err);
	fby_manifest_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(references_are_followed_as_kubernetes_does),
		cmocka_unit_test(a_variable_sees_those_before_it),
	};

	setenv("CREDENTIALS_DIRECTORY", "t/conf/credentials", 1);
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	return UNIT_RUN(tests);
}
