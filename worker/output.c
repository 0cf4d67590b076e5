/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output, a line at a time; see output.h.
 */
#include "shared/fby.h"

#include "worker/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/stdfd.h"

#define FILE_CHUNK (256 * 1024) /* all that a sink has, mostly */
#define HANGS_MS 1000

/* ---- fragments -------------------------------------------------------- */

/* Where the next byte goes, or -1. */
static off_t
position(const struct fby_output *o)
{
	struct stat st;

	if ((fcntl(o->fd, F_GETFL) & O_APPEND) == 0)
		return lseek(o->fd, 0, SEEK_CUR);
	return fstat(o->fd, &st) == -1 ? -1 : st.st_size;
}

/* Another process may have left a fragment, or may have ended ours. */
static void
look(struct fby_output *o)
{
	off_t at;
	char c;

	if (o->read_fd == -1 || (at = position(o)) == -1)
		return;
	if (at == 0)
		o->is_torn = false;
	else if (pread(o->read_fd, &c, 1, at - 1) == 1)
		o->is_torn = c != '\n';
}

/* ---- the lock --------------------------------------------------------- */

/* And its line has not begun, or is complete. */
static bool
holder_hangs(struct fby_output *o)
{
	int64_t now = fby_clock_mono();

	if (o->busy_since == 0)
		o->busy_since = now;
	if (o->read_fd == -1 || now - o->busy_since < HANGS_MS)
		return false;
	look(o);
	return !o->is_torn;
}

/* Where locks are not known we write without. */
static int
lock(struct fby_output *o)
{
	struct flock l = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	o->is_busy = false;
	if (o->is_locked || !o->can_lock)
		return 0;
	if (fcntl(o->fd, F_SETLK, &l) == 0) {
		o->is_locked = true;
		o->busy_since = 0;
		return 0;
	}
	if ((errno != EAGAIN && errno != EACCES) || holder_hangs(o))
		return 0;
	o->is_busy = true;
	errno = EAGAIN;
	return -1;
}

void
fby_output_rest(struct fby_output *o)
{
	struct flock l = { .l_type = F_UNLCK, .l_whence = SEEK_SET };

	if (!o->is_locked || o->is_open)
		return;
	fcntl(o->fd, F_SETLK, &l);
	o->is_locked = false;
}

void
fby_output_break(struct fby_output *o)
{
	o->is_torn |= o->is_open;
	o->is_open = false;
	fby_output_rest(o);
}

/* ---- writing ---------------------------------------------------------- */

size_t
fby_output_chunk(const struct fby_output *o)
{
	return o->is_file ? FILE_CHUNK : PIPE_BUF;
}

static ssize_t
put(const struct fby_output *o, const char *p, size_t n)
{
	struct pollfd pfd = { .fd = o->fd, .events = POLLOUT };
	ssize_t done;

	if (o->must_poll && poll(&pfd, 1, 0) == 0) {
		errno = EAGAIN;
		return -1;
	}
	/* A pipe that polls as writable takes PIPE_BUF without blocking. */
	if (o->must_poll)
		n = FBY_MIN(n, PIPE_BUF);
	do
		done = o->is_socket ?
		    send(o->fd, p, n, MSG_DONTWAIT | MSG_NOSIGNAL) :
		    write(o->fd, p, n);
	while (done == -1 && errno == EINTR);
	/* Nothing was wrong, and nothing was written. */
	if (done == 0) {
		errno = EAGAIN;
		return -1;
	}
	return done;
}

/* End the fragment that is there, if there is one. */
static int
mend(struct fby_output *o)
{
	if (o->is_open)
		return 0;
	look(o);
	if (!o->is_torn)
		return 0;
	if (put(o, "\n", 1) == -1)
		return -1;
	o->is_torn = false;
	return 0;
}

ssize_t
fby_output_put(struct fby_output *o, const char *p, size_t n)
{
	ssize_t done;

	if (lock(o) == -1 || mend(o) == -1)
		return -1;
	done = put(o, p, n);
	if (done > 0)
		o->is_open = p[done - 1] != '\n';
	return done;
}

/* What epoll does not know, and what it is not asked about. */
bool
fby_output_must_ask(const struct fby_output *o)
{
	return o->is_file || o->is_busy;
}

/* ---- life ------------------------------------------------------------- */

int
fby_output_open(struct fby_output *o)
{
	struct stat st;

	*o = (struct fby_output){ .fd = -1, .read_fd = -1 };
	/* Opened once more, below, what was meant for reading would do. */
	if (!fby_stdfd_is_writable(STDOUT_FILENO)) {
		errno = EBADF;
		return -1;
	}
	if (fstat(STDOUT_FILENO, &st) == -1)
		return -1;
	o->is_file = S_ISREG(st.st_mode);
	o->is_socket = S_ISSOCK(st.st_mode);
	/* Not of a device: /dev/null is everybody's. */
	o->can_lock = o->is_file || o->is_socket || S_ISFIFO(st.st_mode);
	if (o->is_file) {
		o->read_fd = open("/proc/self/fd/1", O_RDONLY | O_CLOEXEC);
	} else if (!o->is_socket) {
		o->fd = open("/proc/self/fd/1",
		    O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		o->must_poll = o->fd == -1;
	}
	if (o->fd == -1)
		o->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	return o->fd == -1 ? -1 : 0;
}

void
fby_output_close(struct fby_output *o)
{
	if (o->fd != -1)
		close(o->fd);
	if (o->read_fd != -1)
		close(o->read_fd);
	o->fd = o->read_fd = -1;
}
