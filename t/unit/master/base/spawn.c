/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program finds when it is started, and what happens between fork and
 * exec.
 */
#include "t/unit/unit.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "master/base/account.h"
#include "master/base/spawn.h"

static char text[16384];

/* Start `sh -c script` and keep what it writes; its exit status. */
static int
run(const char *script, struct fby_spawn sp)
{
	char sh[] = "/bin/sh", c[] = "-c";
	char *argv[] = { sh, c, (char *)script, NULL };
	char path[] = "PATH=/usr/bin:/bin", *envp[] = { path, NULL };
	size_t len = 0;
	ssize_t n;
	int fds[2], status;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	sp.exec_fd = -1;
	sp.argv = argv;
	sp.envp = envp;
	sp.fds[0] = -1;
	sp.fds[1] = fds[1];
	sp.fds[2] = STDERR_FILENO;
	sp.nfds = 3;
	sp.cpu = -1;
	pid = fby_spawn(&sp);
	assert_true(pid > 0);
	close(fds[1]);
	while ((n = read(fds[0], text + len, sizeof(text) - 1 - len)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* The value behind `Name:` in /proc/PID/status. */
static const char *
field(const char *name)
{
	static char value[64];
	const char *p = strstr(text, name);

	assert_non_null(p);
	p += strlen(name);
	p += strspn(p, ": \t");
	snprintf(value, sizeof(value), "%.*s", (int)strcspn(p, "\n"), p);
	return value;
}

#define NO_SIGNALS "0000000000000000"

static void
it_has_its_descriptors_and_no_others(void **state)
{
	int kept = open("/etc/passwd", O_RDONLY);

	(void)state;
	assert_true(kept > 2);
	assert_int_equal(dup2(kept, 200), 200);
	assert_int_equal(
	    run("for f in /proc/$$/fd/*; do readlink $f; done; cd /proc/$$/fd; "
		"echo n *",
		(struct fby_spawn){ 0 }),
	    0);
	close(kept);
	close(200);
	assert_null(strstr(text, "/etc/passwd"));
	assert_non_null(strstr(text, "\nn 0 1 2"));
}

static void
nobody(int signo)
{
	(void)signo;
}

static void
no_signal_is_blocked_ignored_or_handled(void **state)
{
	sigset_t set;

	(void)state;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGHUP, SIG_IGN);
	signal(SIGTERM, nobody);
	run("exec cat /proc/self/status", (struct fby_spawn){ 0 });
	assert_string_equal(field("SigBlk"), NO_SIGNALS);
	run("exec cat /proc/self/status", (struct fby_spawn){ 0 });
	/* 32 and 33 are the C library's: who spawned us may ignore them. */
	assert_int_equal(strtoull(field("SigIgn"), NULL, 16) &
		~UINT64_C(0x180000000),
	    0);
	signal(SIGHUP, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
}

static int speak[2];

static void
tell(int signo)
{
	(void)signo;
	if (write(speak[1], "x", 1) != 1)
		abort();
}

static int
raise_term(void *arg)
{
	(void)arg;
	return kill(getpid(), SIGTERM);
}

/* Its handler would wake the master's loop for a signal that was not its. */
static void
a_signal_between_fork_and_exec_does_not_reach_the_master(void **state)
{
	char c;
	int status;

	(void)state;
	assert_int_equal(pipe2(speak, O_CLOEXEC | O_NONBLOCK), 0);
	signal(SIGTERM, tell);
	status = run("echo alive", (struct fby_spawn){ .prepare = raise_term });
	signal(SIGTERM, SIG_DFL);
	assert_int_equal(read(speak[0], &c, 1), -1);
	assert_int_equal(errno, EAGAIN);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	close(speak[0]);
	close(speak[1]);
}

/* It must not be left alive by a kill that came too early. */
static void
its_group_is_there_at_once(void **state)
{
	char sleep[] = "/bin/cat", *argv[] = { sleep, NULL };
	char *envp[] = { NULL };
	int fds[2];

	(void)state;
	assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
	for (int i = 0; i < 200; i++) {
		struct fby_spawn sp = {
			.exec_fd = -1,
			.argv = argv,
			.envp = envp,
			.fds = { fds[0], -1, -1 },
			.nfds = 3,
			.cpu = -1,
			.own_group = true,
		};
		pid_t pid = fby_spawn(&sp);

		assert_true(pid > 0);
		assert_int_equal(kill(-pid, SIGKILL), 0);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
	close(fds[0]);
	close(fds[1]);
}

static void
a_program_of_others_has_no_capabilities(void **state)
{
	(void)state;
	run("exec cat /proc/self/status",
	    (struct fby_spawn){ .foreign = true });
	assert_string_equal(field("NoNewPrivs"), "1");
	assert_string_equal(field("CapInh"), NO_SIGNALS);
	assert_string_equal(field("CapPrm"), NO_SIGNALS);
	assert_string_equal(field("CapEff"), NO_SIGNALS);
	assert_string_equal(field("CapAmb"), NO_SIGNALS);
	if (geteuid() == 0 && prctl(PR_CAPBSET_READ, 8 /* SETPCAP */) == 1)
		assert_string_equal(field("CapBnd"), NO_SIGNALS);
}

static void
it_runs_as_the_user_that_is_named(void **state)
{
	struct fby_account *a;

	(void)state;
	assert_null(fby_account_new("no such user"));
	assert_int_equal(errno, ENOENT);
	a = fby_account_new("nobody");
	if (a == NULL) {
		assert_int_equal(errno, EPERM);
		UNIT_SKIP("not root");
	}
	assert_int_equal(run("id -un; id -Gn; cat /proc/$$/status",
			     (struct fby_spawn){ .foreign = true, .as = a }),
	    0);
	assert_int_equal(strncmp(text, "nobody\nnogroup\n", 15), 0);
	assert_string_equal(field("CapPrm"), NO_SIGNALS);
	fby_account_free(a);
}

static void
it_goes_before_us_when_memory_runs_out(void **state)
{
	FILE *f = fopen("/proc/self/oom_score_adj", "r");
	int ours;

	(void)state;
	assert_non_null(f);
	assert_int_equal(fscanf(f, "%d", &ours), 1);
	fclose(f);
	run("cat /proc/$$/oom_score_adj",
	    (struct fby_spawn){ .oom_above = 200 });
	assert_int_equal((int)strtol(text, NULL, 10),
	    FBY_MIN(ours + 200, 1000));
}

static bool
has(char *const *envp, const char *var)
{
	for (size_t i = 0; envp[i]; i++)
		if (strcmp(envp[i], var) == 0)
			return true;
	return false;
}

static void
a_program_of_others_gets_a_list_of_the_environment(void **state)
{
	const char *const add[] = { "OWN=1" };
	char **envp;

	(void)state;
	setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
	setenv("SECRET_TOKEN", "t", 1);
	setenv("LANG", "C.UTF-8", 1);
	setenv("LC_TIME", "C", 1);
	envp = fby_spawn_env_foreign(add, 1);
	assert_true(has(envp, "OWN=1"));
	assert_true(has(envp, "LANG=C.UTF-8"));
	assert_true(has(envp, "LC_TIME=C"));
	assert_false(has(envp, "SECRET_TOKEN=t"));
	assert_false(has(envp, "CREDENTIALS_DIRECTORY=/run/credentials/x"));
	fby_spawn_env_free(envp);
	/* Ours reads secrets, and has libraries that have settings there. */
	setenv("KRB5CCNAME", "c", 1);
	envp = fby_spawn_env_worker(add, 1);
	assert_true(has(envp, "OWN=1"));
	assert_true(has(envp, "LC_TIME=C"));
	assert_true(has(envp, "CREDENTIALS_DIRECTORY=/run/credentials/x"));
	assert_true(has(envp, "KRB5CCNAME=c"));
	assert_false(has(envp, "SECRET_TOKEN=t"));
	fby_spawn_env_free(envp);
	envp = fby_spawn_env(add, 1);
	assert_true(has(envp, "CREDENTIALS_DIRECTORY=/run/credentials/x"));
	assert_true(has(envp, "SECRET_TOKEN=t"));
	fby_spawn_env_free(envp);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_has_its_descriptors_and_no_others),
		cmocka_unit_test(no_signal_is_blocked_ignored_or_handled),
		cmocka_unit_test(
		    a_signal_between_fork_and_exec_does_not_reach_the_master),
		cmocka_unit_test(its_group_is_there_at_once),
		cmocka_unit_test(a_program_of_others_has_no_capabilities),
		cmocka_unit_test(it_runs_as_the_user_that_is_named),
		cmocka_unit_test(it_goes_before_us_when_memory_runs_out),
		cmocka_unit_test(
		    a_program_of_others_gets_a_list_of_the_environment),
	};

	return UNIT_RUN(tests);
}
