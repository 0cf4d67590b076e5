/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a function's socket and info file.
 *
 * It belongs to the user that the function runs as, and to our group, which
 * what is made in it inherits: so a function of another user can make its
 * socket, and the workers can connect.
 */
#ifndef FBY_SOCKETS_H
#define FBY_SOCKETS_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/manifest/function.h"

struct fby_account;

/* What a function makes there is for its group, too, and nobody else. */
#define FBY_SOCKETS_UMASK 0007

/* Made, or made good, with its parents; -1: `err` says what is in the way. */
int fby_sockets_make(const char *dir, const struct fby_account *as,
    struct fby_err *err) FBY_MUSTCHECK;

/*
 * What a process of that role has left there is taken away: nobody shall
 * connect to it, nor believe what it says.  What cannot be is said in the log.
 */
void fby_sockets_sweep(const char *dir, enum fby_function_role role);

/* May that user get there by the path?  -1: `err` says where it ends. */
int fby_sockets_reach(const char *dir, const struct fby_account *as,
    struct fby_err *err) FBY_MUSTCHECK;

#endif
