/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "master/handoff/poison.h"

static struct fby_poison p;
static bool at_end;

static int
setup(void **state)
{
	(void)state;
	fby_poison_clear(&p);
	return 0;
}

/* Among others. */
static enum fby_poison_verdict
die(int64_t acked, int64_t position)
{
	const struct fby_poison_death d = {
		.acked = acked,
		.position = position,
		.in_flight = (uint64_t)(position - acked),
		.handed = FBY_NONE,
	};

	return fby_poison_died(&p, &d, 3);
}

static enum fby_poison_verdict
die_alone(int64_t acked, int64_t position, uint64_t in_flight, int64_t handed)
{
	const struct fby_poison_death d = {
		.acked = acked,
		.position = position,
		.in_flight = in_flight,
		.handed = handed,
		.at_end = at_end,
		.alone = true,
	};

	return fby_poison_died(&p, &d, 3);
}

/* Suspected of one of the records from 10 up to 20. */
static void
suspect(void)
{
	assert_int_equal(die(10, 15), FBY_POISON_INNOCENT);
	assert_int_equal(die(10, 20), FBY_POISON_SUSPECT);
	assert_true(fby_poison_is_suspect(&p));
	assert_int_equal(p.until, 20);
}

static void
a_single_death_is_noted_only(void **state)
{
	(void)state;
	assert_int_equal(die(10, 15), FBY_POISON_INNOCENT);
	assert_false(fby_poison_is_suspect(&p));
	/* Elsewhere: nothing adds up. */
	assert_int_equal(die(11, 15), FBY_POISON_INNOCENT);
	assert_int_equal(die(12, 15), FBY_POISON_INNOCENT);
	assert_false(fby_poison_is_suspect(&p));
}

static void
who_had_nothing_in_flight_is_innocent(void **state)
{
	(void)state;
	for (int i = 0; i < 9; i++)
		assert_int_equal(die(10, 10), FBY_POISON_INNOCENT);
	assert_false(fby_poison_is_suspect(&p));
	suspect();
	for (int i = 0; i < 9; i++)
		assert_int_equal(die_alone(10, 10, 0, FBY_NONE),
		    FBY_POISON_INNOCENT);
	assert_int_equal(p.kills, 0);
}

static void
deaths_in_company_do_not_condemn(void **state)
{
	(void)state;
	suspect();
	for (int i = 0; i < 9; i++)
		assert_int_equal(die(10, 30), FBY_POISON_SUSPECT);
	assert_int_equal(p.kills, 0);
	assert_int_equal(p.until, 30);
}

static void
deaths_alone_at_one_record_condemn_it(void **state)
{
	(void)state;
	suspect();
	assert_int_equal(die_alone(10, 11, 1, FBY_NONE), FBY_POISON_KILLER);
	assert_int_equal(die_alone(10, 11, 1, FBY_NONE), FBY_POISON_KILLER);
	assert_false(p.condemned);
	assert_int_equal(die_alone(10, 11, 1, FBY_NONE), FBY_POISON_CONDEMNED);
	assert_true(p.condemned);
	assert_int_equal(p.culprit, 10);
	assert_int_equal(p.kills, 3);
	assert_int_equal(die_alone(10, 11, 1, FBY_NONE), FBY_POISON_INCURABLE);
}

static void
progress_forgives_the_record_but_not_the_partition(void **state)
{
	(void)state;
	suspect();
	assert_int_equal(die_alone(10, 11, 1, FBY_NONE), FBY_POISON_KILLER);
	assert_int_equal(die_alone(10, 11, 1, FBY_NONE), FBY_POISON_KILLER);
	assert_false(fby_poison_moved(&p, 11));
	assert_true(fby_poison_is_suspect(&p));
	assert_int_equal(p.kills, 0);
	/* Also if nobody has looked in between. */
	assert_int_equal(die_alone(12, 13, 1, FBY_NONE), FBY_POISON_KILLER);
	assert_int_equal(die_alone(14, 15, 1, FBY_NONE), FBY_POISON_KILLER);
	assert_int_equal(p.kills, 1);
	assert_int_equal(p.culprit, 14);
	/* Past all that was suspected, and back to where it all began. */
	assert_true(fby_poison_moved(&p, 20));
	assert_false(fby_poison_is_suspect(&p));
	suspect();
}

static void
an_offset_before_all_of_it_is_a_new_beginning(void **state)
{
	(void)state;
	suspect();
	assert_true(fby_poison_moved(&p, 5));
	assert_false(fby_poison_is_suspect(&p));
	assert_int_equal(p.acked, FBY_NONE);
}

static void
the_culprit_is_found_behind_a_gap(void **state)
{
	(void)state;
	suspect();
	assert_int_equal(die_alone(10, 14, 1, FBY_NONE), FBY_POISON_KILLER);
	assert_int_equal(p.culprit, 13);
	/* More were read than handed out. */
	assert_int_equal(die_alone(10, 18, 5, 12), FBY_POISON_KILLER);
	assert_int_equal(p.culprit, 12);
	/* Where the log ends there may be a gap behind it. */
	at_end = true;
	assert_int_equal(die_alone(10, 14, 1, 12), FBY_POISON_KILLER);
	assert_int_equal(p.culprit, 12);
	assert_int_equal(die_alone(10, 14, 1, FBY_NONE), FBY_POISON_KILLER);
	assert_int_equal(p.culprit, 10);
	at_end = false;
	fby_poison_clear(&p);
	suspect();
	/* What the worker was doing before does not count. */
	assert_int_equal(die_alone(10, 18, 5, 9), FBY_POISON_KILLER);
	assert_int_equal(p.culprit, 10);
	assert_int_equal(p.kills, 1);
}

static void
who_is_let_go_is_a_suspect_with_its_next_death(void **state)
{
	(void)state;
	suspect();
	fby_poison_let_go(&p);
	assert_false(fby_poison_is_suspect(&p));
	assert_int_equal(die(10, 12), FBY_POISON_SUSPECT);
	assert_int_equal(p.turns, 1);
}

static void
the_most_suspicious_of_those_who_waited_longest_goes_first(void **state)
{
	struct fby_poison q;

	(void)state;
	fby_poison_clear(&q);
	q.named = true;
	assert_true(fby_poison_goes_first(&q, &p));
	assert_false(fby_poison_goes_first(&p, &q));
	p.kills = 1;
	assert_true(fby_poison_goes_first(&p, &q));
	p.turns = 1;
	assert_true(fby_poison_goes_first(&q, &p));
	assert_false(fby_poison_goes_first(&q, &q));
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup(fn, setup)
	const struct CMUnitTest tests[] = {
		TEST(a_single_death_is_noted_only),
		TEST(who_had_nothing_in_flight_is_innocent),
		TEST(deaths_in_company_do_not_condemn),
		TEST(deaths_alone_at_one_record_condemn_it),
		TEST(progress_forgives_the_record_but_not_the_partition),
		TEST(an_offset_before_all_of_it_is_a_new_beginning),
		TEST(the_culprit_is_found_behind_a_gap),
		TEST(who_is_let_go_is_a_suspect_with_its_next_death),
		TEST(
		    the_most_suspicious_of_those_who_waited_longest_goes_first),
	};

	return UNIT_RUN(tests);
}
