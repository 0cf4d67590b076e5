/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be seen of a running master; see status.h.
 *
 * Offsets, watermarks and counters come from the ledger, states and names
 * from the modules that own them.
 */
#include "shared/fby.h"

#include "master/status.h"

#include <unistd.h>

#include "shared/clock.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/str.h"

#include "master/http.h"
#include "master/master.h"
#include "master/watermark.h"

static void
set(json_t *o, const char *key, json_t *value)
{
	/* Takes the reference; fails only without memory. */
	if (json_object_set_new_nocheck(o, key, value) == -1)
		fby_mem_fatal();
}

json_t *
fby_status_known(int64_t n)
{
	return n < 0 ? json_null() : json_integer(n);
}

json_t *
fby_status_text(const char *text)
{
	struct fby_str s;
	json_t *value;

	if (text == NULL)
		return json_null();
	if ((value = json_string(text)) != NULL)
		return value;
	/* Not UTF-8. */
	fby_str_init(&s);
	fby_str_escape(&s, text, strlen(text));
	value = json_string(s.p);
	fby_str_fini(&s);
	return value ? value : json_null();
}

static json_t *
count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Without a ledger (another runtime runs) there are none. */
static uint32_t
nslots(const struct fby_master *mst)
{
	return mst->shm.head ? mst->shm.head->nslots : 0;
}

static uint32_t
nrows(const struct fby_master *mst)
{
	return mst->shm.head ? mst->shm.head->nrows : 0;
}

/* One digit behind the point is what a rate is good for. */
static json_t *
rate(double per_s)
{
	return json_real((double)(int64_t)(per_s * 10 + 0.5) / 10);
}

/* ---- rows and slots --------------------------------------------------- */

int64_t
fby_status_lag(const struct fby_ledger_row *row)
{
	int64_t high = fby_load(&row->high);
	int64_t from = FBY_MAX(fby_load(&row->committed),
	    fby_load(&row->log_start));

	if (high < 0 || from < 0)
		return FBY_NONE;
	return FBY_MAX(high - from, 0);
}

/* `read` is loaded last: it is never behind what became of the records. */
uint64_t
fby_status_held(const struct fby_ledger_row *row)
{
	uint64_t done = fby_acquire(&row->delivered) +
	    fby_acquire(&row->fallback) + fby_acquire(&row->dead_lettered) +
	    fby_acquire(&row->dropped) + fby_acquire(&row->returned);
	uint64_t read = fby_load(&row->read);

	return read > done ? read - done : 0;
}

int64_t
fby_status_oldest_age(const struct fby_ledger_row *row)
{
	int64_t at = fby_load(&row->oldest_at);

	if (fby_load(&row->in_flight) == 0 || at <= 0)
		return 0;
	return FBY_MAX(fby_clock_wall() - at, 0);
}

bool
fby_status_is_ours(const struct fby_master *mst,
    const struct fby_observe_part *p)
{
	uint32_t row = fby_shm_find(&mst->shm, p->topic, p->partition);

	return row != FBY_NOROW &&
	    mst->handoff.parts[row].state != FBY_ROW_FREE;
}

/* Of those that others have; FBY_NONE if there are none at all yet. */
static int64_t
observed_lag(const struct fby_master *mst)
{
	const struct fby_observe *ob = &mst->observe;
	int64_t total = ob->nparts > 0 ? 0 : FBY_NONE;

	for (size_t i = 0; i < ob->nparts; i++) {
		int64_t lag = fby_observe_part_lag(&ob->parts[i]);

		if (fby_status_is_ours(mst, &ob->parts[i]))
			continue;
		if (lag == FBY_NONE)
			return FBY_NONE;
		total += lag;
	}
	return total;
}

int64_t
fby_status_total_lag(const struct fby_master *mst)
{
	int64_t total = 0;

	if (mst->observe.rk) {
		total = observed_lag(mst);
		if (total == FBY_NONE)
			return FBY_NONE;
	} else if (fby_handoff_ours(&mst->handoff) == 0 &&
	    (mst->group.state == FBY_GROUP_CLOSED ||
		mst->group.state == FBY_GROUP_JOINING)) {
		/* Without membership "no partitions" is not "no lag". */
		return FBY_NONE;
	}
	for (uint32_t i = 0; i < mst->handoff.nparts; i++) {
		int64_t lag;

		if (mst->handoff.parts[i].state == FBY_ROW_FREE)
			continue;
		lag = fby_status_lag(&mst->shm.rows[i]);
		if (lag == FBY_NONE)
			return FBY_NONE;
		total += lag;
	}
	return total;
}

