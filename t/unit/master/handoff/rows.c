/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hand-over and its ledger: what others have written there, and partitions
 * for which there is no row.
 */
#include "t/unit/unit.h"

#include "t/unit/master/handoff/world.h"

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

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(what_the_master_knows_is_not_read_back_from_the_ledger),
		TEST(what_nobody_holds_is_granted_as_the_master_knows_it),
		TEST(no_holder_gets_a_billion_times_a_thousand_records_further),
		TEST(what_has_no_row_is_known_and_given_to_nobody),
		TEST(what_others_have_written_over_the_ledger_is_made_good),
		TEST(what_has_no_row_gets_one_as_soon_as_there_is_room),
	};

	return UNIT_RUN(tests);
}
