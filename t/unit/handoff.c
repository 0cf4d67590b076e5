/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over with recorded calls instead of workers and brokers.
 */
#include "t/unit/unit.h"

#include "master/handoff.h"

#include <unistd.h>

struct world {
	struct fby_shm shm;
	struct fby_handoff h;
	unsigned grants, revokes, resolves, commits, lefts;
	struct fby_part last; /* granted or revoked */
	int64_t drain_ms;
};

static void
on_grant(void *arg, const struct fby_part *pt)
{
	struct world *w = arg;

	w->grants++;
	w->last = *pt;
}

static void
on_revoke(void *arg, const struct fby_part *pt, int64_t drain_ms)
{
	struct world *w = arg;

	w->revokes++;
	w->last = *pt;
	w->drain_ms = drain_ms;
}

static void
on_resolve(void *arg, bool soon)
{
	(void)soon;
	((struct world *)arg)->resolves++;
}

static void
on_commit(void *arg)
{
	((struct world *)arg)->commits++;
}

static void
on_left(void *arg)
{
	((struct world *)arg)->lefts++;
}

static void
on_plan(void *arg)
{
	(void)arg;
}

static const struct fby_handoff_ops ops = {
	on_grant,
	on_revoke,
	on_resolve,
	on_commit,
	on_left,
	on_plan,
};

static int
setup(void **state)
{
	static struct world w;
	char path[] = "/tmp/forebay-handoff-XXXXXX";
	int fd = mkstemp(path);

	if (fd == -1)
		return -1;
	close(fd);
	memset(&w, 0, sizeof(w));
	if (fby_shm_create(&w.shm, path, 4, 8, "orders", "g") == -1)
		return -1;
	unlink(path);
	fby_handoff_init(&w.h, &w.shm, &ops, &w);
	*state = &w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	fby_handoff_fini(&w->h);
	fby_shm_close(&w->shm);
	return 0;
}

static struct fby_ledger_row *
row(struct world *w, uint32_t i)
{
	return &w->shm.rows[i];
}

/* Partition 0 of "t", start 100, granted to slot 2. */
static void
hold(struct world *w)
{
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	fby_store(&row(w, 0)->committed, 100);
	fby_store(&row(w, 0)->high, 1000);
	fby_handoff_resolved(&w->h, &w->h.parts[0], 100, FBY_NONE);
	fby_handoff_plan(&w->h, slots, ready, 1, 30000);
	assert_int_equal(w->grants, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
}

static void
an_assigned_partition_is_resolved_then_granted(void **state)
{
	struct world *w = *state;

	hold(w);
	assert_int_equal(w->resolves, 1);
	assert_int_equal(w->last.slot, 2);
	assert_int_equal(w->last.start, 100);
	assert_int_equal(w->last.epoch, 1);
	assert_int_equal(fby_load(&row(w, 0)->slot), 2);
	assert_int_equal(fby_load(&row(w, 0)->epoch), 1);
}

static void
nothing_is_granted_before_the_worker_is_ready(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 2 };
	const bool ready[] = { false };

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	fby_handoff_resolved(&w->h, &w->h.parts[0], 100, FBY_NONE);
	fby_handoff_plan(&w->h, slots, ready, 1, 30000);
	assert_int_equal(w->grants, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
}

static void
a_revoked_partition_is_free_only_when_its_acks_are_committed(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_revoke(&w->h, "t", 0, false, 5000);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(w->drain_ms, 5000);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(w->commits, 1);
	assert_int_equal(w->lefts, 0);
	fby_store(&row(w, 0)->committed, 149);
	fby_handoff_committed(&w->h);
	assert_int_equal(w->lefts, 0);
	fby_store(&row(w, 0)->committed, 150);
	fby_handoff_committed(&w->h);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(w->lefts, 1);
}

static void
a_lost_partition_is_never_committed(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_revoke(&w->h, "t", 0, true, 5000);
	assert_int_equal(w->drain_ms, 0);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(w->commits, 0);
	assert_int_equal(w->lefts, 1);
}

static void
a_dead_holders_partition_goes_on_at_its_acks_with_a_new_epoch(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	hold(w);
	fby_store(&row(w, 0)->watermark, 777);
	fby_release(&row(w, 0)->acked, 140);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
	assert_int_equal(fby_load(&row(w, 0)->slot), FBY_NOSLOT);
	fby_handoff_plan(&w->h, slots, ready, 1, 30000);
	assert_int_equal(w->grants, 2);
	assert_int_equal(w->last.start, 140);
	assert_int_equal(w->last.watermark, 777);
	assert_int_equal(w->last.epoch, 2);
}

static void
a_release_of_an_old_epoch_is_counted_and_ignored(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_released(&w->h, 2, 0, 99, FBY_RELEASE_REVOKED);
	fby_handoff_released(&w->h, 1, 0, 1, FBY_RELEASE_REVOKED);
	fby_handoff_released(&w->h, 2, 12345, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
	assert_int_equal(w->h.stale, 3);
}

static void
out_of_range_is_resolved_anew(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_RANGE);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
	assert_int_equal(w->resolves, 2);
}

static void
a_second_worker_takes_over_half_without_ping_pong(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 1, 2 };
	const bool ready[] = { true, true };
	struct fby_part moving;

	hold(w);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	fby_handoff_plan(&w->h, slots + 1, ready, 1, 30000);
	assert_int_equal(fby_handoff_count_slot(&w->h, 2), 2);

	fby_handoff_plan(&w->h, slots, ready, 2, 30000);
	assert_int_equal(w->revokes, 1);
	moving = w->last;
	/* Planning while it is on its way must not start another move. */
	fby_handoff_plan(&w->h, slots, ready, 2, 30000);
	assert_int_equal(w->revokes, 1);
	fby_handoff_released(&w->h, 2, moving.row, moving.epoch,
	    FBY_RELEASE_REVOKED);
	fby_handoff_plan(&w->h, slots, ready, 2, 30000);
	assert_int_equal(w->last.row, moving.row);
	assert_int_equal(w->last.slot, 1);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(fby_handoff_count_slot(&w->h, 1), 1);
	assert_int_equal(fby_handoff_count_slot(&w->h, 2), 1);
}

