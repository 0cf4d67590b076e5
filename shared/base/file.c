/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small files, directories and memfds; see file.h.
 */
#include "shared/fby.h"

#include "shared/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"

ssize_t
fby_file_read(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), saved;
	ssize_t n = -1;

	if (fd != -1) {
		n = read(fd, buf, size - 1);
		saved = errno;
		close(fd);
		errno = saved;
	}
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

int
fby_file_read_fd(int fd, struct fby_str *s, size_t max)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		fby_str_add(s, buf, (size_t)n);
		if (s->len > max) {
			errno = EFBIG;
			return -1;
		}
	}
	return 0;
}

int
fby_file_write(int fd, const void *p, size_t len)
{
	const char *at = p;

	while (len > 0) {
		ssize_t n = write(fd, at, len);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

int
fby_file_make_dirs(const char *path, mode_t mode)
{
	char *copy = fby_strdup(path), *p = copy;
	int rc = 0, saved;

	while (rc == 0 && (p = strchr(p + 1, '/')) != NULL) {
		*p = '\0';
		if (mkdir(copy, 0755) == -1 && errno != EEXIST)
			rc = -1;
		*p = '/';
	}
	if (rc == 0 && mkdir(path, mode) == -1 && errno != EEXIST)
		rc = -1;
	saved = errno;
	free(copy);
	errno = saved;
	return rc;
}

int
fby_file_seal(int fd)
{
	if (lseek(fd, 0, SEEK_SET) == -1 || fchmod(fd, 0) == -1)
		return -1;
	return fcntl(fd, F_ADD_SEALS,
	    F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL);
}
