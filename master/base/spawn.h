/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork, then exec.  The master has librdkafka's threads, so between the two
 * only async-signal-safe calls are made; everything else is prepared before.
 */
#ifndef FBY_SPAWN_H
#define FBY_SPAWN_H

#include "shared/fby.h"

#include <sys/types.h>

struct fby_account;

struct fby_spawn {
	int exec_fd;    /* program, O_PATH; -1: argv[0] as a path */
	char **argv;    /* NULL-terminated */
	char **envp;    /* NULL-terminated */
	int fds[8];     /* fds[i] becomes descriptor i; -1: /dev/null */
	size_t nfds;    /* at least 3 */
	int cpu;        /* to be pinned to; -1: as the master */
	bool own_group; /* a process group of its own */
	int on_orphan;  /* signal for it when the calling thread ends; 0 */
	int oom_above;  /* before us for the out-of-memory killer by so much */
	bool foreign;   /* not ours: it gets no privilege */
	const struct fby_account *as; /* and runs as that user; NULL: ours */
	/* In the child, its descriptors in place; async-signal-safe calls
	 * only, 0 or -1.  NULL: nothing. */
	int (*prepare)(void *arg);
	void *arg;
};

/* Workers go first: the master starts them again, and nobody the master. */
#define FBY_SPAWN_OOM_ABOVE 200

/* What the child exits with when it could not become the program. */
#define FBY_SPAWN_UNPREPARED                            \
	126 /* prepare() failed, or user and privileges \
	     */
#define FBY_SPAWN_FAILED 127

/*
 * It has the descriptors named and no other, whatever the master has open or
 * was given; no signal is blocked, ignored or handled; its group exists when
 * this returns.  -1 with errno.
 */
pid_t fby_spawn(const struct fby_spawn *sp);

/*
 * The same of the program that runs, whatever has been installed since, with
 * our environment; `exec_fd` and `envp` are set here.
 */
pid_t fby_spawn_self(struct fby_spawn sp);

/* SIGKILL, to its group as well, and waitpid(2), though not for ever. */
void fby_spawn_end(pid_t pid, bool own_group);

/*
 * The environment without what is meant for the master alone (NOTIFY_SOCKET,
 * WATCHDOG_*, LISTEN_*) and with the given NAME=value added or replaced,
 * later ones winning; heap, NULL-terminated; free with fby_spawn_env_free.
 */
char **fby_spawn_env(const char *const *add, size_t nadd);

/* The same for forebay-worker: what it and its libraries read. */
char **fby_spawn_env_worker(const char *const *add, size_t nadd);

/*
 * The same for a program that is not ours: of the master's environment only
 * what any program wants, PATH, HOME, LANG and the like.
 */
char **fby_spawn_env_foreign(const char *const *add, size_t nadd);

/* With one more, if it is not ""; takes envp. */
char **fby_spawn_env_with(char **envp, const char *var);
void fby_spawn_env_free(char **envp);

#endif
