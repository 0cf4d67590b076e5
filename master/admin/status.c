/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can be seen of a running master; see status.h.
 *
 * Offsets, watermarks and counters come from the ledger, states and names
 * from the modules that own them.
 */
#include "shared/fby.h"

#include "master/admin/status.h"
#include "master/base/order.h"
#include "master/base/status_ledger.h"

#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/json.h"
#include "master/handoff/watermark.h"
#include "master/master.h"
#include "master/ready.h"

/* Without a ledger (another runtime runs) there are none. */
static uint32_t
nslots(const struct fby_master *mst)
{
	return mst->shm.nslots;
}

/* ---- lag -------------------------------------------------------------- */

bool
fby_status_is_ours(const struct fby_master *mst,
    const struct fby_group_view_part *p)
{
	uint32_t row = fby_handoff_find(&mst->handoff, p->topic, p->partition);

	return row != FBY_NOROW &&
	    mst->handoff.parts[row].state != FBY_ROW_FREE;
}

/* Of those that others have; FBY_NONE if there are none at all yet. */
static int64_t
observed_lag(const struct fby_master *mst)
{
	const struct fby_group_view *ob = &mst->group_view;
	int64_t total = ob->nparts > 0 ? 0 : FBY_NONE;

	for (size_t i = 0; i < ob->nparts; i++) {
		int64_t lag = fby_group_view_part_lag(&ob->parts[i]);

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
	int64_t total = 0, now = fby_clock_mono();

	if (mst->group_view.rk) {
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
		const struct fby_part *pt = &mst->handoff.parts[i];
		int64_t lag;

		if (pt->state == FBY_ROW_FREE)
			continue;
		lag = fby_ends_lag(&mst->ends, i, now);
		if (lag == FBY_NONE)
			return FBY_NONE;
		total += lag;
	}
	return total;
}

/* ---- lists ------------------------------------------------------------ */

/* What a process no longer uses is not shown as if it did. */
static void
forget_dead(json_t *o)
{
	static const char *const keys[] = { "rss_bytes", "in_flight",
		"in_flight_bytes", "heartbeat_age_ms", "activity" };

	for (size_t i = 0; i < FBY_NELEM(keys); i++)
		fby_json_set(o, keys[i], json_null());
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
		fby_json_set(o, "slot", json_integer(i));
		fby_json_set(o, "place", fby_json_known(p->place));
		fby_json_set(o, "pid",
		    p->pid > 0 ? json_integer(p->pid) : json_null());
		fby_json_set(o, "state",
		    fby_json_text(fby_proc_state_name(p->state)));
		fby_json_set(o, "generation", json_integer(p->generation));
		fby_json_set(o, "runtime", fby_json_text(p->runtime));
		fby_json_set(o, "partitions",
		    json_integer(
			(json_int_t)fby_handoff_count_slot(&mst->handoff, i)));
		fby_json_set(o, "isolation",
		    json_boolean(
			fby_supervisor_kind(p) == FBY_PLACE_ISOLATION));
		fby_json_set(o, "canary",
		    json_boolean(fby_supervisor_kind(p) == FBY_PLACE_CANARY));
		fby_json_set(o, "records_per_s",
		    fby_json_rate(p->pid > 0 ? p->rate : 0));
		if (p->pid <= 0)
			forget_dead(o);
		json_array_append_new(list, o);
	}
	return list;
}

static int
compare_parts(const void *a, const void *b)
{
	const struct fby_part *x = *(const struct fby_part *const *)a;
	const struct fby_part *y = *(const struct fby_part *const *)b;

	return fby_order(x->topic, x->partition, y->topic, y->partition);
}

