/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields that the example manifests of Numaflow with user code have (its
 * examples and its end-to-end tests, eleven MonoVertices), each with the source
 * replaced by Kafka.  The texts are our own and as short as they can be.
 */
#include "t/unit/unit.h"

#include "t/unit/shared/manifest/texts.h"

#define BEGIN(name)                                   \
	"apiVersion: numaflow.numaproj.io/v1alpha1\n" \
	"kind: MonoVertex\n"                          \
	"metadata:\n"                                 \
	"  name: " name "\n"                          \
	"spec:\n"                                     \
	"  source:\n"                                 \
	"    kafka:\n"                                \
	"      brokers: [kafka:9092]\n"               \
	"      topic: in\n"                           \
	"      consumerGroup: g\n"
#define TRANSFORMER                                          \
	"    transformer:\n"                                 \
	"      container:\n"                                 \
	"        image: registry.example/transform:stable\n" \
	"        imagePullPolicy: IfNotPresent\n"
#define MAP                                          \
	"  udf:\n"                                   \
	"    container:\n"                           \
	"      image: registry.example/map:stable\n" \
	"      imagePullPolicy: IfNotPresent        \n"
#define SINK                                            \
	"  sink:\n"                                     \
	"    udsink:\n"                                 \
	"      container:\n"                            \
	"        # what writes\n"                       \
	"        image: registry.example/sink:stable\n" \
	"        imagePullPolicy: IfNotPresent\n"
#define SINK_ENV                                           \
	SINK "        env:\n"                              \
	     "          - name: SINK_HASH_KEY\n"           \
	     "            # the name of the mono vertex\n" \
	     "            value: \"hash\"\n"
#define SECOND(which)                                      \
	"    " which ":\n"                                 \
	"      udsink:\n"                                  \
	"        container:\n"                             \
	"          image: registry.example/other:stable\n" \
	"          env:\n"                                 \
	"            - name: SINK_HASH_KEY\n"              \
	"              value: " which "\n"
#define SCALE "  scale:\n    min: 1\n"
#define TAGS(which, op)              \
	"    " which ":\n"           \
	"      tags:\n"              \
	"        operator: " op "\n" \
	"        values:\n"          \
	"          - " which "\n"    \
	"          - another-tag\n"
#define BYPASS                                                        \
	"  bypass:\n" TAGS("fallback", "or") TAGS("onSuccess", "and") \
	    TAGS("sink", "not")

enum {
	T = 1 << FBY_FUNCTION_TRANSFORMER,
	M = 1 << FBY_FUNCTION_MAP,
	S = 1 << FBY_FUNCTION_SINK,
	F = 1 << FBY_FUNCTION_FALLBACK,
	O = 1 << FBY_FUNCTION_SUCCESS
};

static const struct {
	const char *text;
	int functions;
} examples[] = {
	{ BEGIN("simple") TRANSFORMER MAP SINK SECOND("fallback"),
	    T | M | S | F },
	{ BEGIN("bypass") MAP SINK SECOND("fallback") SECOND("onSuccess")
		BYPASS,
	    M | S | F | O },
	{ BEGIN("api") TRANSFORMER SINK_ENV SCALE, T | S },
	{ BEGIN("map-bypass") MAP SINK_ENV SECOND("fallback")
		SECOND("onSuccess") BYPASS SCALE,
	    M | S | F | O },
	{ BEGIN("metadata") TRANSFORMER MAP SINK SCALE, T | M | S },
	{ BEGIN("retry") "  sink:\n"
			 "    retryStrategy:\n"
			 "      backoff:\n"
			 "        interval: 1s\n"
			 "        steps: 2\n"
			 "        factor: 2\n"
			 "        cap: 3s\n"
			 "        jitter: 0\n"
			 "      onFailure: \"drop\"\n"
			 "    udsink:\n"
			 "      container:\n"
			 "        image: registry.example/retry:stable\n",
	    S },
	{ BEGIN("all") TRANSFORMER MAP SINK SECOND("fallback") SCALE
	    "  containerTemplate:\n"
	    "    env:\n"
	    "      - name: NUMAFLOW_DEBUG\n"
	    "        value: !!str \"true\"\n",
	    T | M | S | F },
	{ BEGIN("st-bypass") TRANSFORMER SINK_ENV SECOND("fallback")
		SECOND("onSuccess") BYPASS SCALE,
	    T | S | F | O },
	{ BEGIN("streaming") SINK_ENV SCALE "  streaming: true\n", S },
	{ BEGIN("error") MAP "  sink:\n    log: {}\n" SCALE, M },
	{ BEGIN("error-sink") SINK SCALE, S },
};

static void
each_is_read_with_its_functions(void **state)
{
	(void)state;
	setenv("NUMAFLOW_RUNTIME", "python", 1);
	for (size_t i = 0; i < FBY_NELEM(examples); i++) {
		char *text = fby_asprintf("%s%s", examples[i].text,
		    PYTHON_HOST);
		struct fby_manifest *m = good(text);

		for (int r = 0; r < FBY_FUNCTION_N; r++)
			assert_int_equal(m->functions[r].present,
			    (examples[i].functions >> r) & 1);
		/* The image's program is not known. */
		assert_int_equal(m->functions[FBY_FUNCTION_SINK].command.n, 0);
		fby_manifest_free(m);
		free(text);
	}
	unsetenv("NUMAFLOW_RUNTIME");
}

static void
each_is_accepted_for_the_workers_in_c(void **state)
{
	(void)state;
	for (size_t i = 0; i < FBY_NELEM(examples); i++)
		fby_manifest_free(good(examples[i].text));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_is_read_with_its_functions),
		cmocka_unit_test(each_is_accepted_for_the_workers_in_c),
	};

	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("NUMAFLOW_MONO_VERTEX_OBJECT");
	unsetenv("RUNTIME_DIRECTORY");
	return UNIT_RUN(tests);
}
