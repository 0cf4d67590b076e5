/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/group/start.h"

#define CHOOSE(committed, first, end, reset) \
	fby_start_choose(committed, first, end, end, reset, &start)

static int64_t start;

static void
a_committed_offset_that_the_broker_has_is_taken(void **state)
{
	(void)state;
	assert_int_equal(CHOOSE(10, 0, 20, FBY_RESET_LATEST),
	    FBY_START_COMMITTED);
	assert_int_equal(start, 10);
	assert_int_equal(CHOOSE(20, 0, 20, FBY_RESET_EARLIEST),
	    FBY_START_COMMITTED);
	assert_int_equal(CHOOSE(0, 0, 0, FBY_RESET_ERROR), FBY_START_COMMITTED);
}

static void
without_one_the_policy_decides(void **state)
{
	(void)state;
	assert_int_equal(CHOOSE(FBY_NONE, 5, 20, FBY_RESET_EARLIEST),
	    FBY_START_FRESH);
	assert_int_equal(start, 5);
	assert_int_equal(CHOOSE(FBY_NONE, 5, 20, FBY_RESET_LATEST),
	    FBY_START_FRESH);
	assert_int_equal(start, 20);
	assert_int_equal(CHOOSE(FBY_NONE, 5, 20, FBY_RESET_ERROR),
	    FBY_START_NONE);
}

static void
one_out_of_range_is_a_reset_never_silent(void **state)
{
	(void)state;
	assert_int_equal(CHOOSE(4, 5, 20, FBY_RESET_EARLIEST), FBY_START_RESET);
	assert_int_equal(start, 5);
	assert_int_equal(CHOOSE(21, 5, 20, FBY_RESET_LATEST), FBY_START_RESET);
	assert_int_equal(start, 20);
	assert_int_equal(CHOOSE(21, 5, 20, FBY_RESET_ERROR), FBY_START_NONE);
}

static void
latest_is_not_beyond_an_open_transaction(void **state)
{
	(void)state;
	assert_int_equal(fby_start_choose(FBY_NONE, 5, 20, 12, FBY_RESET_LATEST,
			     &start),
	    FBY_START_FRESH);
	assert_int_equal(start, 12);
	assert_int_equal(fby_start_choose(15, 5, 20, 12, FBY_RESET_LATEST,
			     &start),
	    FBY_START_COMMITTED);
	assert_int_equal(start, 15);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_committed_offset_that_the_broker_has_is_taken),
		cmocka_unit_test(without_one_the_policy_decides),
		cmocka_unit_test(one_out_of_range_is_a_reset_never_silent),
		cmocka_unit_test(latest_is_not_beyond_an_open_transaction),
	};

	return UNIT_RUN(tests);
}
