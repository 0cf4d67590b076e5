/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many workers, and on which CPUs: cpuAffinity if given, else the CPUs of
 * the process's affinity mask, at most as many as the cgroup's quota pays for
 * (cpu.max, cgroups(7)).
 */
#ifndef FBY_CPUS_H
#define FBY_CPUS_H

#include "shared/fby.h"

struct fby_manifest;

#define FBY_WORKERS_MAX 128

/* Fills in the CPU numbers; at least one. */
size_t fby_cpus_usable(const struct fby_manifest *m, int cpus[FBY_WORKERS_MAX]);

/* `workers:` of the manifest, else one for each CPU. */
size_t fby_cpus_workers(const struct fby_manifest *m, size_t ncpus);

/* The CPU of the i-th worker. */
int fby_cpus_pin(const struct fby_manifest *m, const int *cpus, size_t ncpus,
    size_t i);

/* Whole CPUs in the text of a cpu.max file, rounded up; 0: no limit. */
size_t fby_cpus_quota(const char *cpu_max);

#endif
