/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the control socket; see client.h.
 */
#include "shared/fby.h"

#include "master/client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

#include <jansson.h>

#include "shared/str.h"

#include "master/control.h"
#include "master/render.h"
#include "master/rundir.h"
#include "master/screen.h"

static void
explain_connect(const char *dir)
{
	switch (errno) {
	case ENOENT:
	case ENOTDIR:
		fprintf(stderr, "forebay: no master is running in %s\n", dir);
		break;
	case ECONNREFUSED:
		fprintf(stderr,
		    "forebay: no master is running in %s any "
		    "more; its control socket is left over\n",
		    dir);
		break;
	case EACCES:
	case EPERM:
		fprintf(stderr,
		    "forebay: %s/control: permission denied; only "
		    "root and the user that the master runs as may use it\n",
		    dir);
		break;
	default:
		fprintf(stderr, "forebay: %s/control: %s\n", dir,
		    strerror(errno));
	}
}

static int
send_line(int fd, const char *line)
{
	size_t len = strlen(line);

	while (len > 0) {
		ssize_t n = send(fd, line, len, MSG_NOSIGNAL);

		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return -1;
		line += n;
		len -= (size_t)n;
	}
	return 0;
}

static int
read_all(int fd, struct fby_str *answer)
{
	char buf[16384];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		/* Answered without having been read: the answer counts. */
		if (n == -1)
			return answer->len > 0 ? 0 : -1;
		fby_str_add(answer, buf, (size_t)n);
	}
	return 0;
}

/* A descriptor that is readable when the other side's process has ended. */
static int
open_peer(int fd)
{
	struct ucred peer;
	socklen_t len = sizeof(peer);

	/* 0: it is in another PID namespace. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1 ||
	    peer.pid <= 0)
		return -1;
	return (int)syscall(SYS_pidfd_open, peer.pid, 0);
}

/* Without a descriptor the end of the connection has to do. */
static void
await_peer(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	while (pidfd != -1 && poll(&p, 1, -1) == -1 && errno == EINTR)
		;
}

/*
 * Send the command, return the answer as JSON; NULL: said on standard error.
 * `until_exit`: come back when the process has gone.
 */
static json_t *
ask(const struct fby_client *cl, const char *command, bool until_exit)
{
	char *dir = fby_rundir_find(cl->dir, cl->files, cl->nfiles);
	char *line = NULL;
	struct fby_str answer;
	json_t *o = NULL;
	int fd = -1, pidfd = -1;

	fby_str_init(&answer);
	if (dir == NULL)
		goto out;
	if ((fd = fby_control_socket(dir, false)) == -1) {
		explain_connect(dir);
		goto out;
	}
	if (until_exit)
		pidfd = open_peer(fd);
	line = fby_asprintf("%s\n", command);
	/* Who is turned away finds the connection closed. */
	if ((send_line(fd, line) == -1 && errno != EPIPE) ||
	    read_all(fd, &answer) == -1) {
		if (errno == ECONNRESET)
			errno = EACCES;
		explain_connect(dir);
		goto out;
	}
	o = json_loadb(answer.p, answer.len, 0, NULL);
	if (o == NULL)
		fprintf(stderr, "forebay: the master in %s %s\n", dir,
		    answer.len == 0 ? "has gone without an answer" :
				      "gave an answer that is no JSON");
	/* Who was turned away has nothing to wait for. */
	if (until_exit && o != NULL)
		await_peer(pidfd);
out:
	if (pidfd != -1)
		close(pidfd);
	if (fd != -1)
		close(fd);
	fby_str_fini(&answer);
	free(line);
	free(dir);
	return o;
}

json_t *
fby_client_peek(const char *dir)
{
	struct fby_str answer;
	json_t *o = NULL;
	int fd = fby_control_socket(dir, false);

	if (fd == -1)
		return NULL;
	fby_str_init(&answer);
	if (send_line(fd, "status\n") == 0 && read_all(fd, &answer) == 0)
		o = json_loadb(answer.p, answer.len, 0, NULL);
	close(fd);
	fby_str_fini(&answer);
	return o;
}

/* {"ok": …, "text": …}: text to the stream that fits, and the exit status. */
static int
print_result(const struct fby_client *cl, json_t *o)
{
	bool ok = json_is_true(json_object_get(o, "ok"));
	const char *text = json_string_value(json_object_get(o, "text"));

	if (o == NULL)
		return 1;
	if (cl->json)
		fby_screen_json(o);
	else if (text && *text)
		fprintf(ok ? stdout : stderr, "%s%s", text,
		    text[strlen(text) - 1] == '\n' ? "" : "\n");
	json_decref(o);
	return ok ? 0 : 1;
}

int
fby_client_status(const struct fby_client *cl)
{
	json_t *o = ask(cl, "status", false);
	struct fby_render r;
	char *text;

	if (o == NULL)
		return 1;
	/* A refusal is a result; a status has no "ok". */
	if (json_object_get(o, "ok"))
		return print_result(cl, o);
	if (cl->json) {
		fby_screen_json(o);
	} else {
		fby_screen_init(&r);
		text = fby_render_status(o, &r);
		fby_screen_text(text);
		free(text);
	}
	json_decref(o);
	return 0;
}

int
fby_client_reload(const struct fby_client *cl)
{
	return print_result(cl, ask(cl, "reload", false));
}

int
fby_client_reopen(const struct fby_client *cl)
{
	return print_result(cl, ask(cl, "reopen", false));
}

int
fby_client_skip(const struct fby_client *cl, const char *record)
{
	char *line = fby_asprintf("skip %s", record ? record : "");
	int status;

	/* One line is one command. */
	line[strcspn(line, "\r\n")] = '\0';
	status = print_result(cl, ask(cl, line, false));
	free(line);
	return status;
}

int
fby_client_watermark(const struct fby_client *cl, const char *what)
{
	char *line = fby_asprintf("watermark %s", what ? what : "");
	int status;

	line[strcspn(line, "\r\n")] = '\0';
	status = print_result(cl, ask(cl, line, false));
	free(line);
	return status;
}

int
fby_client_drain(const struct fby_client *cl)
{
	return print_result(cl, ask(cl, "drain", true));
}

int
fby_client_stop(const struct fby_client *cl)
{
	return print_result(cl, ask(cl, "stop", true));
}
