/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that a program of others has started; see helpers.h.
 */
#include "shared/fby.h"

#include "master/runtime/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/random.h>
#include <unistd.h>

#include "master/base/procfs.h"

/* -1: there is no randomness, or not all of it. */
static int
make_value(uint64_t v[2])
{
	const size_t n = 2 * sizeof(v[0]);

	return getrandom(v, n, GRND_NONBLOCK) == (ssize_t)n ? 0 : -1;
}

void
fby_helpers_mark(struct fby_helpers *h)
{
	uint64_t v[2];

	*h = (struct fby_helpers){ .since = 0 };
	if (make_value(v) == 0)
		snprintf(h->mark, sizeof(h->mark),
		    FBY_HELPERS_VAR "=%016" PRIx64 "%016" PRIx64, v[0], v[1]);
}

void
fby_helpers_started(struct fby_helpers *h, pid_t pid)
{
	struct fby_procfs_stat st;

	if (fby_procfs_stat(pid, &st) == 0)
		h->since = st.start;
}

bool
fby_helpers_is_marked(pid_t pid, const char *mark)
{
	const size_t len = strlen(mark);
	char path[64], buf[16384];
	bool found = false;
	size_t kept = 0;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	fd = len == 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return false;
	while (!found &&
	    ((n = read(fd, buf + kept, sizeof(buf) - kept)) > 0 ||
		(n == -1 && errno == EINTR))) {
		kept += (size_t)FBY_MAX(n, 0);
		found = memmem(buf, kept, mark, len) != NULL;
		/* It may begin at the end of this part. */
		n = (ssize_t)FBY_MIN(kept, len - 1);
		memmove(buf, buf + kept - n, (size_t)n);
		kept = (size_t)n;
	}
	close(fd);
	return found;
}

struct search {
	const struct fby_helpers *h;
	size_t n;
};

static void
on_process(void *arg, pid_t pid, const struct fby_procfs_stat *st)
{
	struct search *s = arg;

	if (st->start < s->h->since || st->state == 'Z' || pid == getpid() ||
	    !fby_helpers_is_marked(pid, s->h->mark))
		return;
	s->n++;
	fby_procfs_signal(pid, st->start, SIGKILL);
}

size_t
fby_helpers_kill(const struct fby_helpers *h)
{
	struct search s = { .h = h };

	if (*h->mark && h->since > 0)
		fby_procfs_each(on_process, &s);
	return s.n;
}