/* What became of what was read; read = all of the others, at any moment. */
static void
outcomes(json_t *o, const struct fby_ledger_row *row)
{
	uint64_t delivered = fby_acquire(&row->delivered);
	uint64_t fallback = fby_acquire(&row->fallback);
	uint64_t dead_lettered = fby_acquire(&row->dead_lettered);
	uint64_t dropped = fby_acquire(&row->dropped);
	uint64_t returned = fby_acquire(&row->returned);
	/* Last: it is never behind them. */
	uint64_t read = fby_load(&row->read);

	set(o, "read", count(read));
	set(o, "delivered", count(delivered));
	set(o, "fallback", count(fallback));
	set(o, "dead_lettered", count(dead_lettered));
	set(o, "dropped", count(dropped));
	set(o, "returned", count(returned));
	set(o, "held",
	    json_integer((json_int_t)(read - delivered - fallback -
		dead_lettered - dropped - returned)));
}

json_t *
fby_status_row(const struct fby_ledger_row *row)
{
	uint32_t flags = fby_load(&row->flags);
	uint32_t slot = fby_load(&row->slot);
	json_t *o = json_object();

	set(o, "state",
	    fby_status_text(fby_row_state_name(fby_load(&row->state))));
	set(o, "holder", slot == FBY_NOSLOT ? json_null() : json_integer(slot));
	set(o, "epoch", count(fby_load(&row->epoch)));
	/* acked first: what was true when it was acked is visible with it. */
	set(o, "acked", fby_status_known(fby_acquire(&row->acked)));
	set(o, "committed", fby_status_known(fby_load(&row->committed)));
	set(o, "position", fby_status_known(fby_load(&row->position)));
	set(o, "high", fby_status_known(fby_load(&row->high)));
	set(o, "log_start", fby_status_known(fby_load(&row->log_start)));
	set(o, "lag", fby_status_known(fby_status_lag(row)));
	set(o, "watermark", fby_status_known(fby_load(&row->watermark)));
	set(o, "committed_watermark",
	    fby_status_known(fby_load(&row->committed_watermark)));
	set(o, "in_flight", count(fby_load(&row->in_flight)));
	set(o, "oldest_age_ms",
	    fby_status_known(
		fby_load(&row->in_flight) ? fby_status_oldest_age(row) : -1));
	outcomes(o, row);
	set(o, "read_bytes", count(fby_load(&row->read_bytes)));
	set(o, "late", count(fby_load(&row->late)));
	set(o, "stale", count(fby_load(&row->stale)));
	set(o, "at_end", json_boolean(flags & FBY_ROW_AT_END));
	set(o, "paused", json_boolean(flags & FBY_ROW_PAUSED));
	set(o, "idle", json_boolean(flags & FBY_ROW_WM_IDLE));
	return o;
}

static json_t *
arenas(const struct fby_ledger_slot *slot)
{
	json_t *o = json_object();

	for (size_t i = 0; i < FBY_MIN(FBY_ARENA_N, FBY_SLOT_ARENAS); i++)
		set(o, fby_arena_names[i],
		    count(fby_load(&slot->arena_bytes[i])));
	return o;
}

