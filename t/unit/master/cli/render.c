/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/cli/format.h"
#include "master/cli/render.h"
#include "master/cli/screen.h"
#include "master/cli/table.h"
#include "shared/base/str.h"

#define NOW INT64_C(1795382737000) /* 2026-11-22T21:25:37Z */

static char buf[FBY_FORMAT];

static void
counts_take_few_characters(void **state)
{
	(void)state;
	assert_string_equal(fby_format_count(0, buf), "0");
	assert_string_equal(fby_format_count(0.44, buf), "0.4");
	assert_string_equal(fby_format_count(7, buf), "7");
	assert_string_equal(fby_format_count(999, buf), "999");
	assert_string_equal(fby_format_count(999.6, buf), "1.0k");
	assert_string_equal(fby_format_count(1234, buf), "1.2k");
	assert_string_equal(fby_format_count(12345, buf), "12k");
	assert_string_equal(fby_format_count(999600, buf), "1.0M");
	assert_string_equal(fby_format_count(5e15, buf), "5000T");
}

static void
bytes_go_by_powers_of_1024(void **state)
{
	(void)state;
	assert_string_equal(fby_format_bytes(0, buf), "0B");
	assert_string_equal(fby_format_bytes(1023, buf), "1023B");
	assert_string_equal(fby_format_bytes(1024, buf), "1.0K");
	assert_string_equal(fby_format_bytes(64 << 20, buf), "64M");
}

static void
ages_have_two_units(void **state)
{
	(void)state;
	assert_string_equal(fby_format_age(0, buf), "0ms");
	assert_string_equal(fby_format_age(999, buf), "999ms");
	assert_string_equal(fby_format_age(3210, buf), "3.2s");
	assert_string_equal(fby_format_age(59999, buf), "59s");
	assert_string_equal(fby_format_age(245000, buf), "4m05s");
	assert_string_equal(fby_format_age(7800000, buf), "2h10m");
	assert_string_equal(fby_format_age(284400000, buf), "3d07h");
}

static void
a_watermark_of_another_day_shows_its_date(void **state)
{
	(void)state;
	assert_string_equal(fby_format_watermark(NOW - 652, NOW, buf),
	    "21:25:36.348 652ms ago");
	assert_string_equal(fby_format_watermark(NOW + 5000, NOW, buf),
	    "21:25:42.000 in 5.0s");
	assert_string_equal(fby_format_watermark(NOW - 86400000, NOW, buf),
	    "2026-11-21 21:25:37 1d00h ago");
	assert_string_equal(fby_format_watermark(0, NOW, buf),
	    "1970-01-01 00:00:00 20779d21h ago");
	assert_string_equal(fby_format_watermark(-1, NOW, buf), "-");
	assert_string_equal(fby_format_watermark(INT64_MIN, NOW, buf), "-");
	assert_string_equal(fby_format_watermark(INT64_MAX, NOW, buf),
	    "292278994-08-17 07:12:55 in 106751970387d09h");
}

static void
columns_that_matter_least_are_left_out_first(void **state)
{
	static const struct fby_column columns[] = {
		{ "NAME", false, 0 },
		{ "N", true, 0 },
		{ "EXTRA", false, 1 },
		{ "MORE", false, 2 },
	};
	struct fby_table *t = fby_table_new(columns, FBY_NELEM(columns));
	static const char *const cells[] = { "a", "10", "x", "y", "é", "5", "",
		"" };
	struct fby_str s;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(cells); i++)
		fby_table_cell(t, cells[i]);
	fby_str_init(&s);
	fby_table_write(t, &s, 0, false);
	assert_string_equal(s.p,
	    "NAME   N  EXTRA  MORE\n"
	    "a     10  x      y\né      5\n");
	fby_str_reset(&s);
	fby_table_write(t, &s, 16, false);
	assert_string_equal(s.p, "NAME   N  EXTRA\na     10  x\né      5\n");
	/* What has rank 0 stays, however narrow it is. */
	fby_str_reset(&s);
	fby_table_write(t, &s, 1, false);
	assert_string_equal(s.p, "NAME   N\na     10\né      5\n");
	fby_str_fini(&s);
	fby_table_free(t);
}

