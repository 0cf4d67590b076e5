/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/base/openmetrics.h"
#include "shared/base/str.h"

static const char *
bound(double x)
{
	static char buf[FBY_OPENMETRICS_NUMBER];

	return fby_openmetrics_bound(x, buf);
}

static void
bounds_are_written_as_go_writes_them(void **state)
{
	(void)state;
	assert_string_equal(bound(1), "1.0");
	assert_string_equal(bound(100), "100.0");
	assert_string_equal(bound(0.5), "0.5");
	assert_string_equal(bound(592.507), "592.507");
	assert_string_equal(bound(123246.459), "123246.459");
	assert_string_equal(bound(1000000), "1e+06");
	assert_string_equal(bound(4326748.711), "4.326748711e+06");
	assert_string_equal(bound(900000000), "9e+08");
}

static void
a_counter_has_its_suffix_in_the_sample_only(void **state)
{
	const struct fby_openmetrics_family f = { "reads",
		FBY_OPENMETRICS_COUNTER, NULL, "What was read." };
	struct fby_str s;

	(void)state;
	fby_str_init(&s);
	fby_openmetrics_head(&s, &f);
	fby_openmetrics_sample(&s, &f, "", 7);
	fby_openmetrics_end(&s);
	assert_string_equal(s.p,
	    "# TYPE reads counter\n"
	    "# HELP reads What was read.\nreads_total 7\n# EOF\n");
	fby_str_fini(&s);
}

static void
labels_are_escaped_and_separated(void **state)
{
	struct fby_str l;

	(void)state;
	fby_str_init(&l);
	fby_openmetrics_label(&l, "a", "x\"y\\z\n");
	fby_openmetrics_label(&l, "b", "");
	assert_string_equal(l.p, "a=\"x\\\"y\\\\z\\n\",b=\"\"");
	fby_str_fini(&l);
}

static void
numbers_keep_all_their_digits(void **state)
{
	const struct fby_openmetrics_family f = { "x_seconds",
		FBY_OPENMETRICS_GAUGE, "seconds", "X." };
	struct fby_str s;

	(void)state;
	fby_str_init(&s);
	fby_openmetrics_sample(&s, &f, "", 1795382736.348);
	fby_openmetrics_sample(&s, &f, "", 9007199254740.0);
	fby_openmetrics_sample(&s, &f, "", -1);
	assert_string_equal(s.p,
	    "x_seconds 1795382736.348\n"
	    "x_seconds 9007199254740\nx_seconds -1\n");
	fby_str_fini(&s);
}

static void
buckets_become_cumulative(void **state)
{
	const struct fby_openmetrics_family f = { "t",
		FBY_OPENMETRICS_HISTOGRAM, NULL, "T." };
	const double bounds[] = { 1, 10 };
	const uint64_t buckets[] = { 2, 0, 3 };
	struct fby_str s;

	(void)state;
	fby_str_init(&s);
	fby_openmetrics_histogram(&s, &f, "a=\"b\"", bounds, 2, buckets, 77);
	assert_string_equal(s.p,
	    "t_bucket{a=\"b\",le=\"1.0\"} 2\n"
	    "t_bucket{a=\"b\",le=\"10.0\"} 2\n"
	    "t_bucket{a=\"b\",le=\"+Inf\"} 5\n"
	    "t_count{a=\"b\"} 5\nt_sum{a=\"b\"} 77\n");
	fby_str_fini(&s);
}

static void
one_state_of_a_set_is_on(void **state)
{
	const struct fby_openmetrics_family f = { "st",
		FBY_OPENMETRICS_STATESET, NULL, "S." };
	const char *const names[] = { "A", "B" };
	struct fby_str s;

	(void)state;
	fby_str_init(&s);
	fby_openmetrics_states(&s, &f, "p=\"1\"", names, 2, 1);
	assert_string_equal(s.p,
	    "st{p=\"1\",st=\"A\"} 0\nst{p=\"1\",st=\"B\"} 1\n");
	fby_str_fini(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_are_written_as_go_writes_them),
		cmocka_unit_test(a_counter_has_its_suffix_in_the_sample_only),
		cmocka_unit_test(labels_are_escaped_and_separated),
		cmocka_unit_test(numbers_keep_all_their_digits),
		cmocka_unit_test(buckets_become_cumulative),
		cmocka_unit_test(one_state_of_a_set_is_on),
	};

	return UNIT_RUN(tests);
}
