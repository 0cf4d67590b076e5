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
	return strcmp(m->runtime, "c") != 0;
}

static const struct fby_runtime *
find(const struct fby_manifest *m)
{
	for (size_t i = 0; i < m->host.nruntimes; i++)
		if (strcmp(m->host.runtimes[i].name, m->runtime) == 0)
			return &m->host.runtimes[i];
	return NULL;
}

/* What a pod's main container gets; later entries win over earlier ones. */
static char **
make_env(const struct fby_manifest *m, const struct fby_runtime *rt)
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
	vars[n++] = fby_psprintf(pool, "NUMAFLOW_POD=%s-mv-0", m->name);
	vars[n++] = "NUMAFLOW_REPLICA=0";
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
spawn_later(struct fby_child *c)
{
	struct timeval tv;

	c->backoff_ms = c->backoff_ms == 0 ?
	    BACKOFF_MIN_MS :
	    FBY_MIN(c->backoff_ms * 2, BACKOFF_MAX_MS);
	tv = fby_clock_tv(c->backoff_ms);
	evtimer_add(&c->ev_spawn, &tv);
	fby_trouble_set(c->mst, FBY_TROUBLE_RUNTIME,
	    "runtime \"%s\" is not running; started again in %" PRId64 " s",
	    c->mst->manifest->runtime, c->backoff_ms / 1000);
}

static void
spawn(struct fby_child *c)
{
	const struct fby_manifest *m = c->mst->manifest;
	const struct fby_runtime *rt = find(m);
	struct fby_spawn sp = {
		.exec_fd = -1,
		.fds = { -1, STDOUT_FILENO, STDERR_FILENO },
		.nfds = 3,
		.cpu = -1,
		.own_group = true,
	};
	pid_t pid;

	FBY_BUG_ON(rt == NULL); /* the manifest was checked */
	sp.argv = fby_calloc(rt->command.n + 1, sizeof(*sp.argv));
	for (size_t i = 0; i < rt->command.n; i++)
		sp.argv[i] = fby_strdup(rt->command.v[i]);
	sp.envp = make_env(m, rt);
	pid = fby_spawn(&sp);
	for (size_t i = 0; i < rt->command.n; i++)
		free(sp.argv[i]);
	free(sp.argv);
	fby_spawn_env_free(sp.envp);
	if (pid == -1) {
		fby_error("runtime \"%s\": fork: %s", rt->name,
		    strerror(errno));
		spawn_later(c);
		return;
	}
	c->pid = pid;
	c->killed = false;
	c->spawned_at = fby_clock_mono();
	c->spawns++;
	fby_notice("runtime \"%s\" started: %s (pid %d)", rt->name,
	    rt->command.v[0], pid);
}

static void
on_spawn(evutil_socket_t fd, short what, void *arg)
{
	struct fby_child *c = arg;

	(void)fd;
	(void)what;
	if (c->wanted && c->pid == 0)
		spawn(c);
}

static void
on_kill(evutil_socket_t fd, short what, void *arg)
{
	struct fby_child *c = arg;

	(void)fd;
	(void)what;
	if (c->pid == 0)
		return;
	fby_error("runtime (pid %d) did not stop in time; killed", c->pid);
	kill(-c->pid, SIGKILL);
}

void
fby_child_init(struct fby_child *c, struct fby_master *mst)
{
	memset(c, 0, sizeof(*c));
	c->mst = mst;
	evtimer_assign(&c->ev_spawn, mst->base, on_spawn, c);
	evtimer_assign(&c->ev_kill, mst->base, on_kill, c);
}

void
fby_child_start(struct fby_child *c)
{
	c->wanted = true;
	c->backoff_ms = 0;
	spawn(c);
}

void
fby_child_stop(struct fby_child *c, int64_t drain_ms)
{
	struct timeval tv = fby_clock_tv(drain_ms);

	c->wanted = false;
	evtimer_del(&c->ev_spawn);
	if (c->pid == 0) {
		fby_cycle_child_gone(c->mst);
		return;
	}
	kill(-c->pid, SIGTERM);
	evtimer_add(&c->ev_kill, &tv);
}

bool
fby_child_reaped(struct fby_child *c, int32_t pid, int status)
{
	bool failed = !WIFEXITED(status) || WEXITSTATUS(status) != 0;

	if (c->pid == 0 || pid != c->pid)
		return false;
	c->pid = 0;
	evtimer_del(&c->ev_kill);
	if (WIFSIGNALED(status))
		fby_log(c->wanted ? FBY_LOG_ERR : FBY_LOG_NOTICE,
		    "runtime (pid %d) was ended by signal %d", pid,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) == FBY_SPAWN_FAILED)
		fby_error("runtime (pid %d) could not be executed", pid);
	else
		fby_log(c->wanted ? FBY_LOG_ERR : FBY_LOG_NOTICE,
		    "runtime (pid %d) exited with code %d%s", pid,
		    WEXITSTATUS(status),
		    c->wanted && !failed ? "; nobody had asked it to" : "");
	if (!c->wanted) {
		fby_cycle_child_gone(c->mst);
		return true;
	}
	c->deaths++;
	if (fby_clock_mono() - c->spawned_at >= OLD_MS)
		c->backoff_ms = 0;
	spawn_later(c);
	return true;
}

void
fby_child_fini(struct fby_child *c)
{
	if (c->mst == NULL)
		return;
	evtimer_del(&c->ev_spawn);
	evtimer_del(&c->ev_kill);
	if (c->pid > 0) {
		kill(-c->pid, SIGKILL);
		waitpid(c->pid, NULL, 0);
	}
}
