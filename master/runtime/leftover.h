/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes of other runtimes that a master before has left: it was killed, and
 * they do not end with it as workers do, who see the end of their channel.
 *
 * Each process group is noted in the run directory when it is started, by the
 * pid and the start time of its leader, since a pid alone may be another's by
 * now, and by the mark of those that have left it (helpers.h).  The next master
 * ends what is there of it before it starts its own, so that nothing runs
 * twice.
 */
#ifndef FBY_LEFTOVER_H
#define FBY_LEFTOVER_H

#include "shared/fby.h"

#include <event2/event_struct.h>
#include <sys/types.h>

struct event_base;

struct fby_leftover_group {
	pid_t leader, session;
	uint64_t start;
	char mark[80]; /* helpers.h; "": none */
	size_t alive;  /* processes, as last seen */
};

struct fby_leftover {
	char *dir; /* of the notes, heap; NULL: nothing is under way */
	struct fby_leftover_group *groups;
	size_t ngroups;
	int signo;       /* that they get now */
	int64_t kill_at; /* monotonic: then SIGKILL */
	int64_t give_up_at;
	struct event ev_look;
	void (*fn)(void *arg);
	void *arg;
};

/* This process has just been started, leads a group, and has that mark. */
void fby_leftover_note(const char *run_dir, pid_t pid, const char *mark);
/* waitpid(2) is about to return it. */
void fby_leftover_forget(const char *run_dir, pid_t pid);

/*
 * SIGTERM to all of them, SIGKILL after grace_ms.  fn is called when the last
 * is gone, or does not even go then; not if this returns 0: there is none.
 */
size_t fby_leftover_end(struct fby_leftover *l, struct event_base *base,
    const char *run_dir, int64_t grace_ms, void (*fn)(void *arg), void *arg);
void fby_leftover_fini(struct fby_leftover *l);

#endif
