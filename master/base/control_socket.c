/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a master listens, and clients find it; see control_socket.h.
 */
#include "shared/fby.h"

#include "master/base/control_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/base/clock.h"

#define NAME FBY_CONTROL_SOCKET_NAME

/*
 * Through the descriptor of the directory: it cannot be replaced by another,
 * and a path of more than 107 bytes would not fit into an address.
 */
static int
bind_in(int fd, int dir)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	mode_t mask;
	int rc;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d/" NAME,
	    dir);
	if (unlinkat(dir, NAME, 0) == -1 && errno != ENOENT)
		return -1;
	mask = umask(0177);
	rc = bind(fd, (const struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	return rc;
}

/* Not through a link: it could lead to the socket of anything. */
static int
connect_in(int fd, int dir)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int file = openat(dir, NAME, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	int rc, saved;

	if (file == -1)
		return -1;
	snprintf(sun.sun_path, sizeof(sun.sun_path), "/proc/self/fd/%d", file);
	rc = connect(fd, (const struct sockaddr *)&sun, sizeof(sun));
	saved = errno;
	close(file);
	errno = saved;
	return rc;
}

static int
make_socket(int dir, int (*use)(int fd, int dir), int64_t timeout_ms)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), saved;
	struct timeval tv = fby_clock_tv(timeout_ms);

	if (fd != -1)
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
	if (fd != -1 && use(fd, dir) == -1) {
		saved = errno;
		close(fd);
		errno = saved;
		fd = -1;
	}
	return fd;
}

int
fby_control_socket_connect(int dir, int64_t timeout_ms)
{
	return make_socket(dir, connect_in, timeout_ms);
}

int
fby_control_socket_bind(int dir)
{
	return make_socket(dir, bind_in, 0);
}
