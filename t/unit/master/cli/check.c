/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/cli/check.h"
#include "shared/base/str.h"

#define FIGURES " | lag=7 records_per_second=1.5 partitions=2 alarms="

static struct fby_str line;

static enum fby_check
check(const char *ready, const char *alarms, const char *last_ok)
{
	char
	    *text = fby_asprintf("{\"name\": \"demo\", \"state\": \"RUNNING\", "
				 "\"ready\": %s, \"reason\": \"joining\", "
				 "\"alarms\": [%s], \"lag\": 7, "
				 "\"records_per_s\": 1.5, "
				 "\"partitions\": [{}, {}], "
				 "\"manifest\": {\"last_ok\": %s}}",
		ready, alarms, last_ok);
	json_t *o = json_loads(text, 0, NULL);
	enum fby_check rc;

	assert_non_null(o);
	fby_str_reset(&line);
	rc = fby_check_status(o, &line);
	json_decref(o);
	free(text);
	return rc;
}

#define SINK "{\"what\": \"sink\", \"text\": \"full\", \"unready\": false}"
#define TOPIC "{\"what\": \"topic\", \"text\": \"gone\", \"unready\": true}"

static void
nothing_is_wrong(void **state)
{
	(void)state;
	assert_int_equal(check("true", "", "null"), FBY_CHECK_OK);
	assert_string_equal(line.p, "FOREBAY OK - demo is RUNNING" FIGURES "0");
	assert_int_equal(check("true", "", "true"), FBY_CHECK_OK);
}

static void
an_alarm_warns(void **state)
{
	(void)state;
	assert_int_equal(check("true", SINK, "true"), FBY_CHECK_WARNING);
	assert_string_equal(line.p,
	    "FOREBAY WARNING - demo is RUNNING; sink: full" FIGURES "1");
	assert_int_equal(check("true", "", "false"), FBY_CHECK_WARNING);
	assert_string_equal(line.p,
	    "FOREBAY WARNING - demo is RUNNING; the last reload was "
	    "refused" FIGURES "0");
}

static void
who_is_not_ready_is_critical(void **state)
{
	(void)state;
	assert_int_equal(check("false", SINK "," TOPIC, "true"),
	    FBY_CHECK_CRITICAL);
	assert_string_equal(line.p,
	    "FOREBAY CRITICAL - demo is RUNNING; topic: gone; sink: full" FIGURES
	    "2");
	assert_int_equal(check("false", "", "true"), FBY_CHECK_CRITICAL);
	assert_string_equal(line.p,
	    "FOREBAY CRITICAL - demo is RUNNING; not ready: joining" FIGURES
	    "0");
}

static void
it_is_one_line_with_one_bar(void **state)
{
	(void)state;
	assert_int_equal(check("true",
			     "{\"what\": \"log\", \"unready\": false, "
			     "\"text\": \"a|b\\nc\\u001b]0;x\"}",
			     "true"),
	    FBY_CHECK_WARNING);
	assert_string_equal(line.p,
	    "FOREBAY WARNING - demo is RUNNING; log: a/b\\nc\\x1b]0;x" FIGURES
	    "1");
}

static void
what_is_no_status_is_unknown(void **state)
{
	json_t *o = json_object();

	(void)state;
	fby_str_reset(&line);
	assert_int_equal(fby_check_status(o, &line), FBY_CHECK_UNKNOWN);
	assert_string_equal(line.p,
	    "FOREBAY UNKNOWN - the answer is none of a master");
	json_decref(o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_wrong),
		cmocka_unit_test(an_alarm_warns),
		cmocka_unit_test(who_is_not_ready_is_critical),
		cmocka_unit_test(it_is_one_line_with_one_bar),
		cmocka_unit_test(what_is_no_status_is_unknown),
	};
	int rc;

	fby_str_init(&line);
	rc = UNIT_RUN(tests);
	fby_str_fini(&line);
	return rc;
}
