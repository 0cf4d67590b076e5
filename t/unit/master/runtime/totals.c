/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/base/openmetrics.h"
#include "master/runtime/totals.h"

static struct fby_totals t;

static int
take(const char *text)
{
	return fby_totals_take(&t, text, strlen(text));
}

static int
end(void **state)
{
	(void)state;
	fby_totals_fini(&t);
	return 0;
}

#define L "mvtx_name=\"a\",mvtx_replica=\"0\""

static void
known_counters_are_taken(void **state)
{
	bool is_in[3] = { false };

	(void)state;
	assert_int_equal(take("# HELP monovtx_read A Counter.\n"
			      "# TYPE monovtx_read counter\n"
			      "monovtx_read_total{" L
			      ",source_partition=\"0\"} 5\n"
			      "monovtx_read_total{source_partition=\"1\"," L
			      "} 7\n"
			      "# TYPE monovtx_ack counter\n"
			      "monovtx_ack_total{" L "} 11 1700000000.5\n"
			      "monovtx_other_total 99\n"
			      "# EOF\n"),
	    0);
	assert_true(fby_totals_sum(&t, FBY_TOTAL_READ) == 12);
	assert_true(fby_totals_read_of(&t, "1", is_in) == 7);
	assert_true(is_in[1] && !is_in[0] && !is_in[2]);
	assert_true(fby_totals_read_of(&t, "2", is_in) == 0);
	assert_true(fby_totals_sum(&t, FBY_TOTAL_ACK) == 11);
	assert_true(fby_totals_sum(&t, FBY_TOTAL_SINK_WRITE) == 0);
	assert_int_equal(t.n, 3);
}

static void
they_never_go_back(void **state)
{
	(void)state;
	assert_int_equal(take("monovtx_ack_total{" L "} 10\n# EOF"), 0);
	assert_int_equal(take("monovtx_ack_total{" L "} 15\n# EOF"), 0);
	assert_true(fby_totals_sum(&t, FBY_TOTAL_ACK) == 15);
	/* Another process. */
	assert_int_equal(take("monovtx_ack_total{" L "} 2\n# EOF"), 0);
	assert_true(fby_totals_sum(&t, FBY_TOTAL_ACK) == 17);
	/* One that has soon counted further than the one before. */
	fby_totals_restart(&t);
	assert_int_equal(take("monovtx_ack_total{" L "} 4\n# EOF"), 0);
	assert_true(fby_totals_sum(&t, FBY_TOTAL_ACK) == 21);
}

static void
of_what_is_torn_nothing_is_taken(void **state)
{
	static const char *const bad[] = { "", "monovtx_ack_total 5\n",
		"monovtx_ack_total 5\nmonovtx_ack_tot",
		"monovtx_ack_total 5\n{} 4\n# EOF\n",
		"monovtx_ack_total 5\nx{a=\"b} 4\n# EOF\n",
		"monovtx_ack_total 5\nx{a=\"b\"}4\n# EOF\n",
		"monovtx_ack_total 5\nx four\n# EOF\n", "<html>\n# EOF\n",
		"monovtx_ack_total{a=\"\\", "monovtx_ack_total \n# EOF\n" };

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bad); i++)
		assert_int_equal(take(bad[i]), -1);
	assert_int_equal(t.n, 0);
	assert_int_equal(take("monovtx_ack_total NaN\n"
			      "monovtx_ack_total -1\n# EOF\n"),
	    0);
	assert_true(fby_totals_sum(&t, FBY_TOTAL_ACK) == 0);
}

static void
label_values_may_hold_anything(void **state)
{
	const char text[] = "x{a=\"}, b=\\\"\",source_partition=\"o:1\"} 3\n"
			    "# EOF\n";
	const char *p = text;
	struct fby_openmetrics_reading r;
	char *label;

	(void)state;
	assert_int_equal(fby_openmetrics_read(&p, text + sizeof(text) - 1, &r),
	    1);
	assert_true(r.value == 3);
	label = fby_openmetrics_read_label(&r, "source_partition");
	assert_string_equal(label, "o:1");
	free(label);
	assert_null(fby_openmetrics_read_label(&r, "b"));
	assert_null(fby_openmetrics_read_label(&r, "partition"));
	assert_int_equal(fby_openmetrics_read(&p, text + sizeof(text) - 1, &r),
	    0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(known_counters_are_taken, end),
		cmocka_unit_test_teardown(they_never_go_back, end),
		cmocka_unit_test_teardown(of_what_is_torn_nothing_is_taken,
		    end),
		cmocka_unit_test(label_values_may_hold_anything),
	};

	return UNIT_RUN(tests);
}
