/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the ledger to the broker: what is committed, and when.
 */
#include "t/unit/unit.h"

#include "t/unit/master/group/commit_world.h"

#include "shared/base/clock.h"

/* ---- what is committed ------------------------------------------------ */

static void
what_is_acked_is_committed_with_what_is_known_of_it(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	fby_store(&row(w, 0)->leader_epoch, 3);
	fby_release(&row(w, 0)->watermark, 5000);
	assert_int_equal(fby_commit_behind(&c), 1);
	fby_commit_now(&c);
	assert_calls("commit:t/0@150+3[fby1 w=5000 t=0000000000000007 n=4]");
	/* Only what the broker confirms is committed. */
	assert_int_equal(pt->committed, 100);
	assert_int_equal(c.commits, 0);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_calls("allowed");
	assert_int_equal(pt->committed, 150);
	assert_int_equal(pt->committed_watermark, 5000);
	assert_int_equal(fby_load(&row(w, 0)->committed), 150);
	assert_int_equal(c.commits, 1);
	assert_int_equal(fby_commit_behind(&c), 0);
	assert_false(is_next_soon());
	assert_true(c.watermark_at == INT64_MAX);
}

/* It has died, and there is no other yet. */
static void
what_a_holder_has_left_is_committed(void **state)
{
	struct world *w = *state;

	read_up_to(w, "t", 0, 150);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_IDLE);
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4]");
}

static void
each_interval_something_is_sent(void **state)
{
	read_up_to(*state, "t", 0, 150);
	manifest.host.commit_interval_ms = 1;
	fby_commit_rearm(&c);
	event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4]");
}

static void
what_is_committed_is_not_committed_again(void **state)
{
	(void)read_up_to(*state, "t", 0, 100);
	fby_commit_now(&c);
	assert_calls("");
	assert_false(is_next_soon());
}

static void
all_partitions_are_one_request(void **state)
{
	struct world *w = *state;

	read_up_to(w, "t", 0, 150);
	read_up_to(w, "t", 1, 100);
	read_up_to(w, "u", 0, 120);
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4] "
		     "commit:u/0@120[fby1 t=0000000000000007 n=4]");
}

static void
a_watermark_alone_is_committed_now_and_then(void **state)
{
	struct world *w = *state;

	read_up_to(w, "t", 0, 100);
	fby_release(&row(w, 0)->watermark, 5000);
	fby_commit_now(&c);
	assert_calls("");
	c.watermark_at = fby_clock_mono();
	fby_commit_now(&c);
	assert_calls("commit:t/0@100[fby1 w=5000 t=0000000000000007 n=4]");
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_true(c.watermark_at > fby_clock_mono());
	/* One that has not moved is not. */
	*calls = '\0';
	c.watermark_at = fby_clock_mono();
	fby_commit_now(&c);
	assert_calls("");
}

static void
the_last_watermark_of_a_partition_that_leaves_is_committed(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = waits(w, "t", 150);

	pt->committed = 150;
	pt->watermark = 5000;
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 w=5000 t=0000000000000007 n=4]");
}

static void
what_is_of_another_holder_or_topic_is_not_committed(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	pt->lost = true;
	fby_commit_now(&c);
	assert_calls("");
	assert_int_equal(fby_commit_behind(&c), 0);
	pt->lost = false;
	pt->anew = true;
	fby_commit_now(&c);
	assert_calls("");
	pt->anew = false;
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4]");
}

/* Its holder could not read it, or the log was cut, and it is resolved anew. */
static void
acks_of_before_are_committed_while_a_start_is_asked_for(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_FAILED);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4]");
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(pt->committed, 150);
}

static void
nothing_is_committed_of_a_log_that_was_cut(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	pt->committed = 140;
	fby_handoff_cut(&w->h, 2, 0, pt->epoch, 120);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_CUT);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->cut_from, 140);
	/* So that there would be something. */
	pt->committed = 110;
	fby_commit_now(&c);
	assert_calls("");
	pt->cut_from = FBY_NONE;
	fby_commit_now(&c);
	assert_calls("commit:t/0@120[fby1 t=0000000000000007 n=4]");
}

