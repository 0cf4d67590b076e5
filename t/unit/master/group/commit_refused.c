/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the ledger to the broker: commits that are refused, all of them or those
 * of one topic.
 */
#include "t/unit/unit.h"

#include "t/unit/master/group/commit_world.h"

/* Until a partition is let go without its last commit. */
#define TRIES 50

/* ---- refused ---------------------------------------------------------- */

static void
a_refusal_is_an_alarm_until_something_is_committed(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	fby_commit_now(&c);
	*calls = '\0';
	commit_is_answered(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	assert_calls("");
	assert_int_equal(c.errors, 1);
	assert_int_equal(c.commits, 0);
	assert_int_equal(pt->committed, 100);
	assert_string_equal(alarm_of(FBY_ALARM_COMMIT), "error 30");
	assert_null(alarm_of(FBY_ALARM_PARTITION_COMMIT));
	assert_true(is_next_soon());
	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(c.errors, 1);
	assert_int_equal(pt->committed, 150);
	assert_null(alarm_of(FBY_ALARM_COMMIT));
	assert_false(is_next_soon());
}

static void
a_generation_that_has_passed_is_no_failure_once(void **state)
{
	static const rd_kafka_resp_err_t errors[] = {
		RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION,
		RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH,
		RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS,
	};

	read_up_to(*state, "t", 0, 150);
	for (size_t i = 0; i < FBY_NELEM(errors); i++) {
		c.handoff->parts[0].refusals = 0;
		c.handoff->parts[0].committed = 100;
		fby_commit_now(&c);
		commit_is_answered(errors[i]);
		assert_null(alarm_of(FBY_ALARM_COMMIT));
		assert_null(alarm_of(FBY_ALARM_PARTITION_COMMIT));
		assert_true(is_next_soon());
		fby_commit_now(&c);
		commit_is_answered(errors[i]);
		assert_non_null(alarm_of(FBY_ALARM_COMMIT));
		fby_commit_now(&c);
		commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
		assert_null(alarm_of(FBY_ALARM_COMMIT));
	}
}

/* Others were committed before: the refusal of all is not one of some. */
static void
what_concerns_the_group_is_the_alarm_of_all(void **state)
{
	struct world *w = *state;

	read_up_to(w, "t", 0, 150);
	read_up_to(w, "t", 1, 100);
	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	assert_string_equal(alarm_of(FBY_ALARM_COMMIT), "error 15");
	assert_null(alarm_of(FBY_ALARM_PARTITION_COMMIT));
}

static void
a_refusal_of_what_is_ours_no_longer_is_forgotten(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	assert_non_null(alarm_of(FBY_ALARM_COMMIT));
	pt->lost = true;
	fby_commit_now(&c);
	assert_null(alarm_of(FBY_ALARM_COMMIT));
	assert_int_equal(pt->refusals, 0);
	assert_int_equal(c.refusal, 0);
	/* Also if that happens while it is under way. */
	pt->lost = false;
	fby_commit_now(&c);
	pt->lost = true;
	commit_is_answered(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	assert_null(alarm_of(FBY_ALARM_COMMIT));
}

static void
a_refusal_of_what_others_have_committed_is_forgotten(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = read_up_to(w, "t", 0, 150);

	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED);
	assert_non_null(alarm_of(FBY_ALARM_COMMIT));
	pt->committed = 150;
	fby_commit_now(&c);
	assert_int_equal(pt->refusals, 0);
	assert_null(alarm_of(FBY_ALARM_COMMIT));
}

static void
what_leaves_waits_for_so_many_refusals(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = waits(w, "t", 150);

	for (int i = 1; i < TRIES; i++) {
		fby_commit_now(&c);
		commit_is_answered(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
		assert_int_equal(pt->state, FBY_ROW_RELEASED);
		assert_true(is_next_soon());
	}
	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(pt->committed, 100);
	assert_int_equal(c.given_up, 1);
	assert_null(alarm_of(FBY_ALARM_COMMIT));
}

static void
what_leaves_is_free_when_it_is_committed(void **state)
{
	struct world *w = *state;
	struct fby_part *pt = waits(w, "t", 150);

	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(pt->committed, 150);
	assert_int_equal(c.given_up, 0);
}

static void
no_member_is_not_tried_again(void **state)
{
	static const rd_kafka_resp_err_t errors[] = {
		RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID,
		RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID,
		RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH,
	};
	struct world *w = *state;

	for (size_t i = 0; i < FBY_NELEM(errors); i++) {
		struct fby_part *pt = waits(w, "t", 150);

		fby_commit_now(&c);
		commit_is_answered(errors[i]);
		assert_int_equal(pt->state, FBY_ROW_FREE);
		assert_int_equal(c.given_up, i + 1);
	}
}

/* ---- topic by topic --------------------------------------------------- */

/* Both refused in one request, for what may be one's fault alone. */
static void
refuse_both(struct world *w)
{
	read_up_to(w, "t", 0, 150);
	read_up_to(w, "u", 0, 120);
	read_up_to(w, "t", 1, 130);
	fby_commit_now(&c);
	*calls = '\0';
	commit_is_answered(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	/* That was not an answer to any of them. */
	assert_int_equal(c.errors, 0);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4] "
		     "commit:t/1@130[fby1 t=0000000000000007 n=4]");
}

static void
one_topic_that_is_refused_stops_no_other(void **state)
{
	struct world *w = *state;

	refuse_both(w);
	commit_is_answered(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_calls("commit:u/0@120[fby1 t=0000000000000007 n=4]");
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	/* All were tried once; the next round comes with the interval. */
	assert_calls("allowed");
	assert_int_equal(w->h.parts[0].committed, 100);
	assert_int_equal(w->h.parts[1].committed, 120);
	assert_string_equal(alarm_of(FBY_ALARM_PARTITION_COMMIT),
	    "t/0 and 1 more: error 29; the others are committed");
	assert_null(alarm_of(FBY_ALARM_COMMIT));
	assert_false(is_next_soon());
	/* And goes topic by topic, too, */
	in_flight(w, 1, 140, 150);
	fby_commit_now(&c);
	assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4] "
		     "commit:t/1@130[fby1 t=0000000000000007 n=4]");
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_calls("allowed commit:u/0@140[fby1 t=0000000000000007 n=4]");
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_calls("allowed");
	assert_null(alarm_of(FBY_ALARM_PARTITION_COMMIT));
	/* until none is refused any more. */
	in_flight(w, 0, 151, 160);
	in_flight(w, 1, 141, 150);
	fby_commit_now(&c);
	assert_calls("commit:t/0@151[fby1 t=0000000000000007 n=4] "
		     "commit:u/0@141[fby1 t=0000000000000007 n=4]");
}

