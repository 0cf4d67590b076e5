/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runtimes side by side; see status.h.
 */
#include "shared/fby.h"

#include "master/admin/status.h"

#include "shared/manifest/manifest.h"

#include "master/base/json.h"
#include "master/master.h"

/* Of workers: what they have done, and what they do now. */
static void
add_workers(const struct fby_master *mst, struct fby_status_runtime *rt)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		const struct fby_proc *p = &mst->sup.procs[i];

		if (p->pid <= 0 || strcmp(p->runtime, rt->name) != 0)
			continue;
		rt->workers++;
		rt->partitions += fby_handoff_count_slot(&mst->handoff, i);
		rt->rate += p->rate;
		fby_runtime_stats_add(&rt->done, &mst->shm.slots[i],
		    &p->before);
	}
}

bool
fby_status_runtime(const struct fby_master *mst, size_t i,
    struct fby_status_runtime *rt)
{
	const struct fby_runtime_stats *t = &mst->sup.stats;
	const struct fby_foreign *const processes[] = { &mst->foreign,
		&mst->foreign_canary };

	if (i < t->n) {
		*rt = (struct fby_status_runtime){ .name = t->v[i].runtime,
			.done = t->v[i].done,
			.spawns = t->v[i].spawns,
			.deaths = t->v[i].deaths };
		add_workers(mst, rt);
		return true;
	}
	i -= t->n;
	for (size_t k = 0; k < FBY_NELEM(processes); k++) {
		const struct fby_foreign *f = processes[k];

		if (f->runtime == NULL || i-- > 0)
			continue;
		*rt = (struct fby_status_runtime){ .name = f->runtime,
			.is_foreign = true,
			.workers = fby_foreign_alive(f),
			.spawns = f->spawns,
			.deaths = f->deaths };
		return true;
	}
	return false;
}

/* What is told of a runtime beside its name and processes. */
static void
work_done(json_t *o, const struct fby_status_runtime *rt)
{
	static const char *const keys[] = { "partitions", "records_per_s",
		"read", "acked", "sink_errors", "cpu_seconds",
		"cpu_seconds_per_million" };

	for (size_t i = 0; i < FBY_NELEM(keys); i++)
		fby_json_set(o, keys[i], json_null());
	if (rt->is_foreign)
		return;
	fby_json_set(o, "partitions", fby_json_count(rt->partitions));
	fby_json_set(o, "records_per_s", fby_json_rate(rt->rate));
	fby_json_set(o, "read", fby_json_count(rt->done.read));
	fby_json_set(o, "acked", fby_json_count(rt->done.acked));
	fby_json_set(o, "sink_errors", fby_json_count(rt->done.sink_errors));
	fby_json_set(o, "cpu_seconds",
	    json_real((double)rt->done.cpu_us / 1e6));
	/* us a record is seconds a million of them. */
	if (rt->done.acked > 0)
		fby_json_set(o, "cpu_seconds_per_million",
		    json_real(
			(double)rt->done.cpu_us / (double)rt->done.acked));
}

/* Side by side. */
json_t *
fby_status_runtimes(const struct fby_master *mst)
{
	const struct fby_manifest *m = mst->ctx.manifest;
	const char *canary = m->host.canary.runtime;
	json_t *list = json_array();
	struct fby_status_runtime rt;

	for (size_t i = 0; fby_status_runtime(mst, i, &rt); i++) {
		bool is_canary = canary && strcmp(canary, rt.name) == 0;
		json_t *o = json_object();

		fby_json_set(o, "runtime", fby_json_text(rt.name));
		fby_json_set(o, "canary", json_boolean(is_canary));
		/* Of a member by itself: what the group gives it. */
		fby_json_set(o, "share",
		    is_canary && !fby_manifest_has_foreign(m) ?
			json_integer(m->host.canary.share) :
			json_null());
		fby_json_set(o, "workers", fby_json_count(rt.workers));
		work_done(o, &rt);
		fby_json_set(o, "spawns", fby_json_count(rt.spawns));
		fby_json_set(o, "deaths", fby_json_count(rt.deaths));
		json_array_append_new(list, o);
	}
	return list;
}
