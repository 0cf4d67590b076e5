/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/handoff/assign.h"

#define NPARTS 64
#define NONE FBY_ASSIGN_NONE

static size_t
count(const struct fby_assign_part *parts, size_t n, uint32_t slot)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += parts[i].target == slot;
	return k;
}

static void
without_workers_nobody_has_anything(void **state)
{
	struct fby_assign_part parts[2] = { { .holder = 3 }, { .holder = 4 } };

	(void)state;
	fby_assign_plan(parts, 2, NULL, 0);
	assert_int_equal(parts[0].target, NONE);
	assert_int_equal(parts[1].target, NONE);
}

static void
new_partitions_are_dealt_out_evenly(void **state)
{
	struct fby_assign_part parts[8];
	const uint32_t slots[] = { 0, 1, 2 };

	(void)state;
	for (size_t i = 0; i < 8; i++)
		parts[i] = (struct fby_assign_part){ .holder = NONE };
	fby_assign_plan(parts, 8, slots, 3);
	for (size_t i = 0; i < 3; i++)
		assert_in_range(count(parts, 8, slots[i]), 2, 3);
	assert_int_not_equal(parts[0].target, parts[1].target);
}

static void
a_new_worker_gets_its_share_with_the_fewest_moves(void **state)
{
	struct fby_assign_part parts[9];
	const uint32_t slots[] = { 0, 1, 7 };
	size_t moved = 0;

	(void)state;
	for (size_t i = 0; i < 9; i++)
		parts[i] = (struct fby_assign_part){ .holder = i % 2,
			.held = true };
	fby_assign_plan(parts, 9, slots, 3);
	for (size_t i = 0; i < 9; i++)
		moved += parts[i].target != parts[i].holder;
	assert_int_equal(count(parts, 9, 7), 3);
	assert_int_equal(moved, 3);
}

static void
what_a_dead_worker_held_waits_for_its_slot(void **state)
{
	struct fby_assign_part parts[4] = {
		{ .holder = 0, .held = true },
		{ .holder = 0, .held = true },
		{ .holder = 1 },
		{ .holder = 1 },
	};
	const uint32_t slots[] = { 0, 1 };

	(void)state;
	fby_assign_plan(parts, 4, slots, 2);
	assert_int_equal(parts[2].target, 1);
	assert_int_equal(parts[3].target, 1);
}

static void
what_is_held_goes_before_what_is_only_remembered(void **state)
{
	/* Slot 0 is due two; the one on its way back must not push one out. */
	struct fby_assign_part parts[4] = {
		{ .holder = 0 },
		{ .holder = 0, .held = true },
		{ .holder = 0, .held = true },
		{ .holder = 1, .held = true },
	};
	const uint32_t slots[] = { 0, 1 };

	(void)state;
	fby_assign_plan(parts, 4, slots, 2);
	assert_int_equal(parts[0].target, 1);
	assert_int_equal(parts[1].target, 0);
	assert_int_equal(parts[2].target, 0);
}

static unsigned
next(unsigned *seed)
{
	return *seed = *seed * 1103515245u + 12345u, *seed >> 16;
}

static void
any_plan_is_balanced_and_planning_again_moves_nothing(void **state)
{
	unsigned seed = 7;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct fby_assign_part parts[NPARTS];
		uint32_t slots[8];
		size_t n = next(&seed) % NPARTS + 1;
		size_t k = next(&seed) % 8 + 1, lo = NPARTS, hi = 0;

		for (size_t i = 0; i < k; i++)
			slots[i] = (uint32_t)(i * 3);
		for (size_t i = 0; i < n; i++)
			parts[i] = (struct fby_assign_part){
				.holder = next(&seed) % 30,
				.held = next(&seed) % 2,
			};
		fby_assign_plan(parts, n, slots, k);
		for (size_t i = 0; i < k; i++) {
			size_t c = count(parts, n, slots[i]);

			lo = FBY_MIN(lo, c);
			hi = FBY_MAX(hi, c);
		}
		assert_true(hi - lo <= 1);
		for (size_t i = 0; i < n; i++) {
			parts[i].holder = parts[i].target;
			parts[i].held = true;
		}
		fby_assign_plan(parts, n, slots, k);
		for (size_t i = 0; i < n; i++)
			assert_int_equal(parts[i].target, parts[i].holder);
	}
}

static size_t
canaries(const struct fby_assign_part *parts, size_t n)
{
	size_t k = 0;

	for (size_t i = 0; i < n; i++)
		k += parts[i].canary;
	return k;
}

