/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts: by what is committed, or where we know better.
 */
#include "t/unit/unit.h"

#include "t/unit/master/group/offsets_world.h"

/* ---- by what is committed --------------------------------------------- */

static void
what_is_committed_is_where_reading_starts(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = assigned(w, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	sp->committed = 40;
	sp->epoch = 3;
	sp->watermark = 5000;
	sp->partitions = 6;
	fby_offsets_resolve(&o);
	assert_calls("survey t/0");
	survey_is_answered();
	assert_calls("");
	assert_starts(pt, 40, 40);
	assert_int_equal(pt->epoch_before, 3);
	assert_int_equal(pt->watermark, 5000);
	assert_int_equal(pt->committed_watermark, 5000);
	assert_int_equal(pt->log_start, 10);
	assert_int_equal(pt->high, 100);
	assert_int_equal(pt->partitions, 6);
	assert_int_equal(fby_load(&row(w, 0)->partitions), 6);
	assert_false(is_asked_again());
	assert_int_equal(o.resets, 0);
}

static void
without_a_committed_offset_it_starts_at_the_first(void **state)
{
	static const char *const settings[] = {
		NULL,
		"earliest",
		"smallest",
		"beginning",
	};

	for (int32_t i = 0; i < (int32_t)FBY_NELEM(settings); i++) {
		struct fby_part *pt = assigned(*state, "t", i);

		answer("t", i);
		setting_reset = settings[i];
		resolve();
		assert_starts(pt, 10, FBY_NONE);
		assert_int_equal(pt->epoch_before, -1);
	}
	assert_int_equal(o.resets, 0);
}

static void
what_is_out_of_range_is_reset_and_counted(void **state)
{
	struct fby_part *above = assigned(*state, "t", 0);
	struct fby_part *below = assigned(*state, "t", 1);
	struct fby_survey_part *sp;

	answer("t", 0)->committed = 101;
	sp = answer("t", 1);
	sp->committed = 9;
	sp->epoch = 3;
	resolve();
	assert_starts(above, 10, FBY_NONE);
	assert_starts(below, 10, FBY_NONE);
	assert_int_equal(below->epoch_before, -1);
	assert_int_equal(o.resets, 2);
}

static void
with_error_it_has_no_start_and_is_asked_again(void **state)
{
	struct world *w = *state;
	struct fby_part *fresh = assigned(w, "t", 0);
	struct fby_part *old = assigned(w, "t", 1);
	struct fby_survey_part *sp[] = { answer("t", 0), answer("t", 1) };

	setting_reset = "error";
	sp[1]->committed = 9;
	resolve();
	assert_has_no_start(fresh, "no offset is committed");
	assert_has_no_start(old, "no longer has the committed offset");
	assert_true(is_asked_again());
	assert_non_null(strstr(fby_alarm_text(&ctx.alarms, FBY_ALARM_OFFSETS),
	    "t/0: no offset is committed"));
	assert_int_equal(o.resets, 0);
	/* An operator has committed them. */
	sp[0]->committed = 20;
	sp[1]->committed = 30;
	resolve();
	assert_starts(fresh, 20, 20);
	assert_starts(old, 30, 30);
	assert_null(fby_alarm_text(&ctx.alarms, FBY_ALARM_OFFSETS));
}

static void
a_watermark_of_the_future_is_limited_and_counted(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = assigned(w, "t", 0);
	struct fby_part *other = assigned(w, "t", 1);
	struct fby_survey_part *sp = answer("t", 0);

	w->h.watermark_limit = 4000;
	sp->committed = 40;
	sp->watermark = 5000;
	sp = answer("t", 1);
	sp->committed = 40;
	sp->watermark = 4000;
	resolve();
	assert_int_equal(pt->watermark, 4000);
	assert_int_equal(fby_load(&row(w, 0)->future), 1);
	assert_int_equal(other->watermark, 4000);
	assert_int_equal(fby_load(&row(w, 1)->future), 0);
}

/* As many as the broker has told, or as we know of. */
static void
how_many_partitions_there_were_is_kept_from_the_beginning(void **state)
{
	struct world *w = *state;
	struct fby_part *pt[] = {
		assigned(w, "t", 2),
		assigned(w, "u", 0),
		assigned(w, "v", 0),
	};
	struct fby_survey_part *sp;

	answer("t", 2);
	answer("u", 0);
	sp = answer("v", 0);
	sp->committed = 40;
	sp->partitions = 5;
	ids[0] = (struct fby_topics_id){ .name = (char *)"u", .partitions = 4 };
	ids[1] = (struct fby_topics_id){ .name = (char *)"v", .partitions = 8 };
	resolve();
	assert_int_equal(pt[0]->partitions, 3);
	assert_int_equal(pt[1]->partitions, 4);
	assert_int_equal(pt[2]->partitions, 5);
}

/* ---- from where we know better ---------------------------------------- */

/* The ledger of the master before: acked 70, of which 40 were committed. */
static void
is_left(void)
{
	item = (struct fby_recover_item){
		.topic = (char *)"t",
		.committed = 40,
		.acked = 70,
		.watermark = 6000,
		.epoch = 5,
	};
}

static void
what_the_master_before_has_acked_is_not_read_again(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	is_left();
	sp->committed = 55; /* a commit that it did not see confirmed */
	sp->end = 70;
	sp->epoch = 3;
	sp->watermark = 5000;
	resolve();
	assert_starts(pt, 70, 55);
	assert_int_equal(pt->epoch_before, 5);
	assert_int_equal(pt->watermark, 6000);
	assert_int_equal(o.recovered, 1);
	assert_true(item.used);
}

static void
what_it_had_committed_is_no_news(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	is_left();
	sp->committed = 70;
	sp->epoch = 3;
	sp->watermark = 5000;
	resolve();
	assert_starts(pt, 70, 70);
	assert_int_equal(pt->epoch_before, 3);
	assert_int_equal(pt->watermark, 5000);
	assert_int_equal(o.recovered, 0);
}

static void
an_old_ledger_is_not_believed_if(void **state)
{
	static const struct {
		int64_t committed, end;
		uint64_t topic_id;
		enum fby_delivery delivery;
	} cases[] = {
		/* the group has gone on, or back, without us, */
		{ 71, 100, 0, FBY_AT_LEAST_ONCE },
		{ 39, 100, 0, FBY_AT_LEAST_ONCE },
		/* the log ends before, */
		{ 60, 69, 0, FBY_AT_LEAST_ONCE },
		/* it is of a topic before, */
		{ 60, 100, 8, FBY_AT_LEAST_ONCE },
		/* or the transactions know better. */
		{ 60, 100, 0, FBY_EXACTLY_ONCE },
	};
	struct world *w = *state;

	for (size_t i = 0; i < FBY_NELEM(cases); i++) {
		struct fby_part *pt = assigned(w, "t", 0);
		struct fby_survey_part *sp = answer("t", 0);

		is_left();
		item.topic_id = cases[i].topic_id;
		manifest.host.delivery = cases[i].delivery;
		sp->committed = cases[i].committed;
		sp->end = cases[i].end;
		resolve();
		assert_starts(pt, cases[i].committed, cases[i].committed);
		assert_int_equal(pt->watermark, FBY_NONE);
		fby_handoff_revoke(&w->h, "t", 0, true, 0);
		memset(answers, 0, sizeof(answers));
		/* Or it would be what we have kept ourselves. */
		pt->acked = FBY_NONE;
	}
	assert_int_equal(o.recovered, 0);
}

static void
an_old_ledger_of_the_same_topic_is_believed(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);

	is_left();
	item.topic_id = 7;
	item.epoch = -5;
	ids[0] = (struct fby_topics_id){ .name = (char *)"t",
		.id = 7,
		.first = 7 };
	answer("t", 0)->committed = 40;
	resolve();
	assert_starts(pt, 70, 40);
	assert_int_equal(pt->epoch_before, -1);
	assert_int_equal(pt->topic_id, 7);
}