json_t *
fby_status_slot(const struct fby_ledger_slot *slot)
{
	int64_t beat = fby_load(&slot->heartbeat);
	int32_t pid = fby_load(&slot->pid);
	json_t *o = json_object();

	set(o, "pid", pid > 0 ? json_integer(pid) : json_null());
	set(o, "cpu", fby_status_known(fby_load(&slot->cpu)));
	set(o, "state",
	    fby_status_text(fby_slot_state_name(fby_acquire(&slot->state))));
	set(o, "generation", count(fby_load(&slot->generation)));
	set(o, "partitions", count(fby_load(&slot->lanes)));
	set(o, "in_flight", count(fby_load(&slot->in_flight)));
	set(o, "in_flight_bytes", count(fby_load(&slot->in_flight_bytes)));
	set(o, "rss_bytes", count(fby_load(&slot->rss_bytes)));
	set(o, "cpu_seconds", json_real((double)fby_load(&slot->cpu_us) / 1e6));
	set(o, "arenas", arenas(slot));
	set(o, "activity",
	    fby_status_text(fby_activity_name(fby_load(&slot->activity))));
	set(o, "heartbeat_age_ms",
	    beat <= 0 ? json_null() :
			json_integer(FBY_MAX(fby_clock_mono() - beat, 0)));
	set(o, "spawns", count(fby_load(&slot->spawns)));
	set(o, "read", count(fby_load(&slot->read)));
	set(o, "acked", count(fby_load(&slot->acked)));
	set(o, "sink_writes", count(fby_load(&slot->sink_writes)));
	set(o, "sink_errors", count(fby_load(&slot->sink_errors)));
	set(o, "sink_drops", count(fby_load(&slot->sink_drops)));
	return o;
}

/* ---- lists ------------------------------------------------------------ */

/* What a process no longer uses is not shown as if it did. */
static void
forget_dead(json_t *o)
{
	static const char *const keys[] = { "rss_bytes", "in_flight",
		"in_flight_bytes", "heartbeat_age_ms", "activity" };

	for (size_t i = 0; i < FBY_NELEM(keys); i++)
		set(o, keys[i], json_null());
}

static json_t *
workers(const struct fby_master *mst)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < FBY_MIN(FBY_SLOTS_MAX, nslots(mst)); i++) {
		const struct fby_proc *p = &mst->sup.procs[i];
		json_t *o;

		if (p->state == FBY_PROC_EMPTY)
			continue;
		o = fby_status_slot(&mst->shm.slots[i]);
		set(o, "slot", json_integer(i));
		set(o, "place", fby_status_known(p->place));
		set(o, "pid", p->pid > 0 ? json_integer(p->pid) : json_null());
		set(o, "state", fby_status_text(fby_proc_state_name(p->state)));
		set(o, "generation", json_integer(p->generation));
		set(o, "runtime", fby_status_text(p->runtime));
		set(o, "partitions",
		    json_integer(
			(json_int_t)fby_handoff_count_slot(&mst->handoff, i)));
		set(o, "ward",
		    json_boolean(fby_supervisor_kind(p) == FBY_PLACE_WARD));
		set(o, "canary",
		    json_boolean(fby_supervisor_kind(p) == FBY_PLACE_CANARY));
		set(o, "records_per_s", rate(p->pid > 0 ? p->rate : 0));
		if (p->pid <= 0)
			forget_dead(o);
		json_array_append_new(list, o);
	}
	return list;
}

/* Of workers: what they have done, and what they do now. */
static void
add_workers(const struct fby_master *mst, struct fby_status_runtime *rt)
{
	for (uint32_t i = 0; i < FBY_MIN(FBY_SLOTS_MAX, nslots(mst)); i++) {
		const struct fby_proc *p = &mst->sup.procs[i];

		if (p->pid <= 0 || strcmp(p->runtime, rt->name) != 0)
			continue;
		rt->workers++;
		rt->partitions += fby_handoff_count_slot(&mst->handoff, i);
		rt->rate += p->rate;
		fby_tally_add(&rt->done, &mst->shm.slots[i], &p->before);
	}
}

bool
fby_status_runtime(const struct fby_master *mst, size_t i,
    struct fby_status_runtime *rt)
{
	const struct fby_tallies *t = &mst->sup.tallies;
	const struct fby_child *const children[] = { &mst->child,
		&mst->canary };

