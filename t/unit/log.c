/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be in a line of the log, and how many there are.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <unistd.h>

#include "shared/log.h"

#define TEXT_BYTES (1 << 20)

static char text[TEXT_BYTES];
static int saved = -1, pipe_fds[2];

/* Standard error is a pipe that takes all of it. */
static int
capture(void **state)
{
	(void)state;
	saved = dup(STDERR_FILENO);
	if (saved == -1 || pipe2(pipe_fds, O_NONBLOCK) == -1 ||
	    fcntl(pipe_fds[1], F_SETPIPE_SZ, TEXT_BYTES) == -1 ||
	    dup2(pipe_fds[1], STDERR_FILENO) == -1)
		return -1;
	fby_log_init("unit");
	fby_log_set_level(FBY_LOG_INFO);
	return 0;
}

static int
release(void **state)
{
	(void)state;
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

static const char *
said(void)
{
	ssize_t n = read(pipe_fds[0], text, sizeof(text) - 1);

	text[FBY_MAX(n, 0)] = '\0';
	return text;
}

static size_t
lines_with(const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void
a_line_has_nothing_that_a_terminal_acts_on(void **state)
{
	(void)state;
	fby_warn("%s",
	    "a\033]0;title\007b\rc\x7f\nd \xc2\x9b"
	    "31m \xc3\xa4");
	assert_non_null(strstr(said(), "warn unit[" /* its head is ours */));
	assert_non_null(strstr(text,
	    ": a\\x1b]0;title\\x07b\\x0dc\\x7f d \\x9b31m \xc3\xa4\n"));
}

static void
a_long_line_ends_like_any_other(void **state)
{
	static char longer[8192];

	(void)state;
	memset(longer, '\033', sizeof(longer) - 1);
	fby_warn("%s", longer);
	said();
	assert_int_equal(lines_with("\n"), 1);
	assert_int_equal(text[strlen(text) - 1], '\n');
	assert_int_equal(lines_with("\033"), 0);
}

static void
what_is_said_too_often_is_counted(void **state)
{
	struct timespec second = { .tv_sec = 1, .tv_nsec = 50000000 };

	(void)state;
	for (int i = 0; i < 1000; i++)
		fby_warn("often %d", i);
	fby_warn("another");
	fby_warn("%s", "one text");
	for (int i = 0; i < 1000; i++)
		fby_warn("%s", "and one more");
	for (int i = 0; i < 1000; i++)
		fby_crit("a defect %d", i);
	said();
	assert_int_equal(lines_with(": often "), FBY_LOG_BURST);
	assert_int_equal(lines_with(": another"), 1);
	assert_int_equal(lines_with(": one text"), 1);
	assert_int_equal(lines_with(": and one more"), FBY_LOG_BURST);
	assert_int_equal(lines_with(": a defect "), 1000);
	nanosleep(&second, NULL);
	fby_log_tick();
	said();
	assert_non_null(strstr(text,
	    ": 900 more lines were left out that are like \"often 0\"\n"));
	fby_warn("often %d", 7);
	assert_non_null(strstr(said(), ": often 7\n"));
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, capture, release)
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_nothing_that_a_terminal_acts_on),
		TEST(a_long_line_ends_like_any_other),
		TEST(what_is_said_too_often_is_counted),
	};

	return UNIT_RUN(tests);
}
