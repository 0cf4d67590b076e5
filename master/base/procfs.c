/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What /proc tells of a process; see procfs.h.
 */
#include "shared/fby.h"

#include "master/base/procfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/file.h"

#define GENERATIONS_MAX 64

int
fby_procfs_stat(pid_t pid, struct fby_procfs_stat *st)
{
	char path[64], buf[1024];
	const char *p;
	int n;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fby_file_read(path, buf, sizeof(buf));
	/* A program's name may have blanks and brackets; nothing behind has. */
	if ((p = strrchr(buf, ')')) == NULL)
		return -1;
	n = sscanf(p + 1,
	    " %c %d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d "
	    "%*d %*d %" SCNu64,
	    &st->state, &st->parent, &st->group, &st->session, &st->start);
	return n == 5 ? 0 : -1;
}

void
fby_procfs_signal(pid_t pid, uint64_t start, int signo)
{
	struct fby_procfs_stat st;
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd == -1 && errno != ENOSYS)
		return;
	/* The descriptor holds it; now it is seen whether it is the one. */
	if (fby_procfs_stat(pid, &st) == 0 && st.start == start) {
		if (fd == -1)
			kill(pid, signo);
		else
			syscall(SYS_pidfd_send_signal, fd, signo, NULL, 0);
	}
	if (fd != -1)
		close(fd);
}

void
fby_procfs_each(fby_procfs_fn fn, void *arg)
{
	DIR *dir = opendir("/proc");
	struct fby_procfs_stat st;
	struct dirent *de;

	if (dir == NULL)
		return;
	while ((de = readdir(dir)) != NULL) {
		char *end;
		long pid = strtol(de->d_name, &end, 10);

		if (end != de->d_name && *end == '\0' && pid > 1 &&
		    fby_procfs_stat((pid_t)pid, &st) == 0)
			fn(arg, (pid_t)pid, &st);
	}
	closedir(dir);
}

bool
fby_procfs_is_descendant(pid_t pid)
{
	struct fby_procfs_stat st;

	for (int i = 0; i < GENERATIONS_MAX && pid > 1; i++) {
		/* Ancestors of other users may be hidden; ours are not. */
		if (fby_procfs_stat(pid, &st) == -1)
			return i == 0;
		if (st.parent == getpid())
			return true;
		pid = st.parent;
	}
	return false;
}
