/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that looks for a batch's end, and what it says; see extent.h.
 */
#include "shared/fby.h"

#include "master/base/extent.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"

#include "master/base/spawn.h"

#define DEADLINE_MS 60000
#define SAID_MAX 1024

static pid_t
spawn(int pipe_fd, int manifest_fd, const char *what)
{
	static char self[] = "forebay", word[] = "extent";
	char *text = fby_strdup(what);
	char *argv[] = { self, word, text, NULL };
	struct fby_spawn sp = {
		.argv = argv,
		.fds = { -1, pipe_fd, STDERR_FILENO, manifest_fd },
		.nfds = FBY_EXTENT_FD + 1,
		.cpu = -1,
		.on_orphan = SIGKILL,
		.oom_above = FBY_SPAWN_OOM_ABOVE,
	};
	pid_t pid = fby_spawn_self(sp);

	free(text);
	return pid;
}

/* ---- its end ---------------------------------------------------------- */

/* It is reaped with all others; and has said what there was to say. */
static void
end(struct fby_extent *ex)
{
	if (!ex->is_running)
		return;
	ex->is_running = false;
	event_del(&ex->ev_read);
	event_del(&ex->ev_deadline);
	close(ex->pipe_fd);
	if (ex->pidfd != -1) {
		syscall(SYS_pidfd_send_signal, ex->pidfd, SIGKILL, NULL, 0);
		close(ex->pidfd);
	}
	fby_str_fini(&ex->said);
}

static int64_t
read_last(const char *line)
{
	char *rest;
	int64_t n;

	if (*line < '0' || *line > '9')
		return FBY_NONE;
	errno = 0;
	n = strtoll(line, &rest, 10);
	return errno == 0 && strcmp(rest, "\n") == 0 ? n : FBY_NONE;
}

/* `otherwise`: why, if it has not said it. */
static void
on_end(struct fby_extent *ex, const char *otherwise)
{
	int64_t last = ex->said.len > 0 ? read_last(ex->said.p) : FBY_NONE;
	struct fby_str why;

	fby_str_init(&why);
	if (ex->said.len > 0)
		fby_str_printable(&why, ex->said.p, strcspn(ex->said.p, "\n"));
	else
		fby_str_puts(&why, otherwise);
	end(ex);
	ex->fn(ex->arg, last, why.p);
	fby_str_fini(&why);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct fby_extent *ex = arg;
	char buf[512];
	ssize_t n;

	(void)what;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (ex->said.len < SAID_MAX)
			fby_str_add(&ex->said, buf, (size_t)n);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	on_end(ex,
	    "the process that looks for the end of the batch has come "
	    "to an unexpected end");
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct fby_extent *ex = arg;

	(void)fd;
	(void)what;
	fby_str_reset(&ex->said);
	on_end(ex, "the end of the batch was not found within a minute");
}

/* ---- its beginning ---------------------------------------------------- */

void
fby_extent_init(struct fby_extent *ex, struct event_base *base)
{
	memset(ex, 0, sizeof(*ex));
	ex->base = base;
}

void
fby_extent_fini(struct fby_extent *ex)
{
	end(ex);
}

int
fby_extent_start(struct fby_extent *ex, int manifest_fd, const char *what,
    fby_extent_fn fn, void *arg)
{
	const struct timeval tv = fby_clock_tv(DEADLINE_MS);
	int fds[2], saved;
	pid_t pid;

	FBY_BUG_ON(ex->is_running);
	if (pipe2(fds, O_CLOEXEC) == -1)
		return -1;
	pid = spawn(fds[1], manifest_fd, what);
	saved = errno;
	close(fds[1]);
	if (pid == -1) {
		close(fds[0]);
		errno = saved;
		return -1;
	}
	/* It is not reaped before the loop turns, so the number is its. */
	ex->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	ex->pipe_fd = fds[0];
	ex->fn = fn;
	ex->arg = arg;
	fby_str_init(&ex->said);
	evutil_make_socket_nonblocking(ex->pipe_fd);
	event_assign(&ex->ev_read, ex->base, ex->pipe_fd, EV_READ | EV_PERSIST,
	    on_read, ex);
	event_add(&ex->ev_read, NULL);
	evtimer_assign(&ex->ev_deadline, ex->base, on_deadline, ex);
	evtimer_add(&ex->ev_deadline, &tv);
	ex->is_running = true;
	return 0;
}
