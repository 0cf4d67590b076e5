/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over with recorded calls instead of workers and brokers.
 */
#include "t/unit/unit.h"

#include "master/handoff.h"
#include "master/handoff_own.h"
#include "master/skip.h"
#include "master/suspicion.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/str.h"

#define WARD 3

static const uint32_t wards[] = { WARD, WARD + 1 };
static size_t nwards;

struct world {
	struct fby_shm shm;
	struct fby_handoff h;
	unsigned grants, revokes, resolves, commits, lefts, alarms;
	struct fby_part last; /* granted or revoked */
	int64_t drain_ms, release_by;
	unsigned skips, skipped;
	bool left_soon;
	bool mirrors; /* a commit is done at once, as with exactly-once */
};

static void
on_grant(void *arg, const struct fby_part *pt)
{
	struct world *w = arg;

	w->grants++;
	w->last = *pt;
}

static void
on_revoke(void *arg, struct fby_part *pt, int64_t drain_ms)
{
	struct world *w = arg;

	w->revokes++;
	pt->release_by = w->release_by;
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
	struct world *w = arg;

	w->commits++;
	if (!w->mirrors)
		return;
	for (uint32_t i = 0; i < w->h.nparts; i++)
		fby_handoff_set_committed(&w->h, &w->h.parts[i],
		    fby_handoff_acked(&w->h, &w->h.parts[i]), FBY_NONE);
	fby_handoff_committed(&w->h);
}

static void
on_left(void *arg)
{
	((struct world *)arg)->left_soon = true;
}

/* The loop turns; how often was the last one FREE? */
static unsigned
lefts(struct world *w)
{
	w->lefts += w->left_soon && fby_handoff_leaving(&w->h) == 0;
	w->left_soon = false;
	return w->lefts;
}

static void
on_plan(void *arg)
{
	(void)arg;
}

static void
on_alarm(void *arg)
{
	((struct world *)arg)->alarms++;
}

static void
on_skipped(void *arg, const struct fby_part *pt, int64_t offset, bool done)
{
	struct world *w = arg;

	(void)pt;
	(void)offset;
	w->skips++;
	w->skipped += done;
}

static const struct fby_handoff_ops ops = {
	on_grant,
	on_revoke,
	on_resolve,
	on_commit,
	on_left,
	on_plan,
	on_alarm,
	on_skipped,
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
	nwards = 1;
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

static const uint32_t slot2[] = { 2 };
static const bool yes[] = { true };

/* Grants of ordinary partitions go to these, of suspects to the ward. */
static void
plan(struct world *w, const uint32_t *slots, const bool *ready, size_t n)
{
	const struct fby_handoff_plan pl = {
		.slots = slots,
		.ready = ready,
		.nslots = n,
		.wards = wards,
		.nwards = nwards,
		.drain_ms = 30000,
	};

	fby_handoff_plan(&w->h, &pl);
}

/* Partition 0 of "t", start 100, granted to slot 2. */
static void
hold(struct world *w)
{
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 100, FBY_NONE);
	fby_handoff_set_log(&w->h, &w->h.parts[0], 0, 1000, 0);
	w->h.parts[0].epoch_before = 3;
	fby_handoff_resolved(&w->h, &w->h.parts[0], 100, FBY_NONE);
	plan(w, slots, ready, 1);
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
	plan(w, slots, ready, 1);
	assert_int_equal(w->grants, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
}

/* With exactly-once it may have committed more than it has written down. */
static void
after_a_holder_the_broker_is_asked_if_it_knows_best(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	w->h.ask = true;
	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(w->resolves, 2);
	assert_int_equal(pt->resume, 150);
	fby_handoff_resolved(&w->h, pt, 170, FBY_NONE);
	assert_int_equal(pt->state, FBY_ROW_IDLE);
	assert_int_equal(pt->start, 170);
}

static void
a_move_goes_on_after_the_broker_was_asked(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	const uint32_t slots[] = { 1 };
	const bool ready[] = { true };

	w->h.ask = true;
	hold(w);
	plan(w, slots, ready, 1);
	assert_int_equal(pt->state, FBY_ROW_REVOKING);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->moving_to, FBY_NOSLOT);
	fby_handoff_resolved(&w->h, pt, 100, FBY_NONE);
	plan(w, slots, ready, 1);
	assert_int_equal(w->last.slot, 1);
	assert_int_equal(w->last.epoch, 2);
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
	assert_int_equal(lefts(w), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 149, FBY_NONE);
	fby_handoff_committed(&w->h);
	assert_int_equal(lefts(w), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 150, FBY_NONE);
	fby_handoff_committed(&w->h);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(lefts(w), 1);
}

static void
what_cannot_be_read_is_counted_until_it_moves(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	hold(w);
	for (unsigned i = 1; i <= 3; i++) {
		fby_handoff_released(&w->h, 2, 0, pt->epoch,
		    FBY_RELEASE_FAILED);
		assert_int_equal(pt->state, FBY_ROW_RESOLVING);
		assert_int_equal(pt->failures, i);
		assert_int_equal(pt->ask_at, 0);
		fby_handoff_resolved(&w->h, pt, 100, FBY_NONE);
		plan(w, slots, ready, 1);
		fby_handoff_watch(&w->h, 1000, 1000);
		assert_int_equal(pt->failures, i);
	}
	/* A little further it is something new. */
	fby_release(&row(w, 0)->acked, 120);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_FAILED);
	assert_int_equal(pt->failures, 1);
	fby_handoff_resolved(&w->h, pt, 120, FBY_NONE);
	plan(w, slots, ready, 1);
	fby_release(&row(w, 0)->acked, 121);
	fby_handoff_watch(&w->h, 1000, 1000);
	assert_int_equal(pt->failures, 0);
	/* Its end will do as well. */
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_FAILED);
	fby_handoff_resolved(&w->h, pt, 121, FBY_NONE);
	plan(w, slots, ready, 1);
	fby_store(&row(w, 0)->flags, FBY_ROW_AT_END);
	fby_handoff_watch(&w->h, 1000, 1000);
	assert_int_equal(pt->failures, 0);
}

