/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that a program of others has started.  Those of its process group
 * end with it; one that has made a session of its own (setsid, a daemon) does
 * not, and would be there beside the next.
 *
 * All of them are known by a mark, a random variable of the environment that
 * the program is started with and that its descendants inherit.  What has
 * cleared its environment is not found, nor is what may not be looked at
 * (another user's, without CAP_SYS_PTRACE).
 */
#ifndef FBY_HELPERS_H
#define FBY_HELPERS_H

#include "shared/fby.h"

#include <sys/types.h>

#define FBY_HELPERS_VAR "FOREBAY_STARTED"

struct fby_helpers {
	char mark[sizeof(FBY_HELPERS_VAR) + 32 + 1]; /* "NAME=value"; or "" */
	uint64_t since; /* start of the program, ticks; they are not older */
};

/* A new mark, for the environment of a program that is about to start. */
void fby_helpers_mark(struct fby_helpers *h);
/* The program has just been started. */
void fby_helpers_started(struct fby_helpers *h, pid_t pid);

/* SIGKILL to all that there are; how many.  0 as well without a mark. */
size_t fby_helpers_kill(const struct fby_helpers *h);

/* Has this process that mark? */
bool fby_helpers_is_marked(pid_t pid, const char *mark);

#endif
