/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From GRANT to RELEASED: a lane's states, without a source and a pipeline.
 */
#include "t/unit/unit.h"

#include "t/unit/worker/fake_worker.h"

#include "shared/base/clock.h"

#include "worker/grant.h"
#include "worker/source.h"

static unsigned attached, detached, stopped, forgotten, exits;
static bool is_broken;
static struct fby_msg_released last; /* that was sent */
static unsigned released;

/* ---- what a grant asks of others -------------------------------------- */

void
fby_channel_send(struct fby_channel *ch, enum fby_msg_type type,
    struct fby_msg *msg, size_t size, int fd)
{
	(void)ch;
	(void)fd;
	assert_int_equal(type, FBY_MSG_RELEASED);
	assert_int_equal(size, sizeof(last));
	memcpy(&last, msg, sizeof(last));
	/* The row is the master's from here on. */
	assert_true(fby_lane_find_row(&w, last.row) == NULL ||
	    fby_lane_find_row(&w, last.row)->epoch != last.epoch);
	released++;
}

int
fby_source_attach(struct fby_lane *ln, int64_t start)
{
	assert_int_equal(ln->acks.position, start);
	attached++;
	return is_broken ? -1 : 0;
}

void
fby_source_detach(struct fby_lane *ln)
{
	(void)ln;
	detached++;
}

void
fby_pipeline_lane_init(struct fby_lane *ln)
{
	(void)ln;
}

void
fby_pipeline_stop(struct fby_lane *ln)
{
	(void)ln;
	stopped++;
}

void
fby_pipeline_forget(struct fby_lane *ln)
{
	(void)ln;
	forgotten++;
}

void
fby_pipeline_submit(struct fby_lane *ln, const struct fby_run *run)
{
	(void)ln;
	(void)run;
}

void
fby_worker_lane_gone(struct fby_worker *worker)
{
	exits += worker->draining && worker->nlanes == 0;
}

/* ---- set-up ----------------------------------------------------------- */

static int
setup(void **state)
{
	(void)state;
	worker_init();
	attached = detached = stopped = forgotten = exits = released = 0;
	is_broken = false;
	memset(&last, 0, sizeof(last));
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fby_grant_drain_all(&w, 0, "the test is over");
	assert_true(TAILQ_EMPTY(&w.lanes));
	assert_int_equal(w.nlanes, 0);
	worker_fini();
	return 0;
}

static struct fby_lane *
grant(uint32_t row)
{
	struct fby_msg_grant msg = grant_of(row);

	fby_grant_take(&w, &msg);
	return fby_lane_find_row(&w, row);
}

/* n records that a sink has. */
static void
in_flight(struct fby_lane *ln, size_t n)
{
	for (size_t i = 0; i < n; i++)
		fby_acks_add(&ln->acks, ln->acks.position, 3, 0, 1);
}

static void
revoke(uint64_t epoch, int64_t drain_ms)
{
	struct fby_msg_revoke msg = {
		.row = 0,
		.epoch = epoch,
		.drain_ms = drain_ms,
	};

	fby_grant_revoke(&w, &msg);
}

/* ---- tests ------------------------------------------------------------ */

static void
a_granted_lane_seeks_and_runs_with_the_first_record(void **state)
{
	struct fby_lane *ln = grant(0);

	(void)state;
	assert_non_null(ln);
	assert_int_equal(ln->state, FBY_LANE_SEEKING);
	assert_int_equal(attached, 1);
	assert_int_equal(fby_load(&rows[0].acked), 100);
	assert_int_equal(fby_load(&slot.lanes), 1);
	fby_lane_running(ln);
	assert_int_equal(ln->state, FBY_LANE_RUNNING);
	fby_lane_running(ln);
	assert_int_equal(ln->state, FBY_LANE_RUNNING);
}

static void
a_grant_that_is_not_ours_is_given_back(void **state)
{
	struct fby_msg_grant good = grant_of(0), msg;

	(void)state;
#define REFUSED(change)                                            \
	do {                                                       \
		unsigned before = released;                        \
		msg = good;                                        \
		change;                                            \
		fby_grant_take(&w, &msg);                          \
		assert_int_equal(released, before + 1);            \
		assert_int_equal(last.reason, FBY_RELEASE_FAILED); \
		assert_null(TAILQ_FIRST(&w.lanes));                \
	} while (0)
	REFUSED(msg.row = ROWS);
	REFUSED(msg.epoch = 0);
	REFUSED(msg.epoch = 2);
	REFUSED(msg.start = -1);
	REFUSED(msg.partition = -1);
	REFUSED(msg.topic[0] = '\0');
	fby_store(&rows[0].slot, 7);
	REFUSED((void)0);
	assert_int_equal(attached, 0);
}

static void
a_row_that_we_hold_is_not_taken_again(void **state)
{
	struct fby_lane *ln = grant(0);

	(void)state;
	/* This one alone is said of a row that is held. */
	fby_lane_set_state(ln, FBY_LANE_DRAINING, "revoked");
	ln->epoch = 9;
	assert_ptr_equal(grant(0), ln);
	assert_int_equal(released, 1);
	assert_int_equal(attached, 1);
}

static void
a_worker_that_drains_takes_nothing(void **state)
{
	(void)state;
	w.draining = true;
	assert_null(grant(0));
	assert_int_equal(last.reason, FBY_RELEASE_REVOKED);
	assert_int_equal(attached, 0);
}