static void
each_partition_has_its_own_time_to_be_released(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	hold(w);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_set_log(&w->h, &w->h.parts[1], 0, 1000, 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 100, FBY_NONE);
	plan(w, slots, ready, 1);
	assert_null(fby_handoff_overdue(&w->h, 2, 9999));
	w->release_by = 2000;
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	w->release_by = 500;
	fby_handoff_revoke(&w->h, "t", 1, false, 0);
	assert_null(fby_handoff_overdue(&w->h, 2, 500));
	assert_ptr_equal(fby_handoff_overdue(&w->h, 2, 501), &w->h.parts[1]);
	assert_null(fby_handoff_overdue(&w->h, 1, 501));
	fby_handoff_released(&w->h, 2, 1, w->h.parts[1].epoch,
	    FBY_RELEASE_REVOKED);
	assert_null(fby_handoff_overdue(&w->h, 2, 501));
	assert_ptr_equal(fby_handoff_overdue(&w->h, 2, 2001), &w->h.parts[0]);
	fby_handoff_holder_gone(&w->h, 2);
	assert_null(fby_handoff_overdue(&w->h, 2, 2001));
	assert_int_equal(w->h.parts[0].release_by, 0);
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
	assert_int_equal(lefts(w), 1);
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
	plan(w, slots, ready, 1);
	assert_int_equal(w->grants, 2);
	assert_int_equal(w->last.start, 140);
	assert_int_equal(w->last.watermark, 777);
	assert_int_equal(w->last.epoch, 2);
}

static void
no_watermark_beyond_the_limit_is_handed_on(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	hold(w);
	w->h.watermark_limit = 1000;
	fby_store(&row(w, 0)->watermark, 5000);
	assert_int_equal(fby_handoff_watermark(&w->h, &w->h.parts[0]), 1000);
	fby_handoff_holder_gone(&w->h, 2);
	plan(w, slots, ready, 1);
	assert_int_equal(w->last.watermark, 1000);
	/* Nor one that is not wanted any more. */
	w->h.parts[0].no_watermark = true;
	assert_int_equal(fby_handoff_watermark(&w->h, &w->h.parts[0]),
	    FBY_NONE);
	fby_handoff_holder_gone(&w->h, 2);
	plan(w, slots, ready, 1);
	assert_int_equal(w->grants, 3);
	assert_int_equal(w->last.watermark, FBY_NONE);
	assert_false(w->h.parts[0].no_watermark);
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
a_log_that_was_cut_is_read_again_from_there(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	struct fby_ledger_row *row;

	hold(w);
	row = fby_handoff_row(&w->h, pt);
	assert_int_equal(fby_load(&row->leader_epoch), -1);
	fby_store(&row->leader_epoch, 4);
	fby_store(&row->high, 200);
	fby_release(&row->acked, 180);
	fby_handoff_set_committed(&w->h, pt, 170, FBY_NONE);
	/* Not of its holder: nothing. */
	fby_handoff_cut(&w->h, 1, 0, 1, 120);
	assert_int_equal(pt->cut_at, FBY_NONE);
	fby_handoff_cut(&w->h, 2, 0, 1, 150);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_CUT);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->resume, 150);
	assert_int_equal(pt->committed, 150);
	assert_int_equal(pt->cut_from, 170);
	assert_int_equal(pt->epoch_before, -1);
	assert_int_equal(w->h.cuts, 1);
}

static void
what_was_acked_before_the_cut_stays(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	struct fby_ledger_row *row;

	hold(w);
	row = fby_handoff_row(&w->h, pt);
	fby_store(&row->leader_epoch, 4);
	fby_store(&row->high, 200);
	fby_release(&row->acked, 180);
	fby_handoff_cut(&w->h, 2, 0, 1, 190);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_CUT);
	assert_int_equal(pt->resume, 180);
	assert_int_equal(pt->epoch_before, 4);
	assert_int_equal(pt->cut_from, FBY_NONE);
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
	fby_handoff_set_log(&w->h, &w->h.parts[1], 0, 1000, 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	plan(w, slots + 1, ready, 1);
	assert_int_equal(fby_handoff_count_slot(&w->h, 2), 2);

	plan(w, slots, ready, 2);
	assert_int_equal(w->revokes, 1);
	moving = w->last;
	/* Planning while it is on its way must not start another move. */
	plan(w, slots, ready, 2);
	assert_int_equal(w->revokes, 1);
	fby_handoff_released(&w->h, 2, moving.row, moving.epoch,
	    FBY_RELEASE_REVOKED);
	plan(w, slots, ready, 2);
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
what_was_acked_before_a_new_resolution_is_committed_on_leaving(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_release(&row(w, 0)->acked, 140);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_FAILED);
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(w->commits, 1);
	assert_int_equal(lefts(w), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 140, FBY_NONE);
	fby_handoff_committed(&w->h);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(lefts(w), 1);
}

static void
what_a_dead_holder_left_is_not_believed_unseen(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 120, FBY_NONE);
	fby_release(&row(w, 0)->acked, 1001);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(w->h.parts[0].start, 120);
	assert_int_equal(fby_load(&row(w, 0)->acked), 120);
}

