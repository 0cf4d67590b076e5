/* SPDX-License-Identifier: Apache-2.0 */
/*
 * auto.offset.reset: latest means from when the group was first seen: a start
 * that is committed before it is read from, and partitions that were added.
 */
#include "t/unit/unit.h"

#include "t/unit/master/group/offsets_world.h"

static int
set_up_latest(void **state)
{
	if (set_up(state) == -1)
		return -1;
	setting_reset = "latest";
	return 0;
}

/* Nothing is committed of it; the answer with what else is asked for. */
static struct fby_part *
fresh(struct world *w, const char *topic, int32_t partition)
{
	struct fby_part *pt = assigned(w, topic, partition);
	struct fby_survey_part *sp = answer(topic, partition);

	sp->known |= FBY_SURVEY_STABLE;
	sp->stable = 90;
	return pt;
}

static void
is_topic(uint64_t id, int partitions)
{
	ids[0] = (struct fby_topics_id){ .name = (char *)"t",
		.id = id,
		.first = id,
		.partitions = partitions };
}

/* ---- committed before it is read from --------------------------------- */

static void
the_start_is_committed_before_it_is_read_from(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = fresh(w, "t", 0);

	is_topic(7, 3);
	answers[0].watermark = 5000;
	fby_offsets_resolve(&o);
	assert_calls("survey:stable t/0");
	survey_is_answered();
	assert_calls("committed t/0 t/1 t/2");
	committed_is_answered(0);
	/* Not beyond a transaction that is open. */
	assert_calls("commit:t/0@90[fby1 w=5000 t=0000000000000007 n=3]");
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	/* Asked for meanwhile: later. */
	fby_offsets_resolve(&o);
	assert_calls("");
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_starts(pt, 90, 90);
	assert_int_equal(pt->watermark, 5000);
	assert_int_equal(pt->epoch_before, -1);
	assert_int_equal(pt->topic_id, 7);
	assert_int_equal(pt->partitions, 3);
	assert_int_equal(pt->high, 100);
	assert_calls("");
	assert_false(is_asked_again());
}

