/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts: what is asked of the broker, and when.
 */
#include "t/unit/unit.h"

#include "t/unit/master/group/offsets_world.h"

#include "shared/base/clock.h"

/* ---- rounds ----------------------------------------------------------- */

static void
what_was_not_answered_is_asked_for_again(void **state)
{
	struct fby_part *pt[] = {
		assigned(*state, "t", 0),
		assigned(*state, "t", 1),
		assigned(*state, "t", 2),
	};
	struct fby_survey_part *sp = answer("t", 0);

	sp->known = FBY_SURVEY_COMMITTED | FBY_SURVEY_FIRST;
	answer("t", 1)->committed = 40;
	resolve();
	assert_int_equal(pt[0]->state, FBY_ROW_RESOLVING);
	assert_null(pt[0]->no_start);
	assert_starts(pt[1], 40, 40);
	assert_int_equal(pt[2]->state, FBY_ROW_RESOLVING);
	assert_true(is_asked_again());
	fby_offsets_resolve(&o);
	assert_calls("survey t/0 t/2");
}

static void
what_comes_while_one_is_under_way_is_asked_for_afterwards(void **state)
{
	assigned(*state, "t", 0);
	answer("t", 0);
	fby_offsets_resolve(&o);
	assert_calls("survey t/0");
	assigned(*state, "t", 1);
	fby_offsets_resolve(&o);
	assert_calls("");
	survey_is_answered();
	assert_calls("survey t/1");
	assert_false(o.again);
}

static void
an_answer_to_the_round_before_decides_nothing(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = assigned(w, "t", 0);
	struct fby_part *gone = assigned(w, "t", 1);

	answer("t", 0)->committed = 40;
	answer("t", 1)->committed = 40;
	fby_offsets_resolve(&o);
	assert_calls("survey t/0 t/1");
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	assigned(w, "t", 0);
	fby_handoff_revoke(&w->h, "t", 1, false, 0);
	survey_is_answered();
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(gone->state, FBY_ROW_FREE);
	assert_calls("survey t/0");
	survey_is_answered();
	assert_starts(pt, 40, 40);
}

static void
without_a_client_nothing_is_asked(void **state)
{
	assigned(*state, "t", 0);
	group.rk = NULL;
	fby_offsets_resolve(&o);
	assert_calls("");
	group.rk = (rd_kafka_t *)calls;
	fby_offsets_resolve(&o);
	assert_calls("survey t/0");
}

static void
what_is_gone_is_not_waited_for(void **state)
{
	assigned(*state, "t", 0);
	answer("t", 0);
	fby_offsets_group(&o, rd_kafka_topic_partition_list_new(1));
	fby_offsets_resolve(&o);
	fby_offsets_resolve_later(&o);
	assert_calls("committed survey t/0");
	fby_offsets_forget(&o);
	assert_calls("forget");
	assert_null(o.parts);
	assert_null(o.group_call);
	assert_false(is_asked_again());
	fby_offsets_resolve(&o);
	assert_calls("survey t/0");
}

static void
later_is_asked_once(void **state)
{
	assigned(*state, "t", 0);
	fby_offsets_resolve_later(&o);
	fby_offsets_resolve_later(&o);
	event_base_loop(ctx.base, EVLOOP_ONCE);
	assert_calls("survey t/0");
	assert_false(is_asked_again());
}

/* Nothing, nothing, half a second, one, two, ..., at most ten. */
static void
what_cannot_be_read_is_asked_for_more_and_more_seldom(void **state)
{
	static const int64_t waits[] = { 0, 500, 1000, 2000, 4000, 8000, 10000,
		10000 };
	struct fby_part *pt = assigned(*state, "t", 0);

	for (unsigned i = 0; i < FBY_NELEM(waits); i++) {
		int64_t before = fby_clock_mono();

		pt->failures = i + 1;
		pt->ask_at = 0;
		evtimer_del(&o.ev_retry);
		fby_offsets_resolve(&o);
		if (waits[i] == 0) {
			assert_calls("survey t/0");
			survey_is_answered();
			continue;
		}
		assert_true(pt->ask_at >= before + waits[i]);
		assert_true(pt->ask_at <= fby_clock_mono() + waits[i]);
		assert_calls("");
		assert_true(is_asked_again());
		assert_null(o.parts);
		/* And then it is its turn. */
		pt->ask_at = fby_clock_mono();
		fby_offsets_resolve(&o);
		assert_calls("survey t/0");
		survey_is_answered();
	}
}

static void
others_are_not_kept_waiting(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);

	assigned(*state, "t", 1);
	pt->failures = 2;
	fby_offsets_resolve(&o);
	assert_calls("survey t/1");
	assert_true(is_asked_again());
}

/* ---- the watermark of the group --------------------------------------- */

static void
ask_group(int partitions)
{
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new(partitions);
	rd_kafka_topic_partition_list_add_range(list, "t", 0, partitions - 1);
	fby_offsets_group(&o, list);
}

static void
the_watermark_of_the_group_is_the_least(void **state)
{
	struct world *w = *state;

	assert_int_equal(o.group_watermark, FBY_NONE);
	ask_group(3);
	assert_calls("committed t/0 t/1 t/2");
	is_committed_at(0, 40, "fby1 w=6000");
	is_committed_at(1, 0, "fby1 w=5000");
	/* Nothing is committed of the third. */
	committed_is_answered(0);
	assert_int_equal(o.group_watermark, 5000);
	w->h.watermark_limit = 4000;
	ask_group(1);
	is_committed_at(0, 40, "fby1 w=6000");
	committed_is_answered(0);
	assert_int_equal(o.group_watermark, 4000);
	/* One that does not say has none. */
	ask_group(2);
	is_committed_at(0, 40, "fby1 w=3000");
	is_committed_at(1, 40, "of somebody else");
	committed_is_answered(0);
	assert_int_equal(o.group_watermark, FBY_NONE);
}

static void
without_an_answer_it_stays(void **state)
{
	(void)state;
	ask_group(1);
	is_committed_at(0, 40, "fby1 w=6000");
	committed_is_answered(0);
	ask_group(1);
	is_committed_at(0, 40, "fby1 w=7000");
	committed_is_answered(RD_KAFKA_RESP_ERR__TIMED_OUT);
	assert_int_equal(o.group_watermark, 6000);
	ask_group(2);
	is_committed_at(0, 40, "fby1 w=7000");
	is_committed_at(1, 40, "fby1 w=7000");
	asked.list->elems[0].err = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
	committed_is_answered(0);
	assert_int_equal(o.group_watermark, 6000);
	ask_group(1);
	committed_is_answered(0);
	assert_int_equal(o.group_watermark, FBY_NONE);
	*calls = '\0';
	/* One at a time. */
	ask_group(1);
	ask_group(1);
	assert_calls("committed t/0");
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_was_not_answered_is_asked_for_again),
		T(what_comes_while_one_is_under_way_is_asked_for_afterwards),
		T(an_answer_to_the_round_before_decides_nothing),
		T(without_a_client_nothing_is_asked),
		T(what_is_gone_is_not_waited_for),
		T(later_is_asked_once),
		T(what_cannot_be_read_is_asked_for_more_and_more_seldom),
		T(others_are_not_kept_waiting),
		T(the_watermark_of_the_group_is_the_least),
		T(without_an_answer_it_stays),
	};

	return UNIT_RUN(tests);
}
