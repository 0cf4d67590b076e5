/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "shared/manifest.h"

#include "worker/retry.h"

#define CAP_MAX INT64_C(4294967295)

static void
delays_grow_by_the_factor_up_to_the_cap(void **state)
{
	const struct fby_retry_strategy rs = {
		.interval_ms = 10,
		.cap_ms = 100,
		.factor = 2,
		.steps = 20,
	};
	static const int64_t want[] = { 10, 20, 40, 80, 100, 100 };

	(void)state;
	for (uint32_t i = 0; i < FBY_NELEM(want); i++)
		assert_int_equal(fby_retry_delay(&rs, i + 1, 0.5), want[i]);
}

static void
drop_gives_up_after_the_steps(void **state)
{
	const struct fby_retry_strategy rs = {
		.interval_ms = 10,
		.cap_ms = 100,
		.factor = 1,
		.steps = 3,
		.on_failure = FBY_ON_FAILURE_DROP,
	};

	(void)state;
	assert_int_equal(fby_retry_delay(&rs, 3, 0.5), 10);
	assert_int_equal(fby_retry_delay(&rs, 4, 0.5), FBY_NONE);
}

static void
retry_goes_on_slowly_without_end(void **state)
{
	const struct fby_retry_strategy rs = {
		.interval_ms = 1,
		.cap_ms = CAP_MAX,
		.factor = 1,
		.steps = 3,
	};
	struct fby_retry_strategy unset = rs, capped = rs;

	(void)state;
	assert_int_equal(fby_retry_delay(&rs, 3, 0.5), 1);
	assert_int_equal(fby_retry_delay(&rs, 4, 0.5), 1000);
	assert_int_equal(fby_retry_delay(&rs, UINT32_MAX, 0.5), 1000);
	unset.steps = 0;
	unset.on_failure = FBY_ON_FAILURE_DROP;
	assert_int_equal(fby_retry_delay(&unset, 100, 0.5), 1);
	assert_int_equal(fby_retry_delay(&unset, 101, 0.5), 1000);
	/* The operator's cap counts also here. */
	capped.cap_ms = 50;
	assert_int_equal(fby_retry_delay(&capped, 4, 0.5), 50);
}

static void
jitter_stays_within_its_bounds(void **state)
{
	const struct fby_retry_strategy rs = {
		.interval_ms = 1000,
		.cap_ms = 1100,
		.factor = 1,
		.jitter = 0.2,
		.steps = 5,
	};

	(void)state;
	assert_int_equal(fby_retry_delay(&rs, 1, 0), 800);
	assert_int_equal(fby_retry_delay(&rs, 1, 0.5), 1000);
	assert_int_equal(fby_retry_delay(&rs, 1, 0.999), 1100);
}

static void
a_huge_factor_is_capped_too(void **state)
{
	const struct fby_retry_strategy rs = {
		.interval_ms = 1,
		.cap_ms = CAP_MAX,
		.factor = 1e30,
		.steps = 65535,
	};

	(void)state;
	assert_int_equal(fby_retry_delay(&rs, 65000, 0.5), CAP_MAX);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_grow_by_the_factor_up_to_the_cap),
		cmocka_unit_test(drop_gives_up_after_the_steps),
		cmocka_unit_test(retry_goes_on_slowly_without_end),
		cmocka_unit_test(jitter_stays_within_its_bounds),
		cmocka_unit_test(a_huge_factor_is_capped_too),
	};

	return UNIT_RUN(tests);
}
