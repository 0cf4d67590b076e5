/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts: of offsets that may be another topic's, and logs that
 * were cut.
 */
#include "t/unit/unit.h"

#include "t/unit/master/group/offsets_world.h"

/* ---- of which topic? -------------------------------------------------- */

static void
is_topic(uint64_t id, uint64_t first)
{
	ids[0] = (struct fby_topics_id){ .name = (char *)"t",
		.id = id,
		.first = first };
}

static void
an_offset_of_this_topic_is_believed(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	is_topic(7, 7);
	sp->committed = 40;
	sp->of = 7;
	fby_offsets_resolve(&o);
	survey_is_answered();
	assert_calls("survey t/0");
	assert_starts(pt, 40, 40);
	assert_int_equal(pt->topic_id, 7);
}

static void
an_offset_of_the_topic_before_starts_anew(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	is_topic(7, 7);
	sp->committed = 40;
	sp->of = 7;
	sp->epoch = 3;
	/* We have heard of another one than it is of: is that so now? */
	sp->of = 6;
	fby_offsets_resolve(&o);
	survey_is_answered();
	assert_calls("survey t/0 describe");
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	topics_are_described("t");
	assert_starts(pt, 10, FBY_NONE);
	assert_int_equal(pt->epoch_before, -1);
	assert_int_equal(pt->topic_id, 7);
	assert_int_equal(o.resets, 1);
}

static void
a_topic_that_is_not_known_is_asked_for(void **state)
{
	struct fby_part *pt[] = {
		assigned(*state, "a", 0),
		assigned(*state, "t", 0),
		assigned(*state, "t", 1),
		assigned(*state, "u", 0),
		assigned(*state, "b", 0),
	};
	struct fby_survey_part *sp;

	for (size_t i = 0; i < FBY_NELEM(pt); i++) {
		sp = answer(pt[i]->topic, pt[i]->partition);
		sp->committed = 40;
		sp->of = i == 0 ? 0 : 7;
	}
	fby_offsets_resolve(&o);
	assert_calls("survey a/0 t/0 t/1 u/0 b/0");
	survey_is_answered();
	assert_calls("describe");
	/* Asked for meanwhile: later. */
	fby_offsets_resolve(&o);
	assert_calls("");
	is_topic(7, 7);
	topics_are_described("t");
	assert_starts(pt[0], 40, 40);
	assert_starts(pt[1], 40, 40);
	assert_starts(pt[2], 40, 40);
	/* Of these there was no answer. */
	assert_int_equal(pt[3]->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt[4]->state, FBY_ROW_RESOLVING);
	assert_true(is_asked_again());
}

/* Others have committed it, or we before we knew to say of what it is. */
static void
an_offset_that_does_not_say_is_of_the_topic_we_knew(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = assigned(w, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	sp->committed = 40;
	is_topic(8, 7);
	resolve();
	assert_starts(pt, 10, FBY_NONE);
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	/* We have read the one of today. */
	pt = assigned(w, "t", 0);
	assert_int_equal(pt->topic_id, 8);
	resolve();
	assert_starts(pt, 40, 40);
	fby_handoff_revoke(&w->h, "t", 0, true, 0);
	/* Or another one, but brokers before 2.8 have no ids. */
	pt = assigned(w, "t", 0);
	is_topic(0, 7);
	resolve();
	assert_starts(pt, 40, 40);
	assert_int_equal(o.resets, 1);
}

static void
a_topic_made_anew_has_no_start_with_error(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);

	setting_reset = "error";
	is_topic(8, 7);
	answer("t", 0)->committed = 40;
	resolve();
	assert_has_no_start(pt, "deleted and created anew");
	assert_true(is_asked_again());
	assert_int_equal(o.resets, 0);
}

