/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One question to a master; see dial.h.
 */
#include "shared/fby.h"

#include "master/cli/dial.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/str.h"

#include "master/base/control_socket.h"
#include "master/base/rundir.h"

#define SILENCE_MS 5000
#define ANSWER_MS 60000
#define ANSWER_BYTES (64u << 20)

/* ---- the connection --------------------------------------------------- */

static void
explain(struct fby_str *why, const char *dir, int error)
{
	switch (error) {
	case ENOENT:
	case ENOTDIR:
		fby_str_printf(why, "no master is running in %s", dir);
		break;
	case ECONNREFUSED:
		fby_str_printf(why,
		    "no master is running in %s any "
		    "more; its control socket is left over",
		    dir);
		break;
	case ECONNRESET:
		fby_str_printf(why,
		    "%s/control: the master has closed the connection without "
		    "an answer: it ends, or this user may not use it",
		    dir);
		break;
	case EACCES:
	case EPERM:
		fby_str_printf(why,
		    "%s/control: permission denied; only "
		    "root and the user that the master runs as may use it",
		    dir);
		break;
	default:
		fby_str_printf(why, "%s/control: %s", dir, strerror(error));
	}
}

/* Who may answer.  Root asks other users' masters, too: their directories. */
static bool
is_master(const struct fby_dial *d, int dir, const struct ucred *peer,
    struct fby_str *why)
{
	struct stat st;

	if (peer->uid == 0 || peer->uid == geteuid())
		return true;
	if (fstat(dir, &st) == 0 && st.st_uid == peer->uid)
		return true;
	fby_str_printf(why,
	    "%s/control: user %u (pid %d) answers there, who is neither root, "
	    "nor you, nor the owner of the directory; not asked",
	    d->dir, (unsigned)peer->uid, (int)peer->pid);
	return false;
}

static int
look_at_peer(struct fby_dial *d, int dir, struct fby_str *why)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (getsockopt(d->fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1) {
		explain(why, d->dir, errno);
		return -1;
	}
	d->pid = (int)peer.pid;
	return is_master(d, dir, &peer, why) ? 0 : -1;
}

int
fby_dial_open(struct fby_dial *d, const char *path, struct fby_str *why)
{
	const struct timeval tv = fby_clock_tv(SILENCE_MS);
	int dir, rc = -1;

	*d = (struct fby_dial){ .dir = path, .fd = -1 };
	dir = fby_rundir_open(path, true, why);
	if (dir == -1) {
		if (errno == ENOENT || errno == ENOTDIR) {
			fby_str_reset(why);
			explain(why, path, errno);
		}
		return -1;
	}
	if ((d->fd = fby_control_socket_connect(dir, SILENCE_MS)) == -1) {
		if (errno == EAGAIN)
			fby_str_printf(why,
			    "the master in %s accepts no connection", path);
		else
			explain(why, path, errno);
	} else if (look_at_peer(d, dir, why) == 0) {
		setsockopt(d->fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv));
		rc = 0;
	}
	close(dir);
	if (rc == -1)
		fby_dial_close(d);
	return rc;
}

void
fby_dial_close(struct fby_dial *d)
{
	if (d->fd != -1)
		close(d->fd);
	d->fd = -1;
}

/* ---- asking ----------------------------------------------------------- */

static int
send_line(const struct fby_dial *d, const char *command)
{
	char *line = fby_asprintf("%s\n", command);
	size_t len = strlen(line), at = 0;
	int rc = 0;

	while (rc == 0 && at < len) {
		ssize_t n = send(d->fd, line + at, len - at, MSG_NOSIGNAL);

		if (n >= 0)
			at += (size_t)n;
		else if (errno != EINTR)
			rc = -1;
	}
	free(line);
	/* Who is turned away finds the connection closed. */
	return rc == -1 && errno == EPIPE ? 0 : rc;
}

/* Are there bytes, or an end, within this time? */
static bool
await(int fd, int64_t until)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left;

	while ((left = until - fby_clock_mono()) > 0)
		if (poll(&p, 1, (int)FBY_MIN(left, 60000)) > 0)
			return true;
	return poll(&p, 1, 0) > 0;
}

/* It is slow, or it is no more: does it answer anything at all? */
static bool
is_alive(const struct fby_dial *d)
{
	struct fby_dial other;
	struct fby_str why;
	bool alive = true;

	fby_str_init(&why);
	/* Nobody listens: it is about to end, which is an end. */
	if (fby_dial_open(&other, d->dir, &why) == 0) {
		alive = send_line(&other, "version") == 0 &&
		    await(other.fd, fby_clock_mono() + SILENCE_MS);
		fby_dial_close(&other);
	}
	fby_str_fini(&why);
	return alive;
}

static void
explain_silence(const struct fby_dial *d, struct fby_str *why)
{
	fby_str_printf(why,
	    "the master in %s (pid %d) has not answered for %d s: is it "
	    "stopped, or in a debugger?",
	    d->dir, d->pid, SILENCE_MS / 1000);
}

static int
read_some(const struct fby_dial *d, struct fby_str *answer, struct fby_str *why)
{
	char buf[16384];
	ssize_t n = recv(d->fd, buf, sizeof(buf), MSG_DONTWAIT);

	if (n == -1 && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n > 0 && answer->len + (size_t)n > ANSWER_BYTES) {
		fby_str_printf(why,
		    "%s/control: an answer of more than %u MiB is none of a "
		    "master (pid %d)",
		    d->dir, ANSWER_BYTES >> 20, d->pid);
		return -1;
	}
	if (n > 0)
		fby_str_add(answer, buf, (size_t)n);
	/* Answered without having been read: the answer counts. */
	if (n == -1 && answer->len == 0) {
		explain(why, d->dir, errno);
		return -1;
	}
	return n > 0;
}

static int
read_all(const struct fby_dial *d, bool is_long, struct fby_str *answer,
    struct fby_str *why)
{
	int64_t end = 0;
	int rc;

	for (;;) {
		int64_t now = fby_clock_mono();

		if (end == 0 && answer->len > 0)
			end = now + ANSWER_MS;
		if (end != 0 && now >= end) {
			fby_str_printf(why,
			    "the master in %s (pid %d) has not finished its "
			    "answer in %d s",
			    d->dir, d->pid, ANSWER_MS / 1000);
			return -1;
		}
		if (await(d->fd, now + SILENCE_MS)) {
			if ((rc = read_some(d, answer, why)) != 1)
				return rc;
		} else if (!is_long || answer->len > 0 || !is_alive(d)) {
			explain_silence(d, why);
			return -1;
		}
	}
}

json_t *
fby_dial_ask(struct fby_dial *d, const char *command, bool is_long,
    struct fby_str *why)
{
	struct fby_str answer;
	json_t *o = NULL;

	/* Not to be found out by what cannot be taken back. */
	if (is_long && !is_alive(d)) {
		explain_silence(d, why);
		return NULL;
	}
	fby_str_init(&answer);
	if (send_line(d, command) == -1)
		explain(why, d->dir, errno);
	else if (read_all(d, is_long, &answer, why) == 0 &&
	    (o = json_loadb(answer.p, answer.len, 0, NULL)) == NULL)
		fby_str_printf(why, "the master in %s %s", d->dir,
		    answer.len == 0 ? "has gone without an answer" :
				      "gave an answer that is no JSON");
	fby_str_fini(&answer);
	return o;
}
