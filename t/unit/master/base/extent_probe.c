/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a batch ends that cannot be decoded, in a log of which only that much
 * is known: where its batches begin, and which are damaged.
 */
#include "t/unit/unit.h"

#include "master/base/extent.h"

struct batch {
	int64_t first, next;
	bool is_damaged;
};

struct log {
	const struct batch *batches; /* ends: next 0 */
	int64_t unknown;             /* nobody answers there */
	unsigned asked;
};

static int
ask(void *arg, int64_t offset, int64_t *base)
{
	struct log *l = arg;
	const struct batch *b = l->batches;

	l->asked++;
	if (offset == l->unknown)
		return -1;
	/* What lies in no batch is in a gap: the next one comes. */
	while (b->next && offset >= b->next)
		b++;
	*base = b->first;
	return b->next && b->is_damaged;
}

static int64_t
last_from(const struct batch *batches, int64_t offset, int64_t end)
{
	struct log l = { .batches = batches, .unknown = -1 };
	int64_t last = FBY_NONE;

	assert_int_equal(fby_extent_find(ask, &l, offset, end, &last), 1);
	assert_in_range(l.asked, 1, 64);
	return last;
}

static void
a_damaged_batch_ends_before_what_can_be_read(void **state)
{
	(void)state;
	for (int64_t n = 1; n <= 300; n++) {
		const struct batch log[] = { { 0, 100, false },
			{ 100, 100 + n, true }, { 100 + n, 500, false },
			{ 0 } };

		for (int64_t from = 100; from < 100 + n; from += 7)
			assert_int_equal(last_from(log, from, 500), 99 + n);
	}
}

static void
another_damaged_batch_is_no_part_of_it(void **state)
{
	static const struct batch log[] = { { 0, 100, false },
		{ 100, 110, true }, { 110, 400, true }, { 400, 401, true },
		{ 0 } };

	(void)state;
	assert_int_equal(last_from(log, 100, 401), 109);
	assert_int_equal(last_from(log, 110, 401), 399);
	assert_int_equal(last_from(log, 400, 401), 400);
}

static void
a_gap_before_it_goes_with_it(void **state)
{
	static const struct batch log[] = { { 0, 100, false },
		{ 120, 150, true }, { 170, 200, true }, { 0 } };

	(void)state;
	assert_int_equal(last_from(log, 100, 200), 149);
	/* The gap behind it belongs to the next. */
	assert_int_equal(last_from(log, 150, 200), 199);
}

static void
the_log_may_end_with_it(void **state)
{
	static const struct batch log[] = { { 0, INT64_C(1) << 40, true },
		{ 0 } };

	(void)state;
	assert_int_equal(last_from(log, 0, INT64_C(1) << 40),
	    (INT64_C(1) << 40) - 1);
	assert_int_equal(last_from(log, 7, 8), 7);
}

static void
what_can_be_read_or_is_unknown_has_no_end(void **state)
{
	static const struct batch batches[] = { { 0, 100, false },
		{ 100, 200, true }, { 200, 300, false }, { 0 } };
	struct log l = { .batches = batches, .unknown = -1 };
	int64_t last = 7;

	(void)state;
	assert_int_equal(fby_extent_find(ask, &l, 50, 300, &last), 0);
	for (l.unknown = 100; l.unknown < 104; l.unknown++)
		assert_int_equal(fby_extent_find(ask, &l, 100, 300, &last),
		    l.unknown == 102 ? 1 : -1);
	assert_int_equal(last, 199);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_damaged_batch_ends_before_what_can_be_read),
		cmocka_unit_test(another_damaged_batch_is_no_part_of_it),
		cmocka_unit_test(a_gap_before_it_goes_with_it),
		cmocka_unit_test(the_log_may_end_with_it),
		cmocka_unit_test(what_can_be_read_or_is_unknown_has_no_end),
	};

	return UNIT_RUN(tests);
}