/* It came back while its last commit was waited for, which then failed. */
static void
what_is_let_go_begins_anew_if_it_is_ours_again(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	fby_store(&row(w, 0)->high, 1000);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_released(&w->h, 2, 0, w->h.parts[0].epoch,
	    FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	fby_handoff_let_go(&w->h, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
}

static void
a_move_that_fails_is_no_move_any_more(void **state)
{
	struct world *w = *state;
	const uint32_t slots[] = { 1, 2 };
	const bool ready[] = { true, true };
	const struct fby_handoff_plan one = {
		.slots = slots + 1,
		.ready = ready,
		.nslots = 1,
		.drain_ms = 30000,
	};
	const struct fby_handoff_plan both = {
		.slots = slots,
		.ready = ready,
		.nslots = 2,
		.drain_ms = 30000,
	};

	hold(w);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_set_log(&w->h, &w->h.parts[1], 0, 1000, 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	fby_handoff_plan(&w->h, &one);
	fby_handoff_plan(&w->h, &both);
	assert_int_equal(w->last.moving_to, 1);
	fby_handoff_released(&w->h, 2, w->last.row, w->last.epoch,
	    FBY_RELEASE_FAILED);
	assert_int_equal(w->h.parts[w->last.row].moving_to, FBY_NOSLOT);
}

/* The first one's commit is done from within the series of revokes. */
static void
the_last_one_is_waited_for_even_if_a_commit_is_done_at_once(void **state)
{
	struct world *w = *state;

	w->mirrors = true;
	hold(w);
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[1], FBY_NONE, FBY_NONE);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 0, FBY_NONE);
	fby_handoff_revoke(&w->h, "t", 1, false, 1000);
	assert_int_equal(w->h.parts[1].state, FBY_ROW_FREE);
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	assert_int_equal(lefts(w), 0);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(lefts(w), 1);
}

static void
a_topic_made_anew_forgets_what_was_acked(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	fby_store(&row(w, 0)->acked, 150);
	fby_handoff_anew(&w->h, "other", 500);
	assert_int_equal(w->revokes, 0);
	fby_handoff_anew(&w->h, "t", 500);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(w->drain_ms, 500);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->resume, FBY_NONE);
	assert_true(pt->anew);
	fby_handoff_resolved(&w->h, pt, 0, FBY_NONE);
	assert_false(pt->anew);
	assert_int_equal(fby_load(&row(w, 0)->acked), 0);
}

static void
what_leaves_a_topic_made_anew_is_not_committed(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_anew(&w->h, "t", 500);
	fby_handoff_revoke(&w->h, "t", 0, false, 500);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(w->commits, 0);
	assert_int_equal(lefts(w), 1);
}

static void
news_of_a_topic_made_anew_reach_what_is_leaving(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_revoke(&w->h, "t", 0, false, 500);
	fby_handoff_anew(&w->h, "t", 500);
	assert_true(pt->anew);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(w->commits, 0);
	assert_false(pt->anew);
}

/* Its commit, which is under way, says of which topic it is. */
static void
a_last_commit_is_not_waited_for_if_the_topic_is_another_one(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_handoff_revoke(&w->h, "t", 0, false, 500);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	fby_handoff_anew(&w->h, "t", 500);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(lefts(w), 1);
}

/* Else what comes back without an ack goes on there, and records are lost. */
static void
a_commit_from_before_a_new_resolution_is_none_of_it(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	unsigned round;

	hold(w);
	round = pt->round;
	fby_handoff_confirmed(&w->h, 0, round, 140, 7);
	assert_int_equal(fby_load(&row(w, 0)->committed), 140);
	assert_int_equal(fby_load(&row(w, 0)->committed_watermark), 7);
	fby_handoff_anew(&w->h, "t", 500);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], FBY_NONE, FBY_NONE);
	fby_handoff_resolved(&w->h, pt, 0, FBY_NONE);
	fby_handoff_confirmed(&w->h, 0, round, 150, 8);
	assert_int_equal(fby_load(&row(w, 0)->committed), FBY_NONE);
	plan(w, slot2, yes, 1);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(pt->start, 0);
}

static void
an_answer_about_the_topic_before_is_outdated(void **state)
{
	struct world *w = *state;
	unsigned round;

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	round = w->h.parts[0].round;
	fby_handoff_anew(&w->h, "t", 500);
	assert_int_not_equal(w->h.parts[0].round, round);
	assert_int_equal(w->resolves, 2);
	assert_true(w->h.parts[0].anew);
}

/* ---- strangers --------------------------------------------------------- */

/* Every byte, whoever is to write it. */
static void
scribble(struct world *w)
{
	memset(w->shm.head, 0xff, w->shm.size);
}

static void
what_the_master_knows_is_not_read_back_from_the_ledger(void **state)
{
	struct world *w = *state;
	struct fby_ledger_row view;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	scribble(w);
	assert_int_equal(fby_handoff_find(&w->h, "t", 0), 0);
	fby_handoff_view(&w->h, pt, &view);
	assert_int_equal(fby_load(&view.epoch), 1);
	assert_int_equal(fby_load(&view.slot), 2);
	assert_int_equal(fby_load(&view.state), FBY_ROW_HELD);
	assert_int_equal(fby_load(&view.committed), 100);
	/* A revoke waits for the one who reads. */
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(pt->state, FBY_ROW_REVOKING);
	assert_string_equal(w->last.topic, "t");
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(pt->acked, 100);
}

static void
what_nobody_holds_is_granted_as_the_master_knows_it(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_release(&row(w, 0)->acked, 150);
	fby_suspicion_died(&w->h, 2, FBY_NOROW, FBY_NONE);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
	scribble(w);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.start, 150);
	assert_int_equal(w->last.epoch, 2);
	assert_int_equal(fby_load(&row(w, 0)->acked), 150);
	assert_int_equal(fby_load(&row(w, 0)->committed), 100);
	assert_int_equal(fby_load(&row(w, 0)->epoch), 2);
}

