/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another runtime in our place; see runtime.h.
 */
#include "shared/fby.h"

#include "master/runtime/runtime.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

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
#include "master/runtime/leftover.h"
#include "master/runtime/mounts.h"
#include "master/runtime/pod.h"
#include "master/runtime/program.h"

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define OLD_MS 60000 /* alive for so long: back-off forgotten */

/* The manifest was checked. */
static const struct fby_runtime *
chosen(const struct fby_child *c)
{
	const struct fby_runtime *rt;

	rt = fby_manifest_runtime_find(c->ctx->manifest, c->runtime);

	FBY_BUG_ON(rt == NULL);
	return rt;
}

static size_t
number_of(const struct fby_replica *r)
{
	return (size_t)(r - r->c->replicas);
}

/* ---- starting --------------------------------------------------------- */

static void
spawn_later(struct fby_replica *r)
{
	struct fby_child *c = r->c;
	struct timeval tv;

	r->backoff_ms = r->backoff_ms == 0 ?
	    BACKOFF_MIN_MS :
	    FBY_MIN(r->backoff_ms * 2, BACKOFF_MAX_MS);
	tv = fby_clock_tv(r->backoff_ms);
	evtimer_add(&r->ev_spawn, &tv);
	c->is_down = true;
	fby_alarm_set(&c->ctx->alarms, c->alarm,
	    "runtime \"%s\" is not running; started again in %" PRId64 " s",
	    c->runtime, r->backoff_ms / 1000);
}

/* NULL: said in the log. */
static struct fby_mounts *
make_mounts(struct fby_replica *r, const struct fby_account *as)
{
	struct fby_child *c = r->c;
	struct fby_mounts *mo;
	struct fby_err err;
	char *pod, *text;

	pod = fby_asprintf("%s-%zu", c->runtime, number_of(r));
	fby_err_init(&err);
	mo = fby_mounts_new(c->ctx->manifest, c->ctx->run_dir, pod, as, &err);
	if (mo == NULL) {
		text = fby_err_text(&err);
		fby_error("runtime \"%s\": %.*s", c->runtime,
		    (int)strcspn(text, "\n"), text);
		free(text);
	}
	fby_err_fini(&err);
	free(pod);
	return mo;
}

/* -1 with errno. */
static pid_t
start_one(const struct fby_runtime *rt, char **envp, struct fby_mounts *mo,
    const struct fby_account *as)
{
	struct fby_spawn sp = {
		.exec_fd = -1,
		.fds = { -1, STDOUT_FILENO, STDERR_FILENO },
		.nfds = 3,
		.cpu = -1,
		.own_group = true,
		/* Else two of them would run when the next master starts. */
		.on_orphan = SIGTERM,
		.oom_above = FBY_SPAWN_OOM_ABOVE,
		.foreign = true,
		.as = as,
		.prepare = mo ? fby_mounts_enter : NULL,
		.arg = mo,
		.envp = envp,
	};
	pid_t pid;

	sp.argv = fby_calloc(rt->command.n + 1, sizeof(*sp.argv));
	for (size_t i = 0; i < rt->command.n; i++)
		sp.argv[i] = fby_strdup(rt->command.v[i]);
	pid = fby_spawn(&sp);
	for (size_t i = 0; i < rt->command.n; i++)
		free(sp.argv[i]);
	free(sp.argv);
	return pid;
}

static void
spawn(struct fby_replica *r)
{
	struct fby_child *c = r->c;
	const struct fby_runtime *rt = chosen(c);
	struct fby_account *as = fby_program_account(rt);
	struct fby_mounts *mo = NULL;
	char **envp;
	pid_t pid;

	if ((rt->user && as == NULL) ||
	    (c->is_private && (mo = make_mounts(r, as)) == NULL)) {
		fby_account_free(as);
		spawn_later(r);
		return;
	}
	envp = fby_pod_env(c->ctx->manifest, rt, as, number_of(r));
	pid = start_one(rt, envp, mo, as);
	if (pid == -1)
		fby_error("runtime \"%s\": fork: %s", rt->name,
		    strerror(errno));
	fby_spawn_env_free(envp);
	fby_mounts_free(mo);
	fby_account_free(as);
	if (pid == -1) {
		spawn_later(r);
		return;
	}
	fby_leftover_note(c->ctx->run_dir, pid);
	r->pid = pid;
	r->spawned_at = fby_clock_mono();
	c->spawns++;
	fby_notice("runtime \"%s\" started: %s (pid %d)", rt->name,
	    rt->command.v[0], pid);
}

