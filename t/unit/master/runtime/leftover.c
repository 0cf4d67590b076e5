/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process groups that are noted, and ended by whoever reads the notes.
 */
#include "t/unit/unit.h"

#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/base/procfs.h"
#include "master/base/spawn.h"
#include "master/runtime/leftover.h"
#include "shared/base/log.h"

static char dir[64];
static struct event_base *base;

static pid_t
start(const char *script)
{
	char sh[] = "/bin/sh", c[] = "-c";
	char *argv[] = { sh, c, (char *)script, NULL };
	char path[] = "PATH=/usr/bin:/bin", *envp[] = { path, NULL };
	struct fby_spawn sp = {
		.exec_fd = -1,
		.argv = argv,
		.envp = envp,
		.fds = { -1, -1, -1 },
		.nfds = 3,
		.cpu = -1,
		.own_group = true,
	};
	pid_t pid = fby_spawn(&sp);

	assert_true(pid > 0);
	return pid;
}

static void
on_gone(void *arg)
{
	*(bool *)arg = true;
	event_base_loopbreak(base);
}

static int
set_up(void **state)
{
	(void)state;
	fby_log_set_level(FBY_LOG_CRIT);
	snprintf(dir, sizeof(dir), "/tmp/fby-leftover-%d", (int)getpid());
	assert_int_equal(mkdir(dir, 0700), 0);
	base = event_base_new();
	return 0;
}

static int
tear_down(void **state)
{
	char notes[80];

	(void)state;
	event_base_free(base);
	snprintf(notes, sizeof(notes), "%s/runtimes", dir);
	rmdir(notes);
	/* Nothing of it is left. */
	return rmdir(dir);
}

static bool
is_there(pid_t pid)
{
	struct fby_procfs_stat st;

	return fby_procfs_stat(pid, &st) == 0 && st.state != 'Z';
}

static void
end_all(int64_t grace_ms, bool expected)
{
	struct fby_leftover l;
	bool gone = false;

	if (fby_leftover_end(&l, base, dir, grace_ms, on_gone, &gone) > 0) {
		assert_true(expected);
		event_base_dispatch(base);
		assert_true(gone);
	} else {
		assert_false(expected);
	}
	fby_leftover_fini(&l);
}

static void
what_is_noted_is_ended(void **state)
{
	pid_t pid = start("exec tail -f /dev/null");

	(void)state;
	fby_leftover_note(dir, pid, "");
	end_all(60000, true);
	assert_false(is_there(pid));
	waitpid(pid, NULL, 0);
	end_all(0, false);
}

static pid_t group;

static void
count(void *arg, pid_t pid, const struct fby_procfs_stat *st)
{
	(void)pid;
	*(size_t *)arg += st->group == group && st->state != 'Z';
}

static size_t
members(pid_t leader)
{
	size_t n = 0;

	group = leader;
	fby_procfs_each(count, &n);
	return n;
}

/* Its leader has exited, and what it has started does not listen. */
static void
a_group_without_its_leader_is_ended(void **state)
{
	pid_t pid = start("trap '' TERM; tail -f /dev/null & exit 0");
	siginfo_t si;

	(void)state;
	fby_leftover_note(dir, pid, "");
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	assert_int_equal(members(pid), 1);
	end_all(0, true);
	waitpid(pid, NULL, 0);
	assert_int_equal(members(pid), 0);
}

/* Its pid is another process's by now, or the machine was started again. */
static void
what_was_not_noted_is_left_alone(void **state)
{
	pid_t pid = start("exec tail -f /dev/null");
	char path[128];
	int first;
	FILE *f;

	(void)state;
	fby_leftover_note(dir, pid, "");
	snprintf(path, sizeof(path), "%s/runtimes/%d", dir, (int)pid);
	assert_non_null(f = fopen(path, "r+"));
	first = fgetc(f);
	rewind(f);
	/* Another start time. */
	assert_true(fputc(first == '1' ? '2' : '1', f) != EOF);
	fclose(f);
	end_all(0, false);
	assert_true(is_there(pid));
	fby_leftover_note(dir, pid, "");
	assert_non_null(f = fopen(path, "a"));
	fclose(f);
	fby_leftover_forget(dir, pid);
	end_all(0, false);
	assert_true(is_there(pid));
	kill(-pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static void
nonsense_in_the_directory_is_passed_over(void **state)
{
	static const char *const names[] = { "x", "-1", "1", "0" };
	char path[128];

	(void)state;
	snprintf(path, sizeof(path), "%s/runtimes", dir);
	mkdir(path, 0700);
	for (size_t i = 0; i < FBY_NELEM(names); i++) {
		FILE *f;

		snprintf(path, sizeof(path), "%s/runtimes/%s", dir, names[i]);
		assert_non_null(f = fopen(path, "w"));
		fputs("18446744073709551616 99999999999 z\n", f);
		fclose(f);
	}
	end_all(0, false);
}

static void
a_descendant_is_known(void **state)
{
	pid_t pid = start("exec tail -f /dev/null");

	(void)state;
	assert_true(fby_procfs_is_descendant(pid));
	assert_false(fby_procfs_is_descendant(getpid()));
	assert_false(fby_procfs_is_descendant(getppid()));
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	/* Gone: who it was cannot be told. */
	assert_true(fby_procfs_is_descendant(pid));
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_noted_is_ended),
		TEST(a_group_without_its_leader_is_ended),
		TEST(what_was_not_noted_is_left_alone),
		TEST(nonsense_in_the_directory_is_passed_over),
		TEST(a_descendant_is_known),
	};

	return UNIT_RUN(tests);
}
