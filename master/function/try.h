/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Can the functions of a manifest be started on this machine?
 */
#ifndef FBY_TRY_H
#define FBY_TRY_H

#include "shared/fby.h"

#include "shared/base/err.h"

struct fby_manifest;

/*
 * Are the programs there, and the users; can a function have the directory of
 * its socket where it looks for it?  For `forebay test`, at the start and
 * before a reload; -1: `err` says what is missing.
 */
int fby_function_try(const struct fby_manifest *m,
    struct fby_err *err) FBY_MUSTCHECK;

#endif
