/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of the user's functions; see servers.h.
 */
#include "shared/fby.h"

#include "master/function/servers.h"

#include <string.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/base/cpus.h"
#include "master/runtime/foreign.h"
#include "master/runtime/mounts.h"

/* ---- where there shall be some ---------------------------------------- */

typedef void (
    *place_fn)(struct fby_servers *all, const struct fby_server_place *at);

/* Workers of any runtime share them. */
static void
each_of_workers(struct fby_servers *all, const struct fby_manifest *m,
    place_fn fn)
{
	int cpus[FBY_WORKERS_MAX];
	size_t places = fby_cpus_workers(m, fby_cpus_usable(m, cpus));
	char dir[FBY_FUNCTION_DIR], errors[FBY_FUNCTION_DIR + 8];

	for (int role = 0; role < FBY_FUNCTION_N; role++) {
		const struct fby_function *f = &m->functions[role];
		size_t n = f->instances ? (size_t)f->instances : places;
		struct fby_server_place at = {
			.role = (enum fby_function_role)role,
			.dir = dir,
			.errors = errors,
			.is_private = true,
			.is_exclusive = true,
		};

		for (; f->command.n > 0 && at.number < n; at.number++) {
			fby_manifest_function_dir(m, at.role,
			    (uint32_t)at.number, dir);
			snprintf(errors, sizeof(errors), "%s.errors", dir);
			fn(all, &at);
		}
	}
}

/* One of each role beside a replica. */
static void
each_of_pod(struct fby_servers *all, const struct fby_manifest *m,
    const struct fby_foreign *f, size_t replica, place_fn fn)
{
	char *name = fby_asprintf("%s-%zu", f->runtime, replica);
	char *pod = fby_mounts_pod(all->ctx->run_dir, name);
	char *dir = f->is_private ? fby_asprintf("%s/" FBY_MOUNTS_RUN, pod) :
				    fby_strdup(FBY_MOUNTS_MACHINES);
	char *errors = fby_asprintf("%s/" FBY_MOUNTS_RUNTIME, pod);
	struct fby_server_place at = {
		.number = replica,
		.pod = name,
		.dir = dir,
		.errors = errors,
		.is_private = f->is_private,
	};

	for (int role = 0; role < FBY_FUNCTION_N; role++) {
		at.role = (enum fby_function_role)role;
		if (m->functions[role].command.n > 0)
			fn(all, &at);
	}
	free(errors);
	free(dir);
	free(pod);
	free(name);
}

/* What drains still needs its own; what has gone gets none any more. */
static void
each_of_foreign(struct fby_servers *all, const struct fby_manifest *m,
    const struct fby_foreign *f, place_fn fn)
{
	/* Those that share the machine's directory share what is in it. */
	const size_t n = f->is_private ? f->nreplicas :
					 FBY_MIN(f->nreplicas, (size_t)1);

	if (f->runtime == NULL || (!f->wanted && fby_foreign_alive(f) == 0))
		return;
	for (size_t i = 0; i < n; i++)
		each_of_pod(all, m, f, i, fn);
}

/* ---- those that there are --------------------------------------------- */

static const struct fby_manifest *
op_manifest(void *arg)
{
	const struct fby_servers *all = arg;

	if (all->is_stopping)
		return NULL;
	return all->next ? all->next : all->ctx->manifest;
}

static void
op_gone(void *arg, struct fby_server *sv)
{
	struct fby_servers *all = arg;
	size_t i = 0;

	while (all->v[i] != sv)
		i++;
	memmove(&all->v[i], &all->v[i + 1], (--all->n - i) * sizeof(all->v[0]));
	fby_limits_remove(&all->limits, sv->name);
	fby_server_free(sv);
	event_active(&all->ev_gone, EV_TIMEOUT, 1);
}

static void
on_gone(evutil_socket_t fd, short what, void *arg)
{
	struct fby_servers *all = arg;

	(void)fd;
	(void)what;
	all->gone(all->arg);
}

static const struct fby_server_ops ops = {
	.manifest = op_manifest,
	.gone = op_gone,
};

static struct fby_server *
find(const struct fby_servers *all, const struct fby_server_place *at)
{
	for (size_t i = 0; i < all->n; i++)
		if (fby_server_is_at(all->v[i], at))
			return all->v[i];
	return NULL;
}

static struct fby_server *
add(struct fby_servers *all, const struct fby_server_place *at)
{
	struct fby_server *sv = fby_server_new(all->ctx, at, &ops, all);

	sv->limits = &all->limits;
	all->v = fby_realloc(all->v, (all->n + 1) * sizeof(all->v[0]));
	all->v[all->n++] = sv;
	return sv;
}

static void
want(struct fby_servers *all, const struct fby_server_place *at)
{
	struct fby_server *sv = find(all, at);

	if (sv == NULL)
		sv = add(all, at);
	sv->is_marked = true;
	fby_server_want(sv);
}

static void
want_if_missing(struct fby_servers *all, const struct fby_server_place *at)
{
	const struct fby_server *sv = find(all, at);

	if (sv == NULL || !sv->wanted)
		want(all, at);
}

