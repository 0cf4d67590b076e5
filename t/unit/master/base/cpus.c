/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quotas of both kinds of cgroups, as they look from a host, from a container,
 * and from one without a namespace of its own.
 */
#include "t/unit/unit.h"

#include "master/base/cpus.h"

#include <errno.h>
#include <ftw.h>
#include <sched.h>
#include <sys/stat.h>

#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#define MOUNT(root, dir, type, options)                                   \
	"30 23 0:26 " root " " dir " rw,nosuid shared:9 - " type " " type \
	" rw" options "\n"
#define V2 MOUNT("/", "/sys/fs/cgroup", "cgroup2", ",nsdelegate")
#define V1(root)                                                 \
	MOUNT("/", "/sys/fs/cgroup/memory", "cgroup", ",memory") \
	MOUNT(root, "/sys/fs/cgroup/cpu,cpuacct", "cgroup", ",cpu,cpuacct")

static char dir[] = "/tmp/fby-cpus-XXXXXX";

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	return ftw->level == 0 ? 0 : remove(path);
}

/* What the test before has made goes. */
static int
set_up(void **state)
{
	(void)state;
	if (strstr(dir, "XXXXXX") && mkdtemp(dir) == NULL)
		return -1;
	return nftw(dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static int
tear_down(void **state)
{
	(void)state;
	set_up(NULL);
	return remove(dir);
}

/* With the directories on the way. */
static void
put(const char *path, const char *text)
{
	char *name = fby_asprintf("%s%s", dir, path);
	FILE *out;

	for (char *p = name + sizeof(dir); (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		assert_true(mkdir(name, 0700) == 0 || errno == EEXIST);
	}
	out = fopen(name, "we");
	assert_non_null(out);
	fputs(text, out);
	fclose(out);
	free(name);
}

static void
be_in(const char *cgroup, const char *mounts)
{
	put("/proc/self/cgroup", cgroup);
	put("/proc/self/mountinfo", mounts);
}

static void
a_quota_is_rounded_up_to_whole_cpus(void **state)
{
	static const struct {
		const char *text;
		size_t n;
	} rows[] = { { "200000 100000\n", 2 }, { "250000 100000\n", 3 },
		{ "50000 100000\n", 1 }, { "max 100000\n", 0 }, { "", 0 },
		{ "100 0", 0 }, { "-5 100", 0 }, { "x", 0 } };

	(void)state;
	be_in("0::/a\n", V2);
	for (size_t i = 0; i < FBY_NELEM(rows); i++) {
		put("/sys/fs/cgroup/a/cpu.max", rows[i].text);
		assert_int_equal(fby_cpus_quota(dir), rows[i].n);
	}
}

static void
the_tightest_on_the_way_up_counts(void **state)
{
	(void)state;
	be_in("0::/a/b/c\n", V2);
	put("/sys/fs/cgroup/a/b/c/cpu.max", "max 100000\n");
	put("/sys/fs/cgroup/a/b/cpu.max", "300000 100000\n");
	put("/sys/fs/cgroup/a/cpu.max", "400000 100000\n");
	assert_int_equal(fby_cpus_quota(dir), 3);
}

static void
a_container_sees_its_group_at_the_top(void **state)
{
	(void)state;
	be_in("0::/\n", V2);
	put("/sys/fs/cgroup/cpu.max", "150000 100000\n");
	assert_int_equal(fby_cpus_quota(dir), 2);
}

static void
v1_has_two_files(void **state)
{
	(void)state;
	be_in("4:memory:/m\n3:cpuset:/s\n2:cpu,cpuacct:/a/b\n0::/\n", V1("/"));
	put("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_quota_us", "-1\n");
	put("/sys/fs/cgroup/cpu,cpuacct/a/b/cpu.cfs_period_us", "100000\n");
	assert_int_equal(fby_cpus_quota(dir), 0);
	put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "120000\n");
	put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "50000\n");
	assert_int_equal(fby_cpus_quota(dir), 3);
}

/* The group is the host's name, and so is the mount's root. */
static void
v1_in_a_container_without_a_namespace(void **state)
{
	(void)state;
	be_in("2:cpu,cpuacct:/docker/0123\n", V1("/docker/0123"));
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "100000\n");
	put("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
	assert_int_equal(fby_cpus_quota(dir), 1);
}

/* systemd's hybrid: v2 is there, without the controller. */
static void
both_may_be_mounted(void **state)
{
	(void)state;
	be_in("2:cpu,cpuacct:/a\n0::/b\n",
	    V1("/") MOUNT("/", "/sys/fs/cgroup/unified", "cgroup2", ""));
	put("/sys/fs/cgroup/unified/b/cgroup.procs", "");
	put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "200000\n");
	put("/sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
	assert_int_equal(fby_cpus_quota(dir), 2);
}

static void
what_cannot_be_seen_is_no_limit(void **state)
{
	(void)state;
	assert_int_equal(fby_cpus_quota(dir), 0);
	be_in("0::/../../x\n", V2);
	put("/sys/fs/cgroup/x/cpu.max", "100000 100000\n");
	assert_int_equal(fby_cpus_quota(dir), 0);
	be_in("nonsense\n:\n2:cpu\n", "nonsense\n - \na b c d e - f\n");
	assert_int_equal(fby_cpus_quota(dir), 0);
}

static void
a_number_says_how_many_and_not_which(void **state)
{
	struct fby_manifest m = { .name = "x" };
	const int cpus[] = { 4, 5 }, any[] = { -1, -1 };
	const char *names[] = { "7", "9" };

	(void)state;
	/* Each CPU has its own. */
	assert_int_equal(fby_cpus_pin(&m, cpus, 2, 1), 5);
	assert_int_equal(fby_cpus_pin(&m, any, 2, 1), -1);
	m.host.workers = 1;
	assert_int_equal(fby_cpus_pin(&m, cpus, 2, 0), -1);
	m.host.workers = 3;
	assert_int_equal(fby_cpus_pin(&m, cpus, 2, 0), -1);
	m.host.cpus = (struct fby_strings){ .v = names, .n = 2 };
	m.host.workers = 1;
	assert_int_equal(fby_cpus_pin(&m, cpus, 2, 0), 4);
	m.host.workers = 3;
	assert_int_equal(fby_cpus_pin(&m, cpus, 2, 2), 4);
}

int
main(void)
{
#define T(name) cmocka_unit_test_setup(name, set_up)
	const struct CMUnitTest tests[] = {
		T(a_quota_is_rounded_up_to_whole_cpus),
		T(the_tightest_on_the_way_up_counts),
		T(a_container_sees_its_group_at_the_top),
		T(v1_has_two_files),
		T(v1_in_a_container_without_a_namespace),
		T(both_may_be_mounted),
		T(what_cannot_be_seen_is_no_limit),
		T(a_number_says_how_many_and_not_which),
	};
#undef T

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, tear_down);
}
