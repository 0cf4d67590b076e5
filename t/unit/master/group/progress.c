/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which partitions stand still, and what is said of them.  Row 0 is orders/0,
 * held; row 1 is nobody's.  Times are told, so nothing waits.
 */
#include "t/unit/unit.h"

#include <librdkafka/rdkafka.h>

#include "master/base/alarm.h"
#include "shared/base/clock.h"
#include "t/unit/master/fake_master.h"

#define LIMIT 30000

static int64_t now;

static struct fby_ledger_row *
row(uint32_t i)
{
	return &mst.shm.rows[i];
}

static void
pass(int64_t ms)
{
	for (int64_t until = now + ms; now < until;) {
		now += 1000;
		fake_master_tick(now);
	}
}

static const char *
alarm_text(enum fby_alarm a)
{
	return fby_alarm_text(&mst.ctx.alarms, a);
}

static void
say(uint32_t nrow, enum fby_failure_role role, const char *text)
{
	struct fby_msg_failure msg = {
		.row = nrow,
		.role = (uint32_t)role,
	};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	assert_int_equal(fby_failure_keep(&mst.failures, &mst.handoff, 0, &msg),
	    0);
}

static int
setup(void **state)
{
	if (fake_master(state) == -1)
		return -1;
	manifest.host.progress_timeout_ms = LIMIT;
	/* What is said in the test is said now. */
	now = fby_clock_mono();
	mst.handoff.parts[0].acked = 10;
	fby_release(&row(0)->acked, 10);
	fby_store(&row(0)->position, 10);
	fby_store(&row(0)->high, 10);
	fake_master_tick(now);
	return 0;
}

static void
at_the_end_nothing_is_missed(void **state)
{
	(void)state;
	pass(10 * LIMIT);
	assert_null(alarm_text(FBY_ALARM_STUCK));
	assert_false(fby_progress_get(&mst.progress, 0)->is_stuck);
	assert_null(fby_progress_get(&mst.progress, 1));
}

static void
what_is_not_read_is_the_sources(void **state)
{
	(void)state;
	fby_store(&row(0)->high, 20);
	pass(LIMIT - 1000);
	assert_null(alarm_text(FBY_ALARM_STUCK));
	pass(2000);
	assert_non_null(strstr(alarm_text(FBY_ALARM_STUCK),
	    "orders/0 stands still at offset 10 since "));
	assert_non_null(strstr(alarm_text(FBY_ALARM_STUCK),
	    ": no record comes from the broker"));
	say(0, FBY_FAILURE_SOURCE, "the batch has no end");
	pass(1000);
	assert_non_null(
	    strstr(alarm_text(FBY_ALARM_STUCK), ": the batch has no end"));
	assert_null(alarm_text(FBY_ALARM_SINK));
	/* With the cause it goes. */
	fby_release(&row(0)->acked, 11);
	pass(1000);
	assert_null(alarm_text(FBY_ALARM_STUCK));
}

/* librdkafka says once that it is refused, when nothing is to be read yet. */
static void
what_was_said_before_there_was_something_to_read_is_the_reason(void **state)
{
	(void)state;
	say(0, FBY_FAILURE_SOURCE, "topic authorization failed");
	say(FBY_NOROW, FBY_FAILURE_SOURCE, "a broker was away");
	pass(2 * LIMIT);
	fby_store(&row(0)->high, 20);
	pass(LIMIT + 1000);
	assert_non_null(strstr(alarm_text(FBY_ALARM_STUCK),
	    ": topic authorization failed"));
	assert_null(strstr(alarm_text(FBY_ALARM_STUCK), "forebay skip"));
	/* It has read since: whatever it is now, it is not that. */
	fby_release(&row(0)->acked, 11);
	pass(LIMIT + 2000);
	assert_null(
	    strstr(alarm_text(FBY_ALARM_STUCK), "authorization failed"));
}

static void
what_cannot_be_decoded_can_be_skipped(void **state)
{
	struct fby_msg_failure msg = {
		.row = 0,
		.role = FBY_FAILURE_SOURCE,
		.code = RD_KAFKA_RESP_ERR__BAD_MSG,
		.text = "failed CRC32C check",
	};

	(void)state;
	fby_store(&row(0)->high, 20);
	assert_int_equal(fby_failure_keep(&mst.failures, &mst.handoff, 0, &msg),
	    0);
	pass(LIMIT + 1000);
	assert_non_null(strstr(alarm_text(FBY_ALARM_STUCK),
	    ": failed CRC32C check; `forebay skip orders/0@10` goes on "
	    "without that batch"));
	/* Another reason, another remedy. */
	say(0, FBY_FAILURE_SOURCE, "no descriptor is left");
	pass(1000);
	assert_null(strstr(alarm_text(FBY_ALARM_STUCK), "forebay skip"));
}

static void
what_is_in_flight_is_the_roles_that_complains(void **state)
{
	(void)state;
	fby_store(&row(0)->high, 20);
	fby_store(&row(0)->position, 20);
	fby_store(&row(0)->in_flight, 10);
	pass(LIMIT + 1000);
	assert_non_null(strstr(alarm_text(FBY_ALARM_SINK), ": no answer"));
	say(0, FBY_FAILURE_DEAD_LETTER, "too large");
	pass(1000);
	assert_null(alarm_text(FBY_ALARM_SINK));
	assert_non_null(
	    strstr(alarm_text(FBY_ALARM_DEAD_LETTER), ": too large"));
	fby_store(&row(0)->in_flight, 0);
	fby_release(&row(0)->acked, 20);
	pass(1000);
	assert_null(alarm_text(FBY_ALARM_DEAD_LETTER));
}