static void
no_holder_gets_a_billion_times_a_thousand_records_further(void **state)
{
	struct world *w = *state;

	hold(w);
	fby_store(&row(w, 0)->high, INT64_MAX);
	fby_release(&row(w, 0)->acked, INT64_MAX / 2);
	assert_false(fby_handoff_is_credible(&w->h, &w->h.parts[0],
	    fby_handoff_acked(&w->h, &w->h.parts[0])));
	fby_suspicion_died(&w->h, 2, FBY_NOROW, FBY_NONE);
	assert_int_equal(w->h.parts[0].acked, 100);
}

/* As another master would see it if this one were killed there. */
static void
acks_of_one_topic_are_never_under_the_id_of_another(void **state)
{
	struct world *w = *state;
	const uint64_t turns = 300000;
	struct fby_part *pt;
	uint64_t id = 0;
	int status;
	pid_t pid;

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	pt = &w->h.parts[0];
	if ((pid = fork()) == 0) {
		for (uint64_t i = 1; i <= turns; i++) {
			fby_handoff_set_log(&w->h, pt, 0, (int64_t)i, i);
			pt->acked = (int64_t)i;
			fby_handoff_write(&w->h, pt);
		}
		_exit(0);
	}
	while (id < turns) {
		int64_t acked;

		id = fby_acquire(&row(w, 0)->topic_id);
		acked = fby_acquire(&row(w, 0)->acked);
		if (fby_load(&row(w, 0)->topic_id) == id)
			assert_true(acked == FBY_NONE || acked == (int64_t)id);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

/* ---- without a row ----------------------------------------------------- */

static void
what_has_no_row_is_known_and_given_to_nobody(void **state)
{
	struct world *w = *state;
	struct fby_part *last;

	for (int32_t i = 0; i < 9; i++) {
		assert_int_equal(fby_handoff_assign(&w->h, "t", i), 0);
		fby_handoff_set_log(&w->h, &w->h.parts[i], 0, 1000, 0);
		fby_handoff_resolved(&w->h, &w->h.parts[i], 0, FBY_NONE);
	}
	last = &w->h.parts[8];
	plan(w, slot2, yes, 1);
	assert_int_equal(w->grants, 8);
	assert_int_equal(last->state, FBY_ROW_IDLE);
	assert_int_equal(fby_handoff_rowless(&w->h), 1);
	/* A skip of what is in no row must not hurt those that have one. */
	assert_int_equal(fby_handoff_ours(&w->h), 9);
	fby_handoff_set_committed(&w->h, last, 0, FBY_NONE);
	fby_handoff_revoke(&w->h, "t", 8, false, 1000);
	assert_int_equal(last->state, FBY_ROW_FREE);
	assert_int_equal(fby_handoff_rowless(&w->h), 0);
}

static void
what_others_have_written_over_the_ledger_is_made_good(void **state)
{
	struct world *w = *state;
	struct fby_ledger_row *r = row(w, 0);
	struct fby_ledger_head head;

	assert_int_equal(fby_handoff_assign(&w->h, "t", 5), 0);
	fby_handoff_set_log(&w->h, &w->h.parts[0], 3, 1000, 77);
	fby_handoff_resolved(&w->h, &w->h.parts[0], 7, FBY_NONE);
	plan(w, slot2, yes, 1);
	fby_release(&r->acked, 20);
	fby_shm_restore_head(&w->shm);
	assert_int_equal(fby_handoff_restore(&w->h, false), 0);
	head = *w->shm.head;

	memset(w->shm.head, 0xa5, sizeof(head));
	memset(r, 0xa5, offsetof(struct fby_ledger_row, acked));
	memset(w->shm.names, 0xa5, 64);
	assert_true(fby_shm_restore_head(&w->shm));
	assert_int_equal(fby_handoff_restore(&w->h, false), 1);
	assert_memory_equal(w->shm.head, &head,
	    offsetof(struct fby_ledger_head, master_pid));
	assert_int_equal(fby_load(&w->shm.head->epoch), w->h.epoch);
	assert_string_equal(fby_shm_name(&w->shm, r->topic_off), "t");
	assert_int_equal(r->partition, 5);
	assert_int_equal(fby_load(&r->epoch), w->h.parts[0].epoch);
	assert_int_equal(fby_load(&r->slot), 2);
	assert_int_equal(fby_load(&r->state), FBY_ROW_HELD);
	assert_int_equal(fby_load(&r->topic_id), 77);
	/* The holder's is the holder's. */
	assert_int_equal(fby_load(&r->acked), 20);

	/* All is gone; the holder is, too. */
	memset(r, 0, sizeof(*r));
	assert_int_equal(fby_handoff_restore(&w->h, true), 1);
	assert_int_equal(fby_load(&r->acked), 0);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(w->h.parts[0].acked, 7);
	memset(r, 0, sizeof(*r));
	fby_handoff_restore(&w->h, true);
	assert_int_equal(fby_load(&r->acked), 7);
}

/* A full disk: there is room for rows, but there are no blocks. */
static void
what_has_no_row_gets_one_as_soon_as_there_is_room(void **state)
{
	struct world *w = *state;
	char path[] = "/tmp/forebay-handoff-XXXXXX";
	const uint32_t before = w->grants;
	struct fby_shm shm;
	uint32_t last = 0;
	int fd;

	assert_int_not_equal(fd = mkstemp(path), -1);
	close(fd);
	assert_int_equal(fby_shm_create(&shm, path, 4, 20000, "o", "g"), 0);
	unlink(path);
	w->h.shm = &shm;
	fd = shm.fd;
	shm.fd = -1;
	while (fby_handoff_rowless(&w->h) == 0) {
		assert_int_equal(fby_handoff_assign(&w->h, "t", (int32_t)last),
		    0);
		last++;
	}
	last--;
	fby_handoff_set_log(&w->h, &w->h.parts[last], 0, 1000, 0);
	fby_handoff_resolved(&w->h, &w->h.parts[last], 7, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->grants, before);
	assert_int_equal(w->h.row_error, EBADF);
	fby_handoff_seek_rows(&w->h);
	assert_int_equal(fby_handoff_rowless(&w->h), 1);

	shm.fd = fd;
	fby_handoff_seek_rows(&w->h);
	assert_int_equal(fby_handoff_rowless(&w->h), 0);
	assert_int_equal(w->h.row_error, 0);
	assert_int_equal(fby_load(&shm.rows[last].acked), 7);
	assert_int_equal(fby_load(&shm.rows[last].state), FBY_ROW_IDLE);
	assert_string_equal(fby_shm_name(&shm, shm.rows[last].topic_off), "t");
	plan(w, slot2, yes, 1);
	assert_int_equal(w->grants, before + 1);
	w->h.shm = &w->shm;
	fby_shm_close(&shm);
}

/* ---- deaths ----------------------------------------------------------- */

/* Partition `p` is read up to `position` and acked up to `acked`. */
static void
in_flight(struct world *w, uint32_t p, int64_t acked, int64_t position)
{
	fby_release(&row(w, p)->acked, acked);
	fby_store(&row(w, p)->position, position);
	fby_store(&row(w, p)->in_flight, (uint64_t)(position - acked));
	fby_store(&row(w, p)->high, 1000);
}

static void
die_at(struct world *w, uint32_t slot, int64_t acked, int64_t position)
{
	in_flight(w, 0, acked, position);
	fby_suspicion_died(&w->h, slot, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
}

/* As `hold`, and it has killed its worker so often alone, at offset 140. */
static void
kill_alone(struct world *w, unsigned kills)
{
	hold(w);
	w->h.poison_kills = 3;
	die_at(w, 2, 140, 200);
	die_at(w, 2, 140, 250);
	for (unsigned i = 0; i < kills; i++)
		die_at(w, WARD, 140, 141);
}

static void
two_deaths_at_one_offset_isolate_the_partition_in_the_ward(void **state)
{
	struct world *w = *state;

	hold(w);
	w->h.poison_kills = 3;
	die_at(w, 2, 140, 200);
	assert_int_equal(w->last.slot, 2);
	assert_false(w->last.isolated);
	assert_int_equal(fby_suspicion_count(&w->h), 0);
	die_at(w, 2, 140, 250);
	assert_int_equal(w->last.slot, WARD);
	assert_true(w->last.isolated);
	assert_int_equal(w->last.start, 140);
	assert_int_equal(w->last.poison.until, 250);
	assert_int_equal(fby_suspicion_count(&w->h), 1);
}

static void
kills_from_outside_isolate_nobody(void **state)
{
	struct world *w = *state;

	hold(w);
	w->h.poison_kills = 1;
	for (int i = 0; i < 10; i++) {
		in_flight(w, 0, 140, 200);
		fby_handoff_holder_gone(&w->h, 2);
		plan(w, slot2, yes, 1);
	}
	assert_int_equal(w->last.slot, 2);
	assert_false(w->last.isolated);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
}

static void
a_row_that_was_spoilt_is_no_evidence(void **state)
{
	struct world *w = *state;

	kill_alone(w, 2);
	/* The third time would be enough. */
	in_flight(w, 0, 140, 1001);
	fby_suspicion_died(&w->h, WARD, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
	in_flight(w, 0, 140, 141);
	fby_store(&row(w, 0)->in_flight, 77);
	fby_suspicion_died(&w->h, WARD, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
	assert_int_equal(w->last.poison.kills, 2);
	assert_int_equal(w->last.start, 140);
}

static void
of_two_wards_each_has_its_own(void **state)
{
	struct world *w = *state;

	nwards = 2;
	hold(w);
	w->h.poison_kills = 1;
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	plan(w, slot2, yes, 1);
	for (int i = 0; i < 2; i++) {
		in_flight(w, 0, 140, 200);
		in_flight(w, 1, 5, 9);
		fby_suspicion_died(&w->h, 2, FBY_NOROW, FBY_NONE);
		plan(w, slot2, yes, 1);
	}
	assert_int_equal(w->h.parts[0].slot, WARD);
	assert_int_equal(w->h.parts[1].slot, WARD + 1);
	/* One dies of its record, the other is none the worse. */
	in_flight(w, 0, 140, 141);
	in_flight(w, 1, 5, 6);
	fby_suspicion_died(&w->h, WARD, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
	assert_int_equal(w->h.parts[1].state, FBY_ROW_HELD);
	assert_int_equal(w->h.parts[1].poison.kills, 0);
	/* A successor takes over the ward: so does its suspect. */
	nwards = 1;
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[1].state, FBY_ROW_REVOKING);
	assert_int_equal(w->h.parts[1].moving_to, WARD);
	plan(w, slot2, yes, 1);
	fby_handoff_released(&w->h, WARD + 1, 1, w->h.parts[1].epoch,
	    FBY_RELEASE_REVOKED);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[1].slot, WARD);
	assert_true(w->h.parts[1].isolated);
}

static void
the_ward_has_one_suspect_at_a_time(void **state)
{
	struct world *w = *state;

	hold(w);
	w->h.poison_kills = 3;
	assert_int_equal(fby_handoff_assign(&w->h, "t", 1), 0);
	fby_handoff_resolved(&w->h, &w->h.parts[1], 5, FBY_NONE);
	plan(w, slot2, yes, 1);
	for (int i = 0; i < 2; i++) {
		in_flight(w, 0, 140, 200);
		in_flight(w, 1, 5, 9);
		/* It was busy with the second one. */
		fby_suspicion_died(&w->h, 2, 1, 7);
		plan(w, slot2, yes, 1);
	}
	assert_int_equal(w->h.parts[1].state, FBY_ROW_HELD);
	assert_int_equal(w->h.parts[1].slot, WARD);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
	/* Which gets past it, and moves out; then it is the first one's turn.
	 */
	in_flight(w, 1, 9, 9);
	fby_handoff_watch(&w->h, 1000, 60000);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[1].state, FBY_ROW_REVOKING);
	fby_handoff_released(&w->h, WARD, 1, w->h.parts[1].epoch,
	    FBY_RELEASE_REVOKED);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[1].slot, 2);
	assert_false(w->h.parts[1].isolated);
	assert_int_equal(w->h.parts[0].slot, WARD);
	assert_true(w->h.parts[0].isolated);
}

static void
who_sits_in_the_ward_too_long_makes_room(void **state)
{
	struct world *w = *state;

	the_ward_has_one_suspect_at_a_time(state);
	in_flight(w, 0, 140, 200);
	/* Nobody waits: it may stay. */
	fby_handoff_watch(&w->h, 1000, 5000);
	fby_handoff_watch(&w->h, 7000, 5000);
	assert_true(w->h.parts[0].poison.until != FBY_NONE);
	/* Its neighbour is suspected once more. */
	for (int i = 0; i < 2; i++) {
		in_flight(w, 1, 9, 12);
		fby_suspicion_died(&w->h, 2, FBY_NOROW, FBY_NONE);
		plan(w, slot2, yes, 1);
	}
	fby_handoff_watch(&w->h, 7000, 5000);
	assert_true(w->h.parts[0].poison.until == FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_REVOKING);
	fby_handoff_released(&w->h, WARD, 0, w->h.parts[0].epoch,
	    FBY_RELEASE_REVOKED);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->h.parts[0].slot, 2);
	assert_int_equal(w->h.parts[1].slot, WARD);
}

static void
a_condemned_record_is_held_back_without_a_dead_letter_topic(void **state)
{
	struct world *w = *state;
	unsigned grants;

	kill_alone(w, 2);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
	grants = w->grants;
	die_at(w, WARD, 140, 141);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
	assert_int_equal(fby_load(&row(w, 0)->state), FBY_ROW_QUARANTINED);
	assert_int_equal(fby_load(&row(w, 0)->slot), FBY_NOSLOT);
	assert_int_equal(w->h.quarantined, 1);
	assert_int_equal(w->alarms, 1);
	/* Nobody gets it, and no ward is needed. */
	assert_int_equal(w->grants, grants);
	assert_int_equal(fby_suspicion_count(&w->h), 0);
	/* What is acked is still committed when it leaves. */
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(w->commits, 1);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 140, FBY_NONE);
	fby_handoff_committed(&w->h);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
	assert_int_equal(w->alarms, 2);
	assert_int_equal(w->h.parts[0].poison.kills, 0);
}

