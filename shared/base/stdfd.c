/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard descriptors; see stdfd.h.
 */
#include "shared/fby.h"

#include "shared/base/stdfd.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int
fby_stdfd_secure(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
		int flags = fd == STDIN_FILENO ? O_WRONLY : O_RDONLY;

		if (fcntl(fd, F_GETFD) != -1 || errno != EBADF)
			continue;
		/* The lowest number that is free is this one. */
		if (open("/dev/null", flags) != fd)
			return -1;
	}
	return 0;
}

bool
fby_stdfd_is_writable(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	return flags != -1 && (flags & O_PATH) == 0 &&
	    (flags & O_ACCMODE) != O_RDONLY;
}
