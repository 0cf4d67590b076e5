/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "worker/acks.h"

#define MODEL_MAX 400

static void
nothing_is_acked_before_the_first_record_is_done(void **state)
{
	struct fby_acks a;
	int64_t newest = INT64_MIN;

	(void)state;
	fby_acks_init(&a, 100, -1);
	assert_int_equal(a.acked, 100);
	assert_int_equal(fby_acks_add(&a, 100, -1, 5, 1), 0);
	assert_int_equal(fby_acks_add(&a, 101, -1, 9, 2), 1);
	fby_acks_done(&a, 1);
	assert_int_equal(fby_acks_advance(&a, &newest), 0);
	assert_int_equal(a.acked, 100);
	assert_int_equal(a.position, 102);
	assert_int_equal(fby_acks_in_flight(&a), 2);
	assert_int_equal(fby_acks_oldest_at(&a), 1);
	fby_acks_done(&a, 0);
	assert_int_equal(fby_acks_advance(&a, &newest), 2);
	assert_int_equal(a.acked, 102);
	assert_int_equal(newest, 9);
	assert_int_equal(fby_acks_oldest_at(&a), 0);
	fby_acks_fini(&a);
}

static void
a_gap_in_the_offsets_is_passed_over(void **state)
{
	struct fby_acks a;
	int64_t newest = INT64_MIN;

	(void)state;
	fby_acks_init(&a, 0, -1);
	fby_acks_add(&a, 3, -1, 0, 0);
	fby_acks_add(&a, 7, -1, 0, 0);
	fby_acks_done(&a, 0);
	fby_acks_advance(&a, &newest);
	assert_int_equal(a.acked, 4);
	fby_acks_done(&a, 1);
	fby_acks_advance(&a, &newest);
	assert_int_equal(a.acked, 8);
	fby_acks_fini(&a);
}

static void
an_end_behind_control_records_waits_for_what_is_in_flight(void **state)
{
	struct fby_acks a;
	int64_t newest = INT64_MIN;

	(void)state;
	fby_acks_init(&a, 0, -1);
	fby_acks_pass(&a, 2, -1);
	assert_int_equal(a.acked, 2);
	fby_acks_add(&a, 2, -1, 0, 0);
	fby_acks_pass(&a, 5, -1);
	assert_int_equal(a.acked, 2);
	assert_int_equal(a.position, 5);
	fby_acks_done(&a, 0);
	fby_acks_advance(&a, &newest);
	assert_int_equal(a.acked, 5);
	/* Backwards is ignored. */
	fby_acks_pass(&a, 1, -1);
	assert_int_equal(a.acked, 5);
	assert_int_equal(a.position, 5);
	fby_acks_fini(&a);
}

static void
the_epoch_is_that_of_the_record_before_acked(void **state)
{
	struct fby_acks a;
	int64_t newest = INT64_MIN;

	(void)state;
	fby_acks_init(&a, 5, 3);
	assert_int_equal(a.acked_epoch, 3);
	fby_acks_add(&a, 5, 3, 0, 0);
	fby_acks_add(&a, 6, 4, 0, 0);
	fby_acks_done(&a, 1);
	fby_acks_advance(&a, &newest);
	assert_int_equal(a.acked_epoch, 3);
	fby_acks_done(&a, 0);
	fby_acks_advance(&a, &newest);
	assert_int_equal(a.acked_epoch, 4);
	/* An end that is no news, one behind records that are not ours. */
	fby_acks_pass(&a, 7, -1);
	assert_int_equal(a.acked_epoch, 4);
	fby_acks_pass(&a, 8, -1);
	assert_int_equal(a.acked_epoch, -1);
	/* Given back: acked is not the offset after a record that we know. */
	fby_acks_add(&a, 9, 5, 0, 0);
	fby_acks_cut(&a, 2);
	assert_int_equal(a.acked, 9);
	assert_int_equal(a.acked_epoch, -1);
	fby_acks_fini(&a);
}

static void
what_is_cut_off_was_never_read(void **state)
{
	struct fby_acks a;
	int64_t newest = INT64_MIN;

	(void)state;
	fby_acks_init(&a, 0, -1);
	for (int64_t i = 0; i < 10; i++)
		fby_acks_add(&a, 2 * i, -1, 0, 0);
	fby_acks_cut(&a, 10);
	assert_int_equal(fby_acks_in_flight(&a), 10);
	fby_acks_cut(&a, 4);
	assert_int_equal(a.position, 8);
	assert_int_equal(fby_acks_in_flight(&a), 4);
	for (uint64_t seq = 0; seq < 4; seq++)
		fby_acks_done(&a, seq);
	fby_acks_advance(&a, &newest);
	assert_int_equal(a.acked, 8);
	fby_acks_fini(&a);
}

/*
 * Random reads, completions, gaps and ends against a model that knows nothing
 * of rings: acked is the offset after the last record before the first that
 * is not done, or the position if all are.
 */
static void
any_order_gives_what_a_naive_model_gives(void **state)
{
	(void)state;
	srand48(42);
	for (int round = 0; round < 200; round++) {
		int64_t offset[MODEL_MAX], ms[MODEL_MAX];
		bool done[MODEL_MAX] = { false };
		int64_t position, acked, newest = INT64_MIN, want = INT64_MIN;
		struct fby_acks a;
		size_t n = 0, head = 0;

		position = acked = lrand48() % 1000;
		fby_acks_init(&a, position, -1);
		for (int step = 0; step < 1000; step++) {
			long what = lrand48() % 10;
			size_t i = n ? (size_t)lrand48() % n : 0;

			if (what < 4 && n < MODEL_MAX) {
				offset[n] = position +
				    (lrand48() % 4 ? 0 : lrand48() % 5);
				ms[n] = lrand48() % 500;
				position = offset[n] + 1;
				assert_int_equal(fby_acks_add(&a, offset[n], -1,
						     ms[n], step + 1),
				    n);
				n++;
			} else if (what < 9 && n > 0 && i >= head && !done[i]) {
				done[i] = true;
				fby_acks_done(&a, i);
			} else if (what == 9) {
				position += lrand48() % 3;
				fby_acks_pass(&a, position, -1);
			}
			for (; head < n && done[head]; head++) {
				acked = offset[head] + 1;
				want = FBY_MAX(want, ms[head]);
			}
			if (head == n)
				acked = position;
			fby_acks_advance(&a, &newest);
			assert_int_equal(a.acked, acked);
			assert_int_equal(a.position, position);
			assert_int_equal(fby_acks_in_flight(&a), n - head);
			assert_int_equal(newest, want);
		}
		fby_acks_fini(&a);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    nothing_is_acked_before_the_first_record_is_done),
		cmocka_unit_test(a_gap_in_the_offsets_is_passed_over),
		cmocka_unit_test(
		    an_end_behind_control_records_waits_for_what_is_in_flight),
		cmocka_unit_test(the_epoch_is_that_of_the_record_before_acked),
		cmocka_unit_test(what_is_cut_off_was_never_read),
		cmocka_unit_test(any_order_gives_what_a_naive_model_gives),
	};

	return UNIT_RUN(tests);
}
