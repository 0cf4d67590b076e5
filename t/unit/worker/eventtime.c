/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "worker/eventtime.h"

#define RECORDS 300

static const struct fby_eventtime_conf plain = { .max_delay_ms = 10 };

static const struct fby_eventtime_conf idle = {
	.max_delay_ms = 100,
	.idle = true,
	.threshold_ms = 1000,
	.increment_by_ms = 500,
	.step_interval_ms = 200,
	.init_source_delay_ms = 3000,
};

static void
the_oldest_in_flight_holds_the_watermark(void **state)
{
	struct fby_eventtime et;

	(void)state;
	fby_eventtime_init(&et, FBY_NONE, 0);
	fby_eventtime_add(&et, 0, 1000);
	fby_eventtime_add(&et, 1, 3000);
	fby_eventtime_add(&et, 2, 2000);
	assert_int_equal(et.watermark, FBY_NONE);
	fby_eventtime_acked(&et, 1, 1000, &plain);
	assert_int_equal(et.watermark, 990);
	/* The newest acked is 3000, but 2000 is still in flight. */
	fby_eventtime_acked(&et, 2, 3000, &plain);
	assert_int_equal(et.watermark, 1990);
	fby_eventtime_acked(&et, 3, 2000, &plain);
	assert_int_equal(et.watermark, 2990);
	fby_eventtime_fini(&et);
}

static void
a_preview_is_what_acking_makes_of_it(void **state)
{
	struct fby_eventtime et;

	(void)state;
	fby_eventtime_init(&et, FBY_NONE, 0);
	assert_int_equal(fby_eventtime_preview(&et, 0, INT64_MIN, &plain),
	    FBY_NONE);
	fby_eventtime_add(&et, 0, 1000);
	fby_eventtime_add(&et, 1, 3000);
	fby_eventtime_add(&et, 2, 2000);
	assert_int_equal(fby_eventtime_preview(&et, 1, 1000, &plain), 990);
	assert_int_equal(fby_eventtime_preview(&et, 2, 3000, &plain), 1990);
	assert_int_equal(fby_eventtime_preview(&et, 3, 3000, &plain), 2990);
	/* Nothing has changed. */
	assert_int_equal(et.watermark, FBY_NONE);
	fby_eventtime_acked(&et, 2, 3000, &plain);
	assert_int_equal(et.watermark, 1990);
	/* And it never goes back, either. */
	assert_int_equal(fby_eventtime_preview(&et, 2, 5, &plain), 1990);
	fby_eventtime_fini(&et);
}

static void
the_watermark_never_goes_back(void **state)
{
	struct fby_eventtime et;

	(void)state;
	fby_eventtime_init(&et, 5000, 0);
	fby_eventtime_add(&et, 0, 1000);
	fby_eventtime_acked(&et, 1, 1000, &plain);
	assert_int_equal(et.watermark, 5000);
	fby_eventtime_add(&et, 1, 7000);
	fby_eventtime_acked(&et, 2, 7000, &plain);
	assert_int_equal(et.watermark, 6990);
	fby_eventtime_fini(&et);
}

static void
times_before_1970_are_no_watermark(void **state)
{
	struct fby_eventtime et;

	(void)state;
	fby_eventtime_init(&et, FBY_NONE, 0);
	fby_eventtime_add(&et, 0, 5);
	fby_eventtime_acked(&et, 1, 5, &plain);
	assert_int_equal(et.watermark, FBY_NONE);
	fby_eventtime_fini(&et);
}

static void
no_time_counts_as_more_than_the_limit(void **state)
{
	const struct fby_eventtime_conf conf = { .max_future_ms = 60000 };

	(void)state;
	assert_int_equal(fby_eventtime_limit(&conf, 1000000), 1060000);
	assert_int_equal(fby_eventtime_limit(&plain, 1000000), 1000000);
}

static void
random_times_give_what_a_naive_minimum_gives(void **state)
{
	(void)state;
	srand48(7);
	for (int round = 0; round < 100; round++) {
		int64_t ms[RECORDS], newest = INT64_MIN, want = FBY_NONE;
		uint64_t head = 0, tail = 0;
		struct fby_eventtime et;

		fby_eventtime_init(&et, FBY_NONE, 0);
		while (head < RECORDS) {
			int64_t oldest, pass = INT64_MIN;

			if (tail < RECORDS && lrand48() % 3) {
				ms[tail] = lrand48() % 100000;
				fby_eventtime_add(&et, tail, ms[tail]);
				tail++;
				continue;
			}
			for (long n = lrand48() % 10; n-- && head < tail;
			     head++)
				pass = FBY_MAX(pass, ms[head]);
			fby_eventtime_acked(&et, head, pass, &plain);
			newest = FBY_MAX(newest, pass);
			oldest = newest;
			for (uint64_t i = head; i < tail; i++)
				oldest = FBY_MIN(oldest, ms[i]);
			if (newest != INT64_MIN && oldest - 10 >= 0)
				want = FBY_MAX(want, oldest - 10);
			assert_int_equal(et.watermark, want);
		}
		fby_eventtime_fini(&et);
	}
}