static void
a_share_is_rounded_but_neither_nothing_nor_all(void **state)
{
	(void)state;
	assert_int_equal(fby_assign_quota(8, 25), 2);
	assert_int_equal(fby_assign_quota(8, 10), 1);
	assert_int_equal(fby_assign_quota(8, 1), 1);
	assert_int_equal(fby_assign_quota(8, 99), 7);
	assert_int_equal(fby_assign_quota(8, 100), 8);
	assert_int_equal(fby_assign_quota(8, 0), 0);
	assert_int_equal(fby_assign_quota(1, 49), 0);
	assert_int_equal(fby_assign_quota(1, 50), 1);
	assert_int_equal(fby_assign_quota(0, 50), 0);
}

static void
a_canary_takes_from_all_alike_and_keeps_what_it_has(void **state)
{
	struct fby_assign_part parts[12];
	const uint32_t slots[] = { 0, 1, 2 }, theirs[] = { 9 };

	(void)state;
	for (size_t i = 0; i < 12; i++)
		parts[i] = (struct fby_assign_part){ .holder = i % 3,
			.held = true };
	fby_assign_plan_canary(parts, 12, slots, 3, theirs, 1, 3);
	assert_int_equal(count(parts, 12, 9), 3);
	for (uint32_t s = 0; s < 3; s++)
		assert_int_equal(count(parts, 12, s), 3);
	for (size_t i = 0; i < 12; i++) {
		/* Nobody else had to move. */
		assert_true(parts[i].canary || parts[i].target == i % 3);
		parts[i].holder = parts[i].target;
	}
	fby_assign_plan_canary(parts, 12, slots, 3, theirs, 1, 3);
	for (size_t i = 0; i < 12; i++)
		assert_int_equal(parts[i].target, parts[i].holder);
	/* A smaller share gives back, and no more moves than that. */
	fby_assign_plan_canary(parts, 12, slots, 3, theirs, 1, 1);
	assert_int_equal(count(parts, 12, 9), 1);
	for (size_t i = 0; i < 12; i++)
		assert_true(
		    parts[i].holder == 9 || parts[i].target == parts[i].holder);
}

static void
a_canary_takes_first_what_has_to_move_anyway(void **state)
{
	/* Slot 7 is on its way out: nobody plans with it. */
	struct fby_assign_part parts[4] = {
		{ .holder = 0, .held = true },
		{ .holder = 7, .held = true },
		{ .holder = 0, .held = true },
		{ .holder = 0, .held = true },
	};
	struct fby_assign_part idle[3] = {
		{ .holder = 0, .held = true },
		{ .holder = NONE },
		{ .holder = 8 },
	};
	const uint32_t slots[] = { 0 }, theirs[] = { 8 };

	(void)state;
	fby_assign_plan_canary(parts, 4, slots, 1, theirs, 1, 1);
	assert_int_equal(parts[1].target, 8);
	assert_int_equal(count(parts, 4, 0), 3);
	fby_assign_plan_canary(idle, 3, slots, 1, theirs, 1, 1);
	assert_int_equal(idle[2].target, 8);
	fby_assign_plan_canary(idle, 3, slots, 1, theirs, 1, 2);
	assert_int_equal(idle[1].target, 8);
}

static void
without_a_canary_nothing_is_set_apart(void **state)
{
	struct fby_assign_part parts[5];
	const uint32_t slots[] = { 0, 1 };

	(void)state;
	for (size_t i = 0; i < 5; i++)
		parts[i] = (struct fby_assign_part){ .holder = NONE };
	fby_assign_plan_canary(parts, 5, slots, 2, NULL, 0, 0);
	assert_int_equal(canaries(parts, 5), 0);
	assert_int_equal(count(parts, 5, 0) + count(parts, 5, 1), 5);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_workers_nobody_has_anything),
		cmocka_unit_test(new_partitions_are_dealt_out_evenly),
		cmocka_unit_test(
		    a_new_worker_gets_its_share_with_the_fewest_moves),
		cmocka_unit_test(what_a_dead_worker_held_waits_for_its_slot),
		cmocka_unit_test(
		    a_share_is_rounded_but_neither_nothing_nor_all),
		cmocka_unit_test(
		    a_canary_takes_from_all_alike_and_keeps_what_it_has),
		cmocka_unit_test(a_canary_takes_first_what_has_to_move_anyway),
		cmocka_unit_test(without_a_canary_nothing_is_set_apart),
		cmocka_unit_test(
		    what_is_held_goes_before_what_is_only_remembered),
		cmocka_unit_test(
		    any_plan_is_balanced_and_planning_again_moves_nothing),
	};

	return UNIT_RUN(tests);
}
