/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of functions, in a tree of plain files that has the names of cgroups.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "master/function/limits.h"
#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/base/str.h"
#include "shared/manifest/function.h"

#define GROUP "/sys/fs/cgroup/forebay.service"

static char root[64], text[256];
static struct fby_limits limits;
static const struct fby_function limited = { .memory_bytes = 64 << 20,
	.cpus_milli = 1500 };

static char *
at(const char *name)
{
	return fby_asprintf("%s%s", root, name);
}

static void
put(const char *name, const char *content)
{
	char *path = at(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_int_equal(write(fd, content, strlen(content)), strlen(content));
	close(fd);
	free(path);
}

static const char *
get(const char *name)
{
	char *path = at(name);

	if (fby_file_read(path, text, sizeof(text)) == -1)
		snprintf(text, sizeof(text), "(missing)");
	free(path);
	return text;
}

static void
make(const char *name)
{
	char *path = at(name);

	assert_int_equal(fby_file_make_dirs(path, 0700), 0);
	free(path);
}

static int
begin(void **state)
{
	(void)state;
	snprintf(root, sizeof(root), "/tmp/limits.XXXXXX");
	if (mkdtemp(root) == NULL)
		return -1;
	fby_log_init("unit");
	make("/proc/self");
	make(GROUP "/forebay");
	make(GROUP "/function-sink-0");
	put("/proc/self/cgroup", "4:memory:/x\n0::/forebay.service\n");
	put(GROUP "/cgroup.controllers", "cpu memory\n");
	put(GROUP "/cgroup.procs", "17\n18\n");
	put(GROUP "/cgroup.subtree_control", "");
	put(GROUP "/forebay/cgroup.procs", "");
	put(GROUP "/function-sink-0/cgroup.procs", "");
	put(GROUP "/function-sink-0/memory.max", "");
	put(GROUP "/function-sink-0/cpu.max", "");
	return 0;
}

static int
remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int
end(void **state)
{
	(void)state;
	fby_limits_fini(&limits);
	return nftw(root, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void
a_process_has_a_group_with_its_limits(void **state)
{
	int fd;

	(void)state;
	fby_limits_init(&limits, root);
	fd = fby_limits_open(&limits, &limited, "function sink-0");
	assert_true(fd != -1);
	assert_string_equal(get(GROUP "/function-sink-0/memory.max"),
	    "67108864");
	assert_string_equal(get(GROUP "/function-sink-0/cpu.max"),
	    "150000 100000");
	assert_int_equal(fby_limits_enter(fd), 0);
	close(fd);
	assert_string_equal(get(GROUP "/function-sink-0/cgroup.procs"), "0");
}

/* The kernel takes one at a time; plain files keep the last. */
static void
all_of_ours_make_room_first(void **state)
{
	(void)state;
	fby_limits_init(&limits, root);
	close(fby_limits_open(&limits, &limited, "function sink-0"));
	assert_string_equal(get(GROUP "/forebay/cgroup.procs"), "18\n");
	assert_string_equal(get(GROUP "/cgroup.subtree_control"),
	    "+cpu +memory");
}

static void
systemd_may_have_made_room(void **state)
{
	char *dir = at(GROUP);

	(void)state;
	put("/proc/self/cgroup", "0::/forebay.service/forebay\n");
	fby_limits_init(&limits, root);
	assert_string_equal(limits.dir, dir);
	free(dir);
}

static void
without_a_limit_nothing_is_touched(void **state)
{
	static const struct fby_function unlimited = { .present = true };

	(void)state;
	fby_limits_init(&limits, root);
	assert_int_equal(fby_limits_open(&limits, &unlimited,
			     "function sink-0"),
	    -1);
	assert_false(limits.is_tried);
	assert_string_equal(get(GROUP "/cgroup.subtree_control"), "");
	assert_int_equal(fby_limits_enter(-1), 0);
}

static void
one_limit_alone_leaves_the_other_open(void **state)
{
	static const struct fby_function cpu = { .cpus_milli = 250 };

	(void)state;
	fby_limits_init(&limits, root);
	close(fby_limits_open(&limits, &cpu, "function sink-0"));
	assert_string_equal(get(GROUP "/function-sink-0/memory.max"), "max");
	assert_string_equal(get(GROUP "/function-sink-0/cpu.max"),
	    "25000 100000");
}

static void
where_nothing_was_delegated_there_are_none(void **state)
{
	char *file = at(GROUP "/cgroup.subtree_control");

	(void)state;
	assert_int_equal(unlink(file), 0);
	free(file);
	fby_limits_init(&limits, root);
	assert_int_equal(fby_limits_open(&limits, &limited, "function sink-0"),
	    -1);
	assert_true(limits.is_tried);
	assert_false(limits.is_given);
	fby_limits_fini(&limits);
	put("/proc/self/cgroup", "4:memory:/x\n");
	fby_limits_init(&limits, root);
	assert_null(limits.dir);
	assert_int_equal(fby_limits_open(&limits, &limited, "function sink-0"),
	    -1);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, begin, end)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_process_has_a_group_with_its_limits),
		TEST(all_of_ours_make_room_first),
		TEST(systemd_may_have_made_room),
		TEST(without_a_limit_nothing_is_touched),
		TEST(one_limit_alone_leaves_the_other_open),
		TEST(where_nothing_was_delegated_there_are_none),
	};

	return UNIT_RUN(tests);
}
