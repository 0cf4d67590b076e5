/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cycle calls: modules that do nothing but write down, in order, that
 * they were asked.  A test says what has happened to them, and reads `calls`.
 */
#ifndef FBY_UNIT_FAKE_MODULES_H
#define FBY_UNIT_FAKE_MODULES_H

#include "t/unit/unit.h"

#include "t/unit/calls.h"

#include <event2/event.h>
#include <stdio.h>
#include <unistd.h>

#include "master/admin/control.h"
#include "master/admin/presence.h"
#include "master/cycle_own.h"
#include "master/group/unstarted.h"
#include "master/handoff/plan.h"
#include "master/handoff/suspicion.h"
#include "master/master.h"
#include "master/ready.h"
#include "master/upkeep.h"
#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

#define DRAIN_MS 5000

static struct fby_master mst;
static struct fby_manifest ours, theirs; /* workers; a foreign runtime */
static size_t nleaving, nours, nalive, nbehind;
static bool are_ready, is_same;
static char said[256];
static bool said_ok;

/* ---- foreign runtimes ------------------------------------------------- */

static const char *
which(const struct fby_foreign *f)
{
	return f == &mst.foreign ? "runtime" : "canary";
}

void
fby_foreign_start(struct fby_foreign *f, const char *runtime)
{
	note("%s-start(%s)", which(f), runtime);
	f->wanted = true;
	f->nreplicas = 1;
	f->replicas[0].process.pid = 1;
}

void
fby_foreign_stop(struct fby_foreign *f, int64_t drain_ms)
{
	if (f->wanted || fby_foreign_alive(f) > 0)
		note("%s-stop(%" PRId64 ")", which(f), drain_ms);
	f->wanted = false;
}

void
fby_foreign_give_up(struct fby_foreign *f)
{
	if (fby_foreign_alive(f) > 0)
		note("%s-give-up", which(f));
	f->replicas[0].process.pid = 0;
}

bool
fby_foreign_is_same(const struct fby_foreign *f, const char *runtime)
{
	(void)f;
	(void)runtime;
	return is_same;
}

bool
fby_foreign_has(const struct fby_foreign *f, int32_t pid)
{
	return f->replicas[0].process.pid == pid;
}

bool
fby_foreign_reaped(struct fby_foreign *f, int32_t pid, int status)
{
	if (f->replicas[0].process.pid != pid)
		return false;
	note("%s-reaped(%d)", which(f), status);
	f->replicas[0].process.pid = 0;
	return true;
}

const char *
fby_foreign_unready(const struct fby_foreign *f)
{
	return fby_foreign_alive(f) == 0 ? "the runtime is not running" : NULL;
}

/* Its process has ended, as it was told or by itself. */
FBY_UNUSED static void
foreign_exits(struct fby_foreign *f)
{
	f->replicas[0].process.pid = 0;
	fby_wiring_foreign_gone(&mst);
}

void
fby_scrape_start(struct fby_scrape *s, const struct fby_foreign *f)
{
	(void)s;
	note("scrape(%s)", which(f));
}

/* ---- functions -------------------------------------------------------- */

static size_t nfunctions; /* of them that have a process */

void
fby_servers_update(struct fby_servers *all,
    const struct fby_foreign *const *foreign, size_t nforeign)
{
	(void)all;
	(void)foreign;
	(void)nforeign;
}

void
fby_servers_prepare(struct fby_servers *all, const struct fby_manifest *next)
{
	all->next = next;
}

void
fby_servers_forget(struct fby_servers *all)
{
	all->next = NULL;
}

void
fby_servers_stop(struct fby_servers *all, bool but_pods, int64_t ms)
{
	(void)all;
	if (nfunctions > 0)
		note("functions-stop(%d,%" PRId64 ")", but_pods, ms);
}

size_t
fby_servers_alive(const struct fby_servers *all, bool but_pods)
{
	(void)all;
	(void)but_pods;
	return nfunctions;
}

void
fby_servers_give_up(struct fby_servers *all, bool but_pods)
{
	(void)all;
	(void)but_pods;
	if (nfunctions > 0)
		note("functions-give-up");
	nfunctions = 0;
}

void
fby_servers_look(struct fby_servers *all, const char *waiting)
{
	(void)all;
	(void)waiting;
}

void
fby_traffic_look(struct fby_traffic_watch *w, const struct fby_shm *shm,
    const struct fby_manifest *m, int64_t now)
{
	(void)w;
	(void)shm;
	(void)m;
	(void)now;
}

void
fby_traffic_print_waiting(const struct fby_traffic_watch *w,
    const struct fby_shm *shm, const struct fby_manifest *m, int64_t now,
    struct fby_str *s)
{
	(void)w;
	(void)shm;
	(void)m;
	(void)now;
	(void)s;
}

bool
fby_servers_are_unsettled(const struct fby_servers *all, int64_t since)
{
	(void)all;
	(void)since;
	return false;
}

