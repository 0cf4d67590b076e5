/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many workers, and on which CPUs; see cpus.h.
 */
#include "shared/fby.h"

#include "master/cpus.h"

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/manifest.h"

size_t
fby_cpus_quota(const char *cpu_max)
{
	unsigned long long quota, period;

	if (sscanf(cpu_max, "%llu %llu", &quota, &period) != 2 || period == 0)
		return 0; /* "max 100000" */
	return FBY_MAX((size_t)((quota + period - 1) / period), 1);
}

static ssize_t
read_file(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd == -1)
		return -1;
	n = read(fd, buf, size - 1);
	close(fd);
	if (n >= 0)
		buf[n] = '\0';
	return n;
}

/* The tightest quota from our cgroup up to the root. */
static size_t
cgroup_quota(void)
{
	char cgroup[1024], path[1200], text[64], *dir, *slash;
	size_t best = 0, n;

	if (read_file("/proc/self/cgroup", cgroup, sizeof(cgroup)) <= 0 ||
	    (dir = strstr(cgroup, "0::/")) == NULL)
		return 0;
	dir += 3;
	dir[strcspn(dir, "\n")] = '\0';
	for (;;) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cpu.max", dir);
		if (read_file(path, text, sizeof(text)) > 0 &&
		    (n = fby_cpus_quota(text)) > 0)
			best = best ? FBY_MIN(best, n) : n;
		if ((slash = strrchr(dir, '/')) == NULL)
			return best;
		*slash = '\0';
	}
}

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
	quota = cgroup_quota();
	return quota ? FBY_MIN(n, quota) : n;
}

size_t
fby_cpus_workers(const struct fby_manifest *m, size_t ncpus)
{
	return m->host.workers > 0 ?
	    FBY_MIN((size_t)m->host.workers, FBY_WORKERS_MAX) :
	    ncpus;
}

/* With more workers than CPUs pinning would only tie their hands. */
int
fby_cpus_pin(const struct fby_manifest *m, const int *cpus, size_t ncpus,
    size_t i)
{
	return fby_cpus_workers(m, ncpus) > ncpus && m->host.cpus.n == 0 ?
	    -1 :
	    cpus[i % ncpus];
}