static char *
render(const char *json, bool color)
{
	const struct fby_screen r = { .color = color, .now = NOW };
	json_t *o = json_loads(json, 0, NULL);
	char *text;

	assert_non_null(o);
	text = fby_render_status(o, &r);
	json_decref(o);
	return text;
}

static const char quiet[] =
    "{\"name\":\"orders\",\"state\":\"RUNNING\",\"runtime\":\"c\",\"pid\":7,"
    "\"uptime_ms\":61000,\"ready\":true,\"http\":null,\"alarms\":[],"
    "\"manifest\":{\"generation\":2,\"reload\":\"IDLE\",\"last_ok\":true},"
    "\"group\":{\"id\":\"g\",\"state\":\"STEADY\",\"doing\":\"member\","
    "\"generation\":5,\"rebalances\":1,\"instance\":null},"
    "\"watermark\":null,\"group_watermark\":1795382736348,"
    "\"records_per_s\":1234.5,\"lag\":null,\"workers\":[],"
    "\"partitions\":[],\"counters\":{\"late\":0}}";

static void
what_is_not_known_is_a_dash(void **state)
{
	char *text = render(quiet, false);

	(void)state;
	assert_string_equal(text,
	    "orders  RUNNING  runtime c, pid 7, up 1m01s\n"
	    "manifest    generation 2\n"
	    "group       g, STEADY (member), generation 5, 1 rebalance\n"
	    "watermark   -; of the group 21:25:36.348 652ms ago\n"
	    "records     1.2k/s, lag -\n");
	free(text);
}

static void
alarms_come_first(void **state)
{
	char *text = render(
	    "{\"name\":\"orders\",\"ready\":false,"
	    "\"reason\":\"broker: down\",\"alarms\":[{\"what\":\"broker\","
	    "\"text\":\"k:9092: refused\"}],\"counters\":{\"late\":3},"
	    "\"manifest\":{\"last_ok\":false,\"last\":\"f:1:2: no\"}}",
	    false);

	(void)state;
	assert_memory_equal(text,
	    "ALARM, broker: k:9092: refused\n"
	    "LAST RELOAD REFUSED: f:1:2: no\n\n",
	    strlen("ALARM, broker: k:9092: refused\n"
		   "LAST RELOAD REFUSED: f:1:2: no\n\n"));
	assert_non_null(strstr(text, "\nlate records: 3\n"));
	free(text);
}

static void
what_a_terminal_would_act_on_is_shown_instead(void **state)
{
	char *text = render(
	    "{\"name\":\"a\\u001b[2J\",\"ready\":false,\"reason\":\"\\r\\u009b\","
	    "\"alarms\":[{\"what\":\"w\",\"text\":\"one\\ntwo\\u0007\"}]}",
	    false);

	(void)state;
	assert_non_null(strstr(text, "a\\x1b[2J"));
	assert_non_null(strstr(text, "two\\x07"));
	for (const char *p = text; *p; p++)
		assert_true((unsigned char)*p >= ' ' || *p == '\n');
	free(text);
}

static void
there_are_colors_only_when_asked_for(void **state)
{
	char *plain = render(quiet, false), *color = render(quiet, true);

	(void)state;
	assert_null(strchr(plain, '\033'));
	assert_non_null(strstr(color, "\033[32mRUNNING\033[0m"));
	free(plain);
	free(color);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_take_few_characters),
		cmocka_unit_test(bytes_go_by_powers_of_1024),
		cmocka_unit_test(ages_have_two_units),
		cmocka_unit_test(a_watermark_of_another_day_shows_its_date),
		cmocka_unit_test(columns_that_matter_least_are_left_out_first),
		cmocka_unit_test(what_is_not_known_is_a_dash),
		cmocka_unit_test(alarms_come_first),
		cmocka_unit_test(what_a_terminal_would_act_on_is_shown_instead),
		cmocka_unit_test(there_are_colors_only_when_asked_for),
	};

	return UNIT_RUN(tests);
}
