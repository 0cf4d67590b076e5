/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The counter of the out-of-memory killer, in a directory that looks like
 * /proc and /sys.
 */
#include "t/unit/unit.h"

#include "master/base/oom.h"

#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/str.h"

static char dir[] = "/tmp/forebay-oom-XXXXXX";
static struct fby_oom oom;

static void
put(const char *file, const char *text)
{
	char *path = fby_asprintf("%s/%s", dir, file);
	FILE *f;

	/* All of its directories. */
	for (char *p = path + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		mkdir(path, 0700);
		*p = '/';
	}
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(path);
}

static void
take_away(const char *file)
{
	char *path = fby_asprintf("%s/%s", dir, file);

	for (size_t len = strlen(path); len > strlen(dir);) {
		path[len] = '\0';
		if (unlink(path) == -1 && rmdir(path) == -1)
			break;
		while (path[--len] != '/')
			;
	}
	free(path);
}

static int
setup(void **state)
{
	(void)state;
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	fby_oom_fini(&oom);
	take_away("proc/self/cgroup");
	take_away("proc/vmstat");
	take_away("sys/fs/cgroup/a.slice/memory.events");
	return rmdir(dir);
}

static void
a_rise_is_news_for_a_moment(void **state)
{
	(void)state;
	put("proc/vmstat", "nr_free_pages 1\noom_kill 4\nzone 1\n");
	fby_oom_init(&oom, dir);
	/* What was before us is none of ours. */
	assert_false(fby_oom_struck(&oom, 1000));
	put("proc/vmstat", "nr_free_pages 1\noom_kill 5\nzone 1\n");
	/* Seen by the clock, before anybody has died of it. */
	fby_oom_look(&oom, 2000);
	assert_true(fby_oom_struck(&oom, 3000));
	assert_true(fby_oom_struck(&oom, 3500));
	assert_false(fby_oom_struck(&oom, 13000));
	put("proc/vmstat", "oom_kill 6\n");
	assert_true(fby_oom_struck(&oom, 14000));
}

static void
our_own_cgroup_goes_before_the_machine(void **state)
{
	(void)state;
	put("proc/self/cgroup", "1:cpu:/x\n0::/a.slice\n");
	put("proc/vmstat", "oom_kill 4\n");
	put("sys/fs/cgroup/a.slice/memory.events",
	    "low 0\nhigh 0\nmax 3\noom 1\noom_kill 1\noom_group_kill 0\n");
	fby_oom_init(&oom, dir);
	put("proc/vmstat", "oom_kill 9\n");
	assert_false(fby_oom_struck(&oom, 1000));
	put("sys/fs/cgroup/a.slice/memory.events", "oom 2\noom_kill 2\n");
	assert_true(fby_oom_struck(&oom, 1000));
}

static void
without_any_counter_nobody_is_blamed(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/gone\n");
	fby_oom_init(&oom, dir);
	assert_null(oom.path);
	assert_false(fby_oom_struck(&oom, 1000));
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_rise_is_news_for_a_moment),
		TEST(our_own_cgroup_goes_before_the_machine),
		TEST(without_any_counter_nobody_is_blamed),
	};

	return UNIT_RUN(tests);
}