void
fby_servers_update(struct fby_servers *all,
    const struct fby_foreign *const *foreign, size_t nforeign)
{
	const struct fby_manifest *m = all->ctx->manifest;

	all->next = NULL;
	all->is_stopping = false;
	for (size_t i = 0; i < all->n; i++)
		all->v[i]->is_marked = false;
	if (fby_manifest_has_workers(m))
		each_of_workers(all, m, want);
	for (size_t i = 0; i < nforeign; i++)
		each_of_foreign(all, m, foreign[i], want);
	/* Backwards: it may go at once. */
	for (size_t i = all->n; i-- > 0;)
		if (!all->v[i]->is_marked && all->v[i]->wanted)
			fby_server_end(all->v[i], FBY_SERVER_END_MS);
}

void
fby_servers_prepare(struct fby_servers *all, const struct fby_manifest *next)
{
	all->next = next;
	if (fby_manifest_has_workers(next))
		each_of_workers(all, next, want_if_missing);
}

void
fby_servers_forget(struct fby_servers *all)
{
	all->next = NULL;
}

/* ---- ending ----------------------------------------------------------- */

void
fby_servers_stop(struct fby_servers *all, bool but_pods, int64_t ms)
{
	all->is_stopping = !but_pods;
	for (size_t i = all->n; i-- > 0;)
		if (all->v[i]->pod == NULL || !but_pods)
			fby_server_end(all->v[i], ms);
}

size_t
fby_servers_alive(const struct fby_servers *all, bool but_pods)
{
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		n += all->v[i]->pod == NULL || !but_pods;
	return n;
}

void
fby_servers_give_up(struct fby_servers *all, bool but_pods)
{
	for (size_t i = all->n; i-- > 0;)
		if (all->v[i]->pod == NULL || !but_pods)
			fby_server_give_up(all->v[i]);
}

static struct fby_server *
find_pid(const struct fby_servers *all, pid_t pid)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i]->process.pid == pid)
			return all->v[i];
	return NULL;
}

bool
fby_servers_has(const struct fby_servers *all, pid_t pid)
{
	return find_pid(all, pid) != NULL;
}

bool
fby_servers_reaped(struct fby_servers *all, pid_t pid, int status)
{
	struct fby_server *sv = find_pid(all, pid);

	if (sv == NULL)
		return false;
	fby_server_reaped(sv, status);
	return true;
}

/* ---- those that are not there ----------------------------------------- */

/* Why it is not running, and that it will be tried again; heap. */
static char *
why_not(const struct fby_server *sv)
{
	return fby_asprintf("%s %s%s; tried again after %" PRId64 " s",
	    sv->name, sv->fault ? "cannot be started: " : "is not running",
	    sv->fault ? sv->fault : "", sv->process.backoff_ms / 1000);
}

bool
fby_servers_are_unsettled(const struct fby_servers *all, int64_t since)
{
	const int64_t now = fby_clock_mono();

	for (size_t i = 0; i < all->n; i++) {
		const struct fby_server *sv = all->v[i];

		if (!sv->wanted || sv->state == FBY_SERVER_BACKOFF)
			continue;
		if (sv->state == FBY_SERVER_ENDING ||
		    (sv->begun_at >= since &&
			now - sv->begun_at < FBY_SURVIVE_MS))
			return true;
	}
	return false;
}

char *
fby_servers_fault(const struct fby_servers *all, int64_t since)
{
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i]->state == FBY_SERVER_BACKOFF &&
		    all->v[i]->begun_at >= since)
			return why_not(all->v[i]);
	return NULL;
}

void
fby_servers_look(struct fby_servers *all, const char *waiting)
{
	const struct fby_server *first = NULL;
	char *why;
	size_t n = 0;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i]->state == FBY_SERVER_BACKOFF && n++ == 0)
			first = all->v[i];
	if (first == NULL && *waiting)
		fby_alarm_set(&all->ctx->alarms, FBY_ALARM_FUNCTION, "%s",
		    waiting);
	else if (first == NULL)
		fby_alarm_clear(&all->ctx->alarms, FBY_ALARM_FUNCTION);
	if (first == NULL)
		return;
	why = why_not(first);
	if (n > 1)
		fby_alarm_set(&all->ctx->alarms, FBY_ALARM_FUNCTION,
		    "%s; %zu more are not running", why, n - 1);
	else
		fby_alarm_set(&all->ctx->alarms, FBY_ALARM_FUNCTION, "%s", why);
	free(why);
}

/* ---- life ------------------------------------------------------------- */

void
fby_servers_init(struct fby_servers *all, struct fby_context *ctx,
    void (*gone)(void *arg), void *arg)
{
	*all = (struct fby_servers){ .ctx = ctx, .gone = gone, .arg = arg };
	fby_limits_init(&all->limits, "");
	event_assign(&all->ev_gone, ctx->base, -1, 0, on_gone, all);
}

void
fby_servers_fini(struct fby_servers *all)
{
	if (all->ctx == NULL)
		return;
	event_del(&all->ev_gone);
	for (size_t i = 0; i < all->n; i++)
		fby_server_free(all->v[i]);
	free(all->v);
	fby_limits_fini(&all->limits);
	*all = (struct fby_servers){ .ctx = NULL };
}
