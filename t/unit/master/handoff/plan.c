/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plan of many partitions: told in slices, and balanced in the end.
 */
#include "t/unit/unit.h"

#include "t/unit/master/handoff/world.h"

#define PARTITIONS 1200

static int
setup_many(void **state)
{
	struct world *w;
	char path[] = "/tmp/forebay-plan-XXXXXX";
	int fd = mkstemp(path);

	if (fd == -1 || setup(state) == -1)
		return -1;
	close(fd);
	w = *state;
	teardown(state);
	if (fby_shm_create(&w->shm, path, 4, PARTITIONS, "orders", "g") == -1)
		return -1;
	unlink(path);
	fby_handoff_init(&w->h, &w->shm, &ops, w);
	for (int32_t i = 0; i < PARTITIONS; i++) {
		if (fby_handoff_assign(&w->h, "t", i) == -1)
			return -1;
		fby_handoff_resolved(&w->h, &w->h.parts[i], 5, FBY_NONE);
	}
	return 0;
}

static size_t
count(const struct world *w, uint32_t slot)
{
	return fby_handoff_count_slot(&w->h, slot);
}

static void
grants_are_told_in_slices_and_balanced_in_the_end(void **state)
{
	struct world *w = *state;
	static const uint32_t slots[] = { 1, 2 };
	static const bool ready[] = { true, true };
	const struct fby_handoff_plan pl = {
		.slots = slots,
		.ready = ready,
		.nslots = 2,
		.drain_ms = 30000,
	};
	unsigned turns = 1, before = 0;

	while (fby_plan_make(&w->h, &pl)) {
		assert_in_range(w->grants - before, 1, PARTITIONS / 2);
		before = w->grants;
		assert_in_range(turns++, 1, PARTITIONS);
	}
	assert_in_range(turns, 2, PARTITIONS);
	assert_int_equal(w->grants, PARTITIONS);
	assert_int_equal(w->revokes, 0);
	assert_int_equal(count(w, 1), PARTITIONS / 2);
	assert_int_equal(count(w, 2), PARTITIONS / 2);
	assert_false(fby_plan_make(&w->h, &pl));
	assert_int_equal(w->grants, PARTITIONS);
}

/* What is under way to the second is not moved again by the next slice. */
static void
moves_are_told_once(void **state)
{
	struct world *w = *state;
	static const uint32_t slots[] = { 1, 2 };
	static const bool ready[] = { true, true };
	struct fby_handoff_plan pl = {
		.slots = slots,
		.ready = ready,
		.nslots = 1,
		.drain_ms = 30000,
	};

	while (fby_plan_make(&w->h, &pl))
		;
	assert_int_equal(count(w, 1), PARTITIONS);
	pl.nslots = 2;
	while (fby_plan_make(&w->h, &pl))
		;
	assert_int_equal(w->revokes, PARTITIONS / 2);
	assert_int_equal(w->grants, PARTITIONS);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup_many, teardown)

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(grants_are_told_in_slices_and_balanced_in_the_end),
		TEST(moves_are_told_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
