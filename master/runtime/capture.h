/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program of others writes to standard error, taken into our log: line
 * by line, escaped as all lines are, at most so many in a second.  So it can
 * neither act on a terminal nor fill a disk, and it follows log.file when that
 * is opened anew.
 *
 * It is a pipe, which the program holds open for reading as well: a runtime
 * that outlives its master in order to drain is not killed by what it says
 * (SIGPIPE).  Nobody reads it then, and it takes FBY_CAPTURE_PIPE bytes.
 */
#ifndef FBY_CAPTURE_H
#define FBY_CAPTURE_H

#include "shared/fby.h"

#include <sys/types.h>

struct event_base;
struct fby_account;
struct fby_capture;
struct fby_manifest;

#define FBY_CAPTURE_BURST 1000 /* lines at once */
#define FBY_CAPTURE_RATE 100   /* and further ones in a second */
#define FBY_CAPTURE_LINE 4096  /* bytes; longer ones become several */
#define FBY_CAPTURE_PIPE (256 * 1024)

/*
 * `name` is before each line; `as`: whose program it is, NULL: ours.  NULL with
 * errno.
 */
struct fby_capture *fby_capture_new(struct event_base *base, const char *name,
    const struct fby_account *as) FBY_MUSTCHECK;

/* For the program's standard error; borrowed, until it is started. */
int fby_capture_fd(const struct fby_capture *c);
void fby_capture_started(struct fby_capture *c, pid_t pid);

/*
 * It has exited, or was not started: the rest of what it said is logged, and
 * how much was left out.  NULL: nothing happens.
 */
void fby_capture_end(struct fby_capture *c);

/* Is standard output where records go? */
bool fby_capture_is_data(const struct fby_manifest *m);

#endif