/* Where it ends, whether it gets on, and what a worker says of that. */
static void
add_progress(json_t *o, const struct fby_master *mst, uint32_t row)
{
	const struct fby_progress_part *p = fby_progress_get(&mst->progress,
	    row);
	bool is_stuck = p && p->is_stuck;
	enum fby_failure_role role;
	const struct fby_failure *f = fby_progress_reason(&mst->progress, row,
	    &role);
	int64_t now = fby_clock_mono();

	fby_json_set(o, "high",
	    fby_json_known(fby_ends_get(&mst->ends, row, now)));
	fby_json_set(o, "lag",
	    fby_json_known(fby_ends_lag(&mst->ends, row, now)));
	fby_json_set(o, "transaction_open_since",
	    fby_json_known(fby_ends_open_since(&mst->ends, row)));
	fby_json_set(o, "stuck", json_boolean(is_stuck));
	fby_json_set(o, "stuck_ms",
	    is_stuck ? json_integer(now - p->since) : json_null());
	fby_json_set(o, "failing",
	    is_stuck || f ? fby_json_text(fby_failure_role_word(role)) :
			    json_null());
	fby_json_set(o, "error", f ? fby_json_text(f->text) : json_null());
}

/* In the order that people look for them, not that of the rows; heap. */
static const struct fby_part **
in_order(const struct fby_handoff *h, size_t *n)
{
	const struct fby_part **sorted;

	*n = 0;
	sorted = fby_calloc(h->nparts ? h->nparts : 1, sizeof(const void *));
	for (uint32_t i = 0; i < h->nparts; i++)
		if (h->parts[i].state != FBY_ROW_FREE)
			sorted[(*n)++] = &h->parts[i];
	qsort(sorted, *n, sizeof(const void *), compare_parts);
	return sorted;
}

static json_t *
own(const struct fby_master *mst, const struct fby_part *pt)
{
	bool held = fby_handoff_is_held(pt);
	struct fby_ledger_row row;
	json_t *o;

	fby_handoff_view(&mst->handoff, pt, &row);
	o = fby_status_row(&row);
	fby_json_set(o, "topic", fby_json_text(pt->topic));
	fby_json_set(o, "partition", json_integer(pt->partition));
	fby_json_set(o, "state",
	    fby_json_text(fby_row_state_name((uint32_t)pt->state)));
	fby_json_set(o, "holder", held ? json_integer(pt->slot) : json_null());
	fby_json_set(o, "isolated", json_boolean(pt->isolated));
	fby_json_set(o, "canary",
	    json_boolean(held &&
		fby_supervisor_kind(&mst->sup.procs[pt->slot]) ==
		    FBY_PLACE_CANARY));
	fby_json_set(o, "held_back_at",
	    pt->state == FBY_ROW_QUARANTINED ?
		json_integer(pt->poison.culprit) :
		json_null());
	add_progress(o, mst, pt->row);
	return o;
}

/* The same of what another member of the group does; the rest is unknown. */
static json_t *
observed(const struct fby_group_view_part *p)
{
	static const char *const unknown[] = { "holder", "epoch", "acked",
		"position", "watermark", "in_flight", "oldest_age_ms", "read",
		"delivered", "fallback", "dead_lettered", "dropped", "returned",
		"held", "read_bytes", "late", "future", "stale", "at_end",
		"paused", "idle", "isolated", "canary", "held_back_at", "stuck",
		"stuck_ms", "failing", "error", "transaction_open_since" };
	json_t *o = json_object();

	fby_json_set(o, "topic", fby_json_text(p->topic));
	fby_json_set(o, "partition", json_integer(p->partition));
	fby_json_set(o, "state", json_string("OBSERVED"));
	fby_json_set(o, "committed", fby_json_known(p->committed));
	fby_json_set(o, "high", fby_json_known(p->end));
	fby_json_set(o, "log_start", fby_json_known(p->first));
	fby_json_set(o, "lag", fby_json_known(fby_group_view_part_lag(p)));
	fby_json_set(o, "committed_watermark", fby_json_known(p->watermark));
	for (size_t k = 0; k < FBY_NELEM(unknown); k++)
		fby_json_set(o, unknown[k], json_null());
	return o;
}

