/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP; see reload.h.
 */
#include "shared/fby.h"

#include "master/reload.h"

#include <errno.h>
#include <event2/event.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/base/notes.h"
#include "master/base/notify.h"
#include "master/base/stdout.h"
#include "master/pool/supervisor.h"

#define SETTLE_MS 100    /* between two looks at what was started */
#define CALM_MS 100      /* without a request, before the next is obeyed */
#define PATIENCE_MS 1000 /* but no longer than this after the first */

static void on_calm(evutil_socket_t fd, short what, void *arg);
static void on_settle(evutil_socket_t fd, short what, void *arg);

void
fby_reload_init(struct fby_reload *r, struct fby_context *ctx,
    const struct fby_reload_ops *ops, void *arg)
{
	memset(r, 0, sizeof(*r));
	r->ctx = ctx;
	r->ops = ops;
	r->arg = arg;
	evtimer_assign(&r->ev_calm, ctx->base, on_calm, r);
	evtimer_assign(&r->ev_settle, ctx->base, on_settle, r);
	fby_loader_init(&r->loader, ctx->base);
	r->next_fd = -1;
	r->last_ok = true;
}

void
fby_reload_forget(struct fby_reload *r, void *arg)
{
	fby_waiters_forget(&r->waiters, arg);
	fby_waiters_forget(&r->later, arg);
}

static void
drop_next(struct fby_reload *r)
{
	if (r->next)
		r->ops->functions(r->arg, NULL);
	fby_manifest_free(r->next);
	r->next = NULL;
	if (r->next_fd != -1)
		close(r->next_fd);
	r->next_fd = -1;
}

void
fby_reload_fini(struct fby_reload *r)
{
	if (r->ctx == NULL)
		return;
	evtimer_del(&r->ev_calm);
	evtimer_del(&r->ev_settle);
	free(r->rest);
	free(r->done);
	r->rest = r->done = NULL;
	fby_loader_fini(&r->loader);
	fby_waiters_forget(&r->waiters, NULL);
	fby_waiters_forget(&r->later, NULL);
	drop_next(r);
	free(r->last);
	r->last = NULL;
}

#define NOT_NOW "the master is stopping; not reloaded"

static void go_on_later(struct fby_reload *r);

/*
 * What is in force is not what is on disk; why, `status` says beside it.  What
 * is in force and does not run has an alarm of its own.
 */
void
fby_reload_look(struct fby_reload *r)
{
	if (r->last == NULL || r->last_ok || r->last_in_force)
		fby_alarm_clear(&r->ctx->alarms, FBY_ALARM_RELOAD);
	else
		fby_alarm_set(&r->ctx->alarms, FBY_ALARM_RELOAD,
		    "the last one was refused; the manifest before is in "
		    "force");
}

/* Takes text. */
static void
finish(struct fby_reload *r, bool ok, char *text)
{
	fby_loader_cancel(&r->loader);
	evtimer_del(&r->ev_settle);
	free(r->rest);
	free(r->done);
	r->rest = r->done = NULL;
	r->last_in_force = r->state == FBY_RELOAD_SETTLING;
	r->state = FBY_RELOAD_IDLE;
	drop_next(r);
	*(ok ? &r->ok : &r->refused) += 1;
	free(r->last);
	r->last = text;
	r->last_ok = ok;
	if (ok) {
		fby_notice("reload: %s", text);
	} else {
		/* One log line for each complaint. */
		for (const char *p = text; *p;) {
			int len = (int)strcspn(p, "\n");

			fby_error("reload: %.*s", len, p);
			p += len + (p[len] == '\n');
		}
	}
	fby_reload_look(r);
	fby_notify_reloaded(r->notify);
	fby_waiters_tell(&r->waiters, ok, text);
	r->again_since = fby_clock_mono();
	r->restless_until = r->again_since + CALM_MS;
	go_on_later(r);
}

/* ---- the end ---------------------------------------------------------- */

/* A program that cannot work ends soon, as a rule, and is no success. */
static void
settle(struct fby_reload *r)
{
	const struct timeval tv = fby_clock_tv(SETTLE_MS);
	char *fault, *text;
	bool ok;

	if (r->ops->is_unsettled(r->arg, r->started_at)) {
		evtimer_add(&r->ev_settle, &tv);
		return;
	}
	fault = r->ops->fault(r->arg, r->started_at);
	ok = fault == NULL && (r->rest == NULL || *r->rest == '\0');
	text = fby_asprintf("%s%s%s%s", r->done, fault ? "; " : "",
	    fault ? fault : "", r->rest ? r->rest : "");
	free(fault);
	finish(r, ok, text);
}

static void
on_settle(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	settle(arg);
}

/* The manifest is in force; takes what was done. */
static void
conclude(struct fby_reload *r, char *done)
{
	r->state = FBY_RELOAD_SETTLING;
	free(r->done);
	r->done = done;
	settle(r);
}

/* ---- comparing -------------------------------------------------------- */

