/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Limits of functions' processes; see limits.h.
 */
#include "shared/fby.h"

#include "master/function/limits.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/function.h"

#define PERIOD_US 100000 /* the kernel's own default */

/* ---- which group is ours? --------------------------------------------- */

/* "/system.slice/forebay.service", heap; NULL: none of version 2. */
static char *
own_group(const char *root)
{
	char *path = fby_asprintf("%s/proc/self/cgroup", root);
	FILE *f = fopen(path, "re");
	char line[4096], *group = NULL;

	free(path);
	while (f && group == NULL && fgets(line, sizeof(line), f)) {
		line[strcspn(line, "\n")] = '\0';
		if (strncmp(line, "0::/", 4) == 0)
			group = fby_strdup(line + 3);
	}
	if (f)
		fclose(f);
	return group;
}

/* systemd may have put us into it already (DelegateSubgroup=). */
static void
cut_ours(char *group)
{
	char *slash = strrchr(group, '/');

	if (slash && strcmp(slash + 1, FBY_LIMITS_OURS) == 0)
		*slash = '\0';
}

void
fby_limits_init(struct fby_limits *l, const char *root)
{
	char *group = own_group(root), *file;

	*l = (struct fby_limits){ .dir = NULL };
	if (group == NULL)
		return;
	cut_ours(group);
	l->dir = fby_asprintf("%s/sys/fs/cgroup%s", root, group);
	file = fby_asprintf("%s/cgroup.controllers", l->dir);
	if (access(file, R_OK) == -1) {
		free(l->dir);
		l->dir = NULL;
	}
	free(file);
	free(group);
}

void
fby_limits_fini(struct fby_limits *l)
{
	free(l->dir);
	l->dir = NULL;
}

/* ---- files of a group ------------------------------------------------- */

/* -1 with errno. */
static int
open_file(const char *dir, const char *name)
{
	char *path = fby_asprintf("%s/%s", dir, name);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int saved = errno;

	free(path);
	errno = saved;
	return fd;
}

/* -1 with errno. */
static int
set(const char *dir, const char *name, const char *text)
{
	int fd = open_file(dir, name), rc = 0, saved;

	if (fd == -1)
		return -1;
	if (write(fd, text, strlen(text)) == -1)
		rc = -1;
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* ---- room for groups below ours --------------------------------------- */

/* One that has exited meanwhile is in no one's way. */
static int
move_all(const char *from, const char *to)
{
	char *path = fby_asprintf("%s/cgroup.procs", from), line[32];
	FILE *f = fopen(path, "re");
	int rc = f ? 0 : -1;

	free(path);
	while (rc == 0 && fgets(line, sizeof(line), f))
		if (set(to, "cgroup.procs", line) == -1 && errno != ESRCH)
			rc = -1;
	if (f)
		fclose(f);
	return rc;
}

/* -1 with errno. */
static int
make_room(const struct fby_limits *l)
{
	char *ours;
	int rc, saved;

	errno = ENOENT;
	if (l->dir == NULL)
		return -1;
	ours = fby_asprintf("%s/" FBY_LIMITS_OURS, l->dir);
	rc = mkdir(ours, 0755);
	if (rc == -1 && errno == EEXIST)
		rc = 0;
	if (rc == 0)
		rc = move_all(l->dir, ours);
	if (rc == 0)
		rc = set(l->dir, "cgroup.subtree_control", "+cpu +memory");
	saved = errno;
	free(ours);
	errno = saved;
	return rc;
}

static bool
may_limit(struct fby_limits *l)
{
	if (l->is_tried)
		return l->is_given;
	l->is_tried = true;
	l->is_given = make_room(l) == 0;
	if (!l->is_given)
		fby_warn("memory and cpus of functions are not limited: no "
			 "control group was delegated to forebay (%s); "
			 "systemd does so with Delegate=cpu memory and "
			 "ProtectControlGroups=no",
		    l->dir ? strerror(errno) : "none of version 2");
	return l->is_given;
}

/* ---- one of them ------------------------------------------------------ */

/* "function sink-0" */
static char *
group_of(const struct fby_limits *l, const char *name)
{
	char *dir = fby_asprintf("%s/%s", l->dir, name);

	for (char *p = dir + strlen(l->dir) + 1; *p; p++)
		if (*p == '/' || *p == ' ' || *p == '.')
			*p = '-';
	return dir;
}

static int
set_limits(const char *dir, const struct fby_function *fn)
{
	char memory[32] = "max", cpus[64] = "max";

	if (fn->memory_bytes > 0)
		snprintf(memory, sizeof(memory), "%" PRId64, fn->memory_bytes);
	if (fn->cpus_milli > 0)
		snprintf(cpus, sizeof(cpus), "%" PRId64 " %d",
		    fn->cpus_milli * PERIOD_US / 1000, PERIOD_US);
	return set(dir, "memory.max", memory) == -1 ||
		set(dir, "cpu.max", cpus) == -1 ?
	    -1 :
	    0;
}

int
fby_limits_open(struct fby_limits *l, const struct fby_function *fn,
    const char *name)
{
	char *dir;
	int fd = -1;

	if ((fn->memory_bytes == 0 && fn->cpus_milli == 0) || !may_limit(l))
		return -1;
	dir = group_of(l, name);
	if ((mkdir(dir, 0755) == -1 && errno != EEXIST) ||
	    set_limits(dir, fn) == -1 ||
	    (fd = open_file(dir, "cgroup.procs")) == -1)
		fby_warn("%s is not limited: %s: %s", name, dir,
		    strerror(errno));
	free(dir);
	return fd;
}

int
fby_limits_enter(int fd)
{
	return fd == -1 || write(fd, "0", 1) == 1 ? 0 : -1;
}

void
fby_limits_remove(const struct fby_limits *l, const char *name)
{
	char *dir;

	if (!l->is_given)
		return;
	dir = group_of(l, name);
	rmdir(dir);
	free(dir);
}
