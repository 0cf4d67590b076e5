/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/base/units.h"

#include "shared/base/mem.h"

static struct fby_pool *pool;

static void
durations_are_read_as_go_reads_them(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
	} good[] = {
		{ "0", 0 },
		{ "0s", 0 },
		{ "1s", 1000 },
		{ "500ms", 500 },
		{ "1m30s", 90000 },
		{ "1.5h", 5400000 },
		{ "-2s", -2000 },
		{ "+2s", 2000 },
		{ ".5s", 500 },
		{ "1.s", 1000 },
		{ "1h1m1s1ms", 3661001 },
		{ "2000us", 2 },
		{ "1µs", 1 },
		{ "1μs", 1 },
		{ "1000000ns", 1 },
		{ "24h", 86400000 },
	};
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(good); i++) {
		assert_null(fby_units_duration(good[i].text, &ms));
		assert_int_equal(ms, good[i].ms);
	}
}

static void
less_than_a_millisecond_is_not_nothing(void **state)
{
	int64_t ms;

	(void)state;
	assert_null(fby_units_duration("100us", &ms));
	assert_int_equal(ms, 1);
	assert_null(fby_units_duration("1ns", &ms));
	assert_int_equal(ms, 1);
	assert_null(fby_units_duration("1.0001s", &ms));
	assert_int_equal(ms, 1001);
	assert_null(fby_units_duration("-1us", &ms));
	assert_int_equal(ms, -1);
	assert_null(fby_units_duration("1.5ns", &ms));
	assert_int_equal(ms, 1);
}

static void
what_is_no_duration_is_refused(void **state)
{
	static const char *const bad[] = { "", "-", "1", "30", "s", ".s", "1d",
		"1 s", " 1s", "1s ", "1.2.3s", "1sm", "1e3s", "--1s",
		"300000000h", "9999999999999999999s", "2562047h48m" };
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bad); i++)
		assert_non_null(fby_units_duration(bad[i], &ms));
}

static void
a_duration_is_written_as_it_can_be_read(void **state)
{
	static const int64_t all[] = { 0, 1, 999, 1000, 1001, 59999, 60000,
		3600000, 3661001, 86400000, 4294967295, -1500 };
	int64_t ms;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(all); i++) {
		assert_null(
		    fby_units_duration(fby_units_duration_text(pool, all[i]),
			&ms));
		assert_int_equal(ms, all[i]);
	}
	assert_string_equal(fby_units_duration_text(pool, 90000), "1m30s");
}

static void
sizes_have_units_of_both_kinds(void **state)
{
	static const struct {
		const char *text;
		int64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "4096", 4096 },
		{ "12B", 12 },
		{ "1k", 1000 },
		{ "1KiB", 1024 },
		{ "64MiB", 67108864 },
		{ "64Mi", 67108864 },
		{ "1GB", 1000000000 },
		{ "2TiB", INT64_C(2) << 40 },
	};
	static const char *const bad[] = { "", "-1", "1.5MiB", "MiB", "1 MiB",
		"1mib", "9223372036854775808", "9000000TiB" };
	int64_t bytes;

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(good); i++) {
		assert_null(fby_units_bytes(good[i].text, &bytes));
		assert_int_equal(bytes, good[i].bytes);
		assert_null(
		    fby_units_bytes(fby_units_bytes_text(pool, bytes), &bytes));
		assert_int_equal(bytes, good[i].bytes);
	}
	for (size_t i = 0; i < FBY_NELEM(bad); i++)
		assert_non_null(fby_units_bytes(bad[i], &bytes));
}

static void
numbers_are_whole_or_not_and_nothing_else(void **state)
{
	int64_t n;
	double x;

	(void)state;
	assert_null(fby_units_int("-42", &n));
	assert_int_equal(n, -42);
	assert_non_null(fby_units_int("", &n));
	assert_non_null(fby_units_int("4.0", &n));
	assert_non_null(fby_units_int("0x10", &n));
	assert_non_null(fby_units_int("99999999999999999999", &n));
	assert_null(fby_units_num("1.5e1", &x));
	assert_true(x > 14.9 && x < 15.1);
	assert_non_null(fby_units_num("1.5x", &x));
	assert_non_null(fby_units_num("nan", &x));
	assert_non_null(fby_units_num("1e999", &x));
	assert_non_null(fby_units_num("", &x));
}

static void
cpus_come_in_ranges(void **state)
{
	static const char *const bad[] = { "", "a", "1-", "-1", "3-1", "1024",
		"1,", ",1", "1;2", "0-99999999999999999999" };
	bool used[FBY_UNITS_CPUS_MAX] = { false };

	(void)state;
	assert_null(fby_units_cpus("0-2, 5,1023", used));
	for (int i = 0; i < FBY_UNITS_CPUS_MAX; i++)
		assert_int_equal(used[i], i <= 2 || i == 5 || i == 1023);
	for (size_t i = 0; i < FBY_NELEM(bad); i++)
		assert_non_null(fby_units_cpus(bad[i], used));
}

static void
an_offset_that_is_none_is_no_number(void **state)
{
	char buf[FBY_UNITS_OFFSET];

	(void)state;
	assert_string_equal(fby_units_offset_text(buf, INT64_MAX, "none"),
	    "9223372036854775807");
	assert_string_equal(fby_units_offset_text(buf, 0, "none"), "0");
	assert_string_equal(fby_units_offset_text(buf, FBY_NONE, "none"),
	    "none");
	assert_string_equal(fby_units_offset_text(buf, INT64_MIN, "none"),
	    "none");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations_are_read_as_go_reads_them),
		cmocka_unit_test(less_than_a_millisecond_is_not_nothing),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(a_duration_is_written_as_it_can_be_read),
		cmocka_unit_test(sizes_have_units_of_both_kinds),
		cmocka_unit_test(numbers_are_whole_or_not_and_nothing_else),
		cmocka_unit_test(cpus_come_in_ranges),
		cmocka_unit_test(an_offset_that_is_none_is_no_number),
	};
	int rc;

	pool = fby_pool_new(FBY_ARENA_CONFIG);
	rc = UNIT_RUN(tests);
	fby_pool_free(pool);
	return rc;
}
