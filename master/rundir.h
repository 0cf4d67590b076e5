/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which master is meant: its run directory, from what the command line says.
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

#endif
