/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many workers, and on which CPUs: cpuAffinity if given, else the CPUs of
 * the process's affinity mask, at most as many as the cgroup's quota pays for
 * (cpu.max, or cpu.cfs_quota_us of cgroup v1; cgroups(7)).
 *
 * A worker is pinned where each CPU has its own, or where cpuAffinity says
 * which.  A number alone, of a quota or of `workers`, says how many and not
 * which: pinning by it would put all that run on a machine on its first CPUs.
 */
#ifndef FBY_CPUS_H
#define FBY_CPUS_H

#include "shared/fby.h"

struct fby_err;
struct fby_manifest;

#define FBY_WORKERS_MAX 128

/* Fills in the CPU numbers, -1 where any will do; at least one. */
size_t fby_cpus_usable(const struct fby_manifest *m, int cpus[FBY_WORKERS_MAX]);

/* `workers:` of the manifest, else one for each CPU. */
size_t fby_cpus_workers(const struct fby_manifest *m, size_t ncpus);

/* The CPU of the i-th worker; -1: the kernel chooses. */
int fby_cpus_pin(const struct fby_manifest *m, const int *cpus, size_t ncpus,
    size_t i);

/* -1: cpuAffinity names a CPU that this process may not run on. */
int fby_cpus_try(const struct fby_manifest *m,
    struct fby_err *err) FBY_MUSTCHECK;

/*
 * Whole CPUs that our cgroups pay for, rounded up; 0: no limit.  `root` goes
 * before /proc and what is mounted; "" but in tests.
 */
size_t fby_cpus_quota(const char *root);

#endif