static void
a_topic_made_anew_starts_at_its_first_with_latest(void **state)
{
	struct fby_part *pt = assigned(*state, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	setting_reset = "latest";
	is_topic(8, 7);
	sp->known |= FBY_SURVEY_STABLE;
	sp->stable = 90;
	sp->committed = 40;
	resolve();
	assert_starts(pt, 10, FBY_NONE);
}

static void
what_we_have_begun_of_the_new_topic_goes_on(void **state)
{
	struct fby_part *pt = goes_on(*state);
	struct fby_survey_part *sp = answer("t", 0);

	is_topic(8, 7);
	pt->topic_id = 8;
	sp->committed = 90;
	sp->of = 7;
	fby_offsets_resolve(&o);
	survey_is_answered();
	topics_are_described("t");
	assert_starts(pt, 70, FBY_NONE);
	assert_int_equal(o.resets, 0);
}

/* ---- logs that were cut ----------------------------------------------- */

static void
a_log_that_was_cut_is_read_from_its_end(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = assigned(w, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	is_topic(7, 7);
	sp->committed = 120;
	sp->epoch = 3;
	sp->of = 7;
	fby_offsets_resolve(&o);
	survey_is_answered();
	/* Before anybody reads, or 120 would stay until a record comes. */
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_non_null(strstr(calls, "commit:t/0@100+3["));
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_starts(pt, 100, 100);
	assert_int_equal(pt->epoch_before, 3);
	assert_int_equal(w->h.cuts, 1);
	assert_int_equal(o.resets, 0);
}

static void
a_log_that_ends_with_what_is_committed_was_not_cut(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = assigned(w, "t", 0);
	struct fby_survey_part *sp = answer("t", 0);

	is_topic(7, 7);
	sp->committed = 100;
	sp->epoch = 3;
	resolve();
	assert_starts(pt, 100, 100);
	assert_int_equal(w->h.cuts, 0);
}

static void
without_an_epoch_or_a_topic_it_is_a_reset(void **state)
{
	struct world *w = *state;
	struct fby_part *no_epoch = assigned(w, "t", 0);
	struct fby_part *no_topic = assigned(w, "u", 0);
	struct fby_survey_part *sp = answer("u", 0);

	is_topic(7, 7);
	answer("t", 0)->committed = 120;
	sp->committed = 120;
	sp->epoch = 3;
	resolve();
	assert_starts(no_epoch, 10, FBY_NONE);
	assert_starts(no_topic, 10, FBY_NONE);
	assert_int_equal(w->h.cuts, 0);
	assert_int_equal(o.resets, 2);
}

static void
what_we_have_acked_beyond_the_cut_is_void(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = goes_on(w);
	struct fby_survey_part *sp = answer("t", 0);

	is_topic(7, 7);
	pt->topic_id = 7;
	sp->committed = 40;
	sp->end = 60;
	resolve();
	assert_starts(pt, 60, 40);
	assert_int_equal(w->h.cuts, 1);
}

static void
what_was_committed_beyond_the_cut_is_void(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = goes_on(w);
	struct fby_survey_part *sp = answer("t", 0);

	pt->cut_from = 80;
	pt->cut_at = 50;
	pt->resume = 50;
	sp->committed = 80;
	sp->epoch = 3;
	fby_offsets_resolve(&o);
	survey_is_answered();
	assert_non_null(strstr(calls, "commit:t/0@50["));
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_starts(pt, 50, 50);
	assert_int_equal(pt->epoch_before, -1);
}

static void
what_others_have_committed_since_the_cut_is_not(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = goes_on(w);
	struct fby_survey_part *sp = answer("t", 0);

	pt->cut_from = 80;
	pt->cut_at = 50;
	pt->resume = 50;
	sp->committed = 81;
	sp->epoch = 3;
	resolve();
	assert_starts(pt, 81, 81);
	assert_int_equal(pt->epoch_before, 3);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(an_offset_of_this_topic_is_believed),
		T(an_offset_of_the_topic_before_starts_anew),
		T(a_topic_that_is_not_known_is_asked_for),
		T(an_offset_that_does_not_say_is_of_the_topic_we_knew),
		T(a_topic_made_anew_has_no_start_with_error),
		T(a_topic_made_anew_starts_at_its_first_with_latest),
		T(what_we_have_begun_of_the_new_topic_goes_on),
		T(a_log_that_was_cut_is_read_from_its_end),
		T(a_log_that_ends_with_what_is_committed_was_not_cut),
		T(without_an_epoch_or_a_topic_it_is_a_reset),
		T(what_we_have_acked_beyond_the_cut_is_void),
		T(what_was_committed_beyond_the_cut_is_void),
		T(what_others_have_committed_since_the_cut_is_not),
	};

	return UNIT_RUN(tests);
}