static void
on_spawn(evutil_socket_t fd, short what, void *arg)
{
	struct fby_replica *r = arg;

	(void)fd;
	(void)what;
	if (r->c->wanted && r->pid == 0)
		spawn(r);
}

/* That its secrets are in place without was seen by fby_mounts_check(). */
static void
look_for_privilege(struct fby_child *c)
{
	int refused = fby_mounts_refused();

	c->is_private = refused == 0;
	if (refused)
		fby_warn("runtime \"%s\": /var/numaflow and /var/run/numaflow "
			 "are the machine's, shared by all that use them; "
			 "directories of its own take CAP_SYS_ADMIN (%s)",
		    c->runtime, strerror(refused));
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
fby_child_is_same(const struct fby_child *c, const char *runtime)
{
	char *given = what_is_given(c->ctx->manifest, runtime);
	bool is_same = c->given && strcmp(given, c->given) == 0;

	free(given);
	return is_same;
}

void
fby_child_start(struct fby_child *c, const char *runtime)
{
	free(c->runtime);
	free(c->given);
	c->runtime = fby_strdup(runtime);
	c->given = what_is_given(c->ctx->manifest, runtime);
	c->wanted = true;
	c->is_down = false;
	look_for_privilege(c);
	c->nreplicas = (size_t)chosen(c)->replicas;
	FBY_BUG_ON(c->nreplicas > FBY_REPLICAS_MAX);
	for (size_t i = 0; i < c->nreplicas; i++) {
		c->replicas[i].backoff_ms = 0;
		spawn(&c->replicas[i]);
	}
}

/* ---- stopping --------------------------------------------------------- */

static void
on_kill(evutil_socket_t fd, short what, void *arg)
{
	struct fby_child *c = arg;

	(void)fd;
	(void)what;
	for (size_t i = 0; i < c->nreplicas; i++) {
		int32_t pid = c->replicas[i].pid;

		if (pid == 0)
			continue;
		fby_error("runtime (pid %d) did not stop in time; killed", pid);
		kill(-pid, SIGKILL);
	}
}

static void
recovered(struct fby_child *c)
{
	if (c->is_down)
		fby_alarm_clear(&c->ctx->alarms, c->alarm);
	c->is_down = false;
}

static void
all_gone(struct fby_child *c)
{
	recovered(c);
	c->gone(c->arg);
}

void
fby_child_stop(struct fby_child *c, int64_t drain_ms)
{
	struct timeval tv = fby_clock_tv(drain_ms);

	c->wanted = false;
	fby_probe_cancel(&c->probe);
	for (size_t i = 0; i < c->nreplicas; i++) {
		evtimer_del(&c->replicas[i].ev_spawn);
		if (c->replicas[i].pid > 0)
			kill(-c->replicas[i].pid, SIGTERM);
	}
	if (fby_child_alive(c) == 0)
		recovered(c);
	else
		evtimer_add(&c->ev_kill, &tv);
}

void
fby_child_give_up(struct fby_child *c)
{
	evtimer_del(&c->ev_kill);
	for (size_t i = 0; i < c->nreplicas; i++) {
		int32_t pid = c->replicas[i].pid;

		if (pid == 0)
			continue;
		fby_error("runtime (pid %d) was killed and has not exited; "
			  "going on without",
		    pid);
		kill(-pid, SIGKILL);
		c->replicas[i].pid = 0;
	}
}

static struct fby_replica *
find(struct fby_child *c, int32_t pid)
{
	for (size_t i = 0; i < c->nreplicas; i++)
		if (c->replicas[i].pid == pid)
			return &c->replicas[i];
	return NULL;
}

static void
say(const struct fby_child *c, int32_t pid, int status)
{
	const enum fby_log_level level = c->wanted ? FBY_LOG_ERR :
						     FBY_LOG_NOTICE;

	if (WIFSIGNALED(status))
		fby_log(level, "runtime (pid %d) was ended by signal %d", pid,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) == FBY_SPAWN_FAILED)
		fby_error("runtime (pid %d) could not be executed", pid);
	else if (WEXITSTATUS(status) == FBY_SPAWN_UNPREPARED)
		fby_error("runtime (pid %d) could not be given directories "
			  "or a user of its own; standard error says why",
		    pid);
	else
		fby_log(level, "runtime (pid %d) exited with code %d%s", pid,
		    WEXITSTATUS(status),
		    c->wanted && WEXITSTATUS(status) == 0 ?
			"; nobody had asked it to" :
			"");
}