int64_t
fby_status_group_watermark(const struct fby_master *mst)
{
	if (mst->group_view.rk)
		return fby_group_view_watermark(&mst->group_view);
	return mst->offsets.ctx ? mst->offsets.group_watermark : FBY_NONE;
}

/* ---- the rest --------------------------------------------------------- */

static json_t *
alarms(const struct fby_master *mst)
{
	json_t *list = json_array();

	for (size_t i = 0; i < FBY_ALARM_N; i++) {
		const struct fby_alarm_slot *slot = &mst->ctx.alarms.slots[i];
		json_t *o;

		if (slot->text == NULL)
			continue;
		o = json_object();
		fby_json_set(o, "what", fby_json_text(fby_alarm_names[i]));
		fby_json_set(o, "text", fby_json_text(slot->text));
		fby_json_set(o, "since", json_integer(slot->since));
		fby_json_set(o, "unready",
		    json_boolean(fby_alarm_is_unready(i)));
		json_array_append_new(list, o);
	}
	return list;
}

static json_t *
manifest(const struct fby_master *mst)
{
	static const char *const states[] = {
		[FBY_RELOAD_IDLE] = "IDLE",
		[FBY_RELOAD_READING] = "READING",
		[FBY_RELOAD_ROLLING] = "ROLLING",
		[FBY_RELOAD_SWITCHING] = "SWITCHING",
		[FBY_RELOAD_SETTLING] = "SETTLING",
	};
	const struct fby_reload *r = &mst->reload;
	json_t *o = json_object(), *files = json_array();

	for (size_t i = 0; i < mst->nfiles; i++)
		json_array_append_new(files, fby_json_text(mst->files[i]));
	fby_json_set(o, "generation", json_integer(mst->ctx.generation));
	fby_json_set(o, "files", files);
	fby_json_set(o, "reload", fby_json_text(states[r->state]));
	fby_json_set(o, "last_ok",
	    r->last ? json_boolean(r->last_ok) : json_null());
	fby_json_set(o, "last", fby_json_text(r->last));
	return o;
}

/* The processes of another runtime, if there are any. */
static json_t *
foreign(const struct fby_foreign *f)
{
	json_t *o, *pids;

	if (f->nreplicas == 0 || (!f->wanted && fby_foreign_alive(f) == 0))
		return json_null();
	o = json_object();
	pids = json_array();
	for (size_t i = 0; i < f->nreplicas; i++)
		json_array_append_new(pids,
		    fby_json_known(f->replicas[i].process.pid > 0 ?
			    f->replicas[i].process.pid :
			    -1));
	fby_json_set(o, "pid", json_incref(json_array_get(pids, 0)));
	fby_json_set(o, "pids", pids);
	fby_json_set(o, "spawns", fby_json_count(f->spawns));
	fby_json_set(o, "deaths", fby_json_count(f->deaths));
	fby_json_set(o, "exit_code",
	    fby_json_known(f->deaths > 0 && WIFEXITED(f->died_of) ?
		    WEXITSTATUS(f->died_of) :
		    -1));
	fby_json_set(o, "exit_signal",
	    fby_json_known(f->deaths > 0 && WIFSIGNALED(f->died_of) ?
		    WTERMSIG(f->died_of) :
		    -1));
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

	fby_json_set(o, "id",
	    fby_json_text(
		mst->ctx.manifest ? mst->ctx.manifest->source.group : NULL));
	fby_json_set(o, "state", fby_json_text(states[g->state]));
	fby_json_set(o, "doing", fby_json_text(fby_group_state_name(g->state)));
	fby_json_set(o, "member", fby_json_text(g->member_id));
	fby_json_set(o, "instance", fby_json_text(g->instance_id));
	fby_json_set(o, "generation", fby_json_known(g->epoch));
	fby_json_set(o, "rebalances", fby_json_count(g->rebalances));
	return o;
}

