/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many workers, and on which CPUs; see cpus.h.
 */
#include "shared/fby.h"

#include "master/base/cpus.h"

#include <sched.h>

#include "shared/base/err.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

/* ---- quota ------------------------------------------------------------ */

/* Where a hierarchy that limits CPU time can be read, and where we are. */
struct hierarchy {
	bool is_v2;
	char *dir;  /* of the mount, heap */
	char *path; /* our group below it, "" or "/a/b"; heap */
};

/* One of "cpu,cpuacct"? */
static bool
has_word(const char *list, const char *word)
{
	const size_t len = strlen(word);

	while (*list) {
		size_t n = strcspn(list, ",");

		if (n == len && strncmp(list, word, n) == 0)
			return true;
		list += n + (list[n] == ',');
	}
	return false;
}

/* Our group in that hierarchy, heap; NULL: in none. */
static char *
our_group(const char *root, bool is_v2)
{
	char *name = fby_asprintf("%s/proc/self/cgroup", root);
	FILE *in = fopen(name, "re");
	char *line = NULL, *group = NULL;
	size_t size = 0;

	free(name);
	while (in && group == NULL && getline(&line, &size, in) > 0) {
		char *list = strchr(line, ':'), *path;

		if (list == NULL || (path = strchr(++list, ':')) == NULL)
			continue;
		*path++ = '\0';
		path[strcspn(path, "\n")] = '\0';
		if (is_v2 ? *list == '\0' : has_word(list, "cpu"))
			group = fby_asprintf("%s", path);
	}
	free(line);
	if (in)
		fclose(in);
	return group;
}

/*
 * "ID PARENT DEV ROOT DIR OPTIONS [MORE]... - TYPE SOURCE OPTIONS": is it the
 * one?  Where its root is, and where it is mounted.
 */
static bool
read_mount(const char *line, bool is_v2, char top[1024], char dir[1024])
{
	const char *rest = strstr(line, " - ");
	char type[32], options[512];

	return rest &&
	    sscanf(line, "%*s %*s %*s %1023s %1023s", top, dir) == 2 &&
	    *dir == '/' &&
	    sscanf(rest, " - %31s %*s %511s", type, options) == 2 &&
	    strcmp(type, is_v2 ? "cgroup2" : "cgroup") == 0 &&
	    (is_v2 || has_word(options, "cpu"));
}

/*
 * What of `group` lies below the mount, whose root is the group `top`.  In a
 * container both are the host's names, or both the namespace's.
 */
static const char *
below(const char *group, const char *top)
{
	size_t len = strlen(top);

	if (strcmp(top, "/") == 0)
		len = 0;
	/* Beside or above what we can see. */
	if (strncmp(group, top, len) != 0 || strncmp(group, "/..", 3) == 0)
		return "";
	group += len;
	if (*group != '/')
		return "";
	return strcmp(group, "/") == 0 ? "" : group;
}

static bool
find_hierarchy(struct hierarchy *h, const char *root, bool is_v2)
{
	char *name = fby_asprintf("%s/proc/self/mountinfo", root);
	char *line = NULL, *group = our_group(root, is_v2);
	char top[1024], dir[1024];
	FILE *in = fopen(name, "re");
	size_t size = 0;

	free(name);
	*h = (struct hierarchy){ .is_v2 = is_v2 };
	while (in && group && h->dir == NULL && getline(&line, &size, in) > 0) {
		if (!read_mount(line, is_v2, top, dir))
			continue;
		h->dir = fby_asprintf("%s%s", root, dir);
		h->path = fby_asprintf("%s", below(group, top));
	}
	free(line);
	free(group);
	if (in)
		fclose(in);
	return h->dir != NULL;
}

/* The first line of a file of a group; false: there is none. */
static bool
read_line(const struct hierarchy *h, const char *file, char text[64])
{
	char *name = fby_asprintf("%s%s/%s", h->dir, h->path, file);
	FILE *in = fopen(name, "re");
	bool ok = in && fgets(text, 64, in);

	free(name);
	if (in)
		fclose(in);
	return ok;
}

