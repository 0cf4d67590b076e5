/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of a user's function; see server.h.
 */
#include "shared/fby.h"

#include "master/function/server.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/account.h"
#include "master/base/context.h"
#include "master/function/given.h"
#include "master/function/limits.h"
#include "master/function/sockets.h"
#include "master/runtime/mounts.h"

#define LOOK_MS 20

/* ---- in the child ----------------------------------------------------- */

struct child {
	struct fby_mounts *mounts; /* NULL: the machine's */
	int limits_fd;             /* its cgroup's; -1: none */
};

static int
prepare(void *arg)
{
	const struct child *c = arg;

	umask(FBY_SOCKETS_UMASK);
	if (fby_limits_enter(c->limits_fd) == -1)
		return -1;
	return c->mounts ? fby_mounts_enter(c->mounts) : 0;
}

/* ---- starting --------------------------------------------------------- */

static void
set_fault(struct fby_server *sv, char *text)
{
	free(sv->fault);
	sv->fault = text;
}

static void
start_later(struct fby_server *sv)
{
	int64_t ms = fby_subprocess_later(&sv->process);

	sv->state = FBY_SERVER_BACKOFF;
	fby_notice("%s is started again in %" PRId64 " s", sv->name, ms / 1000);
}

/* NULL: we are it; -1: there is none of that name. */
static int
find_account(const struct fby_function *fn, struct fby_account **as,
    struct fby_err *err)
{
	*as = fn->user ? fby_account_new(fn->user) : NULL;
	if (fn->user == NULL || *as)
		return 0;
	return fby_err_add(err, (struct fby_pos){ NULL, 0, 0 }, "user %s: %s",
	    fn->user,
	    errno == ENOENT ? "there is none of that name" : strerror(errno));
}

/* The directory as it is to be found at the place of its fixed name. */
static int
make_mounts(const struct fby_server *sv, const struct fby_function *fn,
    const struct fby_account *as, struct fby_mounts **mo, struct fby_err *err)
{
	const bool must = fn->isolation == FBY_FUNCTION_ISOLATION_NAMESPACE;
	int refused;

	*mo = NULL;
	if (!sv->is_private || fn->isolation == FBY_FUNCTION_ISOLATION_NONE)
		return 0;
	if ((refused = fby_mounts_refused()) == 0)
		return (*mo = fby_mounts_of_function(sv->dir, sv->errors, as,
			    err)) ?
		    0 :
		    -1;
	if (must || !fby_given_names_sockets(fn))
		return fby_err_add(err, (struct fby_pos){ NULL, 0, 0 },
		    "forebay may not mount %s on /var/run/numaflow (%s)",
		    sv->dir, strerror(refused));
	return 0;
}

/* -1: `err` has the reason, or the log. */
static int
run(struct fby_server *sv, const struct fby_manifest *m,
    const struct fby_account *as, struct child *child, struct fby_err *err)
{
	const struct fby_given_place at = { sv->number, sv->dir };
	struct fby_subprocess_start how = {
		.name = sv->name,
		.as = as,
		.prepare = prepare,
		.arg = child,
	};
	struct fby_given given;
	int rc;

	if (fby_given_make(m, sv->role, &at, as, &given, err) == -1)
		return -1;
	how.argv = (const char *const *)given.argv;
	how.nargv = given.argc;
	how.envp = given.envp;
	rc = fby_subprocess_start(&sv->process, &how);
	fby_given_fini(&given);
	return rc;
}

static int
start_from(struct fby_server *sv, const struct fby_manifest *m,
    struct fby_err *err)
{
	const struct fby_function *fn = &m->functions[sv->role];
	struct child child = { .limits_fd = -1 };
	struct fby_account *as = NULL;
	int rc = -1;

	if (find_account(fn, &as, err) == 0 &&
	    (!sv->is_exclusive ||
		(fby_sockets_make(sv->dir, as, err) == 0 &&
		    fby_sockets_make(sv->errors, as, err) == 0)) &&
	    make_mounts(sv, fn, as, &child.mounts, err) == 0 &&
	    (child.mounts || fby_sockets_reach(sv->dir, as, err) == 0)) {
		fby_sockets_sweep(sv->dir, sv->role);
		if (sv->limits)
			child.limits_fd = fby_limits_open(sv->limits, fn,
			    sv->name);
		rc = run(sv, m, as, &child, err);
	}
	if (child.limits_fd != -1)
		close(child.limits_fd);
	fby_mounts_free(child.mounts);
	fby_account_free(as);
	return rc;
}

static void
start(struct fby_server *sv)
{
	const struct fby_manifest *m = sv->ops->manifest(sv->arg);
	struct fby_err err;
	char *given, *text;
	int rc;

	/* A role that is about to go; its end is being asked for. */
	if (m == NULL || m->functions[sv->role].command.n == 0)
		return;
	given = fby_given_text(m, sv->role);
	if (sv->given == NULL || strcmp(given, sv->given) != 0)
		sv->begun_at = fby_clock_mono();
	free(sv->given);
	sv->given = given;
	fby_err_init(&err);
	rc = start_from(sv, m, &err);
	text = fby_err_text(&err);
	text[strcspn(text, "\n")] = '\0';
	if (rc == -1 && *text)
		fby_error("%s: %s", sv->name, text);
	set_fault(sv, rc == -1 && *text ? fby_strdup(text) : NULL);
	free(text);
	fby_err_fini(&err);
	if (rc == -1) {
		start_later(sv);
		return;
	}
	sv->state = FBY_SERVER_RUNNING;
	sv->spawns++;
}