static void
a_condemned_record_goes_to_the_dead_letter_topic(void **state)
{
	struct world *w = *state;

	hold(w);
	w->h.has_dead_letter = true;
	w->h.poison_kills = 1;
	die_at(w, 2, 140, 200);
	die_at(w, 2, 140, 200);
	assert_false(w->last.poison.condemned);
	/* Offsets have a gap before it. */
	in_flight(w, 0, 140, 144);
	fby_store(&row(w, 0)->in_flight, 1);
	fby_suspicion_died(&w->h, WARD, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.slot, WARD);
	assert_true(w->last.poison.condemned);
	assert_int_equal(w->last.poison.kills, 1);
	assert_int_equal(w->last.start, 143);
	assert_int_equal(w->alarms, 0);
	/* It kills even so. */
	die_at(w, WARD, 143, 144);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
}

static void
a_new_dead_letter_topic_is_tried_for_what_is_held_back(void **state)
{
	struct world *w = *state;

	kill_alone(w, 3);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
	fby_suspicion_policy(&w->h, 3, false);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_QUARANTINED);
	fby_suspicion_policy(&w->h, 3, true);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.slot, WARD);
	assert_true(w->last.poison.condemned);
	assert_int_equal(w->alarms, 2);
}

/* ---- skips ------------------------------------------------------------ */

