/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers say of failures, as the master keeps it.  Slot 0 holds row 0
 * in epoch 7; row 1 is nobody's.
 */
#include "t/unit/unit.h"

#include "master/handoff/failure.h"
#include "master/handoff/handoff.h"
#include "shared/base/clock.h"

static struct fby_failures f;
static struct fby_part parts[2];
static struct fby_handoff h = { .parts = parts, .nparts = 2 };

static int
setup(void **state)
{
	(void)state;
	parts[0] = (struct fby_part){ .state = FBY_ROW_HELD, .epoch = 7 };
	parts[1] = (struct fby_part){ .row = 1, .state = FBY_ROW_IDLE };
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fby_failure_fini(&f);
	return 0;
}

static struct fby_msg_failure
message(uint32_t row, uint32_t role, uint64_t epoch, const char *text)
{
	struct fby_msg_failure msg = {
		.row = row,
		.role = role,
		.epoch = epoch,
		.code = -5,
	};

	snprintf(msg.text, sizeof(msg.text), "%s", text);
	return msg;
}

static int
keep(uint32_t slot, struct fby_msg_failure msg)
{
	return fby_failure_keep(&f, &h, slot, &msg);
}

static const char *
text(uint32_t row, enum fby_failure_role role)
{
	const struct fby_failure *one = fby_failure_find(&f, row, role, 0);

	return one ? one->text : NULL;
}

static void
the_last_text_of_each_row_and_role_is_kept(void **state)
{
	(void)state;
	assert_int_equal(keep(0, message(0, FBY_FAILURE_SINK, 7, "a")), 0);
	assert_int_equal(keep(0, message(0, FBY_FAILURE_SINK, 7, "b")), 0);
	assert_int_equal(keep(0, message(0, FBY_FAILURE_SOURCE, 7, "c")), 0);
	assert_int_equal(keep(3, message(FBY_NOROW, FBY_FAILURE_SINK, 0, "d")),
	    0);
	assert_string_equal(text(0, FBY_FAILURE_SINK), "b");
	assert_string_equal(text(0, FBY_FAILURE_SOURCE), "c");
	assert_string_equal(text(FBY_NOROW, FBY_FAILURE_SINK), "d");
	assert_null(text(0, FBY_FAILURE_FALLBACK));
	assert_null(text(1, FBY_FAILURE_SINK));
	assert_null(text(77, FBY_FAILURE_SINK));
	assert_int_equal(fby_failure_find(&f, 0, FBY_FAILURE_SINK, 0)->code,
	    -5);
}

static void
what_came_before_does_not_count(void **state)
{
	(void)state;
	assert_int_equal(keep(0, message(0, FBY_FAILURE_SINK, 7, "a")), 0);
	assert_null(
	    fby_failure_find(&f, 0, FBY_FAILURE_SINK, fby_clock_mono() + 1000));
}

static void
nobody_speaks_of_rows_that_are_not_his(void **state)
{
	(void)state;
	assert_int_equal(keep(1, message(0, FBY_FAILURE_SINK, 7, "slot")), 0);
	assert_int_equal(keep(0, message(0, FBY_FAILURE_SINK, 6, "epoch")), 0);
	assert_int_equal(keep(0, message(1, FBY_FAILURE_SINK, 0, "idle")), 0);
	assert_int_equal(keep(0, message(2, FBY_FAILURE_SINK, 0, "row")), 0);
	assert_null(text(0, FBY_FAILURE_SINK));
	assert_null(text(1, FBY_FAILURE_SINK));
	assert_int_equal(f.stale, 4);
	assert_int_equal(f.taken, 0);
}

static void
a_role_that_is_none_and_a_text_without_an_end_are_refused(void **state)
{
	struct fby_msg_failure msg = message(0, 0, 7, "");

	(void)state;
	assert_int_equal(keep(0, message(0, FBY_FAILURE_NROLES, 7, "role")),
	    -1);
	memset(msg.text, 'x', sizeof(msg.text));
	assert_int_equal(keep(0, msg), -1);
	assert_int_equal(f.taken, 0);
}

static void
what_a_terminal_would_obey_is_escaped(void **state)
{
	(void)state;
	assert_int_equal(keep(0,
			     message(0, FBY_FAILURE_SINK, 7,
				 "\033]0;x\007\n\xff")),
	    0);
	assert_string_equal(text(0, FBY_FAILURE_SINK),
	    "\\x1b]0;x\\x07\\n\\xff");
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_last_text_of_each_row_and_role_is_kept),
		TEST(what_came_before_does_not_count),
		TEST(nobody_speaks_of_rows_that_are_not_his),
		TEST(a_role_that_is_none_and_a_text_without_an_end_are_refused),
		TEST(what_a_terminal_would_obey_is_escaped),
	};

	return UNIT_RUN(tests);
}
