/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program of others says: which lines it becomes, and how many.
 */
#include "t/unit/unit.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "master/base/account.h"
#include "master/runtime/capture.h"
#include "shared/base/log.h"
#include "shared/base/str.h"

#define TEXT_BYTES (1 << 20)
#define PID 42
#define HEAD " info runtime \"other\"[42]: "

static char text[TEXT_BYTES];
static int saved = -1, pipe_fds[2], said_fd;
static struct event_base *base;
static struct fby_capture *capture;

/* Standard error is a pipe that takes all of it. */
static int
begin(void **state)
{
	(void)state;
	saved = dup(STDERR_FILENO);
	if (saved == -1 || pipe2(pipe_fds, O_NONBLOCK) == -1 ||
	    fcntl(pipe_fds[1], F_SETPIPE_SZ, TEXT_BYTES) == -1 ||
	    dup2(pipe_fds[1], STDERR_FILENO) == -1)
		return -1;
	fby_log_init("unit");
	base = event_base_new();
	capture = fby_capture_new(base, "runtime \"other\"", NULL);
	said_fd = capture ? dup(fby_capture_fd(capture)) : -1;
	if (said_fd == -1)
		return -1;
	fby_capture_started(capture, PID);
	return 0;
}

static int
end(void **state)
{
	(void)state;
	fby_capture_end(capture);
	capture = NULL;
	if (said_fd != -1)
		close(said_fd);
	event_base_free(base);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	return 0;
}

static void
say(const char *p, size_t n)
{
	assert_int_equal(write(said_fd, p, n), n);
}

static const char *
logged(void)
{
	ssize_t n;

	event_base_loop(base, EVLOOP_NONBLOCK);
	n = read(pipe_fds[0], text, sizeof(text) - 1);
	text[FBY_MAX(n, 0)] = '\0';
	return text;
}

static const char *
logged_at_the_end(void)
{
	fby_capture_end(capture);
	capture = NULL;
	return logged();
}

static size_t
count(const char *what)
{
	size_t n = 0;

	for (const char *p = text; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

static void
a_line_is_one_of_the_log_and_harmless(void **state)
{
	static const char bytes[] = "a\033]0;t\007\0b \xc3\xa4\r\n\nnext\n";

	(void)state;
	say(bytes, sizeof(bytes) - 1);
	assert_non_null(
	    strstr(logged(), HEAD "a\\x1b]0;t\\x07\\x00b \xc3\xa4\n"));
	assert_non_null(strstr(text, HEAD "next\n"));
	assert_int_equal(count("\n"), 2);
}

static void
a_line_that_is_not_complete_waits(void **state)
{
	(void)state;
	say("hal", 3);
	assert_string_equal(logged(), "");
	say("f\nrest", 6);
	assert_non_null(strstr(logged(), HEAD "half\n"));
	assert_int_equal(count("rest"), 0);
	assert_non_null(strstr(logged_at_the_end(), HEAD "rest\n"));
}

static void
a_flood_is_counted(void **state)
{
	size_t left_out = 0, n;
	const char *p;

	(void)state;
	for (size_t i = 0; i < 5 * FBY_CAPTURE_BURST; i++)
		say("flood\n", 6);
	logged_at_the_end();
	n = count(HEAD "flood\n");
	assert_true(n >= FBY_CAPTURE_BURST);
	p = strstr(text, "(pid 42): ");
	assert_non_null(p);
	assert_int_equal(sscanf(p, "(pid 42): %zu more lines were left out",
			     &left_out),
	    1);
	assert_int_equal(n + left_out, 5 * FBY_CAPTURE_BURST);
}

/* Two bytes each, so that one of them would be cut. */
static void
a_long_line_is_cut_between_characters(void **state)
{
	char line[3 * FBY_CAPTURE_LINE];
	size_t n = 1;

	(void)state;
	memset(line, 'x', 1);
	for (; n + 2 < sizeof(line); n += 2)
		memcpy(line + n, "\xc3\xa4", 2);
	line[n++] = '\n';
	say(line, n);
	logged();
	assert_true(count(HEAD) >= 3);
	assert_int_equal(count("\xc3\xa4"), (n - 2) / 2);
	assert_int_equal(count("\\x"), 0);
}

static void
closed_by_the_program_the_loop_rests(void **state)
{
	(void)state;
	say("bye\n", 4);
	close(said_fd);
	said_fd = -1;
	assert_non_null(strstr(logged(), HEAD "bye\n"));
	event_base_loop(base, EVLOOP_NONBLOCK);
	/* 1: there is nothing to wait for. */
	assert_int_equal(event_base_loop(base, EVLOOP_NONBLOCK), 1);
}

static void
without_a_master_it_is_not_killed_by_what_it_says(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_DFL);
	logged_at_the_end();
	say("still here\n", 11);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
		T(a_line_is_one_of_the_log_and_harmless),
		T(a_line_that_is_not_complete_waits),
		T(a_flood_is_counted),
		T(a_long_line_is_cut_between_characters),
		T(closed_by_the_program_the_loop_rests),
		T(without_a_master_it_is_not_killed_by_what_it_says),
#undef T
	};

	return UNIT_RUN(tests);
}