char *
fby_servers_fault(const struct fby_servers *all, int64_t since)
{
	(void)all;
	(void)since;
	return NULL;
}

bool
fby_servers_has(const struct fby_servers *all, pid_t pid)
{
	(void)all;
	(void)pid;
	return false;
}

bool
fby_servers_reaped(struct fby_servers *all, pid_t pid, int status)
{
	(void)all;
	(void)pid;
	(void)status;
	return false;
}

/* clang-format off */
void fby_scrape_stop(struct fby_scrape *s) { (void)s; }
void fby_foreign_tick(struct fby_foreign *f) { (void)f; }
void fby_group_view_start(struct fby_group_view *o)
	{ o->rk = (void *)said; note("view"); }
void fby_group_view_stop(struct fby_group_view *o) { o->rk = NULL; }

/* ---- group ------------------------------------------------------------ */

int fby_group_open(struct fby_group *g) { (void)g; note("open"); return 0; }
void fby_group_leave(struct fby_group *g) { (void)g; note("leave"); }
void fby_group_unassign(struct fby_group *g) { (void)g; note("unassign"); }
void fby_group_look(struct fby_group *g) { (void)g; }
const char *fby_group_state_name(enum fby_group_state state)
	{ return state == FBY_GROUP_JOINING ? "JOINING" : "CLOSED"; }
void fby_commit_now(struct fby_commit *c) { (void)c; note("commit"); }
void fby_commit_rearm(struct fby_commit *c) { (void)c; note("rearm"); }
void fby_commit_forget(struct fby_commit *c) { (void)c; }
size_t fby_commit_behind(const struct fby_commit *c)
	{ (void)c; return nbehind; }
void fby_ends_tick(struct fby_ends *e, int64_t now) { (void)e; (void)now; }
void fby_ends_forget(struct fby_ends *e) { (void)e; }
void fby_offsets_resolve(struct fby_offsets *o) { (void)o; note("resolve"); }
void fby_offsets_resolve_later(struct fby_offsets *o) { (void)o; }
void fby_offsets_forget(struct fby_offsets *o) { (void)o; }
void fby_offsets_group(struct fby_offsets *o,
    rd_kafka_topic_partition_list_t *list) { (void)o; (void)list; }
void fby_progress_tick(struct fby_progress *p, int64_t now)
	{ (void)p; (void)now; }
void fby_quarantine_alarm(const struct fby_quarantine *q) { (void)q; }
void fby_quarantine_skipped(struct fby_quarantine *q, const struct fby_part *pt,
    int64_t offset, bool done) { (void)q; (void)pt; (void)offset; (void)done; }
void fby_topics_missing(struct fby_topics *t, const char *text)
	{ (void)t; (void)text; }
void fby_topics_look(struct fby_topics *t) { (void)t; }
void fby_topics_forget(struct fby_topics *t) { (void)t; }
void fby_unassigned_tick(struct fby_unassigned *u) { (void)u; }
void fby_denied_tick(struct fby_denied *d, bool can) { (void)d, (void)can; }
void fby_denied_forget(struct fby_denied *d) { (void)d; }
void fby_reload_look(struct fby_reload *r) { (void)r; }
void fby_unstarted_look(const struct fby_handoff *h, struct fby_alarms *alarms)
	{ (void)h; (void)alarms; }

/* ---- hand-over -------------------------------------------------------- */

size_t fby_handoff_ours(const struct fby_handoff *h) { (void)h; return nours; }
size_t fby_handoff_leaving(const struct fby_handoff *h)
	{ (void)h; return nleaving; }
void fby_handoff_revoke_all(struct fby_handoff *h, bool lost, int64_t drain_ms)
	{ (void)h; note("revoke(%s%" PRId64 ")", lost ? "lost " : "", drain_ms); }
bool fby_plan_make(struct fby_handoff *h, const struct fby_handoff_plan *pl)
	{ (void)h; (void)pl; note("plan"); return false; }
void fby_plan_watch(struct fby_handoff *h, int64_t now, int64_t limit_ms)
	{ (void)h; (void)now; (void)limit_ms; note("watch"); }
void fby_suspicion_policy(struct fby_handoff *h, unsigned kills, bool has)
	{ (void)h; (void)has; note("policy(%u)", kills); }
size_t fby_suspicion_count(const struct fby_handoff *h) { (void)h; return 0; }
void fby_event_time_look(struct fby_event_time *et, struct fby_handoff *h,
    struct fby_context *ctx) { (void)et; (void)h; (void)ctx; }

/* ---- workers ---------------------------------------------------------- */

void fby_supervisor_roll(struct fby_supervisor *sup,
    const struct fby_manifest *m, int fd, unsigned generation, bool canary)
	{ (void)sup; (void)fd; (void)canary;
	note("roll(%s %u)", m->runtime, generation); }