static void
a_ledger_that_cannot_be_is_not_believed(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 1001);

	fby_commit_now(&c);
	assert_calls("");
	assert_int_equal(c.refused, 1);
	assert_int_equal(c.given_up, 0);
	assert_int_equal(pt->state, FBY_ROW_HELD);
	fby_release(&row(w, 0)->acked, 99);
	fby_commit_now(&c);
	assert_calls("");
	assert_int_equal(c.refused, 2);
	fby_release(&row(w, 0)->acked, 1000);
	fby_commit_now(&c);
	assert_calls("commit:t/0@1000[fby1 t=0000000000000007 n=4]");
	assert_int_equal(c.refused, 2);
}

static void
what_leaves_and_is_not_believed_is_let_go(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = waits(w, "t", 150);

	pt->high = 149;
	fby_commit_now(&c);
	assert_calls("");
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(pt->committed, 100);
	assert_int_equal(c.given_up, 1);
}

/* It has a start, of which the group knows nothing, and nothing was read. */
static void
what_leaves_without_an_ack_is_not_counted(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 100);

	pt->committed = FBY_NONE;
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_RELEASED);
	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(c.given_up, 0);
}

static void
what_a_holder_before_has_acked_is_counted(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(pt->start, 150);
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(c.given_up, 1);
}

/* ---- one at a time ---------------------------------------------------- */

static void
what_is_asked_for_meanwhile_is_sent_after_the_answer(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	fby_commit_now(&c);
	*calls = '\0';
	in_flight(w, 0, 170, 180);
	fby_commit_now(&c);
	assert_calls("");
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(pt->committed, 150);
	assert_calls("allowed commit:t/0@170[fby1 t=0000000000000007 n=4]");
	assert_false(c.again);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_calls("allowed");
}

static void
what_is_asked_for_meanwhile_waits_after_a_refusal(void **state)
{
	read_up_to(*state, "t", 0, 150);
	fby_commit_now(&c);
	fby_commit_now(&c);
	*calls = '\0';
	commit_is_answered(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	assert_calls("");
	assert_true(is_next_soon());
}

static void
without_a_client_nothing_is_sent(void **state)
{
	static const enum fby_group_state states[] = {
		FBY_GROUP_CLOSED,
		FBY_GROUP_LEAVING,
	};

	read_up_to(*state, "t", 0, 150);
	for (size_t i = 0; i < FBY_NELEM(states); i++) {
		group.state = states[i];
		evtimer_del(&c.ev_timer);
		fby_commit_now(&c);
		assert_calls("");
		assert_false(is_next_soon());
	}
	group.state = FBY_GROUP_JOINING;
	group.rk = NULL;
	fby_commit_now(&c);
	assert_calls("");
	group.rk = (rd_kafka_t *)calls;
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4]");
}

static void
what_librdkafka_does_not_take_is_sent_again(void **state)
{
	read_up_to(*state, "t", 0, 150);
	cannot_send = RD_KAFKA_RESP_ERR__STATE;
	evtimer_del(&c.ev_timer);
	fby_commit_now(&c);
	assert_calls("no commit");
	assert_false(is_next_soon());
	cannot_send = RD_KAFKA_RESP_ERR_NO_ERROR;
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4]");
}

static void
an_answer_that_will_not_come_is_not_waited_for(void **state)
{
	struct world *w = *state;

	read_up_to(w, "t", 0, 150);
	fby_commit_now(&c);
	fby_commit_now(&c);
	commit_is_lost();
	evtimer_del(&c.ev_timer);
	fby_commit_forget(&c);
	assert_false(c.again);
	assert_false(is_next_soon());
	*calls = '\0';
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4]");
}

/* Resolved anew since it was sent: the answer says nothing of where it is. */
static void
an_answer_to_the_round_before_confirms_nothing(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	fby_commit_now(&c);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_RANGE);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(pt->committed, 100);
}

