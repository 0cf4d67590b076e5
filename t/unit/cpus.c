/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/cpus.h"

static void
a_quota_is_rounded_up_to_whole_cpus(void **state)
{
	(void)state;
	assert_int_equal(fby_cpus_quota("200000 100000\n"), 2);
	assert_int_equal(fby_cpus_quota("250000 100000\n"), 3);
	assert_int_equal(fby_cpus_quota("50000 100000\n"), 1);
	assert_int_equal(fby_cpus_quota("max 100000\n"), 0);
	assert_int_equal(fby_cpus_quota(""), 0);
	assert_int_equal(fby_cpus_quota("100 0"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_quota_is_rounded_up_to_whole_cpus),
	};

	return UNIT_RUN(tests);
}