	if (i < t->n) {
		*rt = (struct fby_status_runtime){ .name = t->v[i].runtime,
			.done = t->v[i].done,
			.spawns = t->v[i].spawns,
			.deaths = t->v[i].deaths };
		add_workers(mst, rt);
		return true;
	}
	i -= t->n;
	for (size_t k = 0; k < FBY_NELEM(children); k++) {
		const struct fby_child *c = children[k];

		if (c->runtime == NULL || i-- > 0)
			continue;
		*rt = (struct fby_status_runtime){ .name = c->runtime,
			.is_foreign = true,
			.workers = fby_child_alive(c),
			.spawns = c->spawns,
			.deaths = c->deaths };
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
		set(o, keys[i], json_null());
	if (rt->is_foreign)
		return;
	set(o, "partitions", count(rt->partitions));
	set(o, "records_per_s", rate(rt->rate));
	set(o, "read", count(rt->done.read));
	set(o, "acked", count(rt->done.acked));
	set(o, "sink_errors", count(rt->done.sink_errors));
	set(o, "cpu_seconds", json_real((double)rt->done.cpu_us / 1e6));
	/* us a record is seconds a million of them. */
	if (rt->done.acked > 0)
		set(o, "cpu_seconds_per_million",
		    json_real(
			(double)rt->done.cpu_us / (double)rt->done.acked));
}

/* Side by side. */
static json_t *
runtimes(const struct fby_master *mst)
{
	const struct fby_manifest *m = mst->manifest;
	const char *canary = m->host.canary.runtime;
	json_t *list = json_array();
	struct fby_status_runtime rt;

	for (size_t i = 0; fby_status_runtime(mst, i, &rt); i++) {
		bool is_canary = canary && strcmp(canary, rt.name) == 0;
		json_t *o = json_object();

		set(o, "runtime", fby_status_text(rt.name));
		set(o, "canary", json_boolean(is_canary));
		/* Of a member by itself: what the group gives it. */
		set(o, "share",
		    is_canary && !fby_manifest_has_foreign(m) ?
			json_integer(m->host.canary.share) :
			json_null());
		set(o, "workers", count(rt.workers));
		work_done(o, &rt);
		set(o, "spawns", count(rt.spawns));
		set(o, "deaths", count(rt.deaths));
		json_array_append_new(list, o);
	}
	return list;
}

static int
compare_parts(const void *a, const void *b)
{
	const struct fby_part *x = *(const struct fby_part *const *)a;
	const struct fby_part *y = *(const struct fby_part *const *)b;
	int order = strcmp(x->topic, y->topic);

	return order ?
	    order :
	    (x->partition > y->partition) - (x->partition < y->partition);
}

/* In the order that people look for them, not that of the rows. */
static json_t *
partitions(const struct fby_master *mst)
{
	const struct fby_handoff *h = &mst->handoff;
	const struct fby_part **sorted;
	json_t *list = json_array();
	size_t n = 0;

	sorted = fby_calloc(h->nparts ? h->nparts : 1, sizeof(const void *));
	for (uint32_t i = 0; i < h->nparts; i++)
		if (h->parts[i].state != FBY_ROW_FREE)
			sorted[n++] = &h->parts[i];
	qsort(sorted, n, sizeof(const void *), compare_parts);
	for (size_t i = 0; i < n; i++) {
		const struct fby_part *pt = sorted[i];
		json_t *o = fby_status_row(&mst->shm.rows[pt->row]);
		bool held = pt->state == FBY_ROW_HELD ||
		    pt->state == FBY_ROW_REVOKING;

		set(o, "topic", fby_status_text(pt->topic));
		set(o, "partition", json_integer(pt->partition));
		set(o, "state",
		    fby_status_text(fby_row_state_name((uint32_t)pt->state)));
		set(o, "holder", held ? json_integer(pt->slot) : json_null());
		set(o, "isolated", json_boolean(pt->isolated));
		set(o, "canary",
		    json_boolean(held &&
			fby_supervisor_kind(&mst->sup.procs[pt->slot]) ==
			    FBY_PLACE_CANARY));
		set(o, "held_back_at",
		    pt->state == FBY_ROW_QUARANTINED ?
			json_integer(pt->poison.culprit) :
			json_null());
		json_array_append_new(list, o);
	}
	free(sorted);
	return list;
}

/* The same of what another member of the group does; the rest is unknown. */
static json_t *
observed(const struct fby_observe_part *p)
{
	static const char *const unknown[] = { "holder", "epoch", "acked",
		"position", "watermark", "in_flight", "oldest_age_ms", "read",
		"delivered", "fallback", "dead_lettered", "dropped", "returned",
		"held", "read_bytes", "late", "stale", "at_end", "paused",
		"idle", "isolated", "canary", "held_back_at" };
	json_t *o = json_object();

	set(o, "topic", fby_status_text(p->topic));
	set(o, "partition", json_integer(p->partition));
	set(o, "state", json_string("OBSERVED"));
	set(o, "committed", fby_status_known(p->committed));
	set(o, "high", fby_status_known(p->end));
	set(o, "log_start", fby_status_known(p->first));
	set(o, "lag", fby_status_known(fby_observe_part_lag(p)));
	set(o, "committed_watermark", fby_status_known(p->watermark));
	for (size_t k = 0; k < FBY_NELEM(unknown); k++)
		set(o, unknown[k], json_null());
	return o;
}

static json_t *
all_partitions(const struct fby_master *mst)
{
	json_t *list = partitions(mst);

	for (size_t i = 0; i < mst->observe.nparts; i++)
		if (!fby_status_is_ours(mst, &mst->observe.parts[i]))
			json_array_append_new(list,
			    observed(&mst->observe.parts[i]));
	return list;
}

int64_t
fby_status_group_watermark(const struct fby_master *mst)
{
	if (mst->observe.rk)
		return fby_observe_watermark(&mst->observe);
	return mst->offsets.mst ? mst->offsets.group_watermark : FBY_NONE;
}

/* ---- the rest --------------------------------------------------------- */

static json_t *
troubles(const struct fby_master *mst)
{
	json_t *list = json_array();

	for (size_t i = 0; i < FBY_TROUBLE_N; i++) {
		json_t *o;

		if (mst->troubles[i] == NULL)
			continue;
		o = json_object();
		set(o, "what", fby_status_text(fby_trouble_names[i]));
		set(o, "text", fby_status_text(mst->troubles[i]));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
manifest(const struct fby_master *mst)
{
	static const char *const states[] = {
		[FBY_RELOAD_IDLE] = "IDLE",
		[FBY_RELOAD_ROLLING] = "ROLLING",
		[FBY_RELOAD_SWITCHING] = "SWITCHING",
	};
	const struct fby_reload *r = &mst->reload;
	json_t *o = json_object(), *files = json_array();

	for (size_t i = 0; i < mst->nfiles; i++)
		json_array_append_new(files, fby_status_text(mst->files[i]));
	set(o, "generation", json_integer(mst->generation));
	set(o, "files", files);
	set(o, "reload", fby_status_text(states[r->state]));
	set(o, "last_ok", r->last ? json_boolean(r->last_ok) : json_null());
	set(o, "last", fby_status_text(r->last));
	return o;
}

/* The processes of another runtime, if there are any. */
static json_t *
child(const struct fby_child *c)
{
	json_t *o, *pids;

	if (c->nreplicas == 0 || (!c->wanted && fby_child_alive(c) == 0))
		return json_null();
	o = json_object();
	pids = json_array();
	for (size_t i = 0; i < c->nreplicas; i++)
		json_array_append_new(pids,
		    fby_status_known(
			c->replicas[i].pid > 0 ? c->replicas[i].pid : -1));
	set(o, "pid", json_incref(json_array_get(pids, 0)));
	set(o, "pids", pids);
	set(o, "spawns", count(c->spawns));
	set(o, "deaths", count(c->deaths));
	return o;
}

static json_t *
group(const struct fby_master *mst)
{
	static const char *const states[] = {
#define S(name, what) #name,
		FBY_GROUP_STATES(S)
#undef S
	};
	const struct fby_group *g = &mst->group;
	json_t *o = json_object();

	set(o, "id",
	    fby_status_text(
		mst->manifest ? mst->manifest->source.group : NULL));
	set(o, "state", fby_status_text(states[g->state]));
	set(o, "doing", fby_status_text(fby_group_state_name(g->state)));
	set(o, "member", fby_status_text(g->member_id));
	set(o, "instance", fby_status_text(g->instance_id));
	set(o, "generation", fby_status_known(g->epoch));
	set(o, "rebalances", count(g->rebalances));
	return o;
}

static json_t *
counters(const struct fby_master *mst)
{
	uint64_t read = 0, bytes = 0, delivered = 0, dropped = 0, late = 0,
		 stale = 0, errors = 0, fallback = 0, dead_lettered = 0,
		 returned = 0, held = 0, survived = fby_bug_counted();
	json_t *o = json_object();

	for (uint32_t i = 0; i < nrows(mst); i++) {
		const struct fby_ledger_row *row = &mst->shm.rows[i];

		read += fby_load(&row->read);
		bytes += fby_load(&row->read_bytes);
		delivered += fby_load(&row->delivered);
		dropped += fby_load(&row->dropped);
		late += fby_load(&row->late);
		stale += fby_load(&row->stale);
		fallback += fby_load(&row->fallback);
		dead_lettered += fby_load(&row->dead_lettered);
		returned += fby_load(&row->returned);
		held += fby_status_held(row);
	}
	for (uint32_t i = 0; i < nslots(mst); i++) {
		errors += fby_load(&mst->shm.slots[i].sink_errors);
		survived += fby_load(&mst->shm.slots[i].survived);
	}
	set(o, "read", count(read));
	set(o, "read_bytes", count(bytes));
	set(o, "delivered", count(delivered));
	set(o, "fallback", count(fallback));
	set(o, "dead_lettered", count(dead_lettered));
	set(o, "dropped", count(dropped));
	set(o, "returned", count(returned));
	set(o, "held", count(held));
	set(o, "late", count(late));
	set(o, "stale", count(stale));
	set(o, "sink_errors", count(errors));
	set(o, "commits", count(mst->commit.commits));
	set(o, "commit_errors", count(mst->commit.errors));
	set(o, "refused", count(mst->commit.refused));
	set(o, "resets", count(mst->offsets.resets));
	set(o, "recovered", count(mst->offsets.recovered));
	set(o, "grants", count(mst->handoff.grants));
	set(o, "moves", count(mst->handoff.moves));
	set(o, "lost", count(mst->handoff.lost));
	set(o, "quarantined", count(mst->handoff.quarantined));
	set(o, "skipped", count(mst->handoff.skipped));
	set(o, "stale_messages", count(mst->handoff.stale));
	set(o, "deaths", count(mst->sup.deaths));
	set(o, "hangs", count(mst->sup.hangs));
	set(o, "reloads", count(mst->reload.ok));
	set(o, "reloads_refused", count(mst->reload.refused));
	set(o, "survived", count(survived));
	return o;
}

/* Of the group, if that is looked at: ours are in it. */
static double
total_rate(const struct fby_master *mst)
{
	double total = 0;

	if (mst->observe.rk)
		return mst->observe.rate;
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (mst->sup.procs[i].pid > 0)
			total += mst->sup.procs[i].rate;
	return total;
}

json_t *
fby_status_json(struct fby_master *mst)
{
	const struct fby_manifest *m = mst->manifest;
	const char *reason = fby_cycle_unready(mst);
	const char *http = fby_http_address(mst->http);
	json_t *o = json_object();

	set(o, "name", fby_status_text(m ? m->name : NULL));
	set(o, "namespace", fby_status_text(m ? m->namespace_ : NULL));
	set(o, "version", fby_status_text(FBY_VERSION));
	set(o, "pid", json_integer(getpid()));
	set(o, "run_dir", fby_status_text(mst->run_dir));
	set(o, "state", fby_status_text(fby_cycle_state_name(mst->state)));
	set(o, "runtime", fby_status_text(m ? m->runtime : NULL));
	set(o, "child", child(&mst->child));
	set(o, "canary_child", child(&mst->canary));
	set(o, "ready", json_boolean(reason == NULL));
	set(o, "reason", fby_status_text(reason));
	set(o, "troubles", troubles(mst));
	set(o, "started_at", fby_status_known(mst->started_at));
	set(o, "uptime_ms",
	    json_integer(FBY_MAX(fby_clock_wall() - mst->started_at, 0)));
	set(o, "now", json_integer(fby_clock_wall()));
	set(o, "manifest", manifest(mst));
	set(o, "group", group(mst));
	set(o, "http", *http ? fby_status_text(http) : json_null());
	set(o, "watermark",
	    fby_status_known(fby_watermark_host(&mst->handoff)));
	set(o, "group_watermark",
	    fby_status_known(fby_status_group_watermark(mst)));
	set(o, "records_per_s", rate(total_rate(mst)));
	set(o, "lag", fby_status_known(fby_status_total_lag(mst)));
	set(o, "runtimes", runtimes(mst));
	set(o, "workers", workers(mst));
	set(o, "partitions", all_partitions(mst));
	set(o, "counters", counters(mst));
	return o;
}
