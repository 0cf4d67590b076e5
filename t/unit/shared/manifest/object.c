/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object that the controller hands out, as text and as a file.
 */
#include "t/unit/unit.h"

#include "shared/base/base64.h"
#include "t/unit/shared/manifest/texts.h"

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

/* As Go writes it, with what is empty, too. */
static void
functions_of_the_object_are_those_of_a_file(void **state)
{
#define CONTAINER(image)                                                   \
	"{\"container\":{\"image\":\"" image "\",\"command\":[\"/" image   \
	"\"],\"env\":[{\"name\":\"A\",\"value\":\"b\"}],\"resources\":{}," \
	"\"imagePullPolicy\":\"Always\"}"
	static const char json[] =
	    "{\"metadata\":{\"name\":\"bench\",\"creationTimestamp\":null},"
	    "\"spec\":{\"replicas\":0,\"source\":{\"transformer\":" CONTAINER(
		"tr") "},\"kafka\":{\"brokers\":[\"a:1\"],"
		      "\"topic\":\"t\",\"consumerGroup\":\"g\"}},\"udf\":" CONTAINER("map") "},\"sink\":{\"udsink\":" CONTAINER(
			  "sink") "},\"fallback\":{\"udsink\":" CONTAINER("fb") "}},"
										"\"onSuccess\":{\"udsink\":" CONTAINER(
										    "ons") "}},"
											   "\"retryStrategy\":{}}}}";
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	struct fby_manifest *m;
	struct fby_err err;
	char *again;

	(void)state;
	fby_err_init(&err);
	setenv("NUMAFLOW_MONO_VERTEX_OBJECT",
	    fby_base64_encode(pool, json, strlen(json)), 1);
	m = fby_manifest_load(NULL, 0, &err);
	assert_non_null(m);
	for (int role = 0; role < FBY_FUNCTION_N; role++)
		assert_true(m->functions[role].present);
	assert_string_equal(m->functions[FBY_FUNCTION_MAP]
				.container.program.command.v[0],
	    "/map");
	assert_string_equal(m->functions[FBY_FUNCTION_SUCCESS]
				.container.program.command.v[0],
	    "/ons");
	/* And a runtime gets them as they are. */
	again = fby_manifest_object(m);
	assert_non_null(strstr(again, "\"udf\":" CONTAINER("map")));
	free(again);
	fby_manifest_free(m);
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	fby_pool_free(pool);
#undef CONTAINER
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    the_object_is_what_the_controller_would_hand_out),
		cmocka_unit_test(
		    the_object_of_the_environment_stands_in_for_a_file),
		cmocka_unit_test(functions_of_the_object_are_those_of_a_file),
	};

	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	return UNIT_RUN(tests);
}
