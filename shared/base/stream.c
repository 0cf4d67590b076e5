/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing without waiting; see stream.h.
 */
#include "shared/fby.h"

#include "shared/base/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* Numbers below are agreed upon between programs: proto.h. */
#define FD_MIN 16

/* Where the next byte goes, or -1. */
static off_t
position(const struct fby_stream *s)
{
	struct stat st;

	if ((fcntl(s->fd, F_GETFL) & O_APPEND) == 0)
		return lseek(s->fd, 0, SEEK_CUR);
	return fstat(s->fd, &st) == -1 ? -1 : st.st_size;
}

bool
fby_stream_last(const struct fby_stream *s, char *c)
{
	off_t at;

	if (s->read_fd == -1 || (at = position(s)) == -1)
		return false;
	if (at > 0)
		return pread(s->read_fd, c, 1, at - 1) == 1;
	*c = '\n';
	return true;
}

ssize_t
fby_stream_write(const struct fby_stream *s, const char *p, size_t n)
{
	struct pollfd pfd = { .fd = s->fd, .events = POLLOUT };
	ssize_t done;

	if (s->must_poll && poll(&pfd, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	/* A pipe that polls as writable takes PIPE_BUF without blocking. */
	if (s->must_poll)
		n = FBY_MIN(n, PIPE_BUF);
	do
		done = s->is_socket ?
		    send(s->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) :
		    write(s->fd, p, n);
	while (done == -1 && errno == EINTR);
	/* Nothing was wrong, and nothing was written. */
	if (done == 0) {
		errno = EAGAIN;
		return -1;
	}
	return done;
}

/* The same with a number that nobody else means. */
static int
moved(int fd)
{
	int to = fd == -1 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, FD_MIN);

	if (fd != -1)
		close(fd);
	return to;
}

static int
open_again(int fd, int flags)
{
	char path[32];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return moved(open(path, flags | O_NOCTTY | O_CLOEXEC));
}

int
fby_stream_open(struct fby_stream *s, int fd)
{
	struct stat st;

	*s = (struct fby_stream)FBY_STREAM_INIT;
	if (fstat(fd, &st) == -1)
		return -1;
	s->is_file = S_ISREG(st.st_mode);
	s->is_socket = S_ISSOCK(st.st_mode);
	s->is_pipe = S_ISFIFO(st.st_mode);
	if (s->is_file) {
		s->read_fd = open_again(fd, O_RDONLY);
	} else if (!s->is_socket) {
		s->fd = open_again(fd, O_WRONLY | O_NONBLOCK);
		s->must_poll = s->fd == -1;
	}
	if (s->fd == -1)
		s->fd = fcntl(fd, F_DUPFD_CLOEXEC, FD_MIN);
	return s->fd == -1 ? -1 : 0;
}

void
fby_stream_close(struct fby_stream *s)
{
	if (s->fd != -1)
		close(s->fd);
	if (s->read_fd != -1)
		close(s->read_fd);
	s->fd = s->read_fd = -1;
}
