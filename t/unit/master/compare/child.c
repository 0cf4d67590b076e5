/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How `compare` asks a master how its runtime is, with one that answers when
 * the test says so.
 */
#include "t/unit/unit.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/base/control_socket.h"
#include "master/base/rundir.h"
#include "master/base/spawn.h"
#include "master/compare/cases.h"
#include "master/compare/child.h"
#include "shared/base/clock.h"

static int masters_end;

/* ---- what it calls ---------------------------------------------------- */

int
fby_rundir_open(const char *path, bool any_owner, struct fby_str *why)
{
	(void)path;
	(void)any_owner;
	(void)why;
	return dup(STDERR_FILENO);
}

int
fby_control_socket_connect(int dir, int64_t timeout_ms)
{
	int fds[2];

	(void)dir;
	(void)timeout_ms;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	masters_end = fds[1];
	return fds[0];
}

pid_t
fby_spawn_self(struct fby_spawn sp)
{
	(void)sp;
	return -1;
}

int
fby_compare_kafka_forget(struct fby_compare_kafka *k, const char *group)
{
	(void)k;
	(void)group;
	return 0;
}

char *
fby_compare_manifest_text(const struct fby_manifest *m,
    const struct fby_compare_change *change, char **why)
{
	(void)m;
	(void)change;
	(void)why;
	return NULL;
}

void
fby_compare_progress_clear(struct fby_compare_progress *p)
{
	(void)p;
}

/* ---- tests ------------------------------------------------------------ */

/* A process that does not end by itself; it is waited for with WNOHANG. */
static pid_t
some_child(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		pause();
		_exit(0);
	}
	return pid;
}

static void
answer(const char *text)
{
	assert_int_equal(write(masters_end, text, strlen(text)), strlen(text));
}

/* Records of the probe are sent between two calls: none may wait. */
static void
an_answer_that_is_late_is_not_waited_for(void **state)
{
	struct fby_compare c = { 0 };
	struct fby_compare_child ch = { .c = &c, .runtime = "other" };
	char asked[16] = "";

	(void)state;
	ch.pid = some_child();
	ch.dir = strdup("/nonexistent");
	ch.looked_at = fby_clock_mono() - 60000;
	assert_int_equal(fby_compare_child_check(&ch), 0);
	assert_int_equal(read(masters_end, asked, sizeof(asked)), 7);
	assert_string_equal(asked, "status\n");
	/* It comes in two parts, between calls. */
	assert_int_equal(fby_compare_child_check(&ch), 0);
	answer("{\"foreign\": {\"dea");
	assert_int_equal(fby_compare_child_check(&ch), 0);
	answer("ths\": 1, \"exit_code\": null, \"exit_signal\": 9}}");
	assert_int_equal(fby_compare_child_check(&ch), 0);
	close(masters_end);
	assert_int_equal(fby_compare_child_check(&ch), -1);
	assert_non_null(strstr(ch.why, "runtime other has ended (signal 9)"));
	kill(ch.pid, SIGKILL);
	waitpid(ch.pid, NULL, 0);
	free(ch.dir);
	free(ch.why);
}

static bool
is_asked(struct fby_compare_child *ch, int64_t age, int64_t looked)
{
	bool asked;

	ch->is_asking = false;
	ch->started_us = fby_clock_mono_us() - age * 1000;
	ch->looked_at = fby_clock_mono() - looked;
	assert_int_equal(fby_compare_child_check(ch), 0);
	asked = ch->is_asking;
	if (asked) {
		close(ch->ask_fd);
		fby_str_fini(&ch->answer);
		close(masters_end);
	}
	return asked;
}

/* So a death is known when twice the time has passed that it took. */
static void
it_is_asked_more_often_in_the_beginning(void **state)
{
	struct fby_compare c = { 0 };
	struct fby_compare_child ch = { .c = &c, .runtime = "other" };

	(void)state;
	ch.pid = some_child();
	ch.dir = strdup("/nonexistent");
	assert_true(is_asked(&ch, 60, 60));
	assert_false(is_asked(&ch, 60, 40));
	assert_true(is_asked(&ch, 200, 100));
	assert_false(is_asked(&ch, 190, 60));
	assert_false(is_asked(&ch, 60000, 260));
	assert_true(is_asked(&ch, 60000, 1060));
	kill(ch.pid, SIGKILL);
	waitpid(ch.pid, NULL, 0);
	free(ch.dir);
}

/* It goes to a terminal, and into JSON. */
static void
what_a_runtime_has_written_is_shown_as_text(void **state)
{
	static const char written[] =
	    "\x1b]0;x\x07 no such thing: \xff\xc3\xa9\n";
	char dir[] = "/tmp/fby-compare-XXXXXX", path[64];
	struct fby_compare c = { 0 };
	struct fby_compare_child ch = { .c = &c, .runtime = "other" };
	FILE *log;

	(void)state;
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/log", dir);
	assert_non_null(log = fopen(path, "w"));
	fputs(written, log);
	assert_int_equal(fclose(log), 0);
	ch.dir = dir;
	ch.looked_at = fby_clock_mono();
	ch.pid = fork();
	if (ch.pid == 0)
		_exit(3);
	while (fby_compare_child_check(&ch) == 0)
		usleep(1000);
	assert_non_null(strstr(ch.why, "exit code 3"));
	assert_non_null(
	    strstr(ch.why, "\n\\x1b]0;x\\x07 no such thing: \\xff\xc3\xa9\n"));
	free(ch.why);
	fby_compare_child_remove(dir);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_runtime_has_written_is_shown_as_text),
		cmocka_unit_test(it_is_asked_more_often_in_the_beginning),
		cmocka_unit_test(an_answer_that_is_late_is_not_waited_for),
	};

	return UNIT_RUN(tests);
}