/* The sentence that refuses it, or NULL. */
static const char *
try_skip_batch(struct world *w, int64_t offset, int64_t last, enum fby_rc want)
{
	static char text[200];
	struct fby_str why;

	fby_str_init(&why);
	assert_int_equal(fby_skip_records(&w->h, &w->h.parts[0], offset, last,
			     &why),
	    want);
	snprintf(text, sizeof(text), "%s", why.p);
	fby_str_fini(&why);
	return text;
}

static const char *
try_skip(struct world *w, int64_t offset, enum fby_rc want)
{
	return try_skip_batch(w, offset, offset, want);
}

static void
what_is_held_back_goes_on_behind_the_skipped_record(void **state)
{
	struct world *w = *state;

	kill_alone(w, 3);
	assert_string_equal(try_skip(w, 139, FBY_FAIL),
	    "t/0 is held back at offset 140, only that one can be skipped");
	try_skip(w, 140, FBY_DONE);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
	assert_int_equal(fby_load(&row(w, 0)->acked), 141);
	assert_int_equal(fby_load(&row(w, 0)->read), 1);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 1);
	assert_int_equal(w->alarms, 2);
	/* The others that were in flight then are not above suspicion. */
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.slot, WARD);
	assert_int_equal(w->last.start, 141);
	assert_int_equal(w->last.poison.kills, 0);
	assert_false(w->last.poison.condemned);
}