/* It was ours, acked up to 70, and 40 is committed; it has left, and returns.
 */
static struct fby_part *
returns(struct world *w)
{
	struct fby_part *pt = assigned(w, "t", 0);

	pt->acked = 70;
	pt->committed = 40;
	pt->watermark = 6000;
	pt->epoch_before = 5;
	pt->topic_id = 7;
	ids[0] = (struct fby_topics_id){ .name = (char *)"t",
		.id = 7,
		.first = 7 };
	return pt;
}

static void
what_we_had_acked_ourselves_is_not_read_again(void **state)
{
	struct fby_part *pt = returns(*state);
	struct fby_survey_part *sp = answer("t", 0);

	sp->committed = 40;
	sp->end = 70;
	sp->epoch = 3;
	sp->watermark = 5000;
	resolve();
	assert_starts(pt, 70, 40);
	assert_int_equal(pt->epoch_before, 5);
	assert_int_equal(pt->watermark, 6000);
	assert_int_equal(o.recovered, 1);
}

static void
our_own_acks_are_not_believed_if(void **state)
{
	struct world *w = *state;
	struct fby_survey_part *sp = answer("t", 0);

	/* others have committed, */
	struct fby_part *pt = returns(w);

	sp->committed = 41;
	resolve();
	assert_starts(pt, 41, 41);
	/* the log ends before, */
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	returns(w);
	sp->committed = 40;
	sp->end = 69;
	resolve();
	assert_starts(pt, 40, 40);
	/* all of them are committed, */
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	returns(w);
	sp->end = 100;
	sp->committed = pt->committed = 70;
	sp->watermark = 5000;
	resolve();
	assert_starts(pt, 70, 70);
	assert_int_equal(pt->watermark, 5000);
	/* nothing is committed any more, */
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	returns(w);
	sp->committed = pt->committed = FBY_NONE;
	resolve();
	assert_starts(pt, 10, FBY_NONE);
	/* or we do not know of which topic they are. */
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	returns(w);
	ids[0].id = ids[0].first = 0;
	sp->committed = 40;
	resolve();
	assert_starts(pt, 40, 40);
	assert_int_equal(o.recovered, 0);
}