/* Nothing of it is in flight, and nothing is wrong with its log. */
static void
what_finds_no_room_is_behind_the_sink(void **state)
{
	(void)state;
	fby_store(&row(0)->high, 20);
	fby_store(&row(0)->flags, FBY_ROW_PAUSED);
	mst.ends.parts[0].stable = 20;
	mst.ends.parts[0].stable_at = now;
	pass(LIMIT + 1000);
	assert_null(alarm_text(FBY_ALARM_STUCK));
	assert_non_null(strstr(alarm_text(FBY_ALARM_SINK), "no room for more"));
	say(FBY_NOROW, FBY_FAILURE_SINK, "the sink does not answer");
	pass(1000);
	assert_non_null(
	    strstr(alarm_text(FBY_ALARM_SINK), ": the sink does not answer"));
	assert_null(strstr(alarm_text(FBY_ALARM_SINK), "forebay skip"));
}

static void
a_reason_of_all_is_taken_where_there_is_none_of_its_own(void **state)
{
	(void)state;
	fby_store(&row(0)->in_flight, 1);
	say(FBY_NOROW, FBY_FAILURE_SINK, "login refused");
	pass(LIMIT + 1000);
	assert_non_null(strstr(alarm_text(FBY_ALARM_SINK), ": login refused"));
}

static void
who_has_no_start_offset_for_long_is_stuck(void **state)
{
	(void)state;
	mst.handoff.parts[0].state = FBY_ROW_RESOLVING;
	pass(LIMIT + 1000);
	assert_non_null(strstr(alarm_text(FBY_ALARM_STUCK),
	    "its start offset is not known yet"));
	mst.handoff.parts[0].state = FBY_ROW_FREE;
	pass(1000);
	assert_null(alarm_text(FBY_ALARM_STUCK));
}

static void
reading_and_failing_again_and_again_is_no_progress(void **state)
{
	(void)state;
	fby_store(&row(0)->high, 20);
	for (int64_t i = 0; i < LIMIT; i += 2000) {
		mst.handoff.parts[0].state = FBY_ROW_RESOLVING;
		pass(1000);
		mst.handoff.parts[0].state = FBY_ROW_HELD;
		mst.handoff.parts[0].epoch++;
		pass(1000);
	}
	pass(1000);
	assert_non_null(alarm_text(FBY_ALARM_STUCK));
}

static void
behind_an_open_transaction_nothing_is_missed(void **state)
{
	(void)state;
	fby_store(&row(0)->flags, FBY_ROW_AT_END);
	fby_store(&row(0)->high, 20);
	for (int i = 0; i < LIMIT / 1000 + 5; i++) {
		mst.ends.parts[0].stable = 10;
		mst.ends.parts[0].stable_at = now;
		pass(1000);
	}
	assert_null(alarm_text(FBY_ALARM_STUCK));
	/* It is committed, and still not read. */
	for (int i = 0; i < LIMIT / 1000 + 5; i++) {
		mst.ends.parts[0].stable = 20;
		mst.ends.parts[0].stable_at = now;
		pass(1000);
	}
	assert_non_null(alarm_text(FBY_ALARM_STUCK));
}

static void
while_the_master_stood_still_nobody_did(void **state)
{
	(void)state;
	fby_store(&row(0)->high, 20);
	pass(2000);
	now += 10 * LIMIT;
	pass(2000);
	assert_null(alarm_text(FBY_ALARM_STUCK));
	pass(LIMIT);
	assert_non_null(alarm_text(FBY_ALARM_STUCK));
}

static void
several_are_counted_and_the_oldest_named(void **state)
{
	(void)state;
	fby_store(&row(0)->high, 20);
	pass(5000);
	mst.handoff.parts[1].state = FBY_ROW_HELD;
	fby_release(&row(1)->acked, 5);
	fby_store(&row(1)->high, 9);
	pass(LIMIT + 5000);
	assert_non_null(strstr(alarm_text(FBY_ALARM_STUCK),
	    "2 partitions stand still, the first of them orders/0 at offset "
	    "10 since "));
}

static void
an_end_that_nobody_has_told_for_long_is_unknown(void **state)
{
	(void)state;
	mst.handoff.parts[0].committed = 10;
	fby_store(&row(0)->high, 20);
	assert_int_equal(fby_ends_lag(&mst.ends, 0, now), 10);
	pass(1000);
	assert_int_equal(fby_ends_lag(&mst.ends, 0, now), 10);
	assert_int_equal(fby_ends_lag(&mst.ends, 0, now + 5999), 10);
	assert_int_equal(fby_ends_lag(&mst.ends, 0, now + 6001), FBY_NONE);
	assert_int_equal(fby_ends_lag(&mst.ends, 1, now), FBY_NONE);
	assert_int_equal(fby_ends_lag(&mst.ends, 99, now), FBY_NONE);
}

#undef TEST
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, fake_master_gone)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(at_the_end_nothing_is_missed),
		TEST(what_is_not_read_is_the_sources),
		TEST(
		    what_was_said_before_there_was_something_to_read_is_the_reason),
		TEST(what_cannot_be_decoded_can_be_skipped),
		TEST(what_is_in_flight_is_the_roles_that_complains),
		TEST(what_finds_no_room_is_behind_the_sink),
		TEST(a_reason_of_all_is_taken_where_there_is_none_of_its_own),
		TEST(who_has_no_start_offset_for_long_is_stuck),
		TEST(reading_and_failing_again_and_again_is_no_progress),
		TEST(behind_an_open_transaction_nothing_is_missed),
		TEST(while_the_master_stood_still_nobody_did),
		TEST(several_are_counted_and_the_oldest_named),
		TEST(an_end_that_nobody_has_told_for_long_is_unknown),
	};

	return UNIT_RUN(tests);
}