static void
what_a_worker_holds_is_released_for_a_skip(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 160);
	fby_store(&row(w, 0)->read, 60);
	fby_store(&row(w, 0)->delivered, 50);
	assert_string_equal(try_skip(w, 149, FBY_FAIL),
	    "t/0 has acked all before offset 150, only that one can be "
	    "skipped");
	assert_string_equal(try_skip(w, 151, FBY_FAIL),
	    "t/0 has acked all before offset 150, only that one can be "
	    "skipped");
	try_skip(w, 150, FBY_AGAIN);
	assert_int_equal(w->revokes, 1);
	assert_int_equal(w->drain_ms, 0);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 0);
	assert_string_equal(try_skip(w, 150, FBY_FAIL),
	    "t/0: a skip of offset 150 is under way already");
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skips, 1);
	assert_int_equal(w->skipped, 1);
	assert_int_equal(w->h.parts[0].start, 151);
	assert_int_equal(fby_load(&row(w, 0)->acked), 151);
	/* read = delivered + dropped + returned */
	assert_int_equal(fby_load(&row(w, 0)->read), 61);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 1);
	assert_int_equal(fby_load(&row(w, 0)->returned), 10);
	assert_int_equal(w->h.skipped, 1);
}

static void
a_single_record_behind_a_gap_can_be_skipped_by_its_own_offset(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 154);
	fby_store(&row(w, 0)->in_flight, 1);
	assert_string_equal(try_skip(w, 154, FBY_FAIL),
	    "t/0 has acked all before offset 150, only that one can be "
	    "skipped");
	try_skip(w, 153, FBY_AGAIN);
	/* Its release takes it to the end of the gap. */
	fby_release(&row(w, 0)->acked, 153);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skipped, 1);
	assert_int_equal(w->h.parts[0].start, 154);
}

static void
a_record_that_is_done_meanwhile_is_not_skipped(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 160);
	try_skip(w, 150, FBY_AGAIN);
	in_flight(w, 0, 155, 160);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skips, 1);
	assert_int_equal(w->skipped, 0);
	assert_int_equal(w->h.parts[0].start, 155);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 0);
}

static void
a_skip_that_the_group_overtakes_is_committed_or_not_done(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 160);
	try_skip(w, 150, FBY_AGAIN);
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skipped, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RELEASED);
	assert_int_equal(fby_load(&row(w, 0)->acked), 151);
	/* Once it is somebody else's, nothing may be done to it. */
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_FREE);
}

static void
what_is_lost_is_not_skipped(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 150, 160);
	try_skip(w, 150, FBY_AGAIN);
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_REVOKED);
	assert_int_equal(w->skips, 1);
	assert_int_equal(w->skipped, 0);
	assert_int_equal(fby_load(&row(w, 0)->acked), 150);
}

/* It cannot be read: it is resolved anew. */
static void
fail_at(struct world *w, int64_t acked)
{
	in_flight(w, 0, acked, acked);
	fby_handoff_released(&w->h, 2, 0, w->h.parts[0].epoch,
	    FBY_RELEASE_FAILED);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
}

static void
a_batch_is_skipped_where_it_is_tried_again_and_again(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];
	unsigned round, resolves;

	hold(w);
	fail_at(w, 150);
	round = pt->round;
	resolves = w->resolves;
	assert_string_equal(try_skip_batch(w, 151, 199, FBY_FAIL),
	    "t/0 has acked all before offset 150, only that one can be "
	    "skipped");
	assert_string_equal(try_skip_batch(w, 150, 1000, FBY_FAIL),
	    "t/0 has no record at offset 1000 yet, its log ends there");
	try_skip_batch(w, 150, 199, FBY_DONE);
	/* Answers that are under way are void, and it is asked at once. */
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_true(pt->round > round);
	assert_true(w->resolves > resolves);
	assert_int_equal(pt->resume, 200);
	assert_int_equal(pt->failures, 0);
	assert_int_equal(fby_load(&row(w, 0)->acked), 200);
	assert_int_equal(fby_load(&row(w, 0)->dropped), 50);
	assert_int_equal(fby_load(&row(w, 0)->read), 50);
	assert_int_equal(w->h.skipped, 50);
	/* It leaves with that. */
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	assert_int_equal(pt->state, FBY_ROW_RELEASED);
	assert_int_equal(pt->acked, 200);
}

static void
a_batch_is_skipped_after_its_holder_has_let_go(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = &w->h.parts[0];

	hold(w);
	in_flight(w, 0, 150, 150);
	try_skip_batch(w, 150, 199, FBY_AGAIN);
	/* It has failed while it was told to. */
	fby_handoff_released(&w->h, 2, 0, 1, FBY_RELEASE_FAILED);
	assert_int_equal(w->skipped, 1);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->resume, 200);
	assert_int_equal(w->h.skipped, 50);
}

static void
what_has_no_start_offset_yet_is_not_skipped(void **state)
{
	struct world *w = *state;

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	assert_string_equal(try_skip_batch(w, 0, 10, FBY_FAIL),
	    "t/0 is RESOLVING; a record can be skipped of what is held, "
	    "idle or held back");
}

static void
there_must_be_a_record_to_skip(void **state)
{
	struct world *w = *state;

	hold(w);
	in_flight(w, 0, 1000, 1000);
	assert_string_equal(try_skip(w, 1000, FBY_FAIL),
	    "t/0 has no record at offset 1000 yet, its log ends there");
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	assert_string_equal(try_skip(w, 1000, FBY_FAIL),
	    "t/0 is REVOKING; a record can be skipped of what is held, "
	    "idle or held back");
}

