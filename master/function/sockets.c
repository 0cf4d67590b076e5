/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The directory of a function's socket; see sockets.h.
 */
#include "shared/fby.h"

#include "master/function/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

#include "master/base/account.h"

#define MODE 02770
#define PARENT_MODE 0711 /* others' functions pass, and cannot list it */

static const struct fby_pos nowhere = { NULL, 0, 0 };

static int
complain(struct fby_err *err, const char *path)
{
	return fby_err_add(err, nowhere, "%s: %s", path, strerror(errno));
}

/* The mode is set as well where it is there already: a umask cut it. */
static int
give(const char *dir, const struct fby_account *as)
{
	const uid_t uid = as ? as->uid : geteuid();
	struct stat st;
	int fd, rc, saved;

	fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd == -1)
		return -1;
	rc = fstat(fd, &st);
	if (rc == 0 && (st.st_uid != uid || st.st_gid != getegid()))
		rc = fchown(fd, uid, getegid());
	if (rc == 0 && (st.st_mode & 07777) != MODE)
		rc = fchmod(fd, MODE);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int
fby_sockets_make(const char *dir, const struct fby_account *as,
    struct fby_err *err)
{
	char *parent = fby_strdup(dir);
	int rc = 0;

	*strrchr(parent, '/') = '\0';
	if (fby_file_make_dirs(parent, PARENT_MODE) == -1)
		rc = complain(err, parent);
	else if (fby_file_make_dirs(dir, MODE & 0777) == -1 ||
	    give(dir, as) == -1)
		rc = complain(err, dir);
	free(parent);
	return rc;
}

void
fby_sockets_sweep(const char *dir, enum fby_function_role role)
{
	const char *const names[] = { fby_function_socket(role),
		fby_function_info(role) };
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	for (size_t i = 0; fd != -1 && i < FBY_NELEM(names); i++)
		if (unlinkat(fd, names[i], 0) == -1 && errno != ENOENT)
			fby_error("%s/%s, left of the one before, cannot be "
				  "removed: %s",
			    dir, names[i], strerror(errno));
	if (fd != -1)
		close(fd);
}

/* ---- the way there ---------------------------------------------------- */

static bool
may_pass(const struct stat *st, const struct fby_account *as)
{
	if (st->st_uid == as->uid)
		return st->st_mode & S_IXUSR;
	if (st->st_gid == as->gid)
		return st->st_mode & S_IXGRP;
	for (size_t i = 0; i < as->ngroups; i++)
		if (as->groups[i] == st->st_gid)
			return st->st_mode & S_IXGRP;
	return st->st_mode & S_IXOTH;
}

int
fby_sockets_reach(const char *dir, const struct fby_account *as,
    struct fby_err *err)
{
	char *path = fby_strdup(dir);
	struct stat st;
	int rc = 0;

	for (char *p = path + 1; as && as->uid != 0 && rc == 0; p++) {
		p = strchr(p, '/');
		if (p == NULL)
			break;
		*p = '\0';
		if (stat(path, &st) == 0 && !may_pass(&st, as))
			rc = fby_err_add(err, nowhere,
			    "%s: user %u, whom the function runs as, may not "
			    "pass through it to its socket (mode %04o); "
			    "chmod o+x, or isolation: namespace",
			    path, (unsigned)as->uid,
			    (unsigned)st.st_mode & 07777);
		*p = '/';
	}
	free(path);
	return rc;
}