static void
a_lane_without_a_queue_ends_at_once(void **state)
{
	(void)state;
	is_broken = true;
	assert_null(grant(0));
	assert_int_equal(released, 1);
	assert_int_equal(last.reason, FBY_RELEASE_FAILED);
	assert_int_equal(forgotten, 1);
}

static void
a_revoked_lane_is_released_when_nothing_is_in_flight(void **state)
{
	struct fby_lane *ln = grant(0);

	(void)state;
	fby_lane_running(ln);
	in_flight(ln, 2);
	revoke(1, 60000);
	assert_int_equal(ln->state, FBY_LANE_DRAINING);
	assert_int_equal(detached, 1);
	assert_int_equal(stopped, 1);
	assert_int_equal(released, 0);
	fby_acks_done(&ln->acks, 0);
	fby_acks_done(&ln->acks, 1);
	fby_acks_advance(&ln->acks, &(int64_t){ INT64_MIN });
	fby_grant_check(ln);
	assert_int_equal(released, 1);
	assert_int_equal(last.reason, FBY_RELEASE_REVOKED);
	assert_int_equal(last.epoch, 1);
	assert_int_equal(fby_load(&rows[0].acked), 102);
	assert_int_equal(fby_load(&slot.lanes), 0);
}

static void
at_the_deadline_what_is_in_flight_is_given_up(void **state)
{
	struct fby_lane *ln = grant(0);

	(void)state;
	in_flight(ln, 3);
	ln->nbatches = 1;
	revoke(1, 1);
	assert_int_not_equal(event_base_loop(w.base, EVLOOP_ONCE), -1);
	assert_int_equal(released, 1);
	assert_int_equal(fby_load(&rows[0].acked), 100);
	assert_int_equal(fby_load(&rows[0].position), 100);
	/* The sink still has its batch; with that it goes. */
	assert_int_equal(ln->state, FBY_LANE_DRAINED);
	ln->nbatches = 0;
	fby_grant_check(ln);
}

/* As if a function had said so of the one that is in flight. */
static void
what_is_due_after_the_deadline_is_not_waited_for(void **state)
{
	struct fby_lane *ln = grant(0);
	struct fby_batch b = { .ln = ln };
	struct fby_record rec = {
		.b = &b,
		.due = fby_clock_mono() + 3600000,
	};

	(void)state;
	in_flight(ln, 1);
	ln->open = 1;
	revoke(1, 60000000);
	assert_int_equal(released, 0);
	ln->failed = calloc(1, sizeof(ln->failed[0]));
	assert_non_null(ln->failed);
	ln->failed[ln->nfailed++] = &rec;
	fby_grant_check(ln);
	assert_int_equal(released, 0);
	revoke(1, 3000);
	assert_int_equal(released, 1);
	assert_int_equal(last.reason, FBY_RELEASE_REVOKED);
	assert_int_equal(fby_load(&rows[0].acked), 100);
}

static void
a_second_revoke_only_shortens_the_time(void **state)
{
	struct fby_lane *ln = grant(0);
	int64_t by;

	(void)state;
	in_flight(ln, 1);
	revoke(1, 30000);
	by = ln->drain_by;
	revoke(1, 60000);
	assert_int_equal(ln->drain_by, by);
	revoke(1, 10000);
	assert_true(ln->drain_by < by);
	assert_int_equal(detached, 1);
	assert_int_equal(released, 0);
	revoke(1, 0);
	assert_int_equal(released, 1);
}

static void
a_revoke_of_another_epoch_is_none_of_ours(void **state)
{
	struct fby_lane *ln = grant(0);

	(void)state;
	revoke(2, 0);
	assert_int_equal(released, 0);
	assert_int_equal(ln->state, FBY_LANE_SEEKING);
}

static void
the_reason_and_the_cut_go_along(void **state)
{
	struct fby_lane *ln = grant(0);

	(void)state;
	ln->cut_at = 77;
	fby_grant_drain(ln, FBY_RELEASE_CUT, 0, "the log was cut");
	assert_int_equal(last.reason, FBY_RELEASE_CUT);
	assert_int_equal(last.cut_at, 77);
}

static void
a_draining_worker_is_done_with_its_last_lane(void **state)
{
	(void)state;
	grant(0);
	grant(1);
	w.draining = true;
	fby_grant_drain_all(&w, 60000, "asked to");
	assert_int_equal(released, 2);
	assert_int_equal(exits, 1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_granted_lane_seeks_and_runs_with_the_first_record),
		TEST(a_grant_that_is_not_ours_is_given_back),
		TEST(a_row_that_we_hold_is_not_taken_again),
		TEST(a_worker_that_drains_takes_nothing),
		TEST(a_lane_without_a_queue_ends_at_once),
		TEST(a_revoked_lane_is_released_when_nothing_is_in_flight),
		TEST(at_the_deadline_what_is_in_flight_is_given_up),
		TEST(what_is_due_after_the_deadline_is_not_waited_for),
		TEST(a_second_revoke_only_shortens_the_time),
		TEST(a_revoke_of_another_epoch_is_none_of_ours),
		TEST(the_reason_and_the_cut_go_along),
		TEST(a_draining_worker_is_done_with_its_last_lane),
	};

	return UNIT_RUN(tests);
}