static void
a_partition_that_is_refused_is_named(void **state)
{
	refuse_both(*state);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	commit_is_answered(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_string_equal(alarm_of(FBY_ALARM_PARTITION_COMMIT),
	    "u/0: error 3; the others are committed");
}

/* Those of the topics behind the first are not put off. */
static void
watermarks_are_committed_of_each_topic(void **state)
{
	struct world *w = *state;

	refuse_both(w);
	in_flight(w, 1, 100, 110);
	fby_release(&row(w, 1)->watermark, 5000);
	c.watermark_at = 0;
	commit_is_answered(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_calls("commit:u/0@100[fby1 w=5000 t=0000000000000007 n=4]");
	assert_int_equal(c.watermark_at, 0);
}

static void
the_errors_of_a_topic_are_these(void **state)
{
	static const rd_kafka_resp_err_t errors[] = {
		RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
		RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
		RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID,
		RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION,
		RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE,
		RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE,
	};
	struct world *w = *state;

	read_up_to(w, "t", 0, 150);
	read_up_to(w, "u", 0, 120);
	for (size_t i = 0; i < FBY_NELEM(errors); i++) {
		c.by_topic = false;
		fby_commit_now(&c);
		*calls = '\0';
		commit_is_answered(errors[i]);
		assert_true(c.by_topic);
		assert_calls("commit:t/0@150[fby1 t=0000000000000007 n=4]");
		commit_is_lost();
		fby_commit_forget(&c);
	}
	fby_commit_now(&c);
	commit_is_answered(RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE);
	assert_false(c.by_topic);
}

static void
a_topic_that_is_alone_is_not_sent_twice(void **state)
{
	struct world *w = *state;

	read_up_to(w, "t", 0, 150);
	read_up_to(w, "t", 1, 150);
	fby_commit_now(&c);
	*calls = '\0';
	commit_is_answered(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	assert_calls("");
	assert_false(c.by_topic);
	assert_int_equal(c.errors, 1);
	assert_true(is_next_soon());
}

static void
topics_that_are_all_refused_are_the_alarm_of_all(void **state)
{
	struct world *w = *state;

	refuse_both(w);
	commit_is_answered(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	commit_is_answered(RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART);
	assert_string_equal(alarm_of(FBY_ALARM_COMMIT), "error 29");
	assert_null(alarm_of(FBY_ALARM_PARTITION_COMMIT));
	assert_true(c.by_topic);
}

static void
what_leaves_of_a_refused_topic_is_tried_soon(void **state)
{
	struct world *w = *state;
	struct fby_part *pt;

	refuse_both(w);
	pt = &w->h.parts[0];
	fby_handoff_revoke(&w->h, "t", 0, false, 1000);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_REVOKED);
	commit_is_answered(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	commit_is_answered(RD_KAFKA_RESP_ERR_NO_ERROR);
	assert_true(is_next_soon());
	for (int i = 1; i < TRIES; i++) {
		assert_int_equal(pt->state, FBY_ROW_RELEASED);
		fby_commit_now(&c);
		commit_is_answered(
		    RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
	}
	assert_int_equal(pt->state, FBY_ROW_FREE);
	assert_int_equal(c.given_up, 1);
}

int
main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_refusal_is_an_alarm_until_something_is_committed),
		T(a_generation_that_has_passed_is_no_failure_once),
		T(what_concerns_the_group_is_the_alarm_of_all),
		T(a_refusal_of_what_is_ours_no_longer_is_forgotten),
		T(a_refusal_of_what_others_have_committed_is_forgotten),
		T(what_leaves_waits_for_so_many_refusals),
		T(what_leaves_is_free_when_it_is_committed),
		T(no_member_is_not_tried_again),
		T(one_topic_that_is_refused_stops_no_other),
		T(a_partition_that_is_refused_is_named),
		T(watermarks_are_committed_of_each_topic),
		T(the_errors_of_a_topic_are_these),
		T(a_topic_that_is_alone_is_not_sent_twice),
		T(topics_that_are_all_refused_are_the_alarm_of_all),
		T(what_leaves_of_a_refused_topic_is_tried_soon),
	};

	return UNIT_RUN(tests);
}