static void
an_idle_lane_steps_after_the_threshold(void **state)
{
	struct fby_eventtime et;

	(void)state;
	fby_eventtime_init(&et, 10000, 0);
	assert_false(fby_eventtime_idle(&et, &idle, 999, 1000000));
	assert_true(fby_eventtime_idle(&et, &idle, 1000, 1000000));
	assert_int_equal(et.watermark, 10500);
	assert_true(et.is_idle);
	assert_false(fby_eventtime_idle(&et, &idle, 1150, 1000000));
	assert_true(fby_eventtime_idle(&et, &idle, 1200, 1000000));
	assert_int_equal(et.watermark, 11000);
	/* A timer that comes late loses no step. */
	assert_true(fby_eventtime_idle(&et, &idle, 1850, 1000000));
	assert_int_equal(et.watermark, 12500);
	assert_true(fby_eventtime_idle(&et, &idle, 2000, 1000000));
	assert_int_equal(et.watermark, 13000);
	/* A record ends it. */
	fby_eventtime_touch(&et, 2100);
	assert_false(et.is_idle);
	assert_false(fby_eventtime_idle(&et, &idle, 3000, 1000000));
	assert_true(fby_eventtime_idle(&et, &idle, 3100, 1000000));
	assert_int_equal(et.watermark, 13500);
	fby_eventtime_fini(&et);
}

static void
idleness_stops_at_now_minus_max_delay(void **state)
{
	struct fby_eventtime et;

	(void)state;
	fby_eventtime_init(&et, 10000, 0);
	assert_true(fby_eventtime_idle(&et, &idle, 1000, 10300));
	assert_int_equal(et.watermark, 10200);
	assert_false(fby_eventtime_idle(&et, &idle, 1200, 10300));
	assert_true(fby_eventtime_idle(&et, &idle, 1400, 10500));
	assert_int_equal(et.watermark, 10400);
	/* A watermark that is ahead of the clock stays. */
	fby_eventtime_init(&et, 99999, 0);
	assert_false(fby_eventtime_idle(&et, &idle, 1000, 10300));
	assert_int_equal(et.watermark, 99999);
	fby_eventtime_fini(&et);
}

static void
a_lane_without_watermark_waits_for_init_source_delay(void **state)
{
	struct fby_eventtime_conf never = idle;
	struct fby_eventtime et;

	(void)state;
	fby_eventtime_init(&et, FBY_NONE, 0);
	assert_false(fby_eventtime_idle(&et, &idle, 2999, 50000));
	assert_int_equal(et.watermark, FBY_NONE);
	assert_true(fby_eventtime_idle(&et, &idle, 3000, 50000));
	assert_int_equal(et.watermark, 49900);
	assert_true(fby_eventtime_idle(&et, &idle, 3200, 50200));
	assert_int_equal(et.watermark, 50100);
	fby_eventtime_init(&et, FBY_NONE, 0);
	never.init_source_delay_ms = 0;
	assert_false(fby_eventtime_idle(&et, &never, 999999, 50000));
	never.idle = false;
	et.watermark = 1;
	assert_false(fby_eventtime_idle(&et, &never, 999999, 50000));
	fby_eventtime_fini(&et);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_oldest_in_flight_holds_the_watermark),
		cmocka_unit_test(a_preview_is_what_acking_makes_of_it),
		cmocka_unit_test(the_watermark_never_goes_back),
		cmocka_unit_test(times_before_1970_are_no_watermark),
		cmocka_unit_test(no_time_counts_as_more_than_the_limit),
		cmocka_unit_test(random_times_give_what_a_naive_minimum_gives),
		cmocka_unit_test(an_idle_lane_steps_after_the_threshold),
		cmocka_unit_test(idleness_stops_at_now_minus_max_delay),
		cmocka_unit_test(
		    a_lane_without_watermark_waits_for_init_source_delay),
	};

	return UNIT_RUN(tests);
}