static void
what_is_not_committed_is_not_read(void **state)
{
	struct fby_part *pt = fresh(*state, "t", 0);

	resolve();
	committed_is_answered(0);
	commit_is_answered(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	assert_has_no_start(pt, "does not take its start");
	assert_non_null(fby_alarm_text(&ctx.alarms, FBY_ALARM_OFFSETS));
	assert_true(is_asked_again());
	/* That the generation has changed is no news for an operator. */
	resolve();
	committed_is_answered(0);
	evtimer_del(&o.ev_retry);
	commit_is_answered(RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_null(pt->no_start);
	assert_null(fby_alarm_text(&ctx.alarms, FBY_ALARM_OFFSETS));
	assert_true(is_asked_again());
	resolve();
	committed_is_answered(0);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_starts(pt, 90, 90);
}

static void
what_librdkafka_does_not_take_is_asked_again(void **state)
{
	struct fby_part *pt = fresh(*state, "t", 0);

	resolve();
	cannot_send = RD_KAFKA_RESP_ERR__STATE;
	committed_is_answered(0);
	assert_calls("no commit");
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_true(is_asked_again());
	cannot_send = RD_KAFKA_RESP_ERR_NO_ERROR;
	fby_offsets_resolve(&o);
	assert_calls("survey:stable t/0");
}

static void
what_has_left_meanwhile_does_not_start(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = fresh(w, "t", 0);

	resolve();
	committed_is_answered(0);
	*calls = '\0';
	fby_handoff_revoke(&w->h, "t", 0, false, 0);
	assigned(w, "t", 0);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_calls("survey:stable t/0");
}

static void
others_start_meanwhile(void **state)
{
	struct fby_part *pt[] = { fresh(*state, "t", 0), fresh(*state, "t", 1),
		fresh(*state, "t", 2) };

	answers[1].committed = 40;
	answers[2].known = 0;
	resolve();
	committed_is_answered(0);
	assert_calls("commit:t/0@90[fby1 n=3]");
	assert_starts(pt[1], 40, 40);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_starts(pt[0], 90, 90);
	/* The third had no answer. */
	assert_int_equal(pt[2]->state, FBY_ROW_RESOLVING);
	assert_true(is_asked_again());
}

static void
what_is_out_of_range_is_committed_first_as_well(void **state)
{
	struct fby_part *pt = fresh(*state, "t", 0);

	answers[0].committed = 5;
	answers[0].epoch = 3;
	resolve();
	assert_calls("");
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(o.resets, 1);
	assert_non_null(sent);
	assert_int_equal(sent->elems[0].offset, 90);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_starts(pt, 90, 90);
	assert_int_equal(pt->epoch_before, -1);
}

static void
uncommitted_records_are_read_over(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);

	answer("t", 0);
	setting_isolation = "read_uncommitted";
	fby_offsets_resolve(&o);
	assert_calls("survey t/0");
	survey_is_answered();
	committed_is_answered(0);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_starts(pt, 100, 100);
	setting_isolation = "read_committed";
	fresh(*state, "t", 1);
	*calls = '\0';
	fby_offsets_resolve(&o);
	assert_calls("survey:stable t/1");
}

static void
a_watermark_of_the_future_is_not_committed(void **state)
{
	struct world *w = *state;

	fresh(w, "t", 0);
	w->h.watermark_limit = 4000;
	answers[0].watermark = 5000;
	resolve();
	committed_is_answered(0);
	assert_calls("commit:t/0@90[fby1 w=4000 n=1]");
}

/* ---- is it a partition that was added? -------------------------------- */

/* Partition 2 of t is fresh; what is committed of partition 0? */
static struct fby_part *
sibling_has(struct world *w, int64_t offset, const char *text)
{
	struct fby_part *pt = fresh(w, "t", 2);

	resolve();
	is_committed_at(0, offset, text);
	committed_is_answered(0);
	return pt;
}

static void
one_that_was_added_starts_at_its_first(void **state)
{
	struct fby_part *pt = sibling_has(*state, 40, "fby1 n=2");

	assert_calls("");
	assert_starts(pt, 10, FBY_NONE);
	assert_int_equal(o.resets, 0);
}

static void
one_that_was_there_starts_at_the_end(void **state)
{
	sibling_has(*state, 40, "fby1 n=3");
	assert_calls("commit:t/2@90[fby1 n=3]");
}

static void
one_of_which_nothing_is_known_may_have_been_added(void **state)
{
	struct fby_part *pt = sibling_has(*state, 0, "of somebody else");

	assert_starts(pt, 10, FBY_NONE);
}

static void
a_group_that_has_not_begun_has_none_added(void **state)
{
	sibling_has(*state, FBY_NONE, "fby1 n=1");
	assert_calls("commit:t/2@90[fby1 n=3]");
}

static void
all_of_a_topic_made_anew_were_added(void **state)
{
	struct fby_part *pt;

	is_topic(8, 3);
	pt = sibling_has(*state, 40, "fby1 t=0000000000000007 n=3");
	assert_starts(pt, 10, FBY_NONE);
}

static void
the_least_of_all_siblings_counts(void **state)
{
	struct fby_part *pt = fresh(*state, "t", 2);

	is_topic(7, 3);
	resolve();
	is_committed_at(0, 40, "fby1 t=0000000000000007 n=3");
	is_committed_at(1, 40, "fby1 n=2");
	committed_is_answered(0);
	assert_starts(pt, 10, FBY_NONE);
}

static void
without_an_answer_of_siblings_it_is_asked_again(void **state)
{
	struct fby_part *pt = fresh(*state, "t", 2);

	resolve();
	committed_is_answered(RD_KAFKA_RESP_ERR__TIMED_OUT);
	assert_calls("");
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_true(is_asked_again());
	resolve();
	asked.list->elems[1].err = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;
	committed_is_answered(0);
	assert_calls("");
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
}

/* What has a committed offset, or acks of ours, needs no siblings. */
static void
only_topics_with_fresh_ones_are_asked_for(void **state)
{
	struct world *w = *state;
	struct fby_part *pt[] = { fresh(w, "s", 0), fresh(w, "t", 0),
		fresh(w, "t", 1), fresh(w, "u", 2), fresh(w, "v", 0) };

	answers[0].committed = 40;
	answers[2].committed = 40;
	pt[4]->resume = 50;
	resolve();
	assert_non_null(asked.list);
	assert_int_equal(asked.list->cnt, 5);
	assert_string_equal(asked.list->elems[0].topic, "t");
	assert_string_equal(asked.list->elems[2].topic, "u");
	/* Each by what is committed of its own topic. */
	is_committed_at(1, 40, "fby1 n=2");
	is_committed_at(2, 40, "fby1 n=1");
	committed_is_answered(0);
	assert_calls("commit:t/0@90[fby1 n=2]");
	assert_starts(pt[0], 40, 40);
	assert_starts(pt[2], 40, 40);
	assert_starts(pt[3], 10, FBY_NONE);
	assert_starts(pt[4], 50, FBY_NONE);
}

static void
with_earliest_no_siblings_are_asked_for(void **state)
{
	struct fby_part *pt = fresh(*state, "t", 2);

	setting_reset = "earliest";
	resolve();
	assert_null(asked.list);
	assert_starts(pt, 10, FBY_NONE);
}

static void
siblings_are_not_waited_for_when_the_client_is_gone(void **state)
{
	fresh(*state, "t", 2);
	resolve();
	/* Asked for meanwhile: later. */
	fby_offsets_resolve(&o);
	assert_calls("");
	fby_offsets_forget(&o);
	assert_calls("forget");
	fby_offsets_resolve(&o);
	assert_calls("survey:stable t/2");
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up_latest, tear_down)
	const struct CMUnitTest tests[] = {
		T(the_start_is_committed_before_it_is_read_from),
		T(what_is_not_committed_is_not_read),
		T(what_librdkafka_does_not_take_is_asked_again),
		T(what_has_left_meanwhile_does_not_start),
		T(others_start_meanwhile),
		T(what_is_out_of_range_is_committed_first_as_well),
		T(uncommitted_records_are_read_over),
		T(a_watermark_of_the_future_is_not_committed),
		T(one_that_was_added_starts_at_its_first),
		T(one_that_was_there_starts_at_the_end),
		T(one_of_which_nothing_is_known_may_have_been_added),
		T(a_group_that_has_not_begun_has_none_added),
		T(all_of_a_topic_made_anew_were_added),
		T(the_least_of_all_siblings_counts),
		T(without_an_answer_of_siblings_it_is_asked_again),
		T(only_topics_with_fresh_ones_are_asked_for),
		T(with_earliest_no_siblings_are_asked_for),
		T(siblings_are_not_waited_for_when_the_client_is_gone),
	};

	return UNIT_RUN(tests);
}
