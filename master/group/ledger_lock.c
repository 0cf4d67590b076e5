/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who keeps a lock; see ledger_lock.h.  /proc/locks only knows who has taken
 * it, and that one may be dead.
 */
#include "shared/fby.h"

#include "master/group/ledger_lock.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/file.h"

#define FDINFO_BYTES 1024

/* Number of a directory entry; -1 if it is none. */
static long
number(const struct dirent *de)
{
	char *end;
	long n = strtol(de->d_name, &end, 10);

	return end == de->d_name || *end ? -1 : n;
}

static bool
has_lock(pid_t pid, long fd, const struct stat *file)
{
	char path[64], info[FDINFO_BYTES];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/fd/%ld", pid, fd);
	if (stat(path, &st) == -1 || st.st_dev != file->st_dev ||
	    st.st_ino != file->st_ino)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/fdinfo/%ld", pid, fd);
	fby_file_read(path, info, sizeof(info));
	return strstr(info, "FLOCK") != NULL;
}

static bool
is_holder(pid_t pid, const struct stat *file)
{
	struct dirent *de;
	bool found = false;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	if ((dir = opendir(path)) == NULL)
		return false;
	while (!found && (de = readdir(dir)) != NULL)
		found = number(de) >= 0 && has_lock(pid, number(de), file);
	closedir(dir);
	return found;
}

size_t
fby_ledger_lock_holders(int fd, fby_ledger_lock_fn fn, void *arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *de;
	struct stat file;
	size_t n = 0;

	if (dir == NULL)
		return 0;
	while (fstat(fd, &file) == 0 && (de = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)number(de);
		char path[64], comm[32];

		if (pid <= 1 || pid == getpid() || !is_holder(pid, &file))
			continue;
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		fby_file_read(path, comm, sizeof(comm));
		comm[strcspn(comm, "\n")] = '\0';
		n++;
		fn(arg, pid, comm);
	}
	closedir(dir);
	return n;
}