static void
a_topic_made_anew_has_no_history(void **state)
{
	struct world *w = *state;

	kill_alone(w, 3);
	fby_handoff_anew(&w->h, "t", 500);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_RESOLVING);
	assert_int_equal(w->alarms, 2);
	fby_handoff_resolved(&w->h, &w->h.parts[0], 0, FBY_NONE);
	plan(w, slot2, yes, 1);
	assert_int_equal(w->last.slot, 2);
	assert_false(w->last.isolated);
	/* What was to be skipped is not there any more. */
	in_flight(w, 0, 150, 160);
	try_skip(w, 150, FBY_AGAIN);
	fby_handoff_anew(&w->h, "t", 500);
	fby_handoff_released(&w->h, 2, 0, w->h.parts[0].epoch,
	    FBY_RELEASE_REVOKED);
	assert_int_equal(w->skips, 1);
	assert_int_equal(w->skipped, 0);
}

static void
what_was_read_and_not_done_is_returned(void **state)
{
	struct world *w = *state;
	struct fby_ledger_row *r;

	hold(w);
	r = row(w, 0);
	fby_store(&r->read, 100);
	fby_store(&r->delivered, 50);
	fby_store(&r->fallback, 5);
	fby_store(&r->dead_lettered, 3);
	fby_store(&r->dropped, 2);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(fby_load(&r->returned), 40);
	plan(w, slot2, yes, 1);
	/* They were read again, and more. */
	fby_store(&r->read, 200);
	fby_store(&r->delivered, 150);
	assert_int_equal(fby_load(&r->returned), 40);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(fby_load(&r->returned), 40);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_the_master_knows_is_not_read_back_from_the_ledger),
		TEST(what_nobody_holds_is_granted_as_the_master_knows_it),
		TEST(no_holder_gets_a_billion_times_a_thousand_records_further),
		TEST(acks_of_one_topic_are_never_under_the_id_of_another),
		TEST(what_has_no_row_is_known_and_given_to_nobody),
		TEST(what_others_have_written_over_the_ledger_is_made_good),
		TEST(what_has_no_row_gets_one_as_soon_as_there_is_room),
		TEST(after_a_holder_the_broker_is_asked_if_it_knows_best),
		TEST(a_move_goes_on_after_the_broker_was_asked),
		TEST(an_assigned_partition_is_resolved_then_granted),
		TEST(nothing_is_granted_before_the_worker_is_ready),
		TEST(
		    a_revoked_partition_is_free_only_when_its_acks_are_committed),
		TEST(what_cannot_be_read_is_counted_until_it_moves),
		TEST(each_partition_has_its_own_time_to_be_released),
		TEST(a_lost_partition_is_never_committed),
		TEST(
		    a_dead_holders_partition_goes_on_at_its_acks_with_a_new_epoch),
		TEST(no_watermark_beyond_the_limit_is_handed_on),
		TEST(a_release_of_an_old_epoch_is_counted_and_ignored),
		TEST(out_of_range_is_resolved_anew),
		TEST(a_log_that_was_cut_is_read_again_from_there),
		TEST(what_was_acked_before_the_cut_stays),
		TEST(a_second_worker_takes_over_half_without_ping_pong),
		TEST(what_is_assigned_while_it_leaves_is_resolved_when_it_has),
		TEST(what_was_acked_before_a_new_resolution_is_remembered),
		TEST(
		    what_was_acked_before_a_new_resolution_is_committed_on_leaving),
		TEST(what_a_dead_holder_left_is_not_believed_unseen),
		TEST(what_is_let_go_begins_anew_if_it_is_ours_again),
		TEST(a_move_that_fails_is_no_move_any_more),
		TEST(
		    the_last_one_is_waited_for_even_if_a_commit_is_done_at_once),
		TEST(a_topic_made_anew_forgets_what_was_acked),
		TEST(what_leaves_a_topic_made_anew_is_not_committed),
		TEST(news_of_a_topic_made_anew_reach_what_is_leaving),
		TEST(
		    a_last_commit_is_not_waited_for_if_the_topic_is_another_one),
		TEST(a_commit_from_before_a_new_resolution_is_none_of_it),
		TEST(an_answer_about_the_topic_before_is_outdated),
		TEST(
		    two_deaths_at_one_offset_isolate_the_partition_in_the_ward),
		TEST(kills_from_outside_isolate_nobody),
		TEST(a_row_that_was_spoilt_is_no_evidence),
		TEST(of_two_wards_each_has_its_own),
		TEST(the_ward_has_one_suspect_at_a_time),
		TEST(who_sits_in_the_ward_too_long_makes_room),
		TEST(
		    a_condemned_record_is_held_back_without_a_dead_letter_topic),
		TEST(a_condemned_record_goes_to_the_dead_letter_topic),
		TEST(a_new_dead_letter_topic_is_tried_for_what_is_held_back),
		TEST(what_is_held_back_goes_on_behind_the_skipped_record),
		TEST(what_a_worker_holds_is_released_for_a_skip),
		TEST(
		    a_single_record_behind_a_gap_can_be_skipped_by_its_own_offset),
		TEST(a_record_that_is_done_meanwhile_is_not_skipped),
		TEST(a_skip_that_the_group_overtakes_is_committed_or_not_done),
		TEST(what_is_lost_is_not_skipped),
		TEST(a_batch_is_skipped_where_it_is_tried_again_and_again),
		TEST(a_batch_is_skipped_after_its_holder_has_let_go),
		TEST(what_has_no_start_offset_yet_is_not_skipped),
		TEST(there_must_be_a_record_to_skip),
		TEST(a_topic_made_anew_has_no_history),
		TEST(what_was_read_and_not_done_is_returned),
	};

	return UNIT_RUN(tests);
}
