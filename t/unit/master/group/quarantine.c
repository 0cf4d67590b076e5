/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `skip` understands, and what the alarm says.
 */
#include "t/unit/unit.h"

#include "master/group/quarantine.h"
#include "t/unit/master/fake_master.h"

static char said[512];

static void
on_answer(struct fby_control_conn *conn, bool ok, const char *text)
{
	(void)conn;
	assert_false(ok);
	snprintf(said, sizeof(said), "%s", text);
}

static void
init(void)
{
	fby_quarantine_init(&mst.quarantine, &mst.ctx, &mst.handoff,
	    &mst.progress, on_answer);
}

/* NULL, or what is not understood. */
static bool
parses(const char *line, const char *topic, int32_t partition, int64_t offset)
{
	char text[128];
	int32_t p;
	int64_t o;

	snprintf(text, sizeof(text), "%s", line);
	return fby_quarantine_parse(text, &p, &o) == 0 &&
	    strcmp(text, topic) == 0 && p == partition && o == offset;
}

static void
a_record_is_named_by_topic_partition_and_offset(void **state)
{
	static const char *const wrong[] = { "", "orders", "orders/3",
		"orders@3", "/3@4", "orders/3@", "orders/@4", "orders/x@4",
		"orders/3@-4", "orders/-3@4", "orders/3@4 ", "orders/3@4x",
		"orders/99999999999@4", "orders/3@9999999999999999999999" };
	char text[64];
	int32_t p;
	int64_t o;

	(void)state;
	assert_true(parses("orders/3@234", "orders", 3, 234));
	assert_true(parses("a.b_c-d/0@0", "a.b_c-d", 0, 0));
	assert_true(parses("orders/2147483647@9000000000", "orders", INT32_MAX,
	    INT64_C(9000000000)));
	for (size_t i = 0; i < FBY_NELEM(wrong); i++) {
		snprintf(text, sizeof(text), "%s", wrong[i]);
		assert_int_equal(fby_quarantine_parse(text, &p, &o), -1);
	}
}

static void
what_is_not_ours_cannot_be_skipped(void **state)
{
	(void)state;
	init();
	fby_quarantine_skip(&mst.quarantine, NULL, "uid 0", "nonsense");
	assert_string_equal(said,
	    "which record?  `skip TOPIC/PARTITION@OFFSET`, for instance `skip "
	    "orders/3@234`");
	fby_quarantine_skip(&mst.quarantine, NULL, "uid 0", "orders/1@5");
	assert_string_equal(said, "orders/1 is not assigned to this host");
	fby_quarantine_skip(&mst.quarantine, NULL, "uid 0", "sold/0@5");
	assert_string_equal(said, "sold/0 is not assigned to this host");
}

static const char *
poison_alarm(void)
{
	return fby_alarm_text(&mst.ctx.alarms, FBY_ALARM_POISON);
}

static void
hold_back(uint32_t i, int64_t offset)
{
	mst.handoff.parts[i].state = FBY_ROW_QUARANTINED;
	mst.handoff.parts[i].poison.culprit = offset;
	mst.handoff.parts[i].poison.kills = 3;
}

static void
the_alarm_says_which_and_what_to_do(void **state)
{
	(void)state;
	init();
	hold_back(1, 234);
	fby_quarantine_alarm(&mst.quarantine);
	assert_string_equal(poison_alarm(),
	    "orders/1 is held back at offset 234: the record has killed its "
	    "worker 3 times; `forebay skip orders/1@234` goes on without it");
	hold_back(0, 7);
	fby_quarantine_alarm(&mst.quarantine);
	assert_string_equal(poison_alarm(),
	    "2 partitions are held back, the first of them orders/0 at offset "
	    "7: the record has killed its worker 3 times; `forebay "
	    "skip orders/0@7` goes on without it");
	mst.handoff.parts[0].state = mst.handoff.parts[1].state = FBY_ROW_IDLE;
	fby_quarantine_alarm(&mst.quarantine);
	assert_null(poison_alarm());
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_record_is_named_by_topic_partition_and_offset),
		TEST(what_is_not_ours_cannot_be_skipped),
		TEST(the_alarm_says_which_and_what_to_do),
	};

	return UNIT_RUN(tests);
}