struct changes {
	const struct fby_manifest *next;
	struct fby_err refused;
	struct fby_str text;
	size_t n;
	size_t rolls; /* that replace more than canaries */
};

/* Settings of the canary, or of the program that it is. */
static bool
is_of_canary(const struct fby_manifest *m, const char *path)
{
	static const char block[] = "spec.canary", entry[] = "spec.runtimes.";
	const char *name = m->host.canary.runtime;

	return strncmp(path, block, strlen(block)) == 0 ||
	    (name && strncmp(path, entry, strlen(entry)) == 0 &&
		strcmp(path + strlen(entry), name) == 0);
}

static void
on_change(void *arg, const char *path, enum fby_policy policy)
{
	struct changes *ch = arg;

	if (policy == FBY_POLICY_NONE)
		return;
	if (policy == FBY_POLICY_RESTART)
		fby_err_add(&ch->refused, fby_manifest_pos(ch->next, path),
		    "%s: changing it needs a restart", path);
	ch->rolls += policy == FBY_POLICY_ROLL && !is_of_canary(ch->next, path);
	fby_str_printf(&ch->text, "%s%s", ch->n++ ? ", " : "", path);
}

/* ---- going over ------------------------------------------------------- */

static void
adopt(struct fby_reload *r)
{
	struct fby_manifest *m = r->next;
	int fd = r->next_fd;

	r->next = NULL;
	r->next_fd = -1;
	fby_notes_log(m);
	r->ops->adopt(r->arg, m, fd, r->generation);
}

/* Secrets are in no manifest, and functions get those of today. */
static char *
what_was_done(const struct fby_reload *r, const struct changes *ch)
{
	if (ch->n > 0)
		return fby_asprintf("applied in place: %s", ch->text.p);
	return fby_strdup(r->ops->is_unsettled(r->arg, r->started_at) ?
		"functions were replaced, since their secrets have changed" :
		"nothing has changed");
}

static void
go_live(struct fby_reload *r, const struct changes *ch)
{
	if (fby_supervisor_adopt(r->sup, r->next, r->next_fd, r->generation) ==
	    -1) {
		finish(r, false,
		    fby_strdup("no descriptor for the settings of the "
			       "workers; the manifest before is still in "
			       "force"));
		return;
	}
	adopt(r);
	r->ops->update_foreign(r->arg);
	conclude(r, what_was_done(r, ch));
}

static void
go_switch(struct fby_reload *r, const struct changes *ch)
{
	r->state = FBY_RELOAD_SWITCHING;
	r->ops->leave(r->arg, ch->rolls == 0);
}

void
fby_reload_switched(struct fby_reload *r, const char *rest)
{
	FBY_BUG_ON(r->state != FBY_RELOAD_SWITCHING);
	free(r->rest);
	r->rest = fby_strdup(rest);
	adopt(r);
}

static void
go_roll(struct fby_reload *r, const struct changes *ch)
{
	r->only_canary = ch->rolls == 0;
	fby_notice("reload: replacing the %s one by one (%s)",
	    r->only_canary ? "canary's workers" : "workers", ch->text.p);
	r->state = FBY_RELOAD_ROLLING;
	r->rolling_back = false;
	r->ops->functions(r->arg, r->next);
	fby_supervisor_roll(r->sup, r->next, r->next_fd, r->generation,
	    r->only_canary);
}

static char *
now_running(const struct fby_manifest *m)
{
	const char *canary = m->host.canary.runtime;

	return fby_asprintf("runtime is now \"%s\"%s%s%s", m->runtime,
	    canary ? ", the canary is \"" : "", canary ? canary : "",
	    canary ? "\"" : "");
}

/* Back to the manifest in force: who runs it already stays. */
static void
roll_back(struct fby_reload *r)
{
	fby_error("reload: a new worker did not get ready; back to the "
		  "manifest that was in force");
	r->rolling_back = true;
	fby_supervisor_roll(r->sup, r->ctx->manifest, r->ctx->manifest_fd,
	    r->ctx->generation, r->only_canary);
}

void
fby_reload_continue(struct fby_reload *r)
{
	struct fby_supervisor *sup = r->sup;
	bool same;

	if (r->state == FBY_RELOAD_IDLE) {
		go_on_later(r);
		return;
	}
	if (r->state == FBY_RELOAD_SWITCHING) {
		if (r->next == NULL)
			conclude(r, now_running(r->ctx->manifest));
		return;
	}
	if (r->state != FBY_RELOAD_ROLLING)
		return;
	if (sup->failed && !r->rolling_back) {
		roll_back(r);
		return;
	}
	if (!fby_supervisor_is_up_to_date(sup) && !sup->failed)
		return;
	if (r->rolling_back) {
		finish(r, false,
		    fby_strdup("a new worker did not get ready; "
			       "the manifest before is still in force"));
		return;
	}
	same = strcmp(r->ctx->manifest->runtime, r->next->runtime) == 0;
	adopt(r);
	r->ops->update_foreign(r->arg);
	conclude(r,
	    fby_asprintf("%s%s%s%sworkers replaced in %" PRId64 " ms",
		same ? "" : "runtime is now \"",
		same ? "" : r->ctx->manifest->runtime, same ? "" : "\", ",
		r->only_canary ? "the canary's " : "",
		fby_clock_mono() - r->started_at));
}

