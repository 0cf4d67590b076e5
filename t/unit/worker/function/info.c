/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "shared/base/str.h"

#include "worker/function/info.h"

#define END "U+005C__END__"

static struct fby_info info;
static struct fby_str why;

static int
parse(const char *container, const char *text)
{
	fby_str_reset(&why);
	return fby_info_parse(&info, container, text, strlen(text), &why);
}

static void
what_sdks_write_is_read(void **state)
{
	(void)state;
	assert_int_equal(parse("sinker",
			     "{\"protocol\":\"uds\",\"language\":\"go\","
			     "\"minimum_numaflow_version\":\"1.4.0-z\","
			     "\"version\":\"v0.11.0\",\"metadata\":null}" END),
	    0);
	assert_string_equal(info.language, "go");
	assert_string_equal(info.version, "v0.11.0");
	assert_false(info.is_tcp);
	assert_int_equal(info.processes, 0);
	assert_int_equal(parse("mapper",
			     "{\"protocol\": \"uds\", \"language\": "
			     "\"python\", \"version\": \"0.14.0\", "
			     "\"metadata\": {\"MULTIPROC\": \"3\", "
			     "\"MAP_MODE\": \"batch-map\"}}" END),
	    0);
	assert_int_equal(info.mode, FBY_INFO_BATCH);
	assert_int_equal(info.processes, 3);
	assert_int_equal(parse("mapper",
			     "{\"metadata\":{\"MAP_MODE\":"
			     "\"stream-map\"}}" END),
	    0);
	assert_int_equal(info.mode, FBY_INFO_STREAM);
	assert_string_equal(info.language, "unknown");
	/* What nobody knows is nothing bad. */
	assert_int_equal(parse("mapper",
			     "{\"language\":\"cobol\",\"version\":\"x\","
			     "\"protocol\":\"smoke\",\"color\":1,"
			     "\"metadata\":{\"MAP_MODE\":\"x\"}}" END),
	    0);
	assert_string_equal(info.language, "unknown");
	assert_int_equal(info.mode, FBY_INFO_UNARY);
}

static void
endpoints_are_a_list(void **state)
{
	(void)state;
	assert_int_equal(parse("mapper",
			     "{\"protocol\":\"tcp\",\"metadata\":"
			     "{\"MULTIPROC_ENDPOINTS\":\"http://0.0.0.0:5551,"
			     "http://0.0.0.0:5552\"}}" END),
	    0);
	assert_true(info.is_tcp);
	assert_int_equal(info.nendpoints, 2);
	assert_string_equal(info.endpoints[0], "http://0.0.0.0:5551");
	assert_string_equal(info.endpoints[1], "http://0.0.0.0:5552");
}

struct bad {
	const char *text, *why;
};

static void
bad_files_are_refused_in_one_line(void **state)
{
	static const struct bad bads[] = {
		{ "{}", "it does not end with \"U+005C__END__\"" },
		{ END, "it is not JSON" },
		{ "[]" END, "it is not a JSON object" },
		{ "{\"language\":1}" END, "\"language\" is not a text" },
		{ "{\"metadata\":[]}" END, "\"metadata\" is not an object" },
		{ "{\"metadata\":{\"MAP_MODE\":1}}" END,
		    "\"MAP_MODE\" is not a text" },
		{ "{\"metadata\":{\"MULTIPROC\":\"0\"}}" END,
		    "MULTIPROC is no number from 1 to 64" },
		{ "{\"metadata\":{\"MULTIPROC\":\"65\"}}" END,
		    "MULTIPROC is no number from 1 to 64" },
		{ "{\"protocol\":\"tcp\"}" END,
		    "protocol is tcp, and MULTIPROC_ENDPOINTS says no "
		    "endpoint" },
		{ "{\"protocol\":\"tcp\",\"metadata\":"
		  "{\"MULTIPROC_ENDPOINTS\":\"a:1,,b:2\"}}" END,
		    "MULTIPROC_ENDPOINTS has an endpoint that is empty or too "
		    "long" },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bads); i++) {
		assert_int_equal(parse("sinker", bads[i].text), -1);
		assert_non_null(strstr(why.p, bads[i].why));
		assert_null(strchr(why.p, '\n'));
	}
}

struct version {
	const char *container, *language, *version;
	int rc;
};

/* As numaflow judges them. */
static void
versions_have_their_rules(void **state)
{
	static const struct version all[] = {
		{ "sinker", "go", "v0.9.0", 0 },
		{ "sinker", "go", "0.10.0-rc1", 0 },
		{ "sinker", "go", "v0.9.0-rc1", -1 },
		{ "sinker", "go", "v0.8.9", -1 },
		{ "sinker", "go", "v0.11.1-0.20260101120000-abcdef", 0 },
		{ "sinker", "go", "v0.9", -1 },
		{ "sinker", "go", "devel", -1 },
		{ "sinker", "go", "", 0 },
		{ "sinker", "java", "0.9.0", 0 },
		{ "sinker", "rust", "0.2.0", 0 },
		{ "sinker", "rust", "0.1.9", -1 },
		{ "sinker", "rust", "0.4.0+build", 0 },
		{ "sinker", "cobol", "0.0.1", 0 },
		{ "sinker", "python", "0.9.0", 0 },
		{ "sinker", "python", "0.9", 0 },
		{ "sinker", "python", "0.9.0rc5", -1 },
		{ "sinker", "python", "0.9.0a1", -1 },
		{ "sinker", "python", "0.9.0.dev1", -1 },
		{ "sinker", "python", "0.9.0.post1", 0 },
		{ "sinker", "python", "0.14.0rc1", 0 },
		{ "sinker", "python", "1", 0 },
		{ "sinker", "python", "0.8.0.1", -1 },
		{ "sinker", "python", "nine", -1 },
		{ "ons-sinker", "go", "0.10.2", 0 },
		{ "ons-sinker", "go", "0.10.1", -1 },
		{ "ons-sinker", "python", "0.11.0", -1 },
		{ "ons-sinker", "rust", "0.3.9", -1 },
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(all); i++) {
		snprintf(text, sizeof(text),
		    "{\"language\":\"%s\",\"version\":\"%s\"}" END,
		    all[i].language, all[i].version);
		if (parse(all[i].container, text) != all[i].rc)
			fail_msg("%s %s for %s: %s", all[i].language,
			    all[i].version, all[i].container, why.p);
	}
	assert_int_equal(parse("sinker",
			     "{\"language\":\"rust\","
			     "\"version\":\"0.1.9\"}" END),
	    -1);
	assert_string_equal(why.p,
	    "version 0.1.9 of the SDK for rust is too old; at least 0.2.0 is "
	    "needed");
}

static int
setup(void **state)
{
	(void)state;
	fby_str_init(&why);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fby_str_fini(&why);
	return 0;
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_sdks_write_is_read),
		TEST(endpoints_are_a_list),
		TEST(bad_files_are_refused_in_one_line),
		TEST(versions_have_their_rules),
	};

	return UNIT_RUN(tests);
}
