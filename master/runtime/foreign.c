/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another runtime in our place; see foreign.h.
 */
#include "shared/fby.h"

#include "master/runtime/foreign.h"

#include <event2/event.h>
#include <signal.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/boundary/proto.h"
#include "shared/manifest/manifest.h"

#include "master/base/account.h"
#include "master/base/context.h"
#include "master/base/spawn.h"
#include "master/runtime/capture.h"
#include "master/runtime/mounts.h"
#include "master/runtime/pod.h"
#include "master/runtime/program.h"

#define LOOK_MS 20

/* The manifest was checked. */
static const struct fby_runtime *
chosen(const struct fby_foreign *f)
{
	const struct fby_runtime *rt;

	rt = fby_manifest_runtime_find(f->ctx->manifest, f->runtime);

	FBY_BUG_ON(rt == NULL);
	return rt;
}

static size_t
number_of(const struct fby_replica *r)
{
	return (size_t)(r - r->f->replicas);
}

/* ---- starting --------------------------------------------------------- */

static void
spawn_later(struct fby_replica *r)
{
	struct fby_foreign *f = r->f;
	int64_t ms = fby_subprocess_later(&r->process);

	f->is_down = true;
	fby_alarm_set(&f->ctx->alarms, f->alarm,
	    "runtime \"%s\" is not running; started again in %" PRId64 " s",
	    f->runtime, ms / 1000);
}

/* NULL: said in the log. */
static struct fby_mounts *
make_mounts(struct fby_replica *r, const struct fby_account *as)
{
	struct fby_foreign *f = r->f;
	struct fby_mounts *mo;
	struct fby_err err;
	char *pod, *text;

	pod = fby_asprintf("%s-%zu", f->runtime, number_of(r));
	fby_err_init(&err);
	mo = fby_mounts_new(f->ctx->manifest, f->ctx->run_dir, pod, as, &err);
	if (mo == NULL) {
		text = fby_err_text(&err);
		fby_error("runtime \"%s\": %.*s", f->runtime,
		    (int)strcspn(text, "\n"), text);
		free(text);
	}
	fby_err_fini(&err);
	free(pod);
	return mo;
}

/* -1: said in the log. */
static int
start_one(struct fby_replica *r, const struct fby_runtime *rt,
    struct fby_mounts *mo, const struct fby_account *as)
{
	const struct fby_manifest *m = r->f->ctx->manifest;
	char *name = fby_asprintf("runtime \"%s\"", rt->name);
	const struct fby_subprocess_start how = {
		.name = name,
		.argv = rt->command.v,
		.nargv = rt->command.n,
		.envp = fby_pod_env(m, rt, as, number_of(r)),
		.as = as,
		.is_data = fby_capture_is_data(m),
		.prepare = mo ? fby_mounts_enter : NULL,
		.arg = mo,
	};
	int rc = fby_subprocess_start(&r->process, &how);

	free(name);
	return rc;
}

static void
spawn(struct fby_replica *r)
{
	struct fby_foreign *f = r->f;
	const struct fby_runtime *rt = chosen(f);
	struct fby_account *as = fby_program_account(rt);
	struct fby_mounts *mo = NULL;

	if ((rt->user && as == NULL) ||
	    (f->is_private && (mo = make_mounts(r, as)) == NULL) ||
	    start_one(r, rt, mo, as) == -1)
		spawn_later(r);
	else
		f->spawns++;
	fby_mounts_free(mo);
	fby_account_free(as);
}

static void
on_spawn(evutil_socket_t fd, short what, void *arg)
{
	struct fby_replica *r = arg;

	(void)fd;
	(void)what;
	if (r->f->wanted && r->process.pid == 0)
		spawn(r);
}

/* That its secrets are in place without was seen by fby_mounts_check(). */
static void
look_for_privilege(struct fby_foreign *f)
{
	int refused = fby_mounts_refused();

	f->is_private = refused == 0;
	if (refused)
		fby_warn("runtime \"%s\": /var/numaflow and /var/run/numaflow "
			 "are the machine's, shared by all that use them; "
			 "directories of its own take CAP_SYS_ADMIN (%s)",
		    f->runtime, strerror(refused));
}

/* Everything that its first process is given, as a text to compare. */
static char *
what_is_given(const struct fby_manifest *m, const char *runtime)
{
	const struct fby_runtime *rt = fby_manifest_runtime_find(m, runtime);
	char **envp = fby_pod_env(m, rt, NULL, 0);
	struct fby_str s;

	fby_str_init(&s);
	fby_str_printf(&s, "%s %" PRId64 " %s\n", runtime, rt->replicas,
	    rt->user ? rt->user : "");
	for (size_t i = 0; i < rt->command.n; i++)
		fby_str_printf(&s, "%s\n", rt->command.v[i]);
	for (size_t i = 0; envp[i]; i++)
		fby_str_printf(&s, "%s\n", envp[i]);
	fby_spawn_env_free(envp);
	return fby_str_take(&s);
}

bool
fby_foreign_is_same(const struct fby_foreign *f, const char *runtime)
{
	char *given = what_is_given(f->ctx->manifest, runtime);
	bool is_same = f->given && strcmp(given, f->given) == 0;

	free(given);
	return is_same;
}