bool
fby_child_has(const struct fby_child *c, int32_t pid)
{
	for (size_t i = 0; i < c->nreplicas; i++)
		if (c->replicas[i].pid == pid)
			return true;
	return false;
}

bool
fby_child_reaped(struct fby_child *c, int32_t pid, int status)
{
	struct fby_replica *r = find(c, pid);

	if (r == NULL)
		return false;
	r->pid = 0;
	fby_leftover_forget(c->ctx->run_dir, pid);
	say(c, pid, status);
	if (c->wanted) {
		c->deaths++;
		if (fby_clock_mono() - r->spawned_at >= OLD_MS)
			r->backoff_ms = 0;
		spawn_later(r);
	} else if (fby_child_alive(c) == 0) {
		evtimer_del(&c->ev_kill);
		all_gone(c);
	}
	return true;
}

/* ---- readiness -------------------------------------------------------- */

void
fby_child_tick(struct fby_child *c)
{
	const struct fby_runtime *rt;

	if (!c->wanted)
		return;
	rt = chosen(c);
	if (fby_child_alive(c) < c->nreplicas) {
		fby_probe_cancel(&c->probe);
		return;
	}
	/* What was started again lives: the alarm is over. */
	recovered(c);
	if (rt->readiness.present)
		fby_probe_ask(&c->probe, c->ctx->base,
		    (uint16_t)rt->readiness.port, rt->readiness.path);
}

const char *
fby_child_unready(const struct fby_child *c)
{
	if (c->nreplicas == 0 || fby_child_alive(c) < c->nreplicas)
		return "the runtime is not running";
	if (chosen(c)->readiness.present && !c->probe.is_ready)
		return "the runtime does not say that it is ready";
	return NULL;
}

/* ---- life ------------------------------------------------------------- */

void
fby_child_init(struct fby_child *c, struct fby_context *ctx,
    enum fby_alarm alarm, void (*gone)(void *arg), void *arg)
{
	memset(c, 0, sizeof(*c));
	c->ctx = ctx;
	c->gone = gone;
	c->arg = arg;
	c->alarm = alarm;
	for (size_t i = 0; i < FBY_REPLICAS_MAX; i++) {
		c->replicas[i].c = c;
		evtimer_assign(&c->replicas[i].ev_spawn, ctx->base, on_spawn,
		    &c->replicas[i]);
	}
	evtimer_assign(&c->ev_kill, ctx->base, on_kill, c);
}

void
fby_child_fini(struct fby_child *c)
{
	if (c->ctx == NULL)
		return;
	evtimer_del(&c->ev_kill);
	fby_probe_cancel(&c->probe);
	for (size_t i = 0; i < c->nreplicas; i++) {
		struct fby_replica *r = &c->replicas[i];

		evtimer_del(&r->ev_spawn);
		if (r->pid > 0) {
			fby_spawn_end(r->pid, true);
			fby_leftover_forget(c->ctx->run_dir, r->pid);
		}
	}
	free(c->runtime);
	free(c->given);
	c->runtime = c->given = NULL;
}
