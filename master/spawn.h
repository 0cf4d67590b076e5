/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork, then exec.  The master has librdkafka's threads, so between the two
 * only async-signal-safe calls are made; everything else is prepared before.
 */
#ifndef FBY_SPAWN_H
#define FBY_SPAWN_H

#include "shared/fby.h"

#include <sys/types.h>

struct fby_spawn {
	int exec_fd;    /* program, O_PATH; -1: argv[0] as a path */
	char **argv;    /* NULL-terminated */
	char **envp;    /* NULL-terminated */
	int fds[8];     /* fds[i] becomes descriptor i; -1: /dev/null */
	size_t nfds;    /* at least 3 */
	int cpu;        /* to be pinned to; -1: as the master */
	bool own_group; /* a process group of its own */
	int on_orphan;  /* signal for it when the calling thread ends; 0 */
	/* In the child, its descriptors in place; async-signal-safe calls
	 * only, 0 or -1.  NULL: nothing. */
	int (*prepare)(void *arg);
	void *arg;
};

/* What the child exits with when it could not become the program. */
#define FBY_SPAWN_UNPREPARED 126 /* prepare() failed */
#define FBY_SPAWN_FAILED 127

/* -1 with errno. */
pid_t fby_spawn(const struct fby_spawn *sp);

/*
 * The environment without what is meant for the master alone (NOTIFY_SOCKET,
 * WATCHDOG_*, LISTEN_*) and with the given NAME=value added or replaced,
 * later ones winning; heap, NULL-terminated; free with fby_spawn_env_free.
 */
char **fby_spawn_env(const char *const *add, size_t nadd);
void fby_spawn_env_free(char **envp);

#endif