static json_t *
counters(const struct fby_master *mst)
{
	uint64_t read = 0, bytes = 0, delivered = 0, dropped = 0, late = 0,
		 future = 0, stale = 0, errors = 0, fallback = 0,
		 dead_lettered = 0, returned = 0, held = 0,
		 survived = fby_bug_counted();
	json_t *o = json_object();

	for (uint32_t i = 0; i < mst->handoff.nparts; i++) {
		const struct fby_ledger_row *row =
		    fby_handoff_row(&mst->handoff, &mst->handoff.parts[i]);

		read += fby_load(&row->read);
		bytes += fby_load(&row->read_bytes);
		delivered += fby_load(&row->delivered);
		dropped += fby_load(&row->dropped);
		late += fby_load(&row->late);
		future += fby_load(&row->future);
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
	fby_json_set(o, "read", fby_json_count(read));
	fby_json_set(o, "read_bytes", fby_json_count(bytes));
	fby_json_set(o, "delivered", fby_json_count(delivered));
	fby_json_set(o, "fallback", fby_json_count(fallback));
	fby_json_set(o, "dead_lettered", fby_json_count(dead_lettered));
	fby_json_set(o, "dropped", fby_json_count(dropped));
	fby_json_set(o, "returned", fby_json_count(returned));
	fby_json_set(o, "held", fby_json_count(held));
	fby_json_set(o, "late", fby_json_count(late));
	fby_json_set(o, "future", fby_json_count(future));
	fby_json_set(o, "stale", fby_json_count(stale));
	fby_json_set(o, "sink_errors", fby_json_count(errors));
	fby_json_set(o, "commits", fby_json_count(mst->commit.commits));
	fby_json_set(o, "commit_errors", fby_json_count(mst->commit.errors));
	fby_json_set(o, "refused", fby_json_count(mst->commit.refused));
	fby_json_set(o, "resets", fby_json_count(mst->offsets.resets));
	fby_json_set(o, "cuts", fby_json_count(mst->handoff.cuts));
	fby_json_set(o, "recovered", fby_json_count(mst->offsets.recovered));
	fby_json_set(o, "grants", fby_json_count(mst->handoff.grants));
	fby_json_set(o, "moves", fby_json_count(mst->handoff.moves));
	fby_json_set(o, "lost", fby_json_count(mst->handoff.lost));
	fby_json_set(o, "quarantined",
	    fby_json_count(mst->handoff.quarantined));
	fby_json_set(o, "skipped", fby_json_count(mst->handoff.skipped));
	fby_json_set(o, "stale_messages", fby_json_count(mst->handoff.stale));
	fby_json_set(o, "deaths", fby_json_count(mst->sup.deaths));
	fby_json_set(o, "hangs", fby_json_count(mst->sup.hangs));
	fby_json_set(o, "reloads", fby_json_count(mst->reload.ok));
	fby_json_set(o, "reloads_refused", fby_json_count(mst->reload.refused));
	fby_json_set(o, "survived", fby_json_count(survived));
	return o;
}

/* Of the group, if that is looked at: ours are in it. */
static double
total_rate(const struct fby_master *mst)
{
	double total = 0;

	if (mst->group_view.rk)
		return mst->group_view.rate;
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (mst->sup.procs[i].pid > 0)
			total += mst->sup.procs[i].rate;
	return total;
}

/* All but the partitions. */
static json_t *
head(const struct fby_master *mst)
{
	const struct fby_manifest *m = mst->ctx.manifest;
	const char *reason = fby_ready_why_not(mst);
	const char *http = mst->http_address;
	json_t *o = json_object();

	fby_json_set(o, "name", fby_json_text(m ? m->name : NULL));
	fby_json_set(o, "namespace", fby_json_text(m ? m->namespace_ : NULL));
	fby_json_set(o, "version", fby_json_text(FBY_VERSION));
	fby_json_set(o, "pid", json_integer(getpid()));
	fby_json_set(o, "run_dir", fby_json_text(mst->ctx.run_dir));
	fby_json_set(o, "state",
	    fby_json_text(fby_cycle_state_name(mst->ctx.state)));
	fby_json_set(o, "runtime", fby_json_text(m ? m->runtime : NULL));
	fby_json_set(o, "foreign", foreign(&mst->foreign));
	fby_json_set(o, "foreign_canary", foreign(&mst->foreign_canary));
	fby_json_set(o, "ready", json_boolean(reason == NULL));
	fby_json_set(o, "reason", fby_json_text(reason));
	fby_json_set(o, "alarms", alarms(mst));
	fby_json_set(o, "started_at", fby_json_known(mst->started_at));
	fby_json_set(o, "uptime_ms",
	    json_integer(FBY_MAX(fby_clock_wall() - mst->started_at, 0)));
	fby_json_set(o, "now", json_integer(fby_clock_wall()));
	fby_json_set(o, "manifest", manifest(mst));
	fby_json_set(o, "group", group(mst));
	fby_json_set(o, "http", *http ? fby_json_text(http) : json_null());
	fby_json_set(o, "watermark",
	    fby_json_known(fby_watermark_host(&mst->handoff)));
	fby_json_set(o, "group_watermark",
	    fby_json_known(fby_status_group_watermark(mst)));
	fby_json_set(o, "records_per_s", fby_json_rate(total_rate(mst)));
	fby_json_set(o, "lag", fby_json_known(fby_status_total_lag(mst)));
	fby_json_set(o, "runtimes", fby_status_runtimes(mst));
	fby_json_set(o, "functions", fby_status_functions(mst));
	fby_json_set(o, "workers", workers(mst));
	fby_json_set(o, "counters", counters(mst));
	return o;
}

/* ---- piece by piece --------------------------------------------------- */

#define PIECE 64 /* partitions: a few milliseconds */

struct fby_status_text {
	const struct fby_master *mst;
	const struct fby_part **own; /* in order; they never move */
	size_t nown, at;             /* `at` goes on through those observed */
	bool has_begun, has_any;
};

struct fby_status_text *
fby_status_begin(const struct fby_master *mst)
{
	struct fby_status_text *t = fby_calloc(1, sizeof(*t));

	t->mst = mst;
	t->own = in_order(&mst->handoff, &t->nown);
	return t;
}

void
fby_status_end(struct fby_status_text *t)
{
	if (t == NULL)
		return;
	free(t->own);
	free(t);
}

/* Without its last `less` bytes; takes the object. */
static void
put(struct fby_str *s, json_t *o, size_t less)
{
	char *text = json_dumps(o, JSON_COMPACT);

	if (text == NULL)
		fby_mem_fatal();
	fby_str_add(s, text, strlen(text) - less);
	free(text);
	json_decref(o);
}

/* The next one, or NULL: it is shown nowhere, or not here any more. */
static json_t *
next_partition(struct fby_status_text *t)
{
	const struct fby_master *mst = t->mst;
	const struct fby_group_view_part *seen;
	size_t i = t->at++;

	if (i < t->nown)
		return t->own[i]->state == FBY_ROW_FREE ? NULL :
							  own(mst, t->own[i]);
	seen = &mst->group_view.parts[i - t->nown];
	return fby_status_is_ours(mst, seen) ? NULL : observed(seen);
}

bool
fby_status_next(struct fby_status_text *t, struct fby_str *s)
{
	if (!t->has_begun) {
		put(s, head(t->mst), 1);
		fby_str_puts(s, ",\"partitions\":[");
		t->has_begun = true;
	}
	for (size_t n = 0; n < PIECE; n++) {
		json_t *o;

		/* What is seen from outside may get fewer meanwhile. */
		if (t->at >= t->nown + t->mst->group_view.nparts) {
			fby_str_puts(s, "]}\n");
			return false;
		}
		if ((o = next_partition(t)) == NULL)
			continue;
		fby_str_puts(s, t->has_any ? "," : "");
		put(s, o, 0);
		t->has_any = true;
	}
	return true;
}
