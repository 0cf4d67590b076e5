/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the control socket; see client.h.
 */
#include "shared/fby.h"

#include "master/cli/client.h"

#include <errno.h>
#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <jansson.h>

#include "shared/base/str.h"

#include "master/cli/check.h"
#include "master/cli/dial.h"
#include "master/cli/render.h"
#include "master/cli/screen.h"
#include "master/cli/target.h"

#define EXIT_MS 60000 /* from its last word to the end of the process */

/* ---- which master ----------------------------------------------------- */

/* Neither -c nor -d: it may be somebody else's that happens to be alone. */
static bool
is_confirmed(const struct fby_client *cl, const struct fby_dial *d,
    const char *verb)
{
	char line[16];

	if (cl->yes || cl->dir || cl->nfiles > 0)
		return true;
	if (!isatty(STDIN_FILENO)) {
		fprintf(stderr,
		    "forebay: neither -c nor -d says which master is meant; "
		    "to %s the one in %s (pid %d), add --yes\n",
		    verb, d->dir, d->pid);
		return false;
	}
	fprintf(stderr, "forebay: %s the master in %s (pid %d)? [y/N] ", verb,
	    d->dir, d->pid);
	return fgets(line, sizeof(line), stdin) &&
	    (*line == 'y' || *line == 'Y');
}

/* ---- its answer ------------------------------------------------------- */

/* A descriptor that is readable when the other side's process has ended. */
static int
open_peer(const struct fby_dial *d)
{
	/* 0: it is in another PID namespace. */
	return d->pid <= 0 ? -1 : (int)syscall(SYS_pidfd_open, d->pid, 0);
}

/* Without a descriptor the end of the connection has to do. */
static bool
has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };
	int n;

	while (pidfd != -1 && (n = poll(&p, 1, EXIT_MS)) != 1)
		if (n == 0 || errno != EINTR)
			return false;
	return true;
}

enum how {
	SHORT, /* answers at once */
	LONG,  /* when it is over */
	LAST,  /* when the process ends, for which to wait */
};

static json_t *
converse(const struct fby_client *cl, const char *dir, const char *command,
    enum how how, struct fby_str *why)
{
	struct fby_dial d;
	json_t *o = NULL;
	int pidfd = -1;

	if (fby_dial_open(&d, dir, why) == -1)
		return NULL;
	if (cl->verb == NULL || is_confirmed(cl, &d, cl->verb)) {
		if (how == LAST)
			pidfd = open_peer(&d);
		o = fby_dial_ask(&d, command, how != SHORT, why);
		if (o && !has_ended(pidfd))
			fprintf(stderr,
			    "forebay: pid %d has said that it ends, and is "
			    "still there\n",
			    d.pid);
	}
	if (pidfd != -1)
		close(pidfd);
	fby_dial_close(&d);
	return o;
}

/* The answer as JSON; NULL: said on standard error. */
static json_t *
ask(const struct fby_client *cl, const char *command, enum how how)
{
	char *dir = fby_target_find(cl->dir, cl->files, cl->nfiles);
	struct fby_str why;
	json_t *o = NULL;

	fby_str_init(&why);
	if (dir)
		o = converse(cl, dir, command, how, &why);
	if (why.len > 0) {
		fby_screen_complain("forebay: ");
		fby_screen_complain(why.p);
		fby_screen_complain("\n");
	}
	fby_str_fini(&why);
	free(dir);
	return o;
}

json_t *
fby_client_peek(const char *dir)
{
	struct fby_dial d;
	struct fby_str why;
	json_t *o = NULL;

	fby_str_init(&why);
	if (fby_dial_open(&d, dir, &why) == 0) {
		o = fby_dial_ask(&d, "status", false, &why);
		fby_dial_close(&d);
	}
	fby_str_fini(&why);
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
		fby_screen_lines(ok ? stdout : stderr, text);
	json_decref(o);
	return ok ? 0 : 1;
}

/* What a monitoring system reads is standard output alone. */
int
fby_client_check(const struct fby_client *cl)
{
	char *dir = fby_target_find(cl->dir, cl->files, cl->nfiles);
	enum fby_check check = FBY_CHECK_UNKNOWN;
	struct fby_str why, line;
	json_t *o = NULL;

	fby_str_init(&why);
	fby_str_init(&line);
	if (dir)
		o = converse(cl, dir, "status", SHORT, &why);
	else
		fby_str_puts(&why, "it is not clear which master is meant");
	if (o)
		check = fby_check_status(o, &line);
	else
		fby_check_unknown(why.p, &line);
	if (o && cl->json)
		fby_screen_json(o);
	else
		fby_screen_lines(stdout, line.p);
	json_decref(o);
	fby_str_fini(&line);
	fby_str_fini(&why);
	free(dir);
	return check;
}

int
fby_client_status(const struct fby_client *cl)
{
	json_t *o = ask(cl, "status", SHORT);
	struct fby_screen r;
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

/* For what changes something it has to be clear whose master it is. */
static int
command(const struct fby_client *cl, const char *line, const char *verb,
    enum how how)
{
	struct fby_client sure = *cl;

	sure.verb = verb;
	return print_result(cl, ask(&sure, line, how));
}

int
fby_client_reload(const struct fby_client *cl)
{
	return command(cl, "reload", "reload", LONG);
}

int
fby_client_reopen(const struct fby_client *cl)
{
	return command(cl, "reopen", NULL, SHORT);
}

int
fby_client_skip(const struct fby_client *cl, const char *record)
{
	char *line = fby_asprintf("skip %s", record ? record : "");
	int status;

	/* One line is one command. */
	line[strcspn(line, "\r\n")] = '\0';
	status = command(cl, line, "skip a record of", LONG);
	free(line);
	return status;
}

int
fby_client_watermark(const struct fby_client *cl, const char *what)
{
	char *line = fby_asprintf("watermark %s", what ? what : "");
	int status;

	line[strcspn(line, "\r\n")] = '\0';
	status = command(cl, line, "reset the watermarks of", SHORT);
	free(line);
	return status;
}

int
fby_client_drain(const struct fby_client *cl)
{
	return command(cl, "drain", "drain and end", LAST);
}

int
fby_client_stop(const struct fby_client *cl)
{
	return command(cl, "stop", "stop", LAST);
}
