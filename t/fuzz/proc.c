/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of /proc and of cgroups, and the notes on what a master has left: any
 * bytes are figures or none, and a program's name, which may hold anything,
 * does not become one.
 *
 * The bytes are the files that are opened, in that order, with a NUL between
 * two of them; the first is the name of a program, too.
 */
#include "shared/fby.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "t/fuzz/files.h"
#include "t/fuzz/fuzz.h"

#define NAME_MAX_BYTES 15 /* of a program, as the kernel keeps it */

/* ---- the files -------------------------------------------------------- */

static int
fake_open(const char *path, int flags)
{
	(void)flags;
	FBY_BUG_ON(*path != '/');
	return open_next();
}

static int
fake_openat(int dir, const char *name, int flags)
{
	(void)dir;
	(void)flags;
	FBY_BUG_ON(strchr(name, '/') != NULL);
	return open_next();
}

#define fby_file_read fake_file_read
#define open(path, flags) fake_open(path, flags)
#define openat(dir, name, flags) fake_openat(dir, name, flags)
#define fopen fake_fopen
#include "master/base/cpus.c"
#include "master/base/oom.c"
#include "master/base/procfs.c"
#include "master/compare/proc.c"
/* As it stands there, and not for writing: no note is made here. */
#undef open
#define open(path, flags, ...) fake_open(path, flags)
#include "master/runtime/leftover.c"
#undef open
#undef openat
#undef fopen
#undef fby_file_read

/* ---- what is made of them --------------------------------------------- */

static void
begin(const uint8_t *data, size_t size)
{
	files = (struct fuzz_texts){ .p = (const char *)data, .left = size };
}

/* The name of a program changes nothing of what is behind it. */
static void
check_name(const char *name)
{
	const char *numbers = ") S 12 13 14 15 16 17 18 19 20 21 101 102 103 "
			      "104 22 23 7 0 4711 24\n";
	char text[128];
	struct fby_procfs_stat st;
	struct entry e;
	const int n = snprintf(text, sizeof(text), "11 (%.*s%s", NAME_MAX_BYTES,
	    name, numbers);

	begin((const uint8_t *)text, (size_t)n);
	FBY_BUG_ON(fby_procfs_stat(11, &st) == -1);
	FBY_BUG_ON(st.state != 'S' || st.parent != 12 || st.group != 13 ||
	    st.session != 14 || st.start != 4711);
	begin((const uint8_t *)text, (size_t)n);
	FBY_BUG_ON(!read_stat("11", &e));
	FBY_BUG_ON(e.pid != 11 || e.parent != 12 || e.own_ticks != 101 + 102 ||
	    e.child_ticks != 103 + 104 || e.threads != 7);
}

/* Our group is looked for where the hierarchy is mounted, and below. */
static void
check_below(const char *group, const char *top)
{
	const char *path = below(group, top);

	FBY_BUG_ON(*path != '\0' && *path != '/');
}

static void
look_at_cpus(const uint8_t *data, size_t size)
{
	struct fuzz_texts t = { .p = (const char *)data, .left = size };
	char *group = fuzz_string(&t), *top = fuzz_string(&t);

	check_below(group, top);
	free(group);
	free(top);
	begin(data, size);
	fby_cpus_quota("");
}

static void
look_at_oom(void)
{
	struct fby_oom oom;

	fby_oom_init(&oom, "");
	FBY_BUG_ON(oom.at != FBY_NONE);
	if (fby_oom_struck(&oom, 5))
		FBY_BUG_ON(oom.at != 5);
	fby_oom_look(&oom, 6);
	fby_oom_fini(&oom);
}

static void
look_at_processes(const uint8_t *data, size_t size)
{
	struct fby_procfs_stat st;
	struct entry e;

	begin(data, size);
	if (fby_procfs_stat(11, &st) == 0)
		FBY_BUG_ON(st.state == '\0');
	begin(data, size);
	if (read_stat("11", &e))
		FBY_BUG_ON(e.pid != 11);
	begin(data, size);
	high_water(11);
	begin(data, size);
	fby_procfs_is_descendant(11);
}

/* Processes are ended by it: 0, 1 and what is negative mean something else. */
static void
look_at_note(const uint8_t *data, size_t size)
{
	struct fby_leftover_group g;
	char name[16] = "";

	snprintf(name, sizeof(name), "%.*s", (int)FBY_MIN(size, 15u),
	    (const char *)data);
	for (char *p = name; *p; p++)
		if (*p == '/')
			*p = '.';
	begin(data, size);
	if (read_note(-1, name, &g))
		FBY_BUG_ON(g.leader <= 1);
	begin(data, size);
	if (read_note(-1, "4711", &g))
		FBY_BUG_ON(g.leader != 4711);
}

/* ---- a run ------------------------------------------------------------ */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_texts t = { .p = (const char *)data, .left = size };
	char *name = fuzz_string(&t);

	check_name(name);
	free(name);
	look_at_cpus(data, size);
	begin(data, size);
	look_at_oom();
	look_at_processes(data, size);
	look_at_note(data, size);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	return 0;
}
