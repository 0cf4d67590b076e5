/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A claim on a run directory; see claim.h.
 */
#include "shared/fby.h"

#include "master/base/claim.h"

#include <errno.h>
#include <limits.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/base/log.h"

#define BACKLOG 16

/* FNV-1a */
static uint64_t
hash(const char *text)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (; *text; text++)
		h = (h ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return h;
}

static socklen_t
name(struct sockaddr_un *sun, const char *run_dir, dev_t dev)
{
	char real[PATH_MAX];
	int n;

	if (realpath(run_dir, real) != NULL)
		run_dir = real;
	*sun = (struct sockaddr_un){ .sun_family = AF_UNIX };
	/* The first byte stays 0: abstract. */
	n = snprintf(sun->sun_path + 1, sizeof(sun->sun_path) - 1,
	    "forebay/%u/%llx/%016" PRIx64, (unsigned)geteuid(),
	    (unsigned long long)dev, hash(run_dir));
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1) +
	    (socklen_t)n;
}

/* Who has the name.  false: it cannot be told. */
static bool
ask_owner(const struct sockaddr_un *sun, socklen_t len, struct ucred *owner)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	socklen_t size = sizeof(*owner);
	bool ok;

	if (fd == -1)
		return false;
	ok = connect(fd, (const struct sockaddr *)sun, len) == 0 &&
	    getsockopt(fd, SOL_SOCKET, SO_PEERCRED, owner, &size) == 0;
	close(fd);
	return ok;
}

/* Anybody may take a name, also one to be in our way. */
static int
look_at_owner(const struct sockaddr_un *sun, socklen_t len, int *pid)
{
	struct ucred owner;

	if (!ask_owner(sun, len, &owner)) {
		fby_warn("run directory: somebody has our abstract name @%s; "
			 "done without it",
		    sun->sun_path + 1);
		return 0;
	}
	if (owner.uid != geteuid() && owner.uid != 0) {
		fby_warn("run directory: user %u (pid %d) has our abstract "
			 "name @%s; done without it",
		    (unsigned)owner.uid, (int)owner.pid, sun->sun_path + 1);
		return 0;
	}
	*pid = (int)owner.pid;
	return -1;
}

int
fby_claim_take(const char *run_dir, dev_t dev, int *fd, int *pid)
{
	struct sockaddr_un sun;
	socklen_t len = name(&sun, run_dir, dev);
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int saved;

	*fd = -1;
	if (s != -1 && bind(s, (const struct sockaddr *)&sun, len) == 0 &&
	    listen(s, BACKLOG) == 0) {
		*fd = s;
		return 0;
	}
	saved = errno;
	if (s != -1)
		close(s);
	if (s != -1 && saved == EADDRINUSE)
		return look_at_owner(&sun, len, pid);
	fby_warn("run directory: no abstract name: %s; done without it",
	    strerror(saved));
	return 0;
}

void
fby_claim_tick(int fd)
{
	int conn;

	for (int i = 0; fd != -1 && i < 2 * BACKLOG; i++) {
		conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
		if (conn == -1)
			return;
		close(conn);
	}
}