/* "max 100000", or -1: no limit. */
static size_t
quota_of(const struct hierarchy *h)
{
	long long quota = 0, period = 0;
	char text[64];

	if (h->is_v2) {
		if (!read_line(h, "cpu.max", text) ||
		    sscanf(text, "%lld %lld", &quota, &period) != 2)
			return 0;
	} else {
		if (read_line(h, "cpu.cfs_quota_us", text))
			quota = strtoll(text, NULL, 10);
		if (read_line(h, "cpu.cfs_period_us", text))
			period = strtoll(text, NULL, 10);
	}
	if (quota <= 0 || period <= 0)
		return 0;
	return (size_t)((quota - 1) / period) + 1;
}

/* The tightest from our group up to the top. */
static size_t
tightest(struct hierarchy *h)
{
	size_t best = 0, n;
	char *slash;

	for (;;) {
		if ((n = quota_of(h)) > 0)
			best = best ? FBY_MIN(best, n) : n;
		if ((slash = strrchr(h->path, '/')) == NULL)
			return best;
		*slash = '\0';
	}
}

size_t
fby_cpus_quota(const char *root)
{
	struct hierarchy h;
	size_t best = 0, n;

	/* Both may be there; the controller is in one of them. */
	for (int is_v2 = 0; is_v2 <= 1; is_v2++) {
		if (!find_hierarchy(&h, root, is_v2))
			continue;
		if ((n = tightest(&h)) > 0)
			best = best ? FBY_MIN(best, n) : n;
		free(h.dir);
		free(h.path);
	}
	return best;
}

/* ---- workers ---------------------------------------------------------- */

size_t
fby_cpus_usable(const struct fby_manifest *m, int cpus[FBY_WORKERS_MAX])
{
	size_t n = 0, quota;
	cpu_set_t set;

	for (size_t i = 0; i < m->host.cpus.n && n < FBY_WORKERS_MAX; i++)
		cpus[n++] = (int)strtol(m->host.cpus.v[i], NULL, 10);
	if (n > 0)
		return n;
	if (sched_getaffinity(0, sizeof(set), &set) == 0)
		for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
			if (CPU_ISSET(cpu, &set) && n < FBY_WORKERS_MAX)
				cpus[n++] = cpu;
	if (n == 0)
		cpus[n++] = -1;
	quota = fby_cpus_quota("");
	if (quota == 0 || quota >= n)
		return n;
	for (size_t i = 0; i < quota; i++)
		cpus[i] = -1;
	return quota;
}

size_t
fby_cpus_workers(const struct fby_manifest *m, size_t ncpus)
{
	return m->host.workers > 0 ?
	    FBY_MIN((size_t)m->host.workers, FBY_WORKERS_MAX) :
	    ncpus;
}

/*
 * With more workers than CPUs pinning would only tie their hands; with fewer
 * it would be the same few CPUs for all that run on this machine.
 */
int
fby_cpus_pin(const struct fby_manifest *m, const int *cpus, size_t ncpus,
    size_t i)
{
	return fby_cpus_workers(m, ncpus) != ncpus && m->host.cpus.n == 0 ?
	    -1 :
	    cpus[i % ncpus];
}

int
fby_cpus_try(const struct fby_manifest *m, struct fby_err *err)
{
	static const char path[] = "spec.cpuAffinity";
	cpu_set_t set;
	int rc = 0;

	if (m->host.cpus.n == 0 || sched_getaffinity(0, sizeof(set), &set) != 0)
		return 0;
	for (size_t i = 0; i < m->host.cpus.n; i++) {
		const long cpu = strtol(m->host.cpus.v[i], NULL, 10);

		if (cpu < CPU_SETSIZE && CPU_ISSET((size_t)cpu, &set))
			continue;
		rc = fby_err_add(err, fby_manifest_pos(m, path),
		    "%s: found CPU %ld, which this process may not run on; "
		    "there are %d that it may",
		    path, cpu, CPU_COUNT(&set));
	}
	return rc;
}
