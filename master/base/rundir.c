/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The run directory; see rundir.h.
 */
#include "shared/fby.h"

#include "master/base/rundir.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "master/base/claim.h"

/* ---- the directory ---------------------------------------------------- */

/* A slash at the end would have a link followed. */
static char *
strip(const char *path)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	return fby_strndup(path, len);
}

static bool
is_trusted_owner(uid_t uid)
{
	return uid == 0 || uid == geteuid();
}

static bool
is_fit(const char *path, const struct stat *st, bool any_owner,
    struct fby_str *why)
{
	if (!any_owner && !is_trusted_owner(st->st_uid))
		fby_str_printf(why,
		    "%s: belongs to user %u; it has to belong to root or to "
		    "user %u, whom this forebay runs as",
		    path, (unsigned)st->st_uid, (unsigned)geteuid());
	else if (st->st_mode & (S_IWGRP | S_IWOTH))
		fby_str_printf(why,
		    "%s: others may write to it (mode %04o), and could put "
		    "in what forebay believes; chmod go-w",
		    path, (unsigned)st->st_mode & 07777);
	return why->len == 0;
}

int
fby_rundir_open(const char *path, bool any_owner, struct fby_str *why)
{
	char *bare = strip(path);
	struct stat st;
	int fd, saved;

	fd = open(bare, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	saved = errno;
	if (fd == -1 && lstat(bare, &st) == 0 && S_ISLNK(st.st_mode)) {
		fby_str_printf(why, "%s: is a link, and not followed", path);
		saved = ELOOP;
	}
	if (why->len == 0 && fd == -1)
		fby_str_printf(why, "%s: %s", path, strerror(saved));
	else if (fd != -1 && fstat(fd, &st) == -1)
		fby_str_printf(why, "%s: %s", path, strerror(errno));
	else if (fd != -1)
		is_fit(path, &st, any_owner, why);
	free(bare);
	if (why->len > 0 && fd != -1) {
		close(fd);
		fd = -1;
		saved = EPERM;
	}
	if (fd == -1)
		errno = saved;
	return fd;
}

char *
fby_rundir_at(const struct fby_rundir *rd, const char *name)
{
	return fby_asprintf("/proc/self/fd/%d/%s", rd->fd, name);
}

static bool
same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool
has(int dir, const char *name, int fd)
{
	struct stat there, here;

	return fstat(fd, &here) == 0 &&
	    fstatat(dir, name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    same_file(&there, &here);
}

bool
fby_rundir_has(const struct fby_rundir *rd, const char *name, int fd)
{
	return has(rd->fd, name, fd);
}

/* ---- its file `pid` --------------------------------------------------- */

/* What lies there by that name must be a file of ours and nothing else. */
static bool
is_plain(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink <= 1 &&
	    is_trusted_owner(st.st_uid);
}

static int
write_pid(int fd)
{
	char text[16];
	int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());

	errno = ENOSPC;
	return ftruncate(fd, 0) == -1 || pwrite(fd, text, (size_t)n, 0) != n ?
	    -1 :
	    0;
}

/* Its lock lasts as long as the master, and says so to a second one. */
static int
lock_pid(int dir, const char *path, struct fby_str *why)
{
	int fd;

	for (;;) {
		fd = openat(dir, "pid",
		    O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY |
			O_CLOEXEC,
		    0644);
		if (fd == -1 && errno != ELOOP)
			goto fail;
		if (fd == -1 || !is_plain(fd)) {
			fby_str_printf(why,
			    "%s/pid: not a plain file of ours; not touched",
			    path);
			goto out;
		}
		if (flock(fd, LOCK_EX | LOCK_NB) == -1) {
			if (errno != EWOULDBLOCK)
				goto fail;
			fby_str_printf(why, "%s: another forebay runs here",
			    path);
			goto out;
		}
		/* Locked, but taken away before: whoever has the name counts.
		 */
		if (has(dir, "pid", fd))
			break;
		close(fd);
	}
	if (write_pid(fd) == -1)
		goto fail;
	return fd;
fail:
	fby_str_printf(why, "%s/pid: %s", path, strerror(errno));
out:
	if (fd != -1)
		close(fd);
	return -1;
}

/* ---- taken ------------------------------------------------------------ */

/* Both descriptors, or neither. */
static int
take_both(const char *path, int *dir, int *pid, struct fby_str *why)
{
	*dir = *pid = -1;
	if (fby_file_make_dirs(path, 0750) == -1)
		fby_str_printf(why, "%s: %s", path, strerror(errno));
	else if ((*dir = fby_rundir_open(path, false, why)) != -1)
		*pid = lock_pid(*dir, path, why);
	if (*pid != -1)
		return 0;
	if (*dir != -1)
		close(*dir);
	*dir = -1;
	return -1;
}

/* Somebody's whose directory, or `pid`, was taken away. */
static int
claim(struct fby_rundir *rd)
{
	struct stat st;
	int pid;

	if (fstat(rd->fd, &st) == -1 ||
	    fby_claim_take(rd->path, st.st_dev, &rd->claim_fd, &pid) == 0)
		return 0;
	fby_error("%s: another forebay runs here (pid %d), though its file "
		  "`pid` is gone; it makes it anew",
	    rd->path, pid);
	return -1;
}

int
fby_rundir_take(struct fby_rundir *rd, const char *path)
{
	struct fby_str why;
	int rc = 0;

	*rd = (struct fby_rundir)FBY_RUNDIR_INIT;
	rd->path = strip(path);
	fby_str_init(&why);
	if (take_both(rd->path, &rd->fd, &rd->pid_fd, &why) == -1) {
		fby_error("%s", why.p);
		rc = -1;
	} else if (claim(rd) == -1) {
		rc = -1;
	}
	fby_str_fini(&why);
	if (rc == -1)
		fby_rundir_leave(rd, -1);
	return rc;
}

/* ---- is it still there ------------------------------------------------ */

bool
fby_rundir_is_there(const struct fby_rundir *rd)
{
	struct stat here, there;

	return fstat(rd->fd, &here) == 0 && lstat(rd->path, &there) == 0 &&
	    same_file(&here, &there) && has(rd->fd, "pid", rd->pid_fd);
}

int
fby_rundir_again(struct fby_rundir *rd, struct fby_str *why)
{
	int dir, pid;

	if (take_both(rd->path, &dir, &pid, why) == -1)
		return -1;
	close(rd->pid_fd);
	close(rd->fd);
	rd->fd = dir;
	rd->pid_fd = pid;
	return 0;
}

/* ---- left ------------------------------------------------------------- */

static void
take_away(const struct fby_rundir *rd, const char *name, int fd)
{
	if (fd != -1 && has(rd->fd, name, fd))
		unlinkat(rd->fd, name, 0);
}

void
fby_rundir_leave(struct fby_rundir *rd, int ledger_fd)
{
	if (rd->fd != -1) {
		take_away(rd, "ledger", ledger_fd);
		take_away(rd, "pid", rd->pid_fd);
		close(rd->fd);
	}
	if (rd->pid_fd != -1)
		close(rd->pid_fd);
	if (rd->claim_fd != -1)
		close(rd->claim_fd);
	free(rd->path);
	*rd = (struct fby_rundir)FBY_RUNDIR_INIT;
}
