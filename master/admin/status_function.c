/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The users' functions, each with its process and what the workers tell of it;
 * see status.h.
 */
#include "shared/fby.h"

#include "master/admin/status.h"

#include <math.h>

#include "shared/boundary/shm.h"
#include "shared/manifest/manifest.h"

#include "master/base/json.h"
#include "master/function/traffic.h"
#include "master/master.h"

/* NULL: it is not ours to start. */
static const struct fby_server *
server_of(const struct fby_master *mst, enum fby_function_role role,
    size_t instance)
{
	const struct fby_servers *all = &mst->servers;

	for (size_t i = 0; i < all->n; i++)
		if (all->v[i]->role == role && all->v[i]->pod == NULL &&
		    all->v[i]->number == instance)
			return all->v[i];
	return NULL;
}

/* A process that does not run says more than those that wait for it. */
static const char *
state_of(const struct fby_server *sv, const struct fby_traffic *t)
{
	if (sv &&
	    (sv->state != FBY_SERVER_RUNNING || t == NULL ||
		t->connections == 0))
		return fby_server_state_name(sv);
	return t == NULL || t->connections == 0 ? NULL :
						  fby_conn_state_name(t->state);
}

static json_t *
milliseconds(double us)
{
	return isnan(us) ? json_null() : json_real(us / 1000);
}

static void
add_traffic(json_t *o, const struct fby_traffic *t, double rate)
{
	fby_json_set(o, "language",
	    fby_json_text(*t->language ? t->language : NULL));
	fby_json_set(o, "version",
	    fby_json_text(*t->version ? t->version : NULL));
	fby_json_set(o, "connections", fby_json_count(t->connections));
	fby_json_set(o, "ready", fby_json_count(t->ready));
	fby_json_set(o, "calls_per_s", fby_json_rate(rate));
	fby_json_set(o, "calls", fby_json_count(t->calls));
	fby_json_set(o, "answers", fby_json_count(t->answers));
	fby_json_set(o, "errors", fby_json_count(t->errors));
	fby_json_set(o, "failures", fby_json_count(t->failures));
	fby_json_set(o, "in_flight", fby_json_count(t->in_flight));
	fby_json_set(o, "answer_p50_ms",
	    milliseconds(fby_traffic_quantile(t, 0.5)));
	fby_json_set(o, "answer_p99_ms",
	    milliseconds(fby_traffic_quantile(t, 0.99)));
	fby_json_set(o, "why", fby_json_text(*t->why ? t->why : NULL));
}

/* Of each key there is one in every object. */
static json_t *
one(const struct fby_server *sv, enum fby_function_role role, size_t instance,
    const char *dir, const struct fby_traffic *t, double rate)
{
	static const struct fby_traffic none = { .state = FBY_CONN_OFF };
	json_t *o = json_object();

	fby_json_set(o, "role", fby_json_text(fby_function_word(role)));
	fby_json_set(o, "instance", fby_json_count(instance));
	fby_json_set(o, "pod", fby_json_text(sv ? sv->pod : NULL));
	fby_json_set(o, "directory", fby_json_text(dir));
	fby_json_set(o, "pid",
	    fby_json_known(sv && sv->process.pid > 0 ? sv->process.pid : -1));
	fby_json_set(o, "state", fby_json_text(state_of(sv, t)));
	fby_json_set(o, "restarts",
	    sv ? fby_json_count(sv->deaths) : json_null());
	fby_json_set(o, "fault", fby_json_text(sv ? sv->fault : NULL));
	add_traffic(o, t ? t : &none, rate);
	return o;
}

static void
add_of_workers(json_t *list, const struct fby_master *mst,
    enum fby_function_role role)
{
	const struct fby_manifest *m = mst->ctx.manifest;
	const size_t n = fby_traffic_instances(m, role);
	char dir[FBY_FUNCTION_DIR];
	struct fby_traffic t;

	for (size_t i = 0; i < n; i++) {
		fby_traffic_of(&t, &mst->shm, role, i);
		json_array_append_new(list,
		    one(server_of(mst, role, i), role, i,
			fby_manifest_function_dir(m, role, (uint32_t)i, dir),
			&t, mst->traffic.rate[role][i]));
	}
}

json_t *
fby_status_functions(const struct fby_master *mst)
{
	const struct fby_servers *all = &mst->servers;
	json_t *list = json_array();

	for (int role = 0; mst->ctx.manifest && role < FBY_FUNCTION_N; role++)
		add_of_workers(list, mst, (enum fby_function_role)role);
	for (size_t i = 0; i < all->n; i++)
		if (all->v[i]->pod)
			json_array_append_new(list,
			    one(all->v[i], all->v[i]->role, all->v[i]->number,
				all->v[i]->dir, NULL, 0));
	return list;
}
