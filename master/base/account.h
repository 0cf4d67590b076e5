/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user that a program runs as, and what it may do: nothing that this user
 * may not do anyhow.
 */
#ifndef FBY_ACCOUNT_H
#define FBY_ACCOUNT_H

#include "shared/fby.h"

#include <sys/types.h>

#define FBY_ACCOUNT_VARS 3

struct fby_account {
	uid_t uid;
	gid_t gid;
	gid_t *groups; /* heap */
	size_t ngroups;
	char *vars[FBY_ACCOUNT_VARS]; /* HOME=, LOGNAME=, USER=; heap */
};

/*
 * By name or number.  NULL with errno: ENOENT, there is none; EPERM, only root
 * may start programs as another user.  Free with fby_account_free().
 */
struct fby_account *fby_account_new(const char *user) FBY_MUSTCHECK;
void fby_account_free(struct fby_account *a);

/*
 * In a child, between fork and exec, with async-signal-safe calls only: become
 * that user (NULL: stay), and give up every capability, also those that a
 * program could get back by being executed.  -1 with errno: it is not that
 * user, or still has capabilities.
 */
int fby_account_enter(const struct fby_account *a) FBY_MUSTCHECK;

#endif
