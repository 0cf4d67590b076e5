/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "shared/manifest/manifest.h"

#include "worker/retry.h"

#define CAP_MAX INT64_C(4294967295)

static int64_t
delay(const struct fby_retry_strategy *rs, uint32_t tries, double random)
{
	const struct fby_manifest m = { .retry = *rs };

	return fby_retry_delay(&m, FBY_SINK_PRIMARY, tries, false, random);
}

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
		assert_int_equal(delay(&rs, i + 1, 0.5), want[i]);
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
	assert_int_equal(delay(&rs, 3, 0.5), 1);
	assert_int_equal(delay(&rs, 4, 0.5), 1000);
	assert_int_equal(delay(&rs, UINT32_MAX, 0.5), 1000);
	unset.steps = 0;
	assert_int_equal(delay(&unset, 100, 0.5), 1);
	assert_int_equal(delay(&unset, 101, 0.5), 1000);
	/* Neither is what would be refused again tried in a hurry. */
	assert_int_equal(fby_retry_delay(&(struct fby_manifest){ .retry =
								     unset },
			     FBY_SINK_PRIMARY, 1, true, 0.5),
	    1000);
	assert_int_equal(fby_retry_delay(&(struct fby_manifest){ .retry = rs },
			     FBY_SINK_PRIMARY, 1, true, 0.5),
	    1);
	/* The operator's cap counts also here. */
	capped.cap_ms = 50;
	assert_int_equal(delay(&capped, 4, 0.5), 50);
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
	assert_int_equal(delay(&rs, 1, 0), 800);
	assert_int_equal(delay(&rs, 1, 0.5), 1000);
	assert_int_equal(delay(&rs, 1, 0.999), 1100);
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
	assert_int_equal(delay(&rs, 65000, 0.5), CAP_MAX);
}

/* Everything that can happen, row by row. */
static void
every_refusal_has_one_end(void **state)
{
	enum {
		RETRY = FBY_ON_FAILURE_RETRY,
		DROP = FBY_ON_FAILURE_DROP,
		FALL = FBY_ON_FAILURE_FALLBACK
	};
	static const struct {
		enum fby_sink_role role;
		int on_failure;
		bool dead_letter, spent, permanent;
		enum fby_retry want;
	} cases[] = {
		/* Without a dead-letter topic nothing but a rule ends it. */
		{ FBY_SINK_PRIMARY, RETRY, 0, 0, 0, FBY_RETRY_AGAIN },
		{ FBY_SINK_PRIMARY, RETRY, 0, 1, 1, FBY_RETRY_AGAIN },
		{ FBY_SINK_PRIMARY, DROP, 0, 0, 1, FBY_RETRY_AGAIN },
		{ FBY_SINK_PRIMARY, DROP, 0, 1, 0, FBY_RETRY_DROP },
		{ FBY_SINK_PRIMARY, FALL, 0, 0, 0, FBY_RETRY_AGAIN },
		{ FBY_SINK_PRIMARY, FALL, 0, 0, 1, FBY_RETRY_FALLBACK },
		{ FBY_SINK_PRIMARY, FALL, 0, 1, 0, FBY_RETRY_FALLBACK },
		{ FBY_SINK_FALLBACK, FALL, 0, 1, 1, FBY_RETRY_AGAIN },
		{ FBY_SINK_SUCCESS, RETRY, 0, 1, 1, FBY_RETRY_AGAIN },
		{ FBY_SINK_SUCCESS, DROP, 0, 0, 1, FBY_RETRY_AGAIN },
		{ FBY_SINK_SUCCESS, DROP, 0, 1, 0, FBY_RETRY_DELIVERED },
		/* With one. */
		{ FBY_SINK_PRIMARY, RETRY, 1, 0, 0, FBY_RETRY_AGAIN },
		{ FBY_SINK_PRIMARY, RETRY, 1, 1, 0, FBY_RETRY_DEAD_LETTER },
		{ FBY_SINK_PRIMARY, RETRY, 1, 0, 1, FBY_RETRY_DEAD_LETTER },
		{ FBY_SINK_PRIMARY, DROP, 1, 0, 1, FBY_RETRY_DEAD_LETTER },
		{ FBY_SINK_PRIMARY, DROP, 1, 1, 1, FBY_RETRY_DROP },
		{ FBY_SINK_PRIMARY, FALL, 1, 1, 1, FBY_RETRY_FALLBACK },
		{ FBY_SINK_FALLBACK, FALL, 1, 0, 0, FBY_RETRY_AGAIN },
		{ FBY_SINK_FALLBACK, FALL, 1, 1, 0, FBY_RETRY_DEAD_LETTER },
		{ FBY_SINK_FALLBACK, FALL, 1, 0, 1, FBY_RETRY_DEAD_LETTER },
		{ FBY_SINK_SUCCESS, RETRY, 1, 1, 0, FBY_RETRY_DEAD_LETTER },
		{ FBY_SINK_DEAD_LETTER, DROP, 1, 1, 1, FBY_RETRY_AGAIN },
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(cases); i++) {
		struct fby_manifest m = {
			.retry = { .steps = 3,
			    .on_failure = cases[i].on_failure },
		};

		m.sinks[FBY_SINK_DEAD_LETTER].present = cases[i].dead_letter;
		assert_int_equal(fby_retry_judge(&m, cases[i].role,
				     cases[i].spent ? 4 : 3,
				     cases[i].permanent),
		    cases[i].want);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_grow_by_the_factor_up_to_the_cap),
		cmocka_unit_test(retry_goes_on_slowly_without_end),
		cmocka_unit_test(jitter_stays_within_its_bounds),
		cmocka_unit_test(a_huge_factor_is_capped_too),
		cmocka_unit_test(every_refusal_has_one_end),
	};

	return UNIT_RUN(tests);
}
