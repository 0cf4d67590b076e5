/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A master's run directory: taken, and left.
 *
 * It is opened once, without following a link at its end; everything in it is
 * reached through that descriptor, so nobody can put another directory in its
 * place.  It has to belong to the master's user or to root, and nobody else
 * may write to it: what lies in it (a ledger of the master before) is
 * believed, and what is made in it must not go where a link points.
 */
#ifndef FBY_RUNDIR_H
#define FBY_RUNDIR_H

#include "shared/fby.h"

#define FBY_RUNDIR_DEFAULT "/run/forebay"

struct fby_str;

struct fby_rundir {
	char *path;   /* as given, but without slashes at its end; heap */
	int fd;       /* the directory; -1: none */
	int pid_fd;   /* its file `pid`, which carries the lock */
	int claim_fd; /* claim.h */
};

#define FBY_RUNDIR_INIT                                 \
	{                                               \
		.fd = -1, .pid_fd = -1, .claim_fd = -1, \
	}

/*
 * The directory as a descriptor; -1: `why` has a sentence.  With `any_owner`,
 * for commands that only ask a master, it may belong to anybody.
 */
int fby_rundir_open(const char *path, bool any_owner,
    struct fby_str *why) FBY_MUSTCHECK;

/*
 * Makes the directory, its parents too, and takes it for this master: its
 * file `pid` carries the lock.  -1: said in the log.
 */
int fby_rundir_take(struct fby_rundir *rd, const char *path) FBY_MUSTCHECK;

/*
 * Is the directory still the one of that name, and `pid` in it ours?  If not,
 * make both anew; 0: they are, -1: `why` says why not, and all is as before.
 */
bool fby_rundir_is_there(const struct fby_rundir *rd);
int fby_rundir_again(struct fby_rundir *rd, struct fby_str *why) FBY_MUSTCHECK;

/*
 * A path that leads to a file of this directory, wherever the directory is by
 * now; heap.  It is of no use to other processes.
 */
char *fby_rundir_at(const struct fby_rundir *rd, const char *name);

/* Is the file of that name in the directory the one that fd is open for? */
bool fby_rundir_has(const struct fby_rundir *rd, const char *name, int fd);

/*
 * Takes away `pid`, and the ledger behind ledger_fd (-1: the next master shall
 * read it), if they are still these: others' stay.
 */
void fby_rundir_leave(struct fby_rundir *rd, int ledger_fd);

#endif
