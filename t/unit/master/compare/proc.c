/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include <sys/wait.h>
#include <unistd.h>

#include "master/compare/proc.h"

#define WORK 0.05 /* seconds of CPU */

static double
used(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void
work(void)
{
	while (used() < WORK)
		;
}

/* Has a child that works, too, then says so and waits for the pipe's end. */
static void
family(int go, int ready)
{
	pid_t child;
	char c;

	child = fork();
	work();
	if (write(ready, "x", 1) != 1)
		_exit(1);
	while (read(go, &c, 1) > 0)
		;
	if (child > 0)
		waitpid(child, NULL, 0);
	_exit(0);
}

static void
descendants_count_and_others_do_not(void **state)
{
	struct fby_compare_proc p, mine;
	int go[2], ready[2];
	char c;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(go) | pipe(ready), 0);
	if ((pid = fork()) == 0) {
		close(go[1]);
		family(go[0], ready[1]);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(read(ready[0], &c, 1), 1);
	fby_compare_proc_init(&p);
	/* Each will wait for the pipe, though perhaps not yet. */
	alarm(60);
	do
		fby_compare_proc_look(&p, pid);
	while (fby_compare_proc_voluntary(&p) == 0);
	/* A sanitizer may have threads of its own. */
	assert_true(p.threads >= 2);
	assert_true(p.ntasks >= 2);
	assert_true(p.cpu >= 2 * WORK);
	assert_true(p.rss_peak > 0);
	fby_compare_proc_init(&mine);
	fby_compare_proc_look(&mine, getpid());
	assert_true(mine.threads > p.threads);
	fby_compare_proc_fini(&mine);
	/* What has been seen is kept when they have gone. */
	close(go[1]);
	waitpid(pid, NULL, 0);
	fby_compare_proc_look(&p, pid);
	assert_true(p.cpu >= 2 * WORK);
	assert_true(p.threads >= 2);
	assert_true(fby_compare_proc_voluntary(&p) > 0);
	fby_compare_proc_fini(&p);
	close(go[0]);
	close(ready[0]);
	close(ready[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(descendants_count_and_others_do_not),
	};

	return UNIT_RUN(tests);
}
