/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another runtime in our place; see runtime.h.
 */
#include "shared/fby.h"

#include "master/runtime.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base64.h"
#include "shared/clock.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/proto.h"
#include "shared/str.h"

#include "master/cpus.h"
#include "master/master.h"
#include "master/spawn.h"

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define OLD_MS 60000 /* alive for so long: back-off forgotten */

bool
fby_runtime_is_foreign(const struct fby_manifest *m)
{
	return !fby_manifest_has_workers(m);
}

/* The manifest was checked. */
static const struct fby_runtime *
chosen(const struct fby_child *c)
{
	const struct fby_manifest *m = c->mst->manifest;
	const struct fby_runtime *rt = fby_manifest_runtime_find(m, m->runtime);

	FBY_BUG_ON(rt == NULL);
	return rt;
}

static size_t
number_of(const struct fby_replica *r)
{
	return (size_t)(r - r->c->replicas);
}

/* ---- starting --------------------------------------------------------- */

/* What a pod's main container gets; later entries win over earlier ones. */
static char **
make_env(const struct fby_manifest *m, const struct fby_runtime *rt,
    size_t replica)
{
	struct fby_pool *pool = fby_pool_new(FBY_ARENA_CONFIG);
	char *object = fby_manifest_object(m);
	int cpus[FBY_WORKERS_MAX];
	size_t n = 0, ncpus = fby_cpus_usable(m, cpus);
	const char **vars = fby_palloc(pool,
	    (8 + m->env.n + rt->env.n) * sizeof(*vars));
	char **envp;

	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MONO_VERTEX_OBJECT=%s",
	    fby_base64_encode(pool, object, strlen(object)));
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_MONO_VERTEX_NAME=%s", m->name);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_NAMESPACE=%s", m->namespace_);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_POD=%s-mv-%zu", m->name,
	    replica);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_REPLICA=%zu", replica);
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_CPU_REQUEST=%zu",
	    fby_cpus_workers(m, ncpus));
	vars[n++] = "NUMAFLOW_READ_AHEAD=false";
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_RUNTIME=%s", m->runtime);
	for (size_t i = 0; i < m->env.n; i++)
		vars[n++] = m->env.v[i];
	for (size_t i = 0; i < rt->env.n; i++)
		vars[n++] = rt->env.v[i];
	envp = fby_spawn_env(vars, n);
	free(object);
	fby_pool_free(pool);
	return envp;
}

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
	fby_trouble_set(c->mst, FBY_TROUBLE_RUNTIME,
	    "runtime \"%s\" is not running; started again in %" PRId64 " s",
	    c->mst->manifest->runtime, r->backoff_ms / 1000);
}

static void
spawn(struct fby_replica *r)
{
	struct fby_child *c = r->c;
	const struct fby_runtime *rt = chosen(c);
	struct fby_spawn sp = {
		.exec_fd = -1,
		.fds = { -1, STDOUT_FILENO, STDERR_FILENO },
		.nfds = 3,
		.cpu = -1,
		.own_group = true,
	};
	pid_t pid;

	sp.argv = fby_calloc(rt->command.n + 1, sizeof(*sp.argv));
	for (size_t i = 0; i < rt->command.n; i++)
		sp.argv[i] = fby_strdup(rt->command.v[i]);
	sp.envp = make_env(c->mst->manifest, rt, number_of(r));
	pid = fby_spawn(&sp);
	for (size_t i = 0; i < rt->command.n; i++)
		free(sp.argv[i]);
	free(sp.argv);
	fby_spawn_env_free(sp.envp);
	if (pid == -1) {
		fby_error("runtime \"%s\": fork: %s", rt->name,
		    strerror(errno));
		spawn_later(r);
		return;
	}
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

void
fby_child_start(struct fby_child *c)
{
	c->wanted = true;
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
		fby_cycle_child_gone(c->mst);
	else
		evtimer_add(&c->ev_kill, &tv);
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
	else
		fby_log(level, "runtime (pid %d) exited with code %d%s", pid,
		    WEXITSTATUS(status),
		    c->wanted && WEXITSTATUS(status) == 0 ?
			"; nobody had asked it to" :
			"");
}

bool
fby_child_reaped(struct fby_child *c, int32_t pid, int status)
{
	struct fby_replica *r = find(c, pid);

	if (r == NULL)
		return false;
	r->pid = 0;
	say(c, pid, status);
	if (c->wanted) {
		c->deaths++;
		if (fby_clock_mono() - r->spawned_at >= OLD_MS)
			r->backoff_ms = 0;
		spawn_later(r);
	} else if (fby_child_alive(c) == 0) {
		evtimer_del(&c->ev_kill);
		fby_cycle_child_gone(c->mst);
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
	if (c->mst->troubles[FBY_TROUBLE_RUNTIME])
		fby_trouble_over(c->mst, FBY_TROUBLE_RUNTIME);
	if (rt->readiness.present)
		fby_probe_ask(&c->probe, c->mst->base,
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
fby_child_init(struct fby_child *c, struct fby_master *mst)
{
	memset(c, 0, sizeof(*c));
	c->mst = mst;
	for (size_t i = 0; i < FBY_REPLICAS_MAX; i++) {
		c->replicas[i].c = c;
		evtimer_assign(&c->replicas[i].ev_spawn, mst->base, on_spawn,
		    &c->replicas[i]);
	}
	evtimer_assign(&c->ev_kill, mst->base, on_kill, c);
}

void
fby_child_fini(struct fby_child *c)
{
	if (c->mst == NULL)
		return;
	evtimer_del(&c->ev_kill);
	fby_probe_cancel(&c->probe);
	for (size_t i = 0; i < c->nreplicas; i++) {
		struct fby_replica *r = &c->replicas[i];

		evtimer_del(&r->ev_spawn);
		if (r->pid > 0) {
			kill(-r->pid, SIGKILL);
			waitpid(r->pid, NULL, 0);
		}
	}
}
