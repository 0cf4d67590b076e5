/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run directory: which one is meant, and whose it is.
 */
#ifndef FBY_RUNDIR_H
#define FBY_RUNDIR_H

#include "shared/fby.h"

#define FBY_RUNDIR_DEFAULT "/run/forebay"

/*
 * `dir` (-d) if it is not NULL, else the one of the manifest (-c; even of one
 * with mistakes, if it can be told), else $RUNTIME_DIRECTORY, else the only
 * one in /run/forebay.  Heap; NULL: said on standard error.
 */
char *fby_rundir_find(const char *dir, char *const *files, size_t nfiles);

/*
 * Makes the directory, its parents too, and takes it for this master; the
 * file `pid` in it carries the lock.  The descriptor that holds it, or -1:
 * said in the log.
 */
int fby_rundir_take(const char *dir) FBY_MUSTCHECK;

/* The ledger is kept if somebody should read it: the next master. */
void fby_rundir_leave(const char *dir, int fd, bool keep_ledger);

#endif
