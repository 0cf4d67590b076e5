/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who keeps the lock of a file, among those who have it open.
 */
#include "t/unit/unit.h"

#include "master/group/ledger_lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[] = "/tmp/fby-holders-XXXXXX";
static int file;
static size_t found;
static pid_t last;

static void
on_holder(void *arg, pid_t pid, const char *comm)
{
	assert_null(arg);
	assert_true(*comm != '\0');
	found++;
	last = pid;
}

/* A process that has the file open in that way, until it is killed. */
static pid_t
child(int fd)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid > 0)
		return pid;
	if (fd != file)
		close(file);
	for (;;)
		pause();
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* Nothing can be told of when it is, but that its file is closed. */
static void
await(size_t n)
{
	for (int i = 0; i < 5000; i++) {
		found = 0;
		fby_ledger_lock_holders(file, on_holder, NULL);
		if (found == n)
			return;
		usleep(1000);
	}
	assert_int_equal(found, n);
}

static void
who_inherited_the_lock_is_found_and_nobody_else(void **state)
{
	pid_t heir, reader;
	int other;

	(void)state;
	file = mkstemp(path);
	assert_true(file >= 0);
	assert_int_equal(flock(file, LOCK_EX | LOCK_NB), 0);
	assert_int_equal(fby_ledger_lock_holders(file, on_holder, NULL), 0);
	other = open(path, O_RDWR | O_CLOEXEC);
	assert_true(other >= 0);
	reader = child(other);
	await(0);
	heir = child(file);
	await(1);
	assert_int_equal(last, heir);
	/* Stopped is not gone, and the lock is not ours alone. */
	kill(heir, SIGSTOP);
	await(1);
	end(heir);
	await(0);
	end(reader);
	close(other);
	close(file);
	unlink(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    who_inherited_the_lock_is_found_and_nobody_else),
	};

	return UNIT_RUN(tests);
}
