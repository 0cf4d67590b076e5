/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much may be read: the ceilings of a worker and of a lane.
 */
#include "t/unit/unit.h"

#include "t/unit/worker/fake_worker.h"

#define MAX_RECORDS 1000
#define MAX_BYTES 1000000 /* half of the budget */

static struct fby_lane lanes[3];
static unsigned woken;

static void
on_wake(struct fby_lane *ln)
{
	ln->is_starved = false;
	woken++;
}

static int
setup(void **state)
{
	(void)state;
	worker_init();
	woken = 0;
	budget.wake = on_wake;
	budget.weight = 1;
	memset(lanes, 0, sizeof(lanes));
	for (size_t i = 0; i < FBY_NELEM(lanes); i++) {
		lanes[i].w = &w;
		lanes[i].state = FBY_LANE_RUNNING;
		lanes[i].poison = FBY_NONE;
		lanes[i].isolate_until = FBY_NONE;
		fby_acks_init(&lanes[i].acks, 0, -1);
	}
	TAILQ_INSERT_TAIL(&w.lanes, &lanes[0], entry);
	w.nlanes = 1;
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (size_t i = 0; i < FBY_NELEM(lanes); i++)
		fby_acks_fini(&lanes[i].acks);
	worker_fini();
	return 0;
}

static void
add_second(void)
{
	TAILQ_INSERT_TAIL(&w.lanes, &lanes[1], entry);
	w.nlanes = 2;
}

/* n records that were read and are not acked; `open` of them not complete. */
static void
in_flight(struct fby_lane *ln, uint64_t n, uint64_t open)
{
	for (uint64_t i = 0; i < n; i++)
		fby_acks_add(&ln->acks, ln->acks.position, -1, 0, 0);
	ln->open += open;
	budget.records += n;
}

static void
a_lane_may_read_a_batch(void **state)
{
	(void)state;
	assert_int_equal(fby_budget_get(&lanes[0]), 100);
	manifest.streaming = true;
	assert_int_equal(fby_budget_get(&lanes[0]), 1);
}

static void
a_lane_that_is_alone_has_it_all_and_one_of_two_has_half(void **state)
{
	(void)state;
	manifest.concurrency = 10000;
	in_flight(&lanes[0], MAX_RECORDS / 2, 0);
	assert_int_equal(fby_budget_get(&lanes[0]), 100);
	add_second();
	assert_int_equal(fby_budget_get(&lanes[0]), 0);
	assert_int_equal(fby_budget_get(&lanes[1]), 100);
}

static void
the_workers_ceiling_opens_below_three_quarters(void **state)
{
	(void)state;
	add_second();
	lanes[1].is_starved = true;
	budget.records = MAX_RECORDS;
	assert_true(fby_budget_check(&w));
	budget.records = MAX_RECORDS - 1;
	assert_true(fby_budget_check(&w));
	assert_int_equal(fby_budget_get(&lanes[0]), 0);
	budget.records = MAX_RECORDS * 3 / 4;
	budget.open_bytes = MAX_BYTES;
	assert_true(fby_budget_check(&w));
	budget.open_bytes = MAX_BYTES * 3 / 4;
	assert_int_equal(woken, 0);
	assert_false(fby_budget_check(&w));
	/* Those that waited, and no others. */
	assert_int_equal(woken, 1);
	assert_false(lanes[1].is_starved);
}

static void
concurrency_counts_what_is_not_complete(void **state)
{
	(void)state;
	manifest.concurrency = 50;
	in_flight(&lanes[0], 60, 40);
	assert_int_equal(fby_budget_get(&lanes[0]), 10);
	lanes[0].open = 50;
	assert_int_equal(fby_budget_get(&lanes[0]), 0);
	lanes[0].open = 39;
	assert_int_equal(fby_budget_get(&lanes[0]), 0);
	lanes[0].open = 38;
	assert_int_equal(fby_budget_get(&lanes[0]), 12);
}

static void
a_transaction_may_be_larger_than_the_concurrency(void **state)
{
	(void)state;
	manifest.concurrency = 50;
	manifest.host.delivery = FBY_EXACTLY_ONCE;
	manifest.host.transaction.max_records = 80;
	in_flight(&lanes[0], 50, 50);
	assert_int_equal(fby_budget_get(&lanes[0]), 30);
}