static void
what_could_not_be_committed_yet_counts(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = goes_on(w);
	struct fby_survey_part *sp = answer("t", 0);

	sp->committed = 40;
	sp->epoch = 3;
	sp->watermark = 5000;
	resolve();
	assert_starts(pt, 70, 40);
	assert_int_equal(pt->epoch_before, 5);
	assert_int_equal(pt->watermark, 6000);
	assert_int_equal(pt->resume, FBY_NONE);
	assert_int_equal(o.recovered, 0);
}

static void
what_others_have_committed_beyond_it_counts_more(void **state)
{
	struct fby_part *pt = goes_on(*state);
	struct fby_survey_part *sp = answer("t", 0);

	sp->committed = 80;
	sp->epoch = 3;
	sp->watermark = 7000;
	resolve();
	assert_starts(pt, 80, 80);
	assert_int_equal(pt->epoch_before, 3);
	assert_int_equal(pt->watermark, 7000);
}

static void
before_the_first_commit_our_own_acks_are_a_start(void **state)
{
	struct fby_part *pt = goes_on(*state);

	answer("t", 0);
	resolve();
	assert_starts(pt, 70, FBY_NONE);
	/* What the topic had when the group began is known already. */
	assert_int_equal(pt->partitions, 6);
	assert_int_equal(o.resets, 0);
}

static void
an_old_ledger_below_our_own_acks_is_no_start(void **state)
{
	struct fby_part *pt = goes_on(*state);

	is_left();
	item.acked = 60;
	item.epoch = 4;
	answer("t", 0)->committed = 40;
	resolve();
	assert_starts(pt, 70, 40);
	assert_int_equal(pt->epoch_before, 5);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_committed_is_where_reading_starts),
		T(without_a_committed_offset_it_starts_at_the_first),
		T(what_is_out_of_range_is_reset_and_counted),
		T(with_error_it_has_no_start_and_is_asked_again),
		T(a_watermark_of_the_future_is_limited_and_counted),
		T(how_many_partitions_there_were_is_kept_from_the_beginning),
		T(what_the_master_before_has_acked_is_not_read_again),
		T(what_it_had_committed_is_no_news),
		T(an_old_ledger_is_not_believed_if),
		T(an_old_ledger_of_the_same_topic_is_believed),
		T(what_we_had_acked_ourselves_is_not_read_again),
		T(our_own_acks_are_not_believed_if),
		T(what_could_not_be_committed_yet_counts),
		T(what_others_have_committed_beyond_it_counts_more),
		T(before_the_first_commit_our_own_acks_are_a_start),
		T(an_old_ledger_below_our_own_acks_is_no_start),
	};

	return UNIT_RUN(tests);
}