void
fby_reload_cancel(struct fby_reload *r)
{
	if (r->state != FBY_RELOAD_IDLE)
		finish(r, false, fby_strdup("the master stops"));
	else
		go_on_later(r);
}

/* ---- beginning -------------------------------------------------------- */

/*
 * Workers take over from workers, whoever wrote them, while the group notices
 * nothing.  A runtime that is a member of its own needs ours to leave, unless
 * it is but a canary.
 */
static bool
must_leave(const struct fby_manifest *a, const struct fby_manifest *b,
    enum fby_policy policy)
{
	if (!fby_manifest_foreign_runtime(a) &&
	    !fby_manifest_foreign_runtime(b))
		return false;
	return strcmp(a->runtime, b->runtime) != 0 || policy > FBY_POLICY_LIVE;
}

static void
choose_way(struct fby_reload *r)
{
	struct changes ch = { .next = r->next };
	enum fby_policy policy;

	fby_err_init(&ch.refused);
	fby_str_init(&ch.text);
	policy = fby_manifest_diff(r->ctx->manifest, r->next, on_change, &ch);
	if (policy == FBY_POLICY_RESTART ||
	    fby_stdout_try(r->next, &ch.refused) == -1)
		finish(r, false, fby_err_text(&ch.refused));
	else if (must_leave(r->ctx->manifest, r->next, policy))
		go_switch(r, &ch);
	else if (policy == FBY_POLICY_ROLL)
		go_roll(r, &ch);
	else
		go_live(r, &ch);
	fby_err_fini(&ch.refused);
	fby_str_fini(&ch.text);
}

/* What the child has checked cannot be refused here; it is parsed anew. */
static void
on_loaded(void *arg, int fd, const char *complaints)
{
	struct fby_reload *r = arg;
	struct fby_err err;

	if (fd == -1) {
		finish(r, false, fby_strdup(complaints));
		return;
	}
	FBY_BUG_ON(r->ctx->state != FBY_CYCLE_RUNNING); /* else: cancelled */
	fby_err_init(&err);
	r->next = fby_manifest_unpack(fd, &err);
	close(fd);
	if (r->next == NULL) {
		finish(r, false, fby_err_text(&err));
	} else {
		r->next->host_id = fby_pstrdup(r->next->pool,
		    r->ctx->manifest->host_id);
		if ((r->next_fd = fby_manifest_pack(r->next)) == -1)
			finish(r, false,
			    fby_strdup("no descriptor for the manifest"));
		else
			choose_way(r);
	}
	fby_err_fini(&err);
}

static void
start(struct fby_reload *r)
{
	r->started_at = fby_clock_mono();
	r->generation = FBY_MAX(r->generation, r->ctx->generation) + 1;
	r->state = FBY_RELOAD_READING;
	fby_notify_reloading(r->notify);
	if (fby_loader_start(&r->loader, r->files, r->nfiles, on_loaded, r) ==
	    -1)
		finish(r, false,
		    fby_asprintf("no process to read the manifest: %s",
			strerror(errno)));
}

/* ---- when ------------------------------------------------------------- */

/* What has been asked for is begun, refused, or put off. */
static void
go_on_later(struct fby_reload *r)
{
	enum fby_cycle_state state = r->ctx->state;
	int64_t now = fby_clock_mono(), at;
	struct timeval tv;

	if (!r->again || r->state != FBY_RELOAD_IDLE ||
	    state == FBY_CYCLE_RECOVERING)
		return;
	at = FBY_MIN(r->restless_until, r->again_since + PATIENCE_MS);
	if (state == FBY_CYCLE_RUNNING && now < at) {
		tv = fby_clock_tv(at - now);
		evtimer_add(&r->ev_calm, &tv);
		return;
	}
	evtimer_del(&r->ev_calm);
	r->again = false;
	r->waiters = r->later;
	r->later = NULL;
	if (state == FBY_CYCLE_RUNNING)
		start(r);
	else
		finish(r, false, fby_strdup(NOT_NOW));
}

static void
on_calm(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	go_on_later(arg);
}

void
fby_reload_request(struct fby_reload *r, fby_waiter_fn *fn, void *arg)
{
	int64_t now = fby_clock_mono();
	bool is_first = now >= r->restless_until;

	fby_waiters_add(&r->later, fn, arg);
	if (!r->again)
		r->again_since = now;
	r->again = true;
	/* A single one is obeyed at once; what follows it has to wait. */
	if (!is_first)
		r->restless_until = now + CALM_MS;
	go_on_later(r);
	r->restless_until = FBY_MAX(r->restless_until, now + CALM_MS);
}