static void
what_a_record_weighs_is_guessed_and_one_is_always_allowed(void **state)
{
	(void)state;
	lanes[0].record_bytes = MAX_BYTES / 10;
	assert_int_equal(fby_budget_get(&lanes[0]), 11);
	budget.weight = 2;
	assert_int_equal(fby_budget_get(&lanes[0]), 6);
	lanes[0].record_bytes = 10 * MAX_BYTES;
	assert_int_equal(fby_budget_get(&lanes[0]), 1);
}

static void
a_lane_in_isolation_reads_one_at_a_time(void **state)
{
	(void)state;
	lanes[0].isolate_until = 2;
	assert_int_equal(fby_budget_get(&lanes[0]), 1);
	in_flight(&lanes[0], 1, 1);
	assert_int_equal(fby_budget_get(&lanes[0]), 0);
	in_flight(&lanes[0], 1, 1);
	/* Behind the suspects it is like all others. */
	assert_int_equal(fby_budget_get(&lanes[0]), 98);
}

static void
what_waits_or_drains_reads_nothing(void **state)
{
	struct fby_batch *pending = (struct fby_batch *)&lanes[1];

	(void)state;
	lanes[0].pending = pending;
	assert_int_equal(fby_budget_get(&lanes[0]), 0);
	lanes[0].pending = NULL;
	lanes[0].suspects = 1;
	assert_int_equal(fby_budget_get(&lanes[0]), 0);
	lanes[0].suspects = 0;
	lanes[0].state = FBY_LANE_DRAINING;
	assert_int_equal(fby_budget_get(&lanes[0]), 0);
}

static void
an_offer_wakes_who_waits_if_there_is_room(void **state)
{
	(void)state;
	fby_budget_offer(&lanes[0]);
	assert_int_equal(woken, 0);
	lanes[0].is_starved = true;
	lanes[0].suspects = 1;
	fby_budget_offer(&lanes[0]);
	assert_int_equal(woken, 0);
	lanes[0].suspects = 0;
	fby_budget_offer(&lanes[0]);
	assert_int_equal(woken, 1);
}

static void
while_one_has_nothing_all_have_the_same(void **state)
{
	(void)state;
	manifest.concurrency = 10000;
	add_second();
	in_flight(&lanes[0], MAX_RECORDS * 3 / 4 + 1, 0);
	/* Its own share is used up; that is not for want of room. */
	fby_budget_refused(&lanes[0]);
	assert_int_equal(budget.nhungry, 0);
	budget.records = MAX_RECORDS;
	assert_true(fby_budget_check(&w));
	fby_budget_refused(&lanes[1]);
	fby_budget_refused(&lanes[1]);
	assert_int_equal(budget.nhungry, 1);
	assert_true(lanes[1].is_starved);
	/* Two of them have a half each, in any case; so a third is busy. */
	TAILQ_INSERT_TAIL(&w.lanes, &lanes[2], entry);
	w.nlanes = 3;
	budget.records = 0;
	in_flight(&lanes[2], MAX_RECORDS / 3 - 1, 0);
	assert_int_equal(fby_budget_get(&lanes[2]), 1);
	/* Until it has read. */
	fby_budget_served(&lanes[1]);
	fby_budget_served(&lanes[1]);
	assert_int_equal(budget.nhungry, 0);
	assert_int_equal(fby_budget_get(&lanes[2]), 100);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_lane_may_read_a_batch),
		TEST(a_lane_that_is_alone_has_it_all_and_one_of_two_has_half),
		TEST(the_workers_ceiling_opens_below_three_quarters),
		TEST(concurrency_counts_what_is_not_complete),
		TEST(a_transaction_may_be_larger_than_the_concurrency),
		TEST(what_a_record_weighs_is_guessed_and_one_is_always_allowed),
		TEST(a_lane_in_isolation_reads_one_at_a_time),
		TEST(what_waits_or_drains_reads_nothing),
		TEST(while_one_has_nothing_all_have_the_same),
		TEST(an_offer_wakes_who_waits_if_there_is_room),
	};

	return UNIT_RUN(tests);
}
