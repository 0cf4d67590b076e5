/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The user that a program runs as; see account.h.
 *
 * System calls are made directly: the library's functions for users and groups
 * want to do the same in all threads, which a child of fork(2) does not have.
 */
#include "shared/fby.h"

#include "master/base/account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/mem.h"
#include "shared/base/privileges.h"
#include "shared/base/str.h"
#include "shared/base/units.h"

#define GROUPS_MAX 1024

static struct passwd *
find_user(const char *user)
{
	struct passwd *pw = getpwnam(user);
	int64_t uid;

	if (pw == NULL && fby_units_int(user, &uid) == NULL && uid >= 0 &&
	    uid < UINT32_MAX)
		pw = getpwuid((uid_t)uid);
	return pw;
}

struct fby_account *
fby_account_new(const char *user)
{
	struct passwd *pw = find_user(user);
	struct fby_account *a;
	int n = GROUPS_MAX;

	if (pw == NULL) {
		errno = ENOENT;
		return NULL;
	}
	if (geteuid() != 0 && pw->pw_uid != geteuid()) {
		errno = EPERM;
		return NULL;
	}
	a = fby_calloc(1, sizeof(*a));
	a->uid = pw->pw_uid;
	a->gid = pw->pw_gid;
	a->vars[0] = fby_asprintf("HOME=%s", pw->pw_dir);
	a->vars[1] = fby_asprintf("LOGNAME=%s", pw->pw_name);
	a->vars[2] = fby_asprintf("USER=%s", pw->pw_name);
	a->groups = fby_calloc(GROUPS_MAX, sizeof(*a->groups));
	/* More than that: those that there was room for. */
	getgrouplist(pw->pw_name, pw->pw_gid, a->groups, &n);
	a->ngroups = (size_t)FBY_MIN(n, GROUPS_MAX);
	return a;
}

void
fby_account_free(struct fby_account *a)
{
	if (a == NULL)
		return;
	for (size_t i = 0; i < FBY_NELEM(a->vars); i++)
		free(a->vars[i]);
	free(a->groups);
	free(a);
}

/* ---- in the child ----------------------------------------------------- */

static int
change_user(const struct fby_account *a)
{
	if (a->uid == geteuid() && geteuid() != 0)
		return 0;
	return syscall(SYS_setgroups, a->ngroups, a->groups) == -1 ||
		syscall(SYS_setresgid, a->gid, a->gid, a->gid) == -1 ||
		syscall(SYS_setresuid, a->uid, a->uid, a->uid) == -1 ?
	    -1 :
	    0;
}

int
fby_account_enter(const struct fby_account *a)
{
	fby_privileges_bound(0);
	if (a && change_user(a) == -1)
		return -1;
	return fby_privileges_limit(0);
}
