/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that reads a manifest for a running master; see loader.h.
 *
 * The end of the pipe is the end of the child: it holds the only other end
 * and starts nothing that outlives it.  Its status is reaped with all others'
 * and not needed, since a seal says more than an exit code.
 */
#include "shared/fby.h"

#include "master/base/loader.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"

#include "master/base/spawn.h"

#define MEMORY_BYTES (INT64_C(512) << 20)
#define CPU_SECONDS 10
#define DEADLINE_MS 30000 /* a file on a network drive that hangs */
#define SAID_MAX (INT64_C(1) << 20)

/* ---- in the child ----------------------------------------------------- */

/* Between fork and exec: async-signal-safe. */
static int
set_bounds(void *arg)
{
	const struct rlimit memory = { MEMORY_BYTES, MEMORY_BYTES };
	const struct rlimit cpu = { CPU_SECONDS, CPU_SECONDS + 1 };
	const struct rlimit none = { 0, 0 };

	(void)arg;
	if (setrlimit(RLIMIT_CPU, &cpu) == -1 ||
	    setrlimit(RLIMIT_CORE, &none) == -1)
		return -1;
#ifdef FBY_NO_JEMALLOC /* a sanitizer's shadow is larger than any bound */
	(void)memory;
	return 0;
#else
	return setrlimit(RLIMIT_DATA, &memory);
#endif
}

static pid_t
spawn(struct fby_loader *ld, int pipe_fd, char *const *files, size_t n)
{
	static char self[] = "forebay", word[] = "load", option[] = "-c";
	struct fby_spawn sp = {
		.fds = { STDIN_FILENO, -1, pipe_fd, ld->packed_fd },
		.nfds = FBY_LOADER_FD + 1,
		.cpu = -1,
		.on_orphan = SIGKILL,
		.prepare = set_bounds,
	};
	char **argv = fby_calloc(2 * n + 3, sizeof(*argv));
	size_t k = 0;
	pid_t pid;

	argv[k++] = self;
	argv[k++] = word;
	for (size_t i = 0; i < n; i++) {
		argv[k++] = option;
		argv[k++] = files[i];
	}
	sp.argv = argv;
	pid = fby_spawn_self(sp);
	free(argv);
	return pid;
}

/* ---- its end ---------------------------------------------------------- */

static void
close_all(struct fby_loader *ld)
{
	int *fds[] = { &ld->pidfd, &ld->pipe_fd, &ld->packed_fd };

	if (ld->is_running) {
		event_del(&ld->ev_read);
		event_del(&ld->ev_deadline);
	}
	ld->is_running = false;
	for (size_t i = 0; i < FBY_NELEM(fds); i++) {
		if (*fds[i] != -1)
			close(*fds[i]);
		*fds[i] = -1;
	}
	fby_str_fini(&ld->said);
}

static void
end_child(struct fby_loader *ld)
{
	if (ld->pidfd != -1)
		syscall(SYS_pidfd_send_signal, ld->pidfd, SIGKILL, NULL, 0);
}

static bool
is_sealed(int fd)
{
	const int seals = fcntl(fd, F_GET_SEALS);

	return seals != -1 && (seals & F_SEAL_WRITE) != 0;
}

static char *
complaints(struct fby_loader *ld)
{
	if (ld->is_late)
		return fby_asprintf("the manifest was not read within %d s",
		    DEADLINE_MS / 1000);
	if (ld->said.len > 0 && strcmp(ld->said.p, "out of memory\n") != 0)
		return fby_strdup(ld->said.p);
	return fby_asprintf("the process that reads the manifest has come to "
			    "an unexpected end; it may take %d MiB of memory "
			    "and %d s of CPU time",
	    (int)(MEMORY_BYTES >> 20), CPU_SECONDS);
}

static void
on_end(struct fby_loader *ld)
{
	const bool is_good = !ld->is_late && is_sealed(ld->packed_fd);
	char *text = is_good ? NULL : complaints(ld);
	const fby_loader_fn fn = ld->fn;
	int fd = -1;

	if (is_good) {
		fd = ld->packed_fd;
		ld->packed_fd = -1;
	}
	close_all(ld);
	fn(ld->arg, fd, text);
	free(text);
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	struct fby_loader *ld = arg;
	char buf[4096];
	ssize_t n;

	(void)what;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		if (ld->said.len < SAID_MAX)
			fby_str_add(&ld->said, buf, (size_t)n);
	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return;
	on_end(ld);
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct fby_loader *ld = arg;

	(void)fd;
	(void)what;
	/* It may hang in the kernel, where no signal reaches it. */
	ld->is_late = true;
	end_child(ld);
	on_end(ld);
}

/* ---- its beginning ---------------------------------------------------- */

void
fby_loader_init(struct fby_loader *ld, struct event_base *base)
{
	memset(ld, 0, sizeof(*ld));
	ld->base = base;
	ld->pidfd = ld->pipe_fd = ld->packed_fd = -1;
}

void
fby_loader_fini(struct fby_loader *ld)
{
	fby_loader_cancel(ld);
}

void
fby_loader_cancel(struct fby_loader *ld)
{
	if (!ld->is_running)
		return;
	end_child(ld);
	close_all(ld);
}

int
fby_loader_start(struct fby_loader *ld, char *const *files, size_t n,
    fby_loader_fn fn, void *arg)
{
	const struct timeval tv = fby_clock_tv(DEADLINE_MS);
	int fds[2] = { -1, -1 }, saved;
	pid_t pid = -1;

	FBY_BUG_ON(ld->is_running);
	ld->is_late = false;
	fby_str_init(&ld->said);
	ld->fn = fn;
	ld->arg = arg;
	ld->packed_fd = memfd_create("forebay-manifest",
	    MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (ld->packed_fd != -1 && pipe2(fds, O_CLOEXEC) == 0)
		pid = spawn(ld, fds[1], files, n);
	saved = errno;
	if (fds[1] != -1)
		close(fds[1]);
	ld->pipe_fd = fds[0];
	if (pid == -1) {
		close_all(ld);
		errno = saved;
		return -1;
	}
	/* It is not reaped before the loop turns, so the number is its. */
	ld->pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	evutil_make_socket_nonblocking(ld->pipe_fd);
	event_assign(&ld->ev_read, ld->base, ld->pipe_fd, EV_READ | EV_PERSIST,
	    on_read, ld);
	event_add(&ld->ev_read, NULL);
	evtimer_assign(&ld->ev_deadline, ld->base, on_deadline, ld);
	evtimer_add(&ld->ev_deadline, &tv);
	ld->is_running = true;
	return 0;
}
