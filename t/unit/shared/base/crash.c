/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/base/crash.h"

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/log.h"

#define BYTES 8192

/* What a child that does this writes to the log; its wait status. */
static int
die(void (*fn)(void), char *log, size_t size)
{
	int fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(fds), 0);
	if ((pid = fork()) == 0) {
		dup2(fds[1], STDERR_FILENO);
		fby_crash_catch();
		fn();
		_exit(0);
	}
	close(fds[1]);
	n = read(fds[0], log, size - 1);
	log[n > 0 ? n : 0] = '\0';
	close(fds[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

static void
jump_to_nowhere(void)
{
	volatile uintptr_t nowhere = 0x18;

	*(volatile int *)nowhere = 1;
}

static void
be_sent_one(void)
{
	raise(SIGBUS);
}

static void
give_up(void)
{
	abort();
}

static void
each_fault_leaves_a_line_and_its_signal(void **state)
{
	static const struct {
		void (*fn)(void);
		int signo;
		const char *line;
	} cases[] = {
		{ jump_to_nowhere, SIGSEGV,
		    "killed by SIGSEGV at address 0x18; backtrace: +0x" },
		{ be_sent_one, SIGBUS, "killed by SIGBUS; backtrace: +0x" },
		{ give_up, SIGABRT, "killed by SIGABRT; backtrace: +0x" },
	};
	char log[4096];

	(void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	UNIT_SKIP("the sanitizer says it");
#endif
	for (size_t i = 0; i < FBY_NELEM(cases); i++) {
		int status = die(cases[i].fn, log, sizeof(log));

		assert_true(WIFSIGNALED(status));
		assert_int_equal(WTERMSIG(status), cases[i].signo);
		assert_non_null(strstr(log, cases[i].line));
	}
}

static void
a_guarded_file_can_be_cut_short(void **state)
{
	int fd = memfd_create("file", MFD_CLOEXEC);
	char *p;

	(void)state;
	fby_crash_catch();
	assert_int_equal(ftruncate(fd, BYTES), 0);
	p = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_ptr_not_equal(p, MAP_FAILED);
	memset(p, 'x', BYTES);
	fby_crash_guard(p, BYTES);
	assert_int_equal(p[BYTES - 1], 'x');
	assert_false(fby_crash_is_torn());
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(*(volatile char *)(p + BYTES - 1), 0);
	assert_true(fby_crash_is_torn());
	p[0] = 'y';
	fby_crash_guard(NULL, 0);
	assert_false(fby_crash_is_torn());
	munmap(p, BYTES);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_fault_leaves_a_line_and_its_signal),
		cmocka_unit_test(a_guarded_file_can_be_cut_short),
	};

	return UNIT_RUN(tests);
}