void fby_supervisor_rest(struct fby_supervisor *sup)
	{ (void)sup; note("rest"); }
void fby_supervisor_stop(struct fby_supervisor *sup, int64_t drain_ms)
	{ (void)sup; note("stop(%" PRId64 ")", drain_ms); }
void fby_supervisor_tick(struct fby_supervisor *sup)
	{ (void)sup; note("tick"); }
bool fby_supervisor_is_ready(const struct fby_supervisor *sup)
	{ (void)sup; return are_ready; }
size_t fby_supervisor_alive(const struct fby_supervisor *sup)
	{ (void)sup; return nalive; }
bool fby_supervisor_reaped(struct fby_supervisor *sup, pid_t pid, int status)
	{ (void)sup; (void)pid; note("worker-reaped(%d)", status); return true; }
void fby_supervisor_need_isolation(struct fby_supervisor *sup, size_t n)
	{ (void)sup; (void)n; }
size_t fby_supervisor_eligible(const struct fby_supervisor *sup,
    uint32_t slots[FBY_SLOTS_MAX], bool ready[FBY_SLOTS_MAX])
	{ (void)sup; (void)slots; (void)ready; return 0; }
size_t fby_supervisor_canaries(const struct fby_supervisor *sup,
    uint32_t slots[FBY_SLOTS_MAX]) { (void)sup; (void)slots; return 0; }
size_t fby_supervisor_isolation(const struct fby_supervisor *sup,
    uint32_t slots[FBY_ISOLATION_MAX]) { (void)sup; (void)slots; return 0; }
void fby_supervisor_grant(struct fby_supervisor *sup, const struct fby_part *pt)
	{ (void)sup; (void)pt; }
void fby_supervisor_revoke(struct fby_supervisor *sup, struct fby_part *pt,
    int64_t drain_ms) { (void)sup; (void)pt; (void)drain_ms; }
void fby_supervisor_group(struct fby_supervisor *sup) { (void)sup; }

/* ---- the master itself ------------------------------------------------ */

void fby_presence_tick(struct fby_master *m) { (void)m; note("presence"); }
void fby_upkeep_tick(struct fby_master *m) { (void)m; }
void fby_log_file_answered(struct fby_log_file *lf) { (void)lf; }
void fby_log_file_tick(struct fby_log_file *lf) { (void)lf; }
void fby_oom_look(struct fby_oom *oom, int64_t now) { (void)oom; (void)now; }
void fby_reload_cancel(struct fby_reload *r)
	{ r->state = FBY_RELOAD_IDLE; note("cancel"); }
void fby_reload_continue(struct fby_reload *r) { (void)r; note("continue"); }
/* clang-format on */

/* As reload.c does: the other manifest is in force. */
void
fby_reload_switched(struct fby_reload *r, const char *rest)
{
	(void)r;
	(void)rest;
	note("switched");
	mst.ctx.manifest = mst.ctx.manifest == &ours ? &theirs : &ours;
	mst.ctx.generation++;
}

void
fby_control_finished(struct fby_control *ctl, bool ok, const char *text)
{
	(void)ctl;
	said_ok = ok;
	snprintf(said, sizeof(said), "%s", text);
}

/* ---- life ------------------------------------------------------------- */

/* What was asked for in a turn of its own is done. */
FBY_UNUSED static void
turn(void)
{
	event_base_loop(mst.ctx.base, EVLOOP_NONBLOCK);
}

/* All partitions are back. */
FBY_UNUSED static void
all_drained(void)
{
	nours = nleaving = 0;
	fby_cycle_left_soon(&mst);
	turn();
}

FBY_UNUSED static int
set_up(void **state)
{
	static char c[] = "c", rust[] = "rust";

	(void)state;
	fby_log_set_level(FBY_LOG_CRIT);
	memset(&mst, 0, sizeof(mst));
	memset(&ours, 0, sizeof(ours));
	memset(&theirs, 0, sizeof(theirs));
	ours.runtime = c;
	theirs.runtime = rust;
	ours.host.drain_timeout_ms = theirs.host.drain_timeout_ms = DRAIN_MS;
	ours.host.poison_kills = 3;
	mst.ctx.manifest = &ours;
	mst.ctx.manifest_fd = -1;
	mst.ctx.generation = 1;
	mst.ctx.state = FBY_CYCLE_RUNNING;
	mst.ctx.base = event_base_new();
	mst.notify.fd = -1;
	fby_wiring_init(&mst);
	nleaving = 0;
	nours = 2;
	nalive = nbehind = 0;
	are_ready = is_same = true;
	*calls = *said = '\0';
	return 0;
}

FBY_UNUSED static int
tear_down(void **state)
{
	(void)state;
	fby_alarm_fini(&mst.ctx.alarms);
	fby_unfinished_fini(&mst.unfinished);
	fby_notify_fini(&mst.notify);
	event_base_free(mst.ctx.base);
	return 0;
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, set_up, tear_down)

#endif
