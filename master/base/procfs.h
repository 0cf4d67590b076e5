/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc tells of a process.
 */
#ifndef FBY_PROCFS_H
#define FBY_PROCFS_H

#include "shared/fby.h"

#include <sys/types.h>

struct fby_procfs_stat {
	char state; /* 'R', 'S', 'T', 'Z' … */
	pid_t parent, group, session;
	uint64_t start; /* clock ticks since boot; with the pid it is unique */
};

/* -1: there is no such process, or it is hidden from us. */
int fby_procfs_stat(pid_t pid, struct fby_procfs_stat *st) FBY_MUSTCHECK;

typedef void (
    *fby_procfs_fn)(void *arg, pid_t pid, const struct fby_procfs_stat *st);

/* To the process that was looked at, and to no other that has its pid now. */
void fby_procfs_signal(pid_t pid, uint64_t start, int signo);

/* Each process that we can see. */
void fby_procfs_each(fby_procfs_fn fn, void *arg);

/*
 * Is `pid` a child of this process, or of one of its children, and so on?
 * True as well if it has gone meanwhile: it cannot be told.
 */
bool fby_procfs_is_descendant(pid_t pid);

#endif