/* ---- rights, and exactly once ----------------------------------------- */

static void
one_is_committed_anew_to_see_if_it_is_allowed_again(void **state)
{
	struct world *w = *state;

	read_up_to(w, "t", 0, 100);
	read_up_to(w, "t", 1, 100);
	group.health.unauthorized = calls;
	fby_commit_now(&c);
	assert_calls("commit:t/0@100[fby1 t=0000000000000007 n=4]");
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_calls("allowed");
	group.health.unauthorized = NULL;
	fby_commit_now(&c);
	assert_calls("");
}

static void
with_exactly_once_the_workers_have_committed(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	manifest.host.delivery = FBY_EXACTLY_ONCE;
	fby_release(&row(w, 0)->watermark, 5000);
	evtimer_del(&c.ev_timer);
	fby_commit_now(&c);
	assert_calls("");
	assert_int_equal(pt->committed, 150);
	assert_int_equal(pt->committed_watermark, 5000);
	assert_false(is_next_soon());
	/* What leaves waits for nothing. */
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	in_flight(w, 0, 170, 170);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_REVOKED);
	assert_int_equal(pt->state, FBY_ROW_RELEASED);
	fby_commit_now(&c);
	assert_int_equal(pt->committed, 170);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_calls("");
}

static void
with_exactly_once_the_ledger_is_not_believed_either(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 1001);

	manifest.host.delivery = FBY_EXACTLY_ONCE;
	fby_commit_now(&c);
	assert_int_equal(pt->committed, 100);
	assert_int_equal(c.refused, 1);
	/* Nor is what nobody holds, or what is not resolved yet. */
	in_flight(w, 0, 150, 160);
	fby_handoff_holder_gone(&w->h, 2);
	assert_int_equal(pt->state, FBY_ROW_IDLE);
	fby_commit_now(&c);
	assert_int_equal(pt->committed, 100);
	plan(w, slot2, yes, 1);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_RANGE);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	fby_commit_now(&c);
	assert_int_equal(pt->committed, 100);
	/* Nor what leaves, which is let go. */
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	assert_int_equal(pt->state, FBY_ROW_RELEASED);
	pt->high = 149;
	fby_commit_now(&c);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(pt->committed, 100);
	assert_int_equal(c.given_up, 1);
}

static void
another_interval_is_taken_at_once(void **state)
{
	(void)state;
	assert_false(is_next_soon());
	manifest.host.commit_interval_ms = 1000;
	fby_commit_rearm(&c);
	assert_true(is_next_soon());
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_acked_is_committed_with_what_is_known_of_it),
		T(what_a_holder_has_left_is_committed),
		T(each_interval_something_is_sent),
		T(what_is_committed_is_not_committed_again),
		T(all_partitions_are_one_request),
		T(a_watermark_alone_is_committed_now_and_then),
		T(the_last_watermark_of_a_partition_that_leaves_is_committed),
		T(what_is_of_another_holder_or_topic_is_not_committed),
		T(acks_of_before_are_committed_while_a_start_is_asked_for),
		T(nothing_is_committed_of_a_log_that_was_cut),
		T(a_ledger_that_cannot_be_is_not_believed),
		T(what_leaves_and_is_not_believed_is_let_go),
		T(what_leaves_without_an_ack_is_not_counted),
		T(what_a_holder_before_has_acked_is_counted),
		T(what_is_asked_for_meanwhile_is_sent_after_the_answer),
		T(what_is_asked_for_meanwhile_waits_after_a_refusal),
		T(without_a_client_nothing_is_sent),
		T(what_librdkafka_does_not_take_is_sent_again),
		T(an_answer_that_will_not_come_is_not_waited_for),
		T(an_answer_to_the_round_before_confirms_nothing),
		T(one_is_committed_anew_to_see_if_it_is_allowed_again),
		T(with_exactly_once_the_workers_have_committed),
		T(with_exactly_once_the_ledger_is_not_believed_either),
		T(another_interval_is_taken_at_once),
	};

	return UNIT_RUN(tests);
}