static void
what_is_assigned_while_it_leaves_is_resolved_when_it_has(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_REVOKING);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
	assert_int_equal(w->resolves, 2);
	assert_false(w->h.parts[0].lost);
}

static void
what_was_acked_before_a_new_resolution_is_remembered(void **state)
{
	struct world *w = *state;
	unsigned round;

	hold(w);
	round = w->h.parts[0].round;
	fby_release(&row(w, 0)->acked, 140);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_FAILED);
	assert_int_equal(w->h.parts[0].resume, 140);
	assert_int_not_equal(w->h.parts[0].round, round);
	fby_handoff_resolved(&w->h, &w->h.parts[0], 140, FBY_NONE);
	assert_int_equal(w->h.parts[0].resume, FBY_NONE);
}

static void
revoking_nothing_leaves_at_once(void **state)
{
	struct world *w = *state;

	fby_handoff_revoke_all(&w->h, false, 1000);
	assert_int_equal(w->lefts, 1);
}

static void
a_full_ledger_refuses_the_partition_and_says_so(void **state)
{
	struct world *w = *state;

	for (int32_t p = 0; p < 8; p++)
		assert_int_equal(fby_handoff_assign(&w->h, "t", p), 0);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 8), -1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(an_assigned_partition_is_resolved_then_granted),
		TEST(nothing_is_granted_before_the_worker_is_ready),
		TEST(
		    a_revoked_partition_is_free_only_when_its_acks_are_committed),
		TEST(a_lost_partition_is_never_committed),
		TEST(
		    a_dead_holders_partition_goes_on_at_its_acks_with_a_new_epoch),
		TEST(a_release_of_an_old_epoch_is_counted_and_ignored),
		TEST(out_of_range_is_resolved_anew),
		TEST(a_second_worker_takes_over_half_without_ping_pong),
		TEST(what_is_assigned_while_it_leaves_is_resolved_when_it_has),
		TEST(what_was_acked_before_a_new_resolution_is_remembered),
		TEST(revoking_nothing_leaves_at_once),
		TEST(a_full_ledger_refuses_the_partition_and_says_so),
	};

	return UNIT_RUN(tests);
}
