/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include <librdkafka/rdkafka.h>

#include "worker/cut.h"

static int64_t at;

static void
the_point_is_read_from_the_text(void **state)
{
	(void)state;
	assert_true(fby_cut_parse(
	    "Partition log truncation detected at offset 200 (leader epoch 0): "
	    "broker end offset is 100 (offset leader epoch 0). Reset to "
	    "INVALID.: Local: Partition log truncation detected (broker 2)",
	    &at));
	assert_int_equal(at, 100);
}

static void
no_epoch_is_no_point(void **state)
{
	(void)state;
	assert_true(fby_cut_parse(
	    "No epoch found less or equal to offset 200 (leader epoch 7): "
	    "broker end offset is -1 (offset leader epoch -1). Reset using "
	    "configured policy.: Local: Partition log truncation detected",
	    &at));
	assert_int_equal(at, FBY_NONE);
	/* Another librdkafka may say it in other words. */
	assert_true(
	    fby_cut_parse("x: Local: Partition log truncation detected", &at));
	assert_int_equal(at, FBY_NONE);
}

static void
an_offset_out_of_range_is_no_cut(void **state)
{
	(void)state;
	assert_false(fby_cut_parse("fetch failed due to requested offset not "
				   "available on the broker: Broker: Offset "
				   "out of range (broker 1)",
	    &at));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_point_is_read_from_the_text),
		cmocka_unit_test(no_epoch_is_no_point),
		cmocka_unit_test(an_offset_out_of_range_is_no_cut),
	};

	return UNIT_RUN(tests);
}