void
fby_foreign_start(struct fby_foreign *f, const char *runtime)
{
	free(f->runtime);
	free(f->given);
	f->runtime = fby_strdup(runtime);
	f->given = what_is_given(f->ctx->manifest, runtime);
	f->begun_at = fby_clock_mono();
	f->wanted = true;
	f->is_down = false;
	look_for_privilege(f);
	f->nreplicas = (size_t)chosen(f)->replicas;
	FBY_BUG_ON(f->nreplicas > FBY_REPLICAS_MAX);
	for (size_t i = 0; i < f->nreplicas; i++) {
		f->replicas[i].process.backoff_ms = 0;
		spawn(&f->replicas[i]);
	}
}

/* ---- stopping --------------------------------------------------------- */

static void
on_kill(evutil_socket_t fd, short what, void *arg)
{
	struct fby_foreign *f = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < f->nreplicas; i++) {
		const struct fby_subprocess *sp = &f->replicas[i].process;

		if (sp->pid == 0)
			continue;
		fby_error("runtime (pid %d) did not stop in time; killed",
		    sp->pid);
		fby_subprocess_signal(sp, SIGKILL);
	}
}

static void
recovered(struct fby_foreign *f)
{
	if (f->is_down)
		fby_alarm_clear(&f->ctx->alarms, f->alarm);
	f->is_down = false;
}

static void
all_gone(struct fby_foreign *f)
{
	recovered(f);
	f->gone(f->arg);
}

void
fby_foreign_stop(struct fby_foreign *f, int64_t drain_ms)
{
	struct timeval tv = fby_clock_tv(drain_ms);

	f->wanted = false;
	fby_probe_cancel(&f->probe);
	for (size_t i = 0; i < f->nreplicas; i++) {
		evtimer_del(&f->replicas[i].process.ev_again);
		fby_subprocess_signal(&f->replicas[i].process, SIGTERM);
	}
	if (fby_foreign_alive(f) == 0)
		recovered(f);
	else
		evtimer_add(&f->ev_kill, &tv);
}

void
fby_foreign_give_up(struct fby_foreign *f)
{
	evtimer_del(&f->ev_kill);
	evtimer_del(&f->ev_look);
	for (size_t i = 0; i < f->nreplicas; i++)
		fby_subprocess_give_up(&f->replicas[i].process, "runtime");
}

/* The next one is not started beside what the last one had started. */
static void
look(struct fby_foreign *f)
{
	const struct timeval tv = fby_clock_tv(LOOK_MS);

	for (size_t i = 0; i < f->nreplicas; i++)
		if (fby_subprocess_lingers(&f->replicas[i].process))
			evtimer_add(&f->ev_look, &tv);
	if (fby_foreign_alive(f) > 0)
		return;
	evtimer_del(&f->ev_kill);
	all_gone(f);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

static struct fby_replica *
find(struct fby_foreign *f, int32_t pid)
{
	for (size_t i = 0; i < f->nreplicas; i++)
		if (f->replicas[i].process.pid == pid)
			return &f->replicas[i];
	return NULL;
}

bool
fby_foreign_has(const struct fby_foreign *f, int32_t pid)
{
	for (size_t i = 0; i < f->nreplicas; i++)
		if (f->replicas[i].process.pid == pid)
			return true;
	return false;
}

bool
fby_foreign_reaped(struct fby_foreign *f, int32_t pid, int status)
{
	struct fby_replica *r = find(f, pid);

	if (r == NULL)
		return false;
	fby_subprocess_reaped(&r->process, "runtime", status, !f->wanted);
	if (f->wanted) {
		f->deaths++;
		f->died_of = status;
		spawn_later(r);
	} else {
		look(f);
	}
	return true;
}

/* ---- readiness -------------------------------------------------------- */

void
fby_foreign_tick(struct fby_foreign *f)
{
	const struct fby_runtime *rt;

	if (!f->wanted)
		return;
	rt = chosen(f);
	if (fby_foreign_alive(f) < f->nreplicas) {
		fby_probe_cancel(&f->probe);
		return;
	}
	/* What was started again lives: the alarm is over. */
	recovered(f);
	if (rt->readiness.present)
		fby_probe_ask(&f->probe, f->ctx->base,
		    (uint16_t)rt->readiness.port, rt->readiness.path);
}

const char *
fby_foreign_unready(const struct fby_foreign *f)
{
	if (f->nreplicas == 0 || fby_foreign_alive(f) < f->nreplicas)
		return "the runtime is not running";
	if (chosen(f)->readiness.present && !f->probe.is_ready)
		return "the runtime does not say that it is ready";
	return NULL;
}

/* ---- life ------------------------------------------------------------- */

void
fby_foreign_init(struct fby_foreign *f, struct fby_context *ctx,
    enum fby_alarm alarm, void (*gone)(void *arg), void *arg)
{
	memset(f, 0, sizeof(*f));
	f->ctx = ctx;
	f->gone = gone;
	f->arg = arg;
	f->alarm = alarm;
	for (size_t i = 0; i < FBY_REPLICAS_MAX; i++) {
		f->replicas[i].f = f;
		fby_subprocess_init(&f->replicas[i].process, ctx, on_spawn,
		    &f->replicas[i]);
	}
	evtimer_assign(&f->ev_kill, ctx->base, on_kill, f);
	evtimer_assign(&f->ev_look, ctx->base, on_look, f);
}

void
fby_foreign_fini(struct fby_foreign *f)
{
	if (f->ctx == NULL)
		return;
	evtimer_del(&f->ev_kill);
	evtimer_del(&f->ev_look);
	fby_probe_cancel(&f->probe);
	for (size_t i = 0; i < f->nreplicas; i++)
		fby_subprocess_fini(&f->replicas[i].process);
	free(f->runtime);
	free(f->given);
	f->runtime = f->given = NULL;
}
