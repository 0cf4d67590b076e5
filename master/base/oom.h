/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Has the kernel's out-of-memory killer been at work?  A worker that dies of
 * SIGKILL was killed by it, or by somebody from outside, and the status that
 * waitpid(2) has does not tell which.
 *
 * The counter of our own cgroup is asked; where that cannot be read (cgroup
 * v1, or we are in the root), the whole machine's.
 */
#ifndef FBY_OOM_H
#define FBY_OOM_H

#include "shared/fby.h"

struct fby_oom {
	char *path;     /* of the counter; NULL: there is none */
	uint64_t count; /* when last looked at */
	int64_t at;     /* monotonic: when it was seen to rise; FBY_NONE */
};

/* `dir` has the place of /proc and /sys, "" as a rule. */
void fby_oom_init(struct fby_oom *oom, const char *dir);
void fby_oom_fini(struct fby_oom *oom);

/* Look at the counter: every second, so that a rise has a time. */
void fby_oom_look(struct fby_oom *oom, int64_t now);

/*
 * Looks, too.  True if it has risen a moment ago: between the kill and the
 * death of a large process there may be seconds.
 */
bool fby_oom_struck(struct fby_oom *oom, int64_t now);

#endif
