/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/runtime/pod.h"

static void
cpus_are_rounded_up(void **state)
{
	(void)state;
	assert_int_equal(fby_pod_cpus("100m"), 1);
	assert_int_equal(fby_pod_cpus("1500m"), 2);
	assert_int_equal(fby_pod_cpus("2"), 2);
	assert_int_equal(fby_pod_cpus("0.5"), 1);
}

static void
memory_is_bytes(void **state)
{
	(void)state;
	assert_int_equal(fby_pod_bytes("128Mi"), 128 << 20);
	assert_int_equal(fby_pod_bytes("1Gi"), 1 << 30);
	assert_int_equal(fby_pod_bytes("1.5Ki"), 1536);
	assert_int_equal(fby_pod_bytes("2k"), 2000);
	assert_int_equal(fby_pod_bytes("1G"), 1000000000);
	assert_int_equal(fby_pod_bytes("4096"), 4096);
}

static void
what_is_no_quantity_is_none(void **state)
{
	static const char *const bad[] = { "", "m", "Mi", "-1", "1x", "1KB",
		"1MiB", "1Mi ", "1e", "99999999999999999999E", ".", "1i" };

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(bad); i++) {
		assert_int_equal(fby_pod_cpus(bad[i]), 0);
		assert_int_equal(fby_pod_bytes(bad[i]), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpus_are_rounded_up),
		cmocka_unit_test(memory_is_bytes),
		cmocka_unit_test(what_is_no_quantity_is_none),
	};

	return UNIT_RUN(tests);
}
