/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be in a line of the log, and how many there are.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/str.h"

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
	    ": a\\x1b]0;title\\x07b\\x0dc\\x7f d \\xc2\\x9b31m \xc3\xa4\n"));
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

/* Of a line with anything else journalctl(1) shows "[42B blob data]". */
static void
a_line_is_utf8(void **state)
{
	static char longer[8192];

	(void)state;
	fby_warn("%s",
	    "a\xff\x9b"
	    "b\xc3 \xe2\x82\xac \xe2\x82");
	assert_non_null(strstr(said(),
	    ": a\\xff\\x9b"
	    "b\\xc3 \xe2\x82\xac \\xe2\\x82\n"));
	/* Cut between characters, wherever the line ends. */
	for (size_t i = 0; i < 3; i++) {
		memset(longer, '.', i);
		for (size_t at = i; at + 3 < sizeof(longer); at += 3)
			memcpy(longer + at, "\xe2\x82\xac", 3);
		fby_crit("%s", longer);
		said();
		text[strlen(text) - 1] = '\0';
		for (const char *p = text; *p;) {
			size_t len = *p & 0x80 ? fby_str_utf8(p, strlen(p)) : 1;

			assert_true(len > 0);
			p += len;
		}
		assert_null(strstr(text, "\\x"));
	}
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

/* ---- a log that takes no more ------------------------------------------ */

static size_t
fill(void)
{
	static const char page[4096];
	size_t n = 0;
	ssize_t done;

	fcntl(pipe_fds[1], F_SETFL, O_NONBLOCK);
	while ((done = write(pipe_fds[1], page, sizeof(page))) > 0)
		n += (size_t)done;
	/* As the parent has given it. */
	fcntl(pipe_fds[1], F_SETFL, 0);
	return n;
}

static void
drain(size_t n)
{
	ssize_t done;

	while (n > 0 &&
	    (done = read(pipe_fds[0], text, FBY_MIN(n, sizeof(text)))) > 0)
		n -= (size_t)done;
}

static void
a_full_pipe_does_not_stop_the_loop(void **state)
{
	uint64_t lost = fby_log_health().lost;
	size_t n = fill();

	(void)state;
	for (int i = 0; i < 3; i++)
		fby_warn("unheard %d", i);
	assert_int_equal(fby_log_health().lost - lost, 3);
	assert_int_equal(fby_log_health().error, EAGAIN);
	drain(n);
	fby_log_tick();
	assert_int_equal(fby_log_health().error, 0);
	fby_warn("heard");
	said();
	assert_int_equal(lines_with("unheard"), 0);
	assert_non_null(strstr(text,
	    ": 3 lines of this log are missing here, or are not whole: "
	    "nobody reads it"));
	assert_int_equal(lines_with("missing here"), 1);
	assert_int_equal(lines_with(": heard\n"), 1);
}

static void
a_broken_pipe_is_counted(void **state)
{
	uint64_t lost = fby_log_health().lost;

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	close(pipe_fds[0]);
	fby_warn("unheard");
	assert_int_equal(fby_log_health().lost - lost, 1);
	assert_int_equal(fby_log_health().error, EPIPE);
	pipe_fds[0] = -1;
}

#define LINE "0123456789"
#define ROOM 150 /* for up to two lines */

static void
limit_files(off_t to)
{
	struct rlimit limit = { (rlim_t)to, RLIM_INFINITY };

	if (to == -1)
		limit.rlim_cur = RLIM_INFINITY;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

/* Every line is one of ours, or the beginning of one. */
static void
nothing_is_behind_a_fragment(void)
{
	char *save = NULL, *head;

	for (char *l = strtok_r(text, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		assert_int_equal(*l, '2');
		head = strstr(l, " unit[");
		assert_null(head ? strstr(head + 1, " unit[") : NULL);
	}
}

/* A limit on files fails as a full disk does: some of a line, then nothing. */
static void
a_full_disk_leaves_a_trace(void **state)
{
	char path[] = "/tmp/forebay-log-XXXXXX";
	int fd = mkstemp(path);
	uint64_t lost = fby_log_health().lost;
	off_t size;

	(void)state;
	assert_true(fd != -1);
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(fby_log_reopen(path), 0);
	for (off_t room = 0; room < ROOM; room++) {
		size = lseek(fd, 0, SEEK_END);
		limit_files(size + room);
		fby_crit("first " LINE);
		fby_crit("second " LINE);
		fby_crit("third " LINE);
		fby_log_tick();
		limit_files(-1);
		assert_int_not_equal(fby_log_health().error, 0);
		fby_log_tick();
		assert_int_equal(fby_log_health().error, 0);
		/* More than one process writes to it. */
		assert_true(write(STDERR_FILENO, "2 fragment", 10) == 10);
		fby_crit("%d", (int)room);
		assert_int_equal(lseek(fd, size, SEEK_SET), size);
		memset(text, 0, sizeof(text));
		assert_true(read(fd, text, sizeof(text) - 1) > 0);
		assert_int_equal(lines_with(
				     " lines of this log are missing here"),
		    1);
		assert_true(strstr(text, "\n2 fragment\n2"));
		nothing_is_behind_a_fragment();
	}
	assert_true(fby_log_health().lost - lost >= ROOM);
	/* Where the log went before. */
	said();
	assert_non_null(strstr(text, path));
	assert_true(lines_with("lines are lost") >= 1);
	assert_true(lines_with("can be written again") >= 1);
	close(fd);
	unlink(path);
}

static void
at_the_end_nothing_is_owed(void **state)
{
	(void)state;
	for (int i = 0; i < FBY_LOG_BURST + 5; i++)
		fby_warn("to the end %d", i);
	said();
	assert_int_equal(lines_with("left out"), 0);
	fby_log_flush();
	assert_non_null(strstr(said(), ": 5 more lines were left out"));
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, capture, release)
	const struct CMUnitTest tests[] = {
		TEST(a_line_has_nothing_that_a_terminal_acts_on),
		TEST(a_line_is_utf8),
		TEST(a_long_line_ends_like_any_other),
		TEST(what_is_said_too_often_is_counted),
		TEST(at_the_end_nothing_is_owed),
		TEST(a_full_pipe_does_not_stop_the_loop),
		TEST(a_broken_pipe_is_counted),
		TEST(a_full_disk_leaves_a_trace),
	};

	return UNIT_RUN(tests);
}
