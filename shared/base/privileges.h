/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process may do beyond its user: nothing, but for the capabilities it
 * is to keep, a mask of 1 << CAP_*.  None comes back by exec(2).  It is of the
 * calling thread and those that this one makes, so it comes before all others.
 *
 * Async-signal-safe: system calls are made directly.
 */
#ifndef FBY_PRIVILEGES_H
#define FBY_PRIVILEGES_H

#include "shared/fby.h"

/*
 * The sets that exec(2) takes from: ambient, bounding.  Where the bounding set
 * must not be touched, fby_privileges_limit() is what holds.
 */
void fby_privileges_bound(uint64_t keep);

/* Permitted, effective, inheritable; no_new_privs.  -1 with errno. */
int fby_privileges_limit(uint64_t keep) FBY_MUSTCHECK;

#endif