static void
on_again(evutil_socket_t fd, short what, void *arg)
{
	struct fby_server *sv = arg;

	(void)fd;
	(void)what;
	if (sv->wanted && sv->state == FBY_SERVER_BACKOFF)
		start(sv);
}

/* ---- ending ----------------------------------------------------------- */

/* Its end is asked for, and something of it is there. */
static void
ask(struct fby_server *sv, int64_t ms)
{
	const struct timeval tv = fby_clock_tv(ms);

	sv->state = FBY_SERVER_ENDING;
	fby_subprocess_signal(&sv->process, SIGTERM);
	evtimer_add(&sv->ev_kill, &tv);
}

static void
on_kill(evutil_socket_t fd, short what, void *arg)
{
	struct fby_server *sv = arg;

	(void)fd;
	(void)what;
	if (sv->process.pid == 0)
		return;
	fby_error("%s (pid %d) did not stop in time; killed", sv->name,
	    sv->process.pid);
	fby_subprocess_signal(&sv->process, SIGKILL);
}

/* All of it has exited, as it was asked to. */
static void
ended(struct fby_server *sv)
{
	evtimer_del(&sv->ev_kill);
	sv->state = FBY_SERVER_NONE;
	fby_sockets_sweep(sv->dir, sv->role);
	if (sv->wanted)
		start(sv);
	else
		sv->ops->gone(sv->arg, sv);
}

/* The next one is not started beside what the last one had started. */
static void
look(struct fby_server *sv)
{
	const struct timeval tv = fby_clock_tv(LOOK_MS);

	if (fby_subprocess_lingers(&sv->process))
		evtimer_add(&sv->ev_look, &tv);
	else
		ended(sv);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

void
fby_server_reaped(struct fby_server *sv, int status)
{
	const bool asked = sv->state == FBY_SERVER_ENDING;

	fby_subprocess_reaped(&sv->process, sv->name, status, asked);
	if (asked) {
		look(sv);
		return;
	}
	sv->deaths++;
	start_later(sv);
}

void
fby_server_want(struct fby_server *sv)
{
	const struct fby_manifest *m = sv->ops->manifest(sv->arg);
	char *given;
	bool is_same;

	sv->wanted = true;
	if (sv->state == FBY_SERVER_NONE) {
		start(sv);
		return;
	}
	given = fby_given_text(m, sv->role);
	is_same = sv->given && strcmp(given, sv->given) == 0;
	free(given);
	if (is_same || sv->state == FBY_SERVER_ENDING)
		return;
	if (sv->state == FBY_SERVER_RUNNING) {
		fby_notice("%s (pid %d) is replaced: its settings or "
			   "secrets have changed",
		    sv->name, sv->process.pid);
		ask(sv, FBY_SERVER_END_MS);
		return;
	}
	/* What it could not do before it may do now. */
	evtimer_del(&sv->process.ev_again);
	sv->process.backoff_ms = 0;
	start(sv);
}

void
fby_server_end(struct fby_server *sv, int64_t ms)
{
	sv->wanted = false;
	evtimer_del(&sv->process.ev_again);
	if (sv->process.pid > 0 || sv->process.ends)
		ask(sv, ms);
	else
		ended(sv);
}

void
fby_server_give_up(struct fby_server *sv)
{
	sv->wanted = false;
	fby_subprocess_give_up(&sv->process, sv->name);
	evtimer_del(&sv->ev_look);
	ended(sv);
}

/* ---- life ------------------------------------------------------------- */

static bool
same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

bool
fby_server_is_at(const struct fby_server *sv, const struct fby_server_place *at)
{
	return sv->role == at->role && sv->number == at->number &&
	    same_text(sv->pod, at->pod) && strcmp(sv->dir, at->dir) == 0;
}

struct fby_server *
fby_server_new(struct fby_context *ctx, const struct fby_server_place *at,
    const struct fby_server_ops *ops, void *arg)
{
	struct fby_server *sv = fby_calloc(1, sizeof(*sv));

	sv->ctx = ctx;
	sv->ops = ops;
	sv->arg = arg;
	sv->role = at->role;
	sv->number = at->number;
	sv->pod = at->pod ? fby_strdup(at->pod) : NULL;
	sv->dir = fby_strdup(at->dir);
	sv->errors = fby_strdup(at->errors);
	sv->is_private = at->is_private;
	sv->is_exclusive = at->is_exclusive;
	sv->name = at->pod ? fby_asprintf("function %s of %s",
				 fby_function_word(at->role), at->pod) :
			     fby_asprintf("function %s-%zu",
				 fby_function_word(at->role), at->number);
	fby_subprocess_init(&sv->process, ctx, on_again, sv);
	evtimer_assign(&sv->ev_kill, ctx->base, on_kill, sv);
	evtimer_assign(&sv->ev_look, ctx->base, on_look, sv);
	return sv;
}

void
fby_server_free(struct fby_server *sv)
{
	evtimer_del(&sv->ev_kill);
	evtimer_del(&sv->ev_look);
	fby_subprocess_fini(&sv->process);
	free(sv->fault);
	free(sv->given);
	free(sv->name);
	free(sv->dir);
	free(sv->errors);
	free(sv->pod);
	free(sv);
}
