/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include "shared/base/mem.h"

#include "worker/batch.h"

/* Only compared, never followed. */
static rd_kafka_message_t *
message(size_t i)
{
	return (rd_kafka_message_t *)(uintptr_t)(0x1000 + 16 * i);
}

static void
a_batch_knows_its_records_and_they_know_it(void **state)
{
	rd_kafka_message_t *msgs[FBY_BATCH_MAX];
	struct fby_batches bs;

	(void)state;
	for (size_t i = 0; i < FBY_BATCH_MAX; i++)
		msgs[i] = message(i);
	fby_batches_init(&bs);
	for (size_t n = 1; n <= FBY_BATCH_MAX; n = 2 * n + n % 3) {
		struct fby_batch *b = fby_batch_get(&bs, NULL, msgs, n);

		b->seq = 1000;
		assert_int_equal(b->n, n);
		assert_int_equal(b->open, n);
		for (size_t i = 0; i < n; i++) {
			assert_ptr_equal(b->rec[i].b, b);
			assert_ptr_equal(b->rec[i].msg, message(i));
			assert_int_equal(b->rec[i].tries, 0);
			assert_int_equal(fby_record_seq(&b->rec[i]), 1000 + i);
		}
		fby_batch_put(&bs, b);
	}
	fby_batches_fini(&bs);
}

static void
batches_are_counted_in_an_arena_of_their_own(void **state)
{
	rd_kafka_message_t *msgs[1] = { message(0) };
	uint64_t before = fby_mem_arena(FBY_ARENA_BATCH);
	struct fby_batches bs;

	(void)state;
	/* A build without jemalloc has no arenas. */
	if (fby_mem_arena(FBY_ARENA_MAIN) == 0)
		UNIT_SKIP("a build without jemalloc");
	fby_batches_init(&bs);
	fby_batch_put(&bs, fby_batch_get(&bs, NULL, msgs, 1));
	assert_true(fby_mem_arena(FBY_ARENA_BATCH) > before);
	fby_batches_fini(&bs);
	assert_int_equal(fby_mem_arena(FBY_ARENA_BATCH), before);
}

static void
a_returned_batch_is_used_again(void **state)
{
	rd_kafka_message_t *msgs[3] = { message(0), message(1), message(2) };
	struct fby_batch *first, *second;
	struct fby_batches bs;

	(void)state;
	fby_batches_init(&bs);
	first = fby_batch_get(&bs, NULL, msgs, 3);
	first->next = first->open = 1;
	first->rec[0].tries = 9;
	assert_ptr_equal(LIST_FIRST(&bs.live), first);
	fby_batch_put(&bs, first);
	assert_true(LIST_EMPTY(&bs.live));
	second = fby_batch_get(&bs, NULL, msgs, 3);
	assert_ptr_equal(second, first);
	assert_int_equal(second->next, 0);
	assert_int_equal(second->open, 3);
	assert_int_equal(second->rec[0].tries, 0);
	fby_batch_put(&bs, second);
	fby_batches_fini(&bs);
}

static void
free_lists_are_bounded(void **state)
{
	rd_kafka_message_t *msgs[FBY_BATCH_MAX] = { NULL };
	struct fby_batch *b[64];
	struct fby_batches bs;

	(void)state;
	fby_batches_init(&bs);
	for (size_t i = 0; i < FBY_NELEM(b); i++)
		b[i] = fby_batch_get(&bs, NULL, msgs, FBY_BATCH_MAX);
	for (size_t i = 0; i < FBY_NELEM(b); i++)
		fby_batch_put(&bs, b[i]);
	assert_true(bs.nfree[FBY_BATCH_CLASSES - 1] < FBY_NELEM(b) / 2);
	fby_batches_fini(&bs);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_batch_knows_its_records_and_they_know_it),
		cmocka_unit_test(batches_are_counted_in_an_arena_of_their_own),
		cmocka_unit_test(a_returned_batch_is_used_again),
		cmocka_unit_test(free_lists_are_bounded),
	};

	fby_mem_init();
	return UNIT_RUN(tests);
}
