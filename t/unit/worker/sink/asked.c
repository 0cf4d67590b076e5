/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "worker/sink/asked.h"

#define N 1000

static char records[N];
static struct fby_asked asked;

static size_t
id_of(size_t i, char id[32])
{
	return (size_t)snprintf(id, 32, "demo-t:0:%zu-0-0", i);
}

static void
ask(size_t n)
{
	char id[32];

	fby_asked_init(&asked);
	for (size_t i = 0; i < n; i++)
		fby_asked_add(&asked, (struct fby_record *)&records[i]);
	for (size_t i = 0; i < n; i++)
		fby_asked_name(&asked, i, id, id_of(i, id));
	assert_int_equal(asked.open, n);
}

static enum fby_asked_found
find(size_t id_no, size_t *i)
{
	char id[32];
	size_t len = id_of(id_no, id);

	return fby_asked_find(&asked, id, len, i);
}

static void
take(size_t id_no)
{
	size_t i;

	assert_int_equal(find(id_no, &i), FBY_ASKED_FOUND);
	assert_int_equal(i, id_no);
	assert_ptr_equal(fby_asked_take(&asked, i), &records[id_no]);
	assert_int_equal(find(id_no, &i), FBY_ASKED_TWICE);
}

static void
answers_come_in_any_order(void **state)
{
	(void)state;
	ask(N);
	for (size_t i = 0; i < N / 2; i++)
		take(i);
	/* 7 and 1000 have no common divisor, so each comes once. */
	for (size_t i = 0; i < N; i++)
		if (i * 7 % N >= N / 2)
			take(i * 7 % N);
	assert_int_equal(asked.open, 0);
	fby_asked_fini(&asked);
}

static void
each_answer_is_for_one_that_was_asked(void **state)
{
	size_t i;

	(void)state;
	ask(3);
	assert_int_equal(fby_asked_find(&asked, NULL, 0, &i),
	    FBY_ASKED_UNKNOWN);
	assert_int_equal(find(3, &i), FBY_ASKED_UNKNOWN);
	take(2);
	assert_int_equal(find(2, &i), FBY_ASKED_TWICE);
	take(0);
	take(1);
	fby_asked_fini(&asked);
}

static void
the_next_batch_knows_nothing_of_the_last(void **state)
{
	size_t i;
	char id[32];

	(void)state;
	ask(3);
	take(2);
	fby_asked_reset(&asked);
	fby_asked_add(&asked, (struct fby_record *)&records[5]);
	fby_asked_name(&asked, 0, id, id_of(5, id));
	assert_int_equal(find(2, &i), FBY_ASKED_UNKNOWN);
	assert_int_equal(find(5, &i), FBY_ASKED_FOUND);
	assert_int_equal(i, 0);
	fby_asked_fini(&asked);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_come_in_any_order),
		cmocka_unit_test(each_answer_is_for_one_that_was_asked),
		cmocka_unit_test(the_next_batch_knows_nothing_of_the_last),
	};

	return UNIT_RUN(tests);
}
