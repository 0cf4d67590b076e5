/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a master, and its answer, as a client that trusts neither:
 * whoever listens has to be root, our own user or the owner of the run
 * directory; it has five seconds to say something, a minute to say all of it,
 * and 64 MiB for that.
 */
#ifndef FBY_DIAL_H
#define FBY_DIAL_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_str;

struct fby_dial {
	const char *dir; /* borrowed */
	int fd;          /* the connection; -1: none */
	int pid;         /* of the master; 0: in another PID namespace */
};

/* -1: `why` says why not. */
int fby_dial_open(struct fby_dial *d, const char *dir,
    struct fby_str *why) FBY_MUSTCHECK;
void fby_dial_close(struct fby_dial *d);

/*
 * Send one line, read to the end.  If `is_long`, the answer comes when what
 * was asked for is over, however long that takes; the master is asked
 * meanwhile, on connections of its own, whether it is still there.
 * NULL: `why` says why not.
 */
json_t *fby_dial_ask(struct fby_dial *d, const char *command, bool is_long,
    struct fby_str *why);

#endif
