/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a program of others says; see capture.h.
 */
#include "shared/fby.h"

#include "master/runtime/capture.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/account.h"

#define TURN_BYTES (64 * 1024)  /* in a turn of the loop */
#define END_BYTES (1024 * 1024) /* what else has it open may go on writing */
#define SAY_MS 1000

struct fby_capture {
	char *name;
	pid_t pid; /* 0: not started yet */
	int read_fd, fd;
	struct event ev_read;
	struct event ev_say; /* pending: some were left out */
	char line[FBY_CAPTURE_LINE];
	size_t n;         /* bytes of a line that is not complete */
	int64_t credit;   /* thousandths of a line */
	int64_t given_at; /* monotonic */
	uint64_t left_out;
};

bool
fby_capture_is_data(const struct fby_manifest *m)
{
	for (size_t i = 0; i < FBY_SINK_N; i++)
		if (m->sinks[i].present && m->sinks[i].log)
			return true;
	return false;
}

/* ---- lines ------------------------------------------------------------ */

static void
say_left_out(struct fby_capture *c)
{
	if (c->left_out == 0)
		return;
	fby_warn("%s (pid %d): %" PRIu64 " more lines were left out", c->name,
	    (int)c->pid, c->left_out);
	c->left_out = 0;
}

static void
on_say(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	say_left_out(arg);
}

static bool
may_say(struct fby_capture *c)
{
	const int64_t now = fby_clock_mono();

	/* A thousandth of a line for each of them, in each millisecond. */
	c->credit = FBY_MIN(c->credit + (now - c->given_at) * FBY_CAPTURE_RATE,
	    (int64_t)FBY_CAPTURE_BURST * 1000);
	c->given_at = now;
	if (c->credit < 1000)
		return false;
	c->credit -= 1000;
	return true;
}

static void
say(struct fby_capture *c, const char *p, size_t n)
{
	const struct timeval tv = fby_clock_tv(SAY_MS);

	if (n > 0 && p[n - 1] == '\r')
		n--;
	if (n == 0)
		return;
	if (may_say(c)) {
		fby_log_of(c->name, (int)c->pid, p, n);
		return;
	}
	if (c->left_out++ == 0)
		evtimer_add(&c->ev_say, &tv);
}

/* Where a line that is too long is cut: not within a character. */
static size_t
cut(const char *p, size_t n)
{
	for (size_t i = 1; i < 4 && i < n; i++) {
		if ((p[n - i] & 0xc0) == 0xc0)
			return n - i;
		if ((p[n - i] & 0x80) == 0)
			break;
	}
	return n;
}

static void
split(struct fby_capture *c)
{
	size_t at = 0;
	char *end;

	while ((end = memchr(c->line + at, '\n', c->n - at)) != NULL) {
		say(c, c->line + at, (size_t)(end - c->line) - at);
		at = (size_t)(end - c->line) + 1;
	}
	if (at == 0 && c->n == sizeof(c->line)) {
		at = cut(c->line, c->n);
		say(c, c->line, at);
	}
	c->n -= at;
	memmove(c->line, c->line + at, c->n);
}

static void
take(struct fby_capture *c, size_t limit)
{
	for (size_t sum = 0; sum < limit;) {
		ssize_t n = read(c->read_fd, c->line + c->n,
		    sizeof(c->line) - c->n);

		if (n == -1 && errno == EINTR)
			continue;
		/* Closed by all: else the loop would never rest. */
		if (n == 0)
			event_del(&c->ev_read);
		if (n <= 0)
			return;
		sum += (size_t)n;
		c->n += (size_t)n;
		split(c);
	}
}

static void
on_read(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	take(arg, TURN_BYTES);
}

/* ---- life ------------------------------------------------------------- */

/*
 * Opened once more, for both directions: then there is always a reader.  With
 * /dev/stderr the program opens it by its name, as who it is.
 */
static int
make_pipe(struct fby_capture *c, const struct fby_account *as)
{
	char path[64];
	int fds[2];

	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		return -1;
	c->read_fd = fds[0];
	close(fds[1]);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fds[0]);
	if (as && fchown(fds[0], as->uid, as->gid) == -1)
		return -1;
	c->fd = open(path, O_RDWR | O_CLOEXEC);
	if (c->fd == -1)
		return -1;
	/* Less, if this user has many; then it waits for us sooner. */
	(void)fcntl(c->fd, F_SETPIPE_SZ, FBY_CAPTURE_PIPE);
	return 0;
}

struct fby_capture *
fby_capture_new(struct event_base *base, const char *name,
    const struct fby_account *as)
{
	struct fby_capture *c = fby_calloc(1, sizeof(*c));
	int saved;

	c->read_fd = c->fd = -1;
	c->name = fby_strdup(name);
	c->credit = (int64_t)FBY_CAPTURE_BURST * 1000;
	c->given_at = fby_clock_mono();
	evtimer_assign(&c->ev_say, base, on_say, c);
	event_assign(&c->ev_read, base, -1, 0, on_read, c);
	if (make_pipe(c, as) == -1) {
		saved = errno;
		fby_capture_end(c);
		errno = saved;
		return NULL;
	}
	event_assign(&c->ev_read, base, c->read_fd, EV_READ | EV_PERSIST,
	    on_read, c);
	return c;
}

int
fby_capture_fd(const struct fby_capture *c)
{
	return c->fd;
}

void
fby_capture_started(struct fby_capture *c, pid_t pid)
{
	c->pid = pid;
	close(c->fd);
	c->fd = -1;
	event_add(&c->ev_read, NULL);
}

void
fby_capture_end(struct fby_capture *c)
{
	if (c == NULL)
		return;
	if (c->pid != 0) {
		take(c, END_BYTES);
		say(c, c->line, c->n);
		say_left_out(c);
		event_del(&c->ev_read);
	}
	evtimer_del(&c->ev_say);
	if (c->read_fd != -1)
		close(c->read_fd);
	if (c->fd != -1)
		close(c->fd);
	free(c->name);
	free(c);
}
