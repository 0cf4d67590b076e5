/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which master a command is for: the run directory that is meant.
 */
#ifndef FBY_TARGET_H
#define FBY_TARGET_H

#include "shared/fby.h"

/*
 * `dir` (-d) if it is not NULL, else the one of the manifest (-c; even of one
 * with mistakes, if it can be told), else $RUNTIME_DIRECTORY, else the only
 * one in /run/forebay.  Heap; NULL: said on standard error.
 */
char *fby_target_find(const char *dir, char *const *files, size_t nfiles);

#endif
