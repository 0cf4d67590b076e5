/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output, a line at a time; see output.h.
 */
#include "shared/fby.h"

#include "worker/sink/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/stdfd.h"

#define FILE_CHUNK (256 * 1024) /* all that a sink has, mostly */
#define HANGS_MS 1000

/* ---- fragments -------------------------------------------------------- */

/* Another process may have left a fragment, or may have ended ours. */
static void
look(struct fby_output *o)
{
	char c;

	if (fby_stream_last(&o->stream, &c))
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
	if (o->stream.read_fd == -1 || now - o->busy_since < HANGS_MS)
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
	if (fcntl(o->stream.fd, F_SETLK, &l) == 0) {
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
	fcntl(o->stream.fd, F_SETLK, &l);
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
	return o->stream.is_file ? FILE_CHUNK : PIPE_BUF;
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
	if (fby_stream_write(&o->stream, "\n", 1) == -1)
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
	done = fby_stream_write(&o->stream, p, n);
	if (done > 0)
		o->is_open = p[done - 1] != '\n';
	return done;
}

/* What epoll does not know, and what it is not asked about. */
bool
fby_output_must_ask(const struct fby_output *o)
{
	return o->stream.is_file || o->is_busy;
}

/* ---- life ------------------------------------------------------------- */

int
fby_output_open(struct fby_output *o)
{
	*o = (struct fby_output){ .stream = FBY_STREAM_INIT };
	/* Opened once more, what was meant for reading would do. */
	if (!fby_stdfd_is_writable(STDOUT_FILENO)) {
		errno = EBADF;
		return -1;
	}
	if (fby_stream_open(&o->stream, STDOUT_FILENO) == -1)
		return -1;
	/* Not of a device: /dev/null is everybody's. */
	o->can_lock = o->stream.is_file || o->stream.is_socket ||
	    o->stream.is_pipe;
	return 0;
}

void
fby_output_close(struct fby_output *o)
{
	fby_stream_close(&o->stream);
}
