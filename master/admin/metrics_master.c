/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of the master: its state, the group, commits, hand-overs.
 */
#include "shared/fby.h"

#include "master/admin/metrics_table.h"

#include <math.h>
#include <sys/resource.h>

#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "master/admin/status.h"
#include "master/base/turn.h"
#include "master/base/version.h"
#include "master/handoff/watermark.h"
#include "master/master.h"
#include "master/ready.h"

/* clang-format off */
#define MASTER(fn, expr)                                                      \
	static double fn(const struct fby_master *mst)                        \
	{                                                                     \
		return (double)(expr);                                        \
	}

MASTER(ready, fby_ready_why_not(mst) == NULL)
MASTER(generation, mst->ctx.generation)
MASTER(group_generation, fby_metrics_known(mst->group.epoch))
MASTER(rebalances, mst->group.rebalances)
MASTER(host_watermark, fby_metrics_seconds(fby_watermark_host(&mst->handoff)))
MASTER(group_watermark, fby_metrics_seconds(fby_status_group_watermark(mst)))
MASTER(partitions_held, fby_handoff_ours(&mst->handoff))
MASTER(lag, fby_metrics_known(fby_status_total_lag(mst)))
MASTER(commits, mst->commit.commits)
MASTER(commit_errors, mst->commit.errors)
MASTER(commit_refused, mst->commit.refused)
MASTER(resets, mst->offsets.resets)
MASTER(cuts, mst->handoff.cuts)
MASTER(recovered, mst->offsets.recovered)
MASTER(grants, mst->handoff.grants)
MASTER(moves, mst->handoff.moves)
MASTER(lost, mst->handoff.lost)
MASTER(quarantined, mst->handoff.quarantined)
MASTER(skipped, mst->handoff.skipped)
MASTER(stale_messages, mst->handoff.stale)
MASTER(workers_alive, fby_supervisor_alive(&mst->sup))
MASTER(worker_deaths, mst->sup.deaths)
MASTER(worker_hangs, mst->sup.hangs)
MASTER(start_time, fby_metrics_seconds(mst->started_at))
/* clang-format on */

static double
rss(const struct fby_master *mst)
{
	(void)mst;
	return (double)fby_mem_rss();
}

static double
cpu(const struct fby_master *mst)
{
	struct rusage ru;

	(void)mst;
	getrusage(RUSAGE_SELF, &ru);
	return (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
	    (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6;
}

static double
survived(const struct fby_master *mst)
{
	uint64_t n = fby_bug_counted();

	for (uint32_t i = 0; i < mst->shm.nslots; i++)
		n += fby_load(&mst->shm.slots[i].survived);
	return (double)n;
}

static double
log_lost(const struct fby_master *mst)
{
	uint64_t n = fby_log_health().lost;

	for (uint32_t i = 0; i < mst->shm.nslots; i++)
		n += fby_load(&mst->shm.slots[i].log_lost);
	return (double)n;
}

static void
own_build(struct fby_metrics_out *o, const struct fby_metric *m)
{
	struct fby_str labels;

	fby_str_init(&labels);
	for (const struct fby_version *v = fby_version_list(); v->name; v++)
		if (strchr(v->name, ' ') == NULL)
			fby_openmetrics_label(&labels,
			    v == fby_version_list() ? "version" : v->name,
			    v->text);
	fby_openmetrics_sample(o->s, &m->f, labels.p, 1);
	fby_str_fini(&labels);
}

static void
own_cycle_state(struct fby_metrics_out *o, const struct fby_metric *m)
{
	const char *names[FBY_CYCLE_NSTATES];

	for (int i = 0; i < FBY_CYCLE_NSTATES; i++)
		names[i] = fby_cycle_state_name((enum fby_cycle_state)i);
	fby_openmetrics_states(o->s, &m->f, "", names, FBY_NELEM(names),
	    o->mst->ctx.state);
}

static void
own_group_state(struct fby_metrics_out *o, const struct fby_metric *m)
{
	static const char *const names[] = {
#define S(name, what) #name,
		FBY_GROUP_STATES(S)
#undef S
	};

	fby_openmetrics_states(o->s, &m->f, "", names, FBY_NELEM(names),
	    o->mst->group.state);
}

static void
own_alarms(struct fby_metrics_out *o, const struct fby_metric *m)
{
	struct fby_str labels;

	fby_str_init(&labels);
	for (size_t i = 0; i < FBY_ALARM_N; i++) {
		fby_str_reset(&labels);
		fby_openmetrics_label(&labels, "trouble", fby_alarm_names[i]);
		fby_openmetrics_sample(o->s, &m->f, labels.p,
		    fby_alarm_text(&o->mst->ctx.alarms, i) != NULL);
	}
	fby_str_fini(&labels);
}

static void
own_reloads(struct fby_metrics_out *o, const struct fby_metric *m)
{
	fby_openmetrics_sample(o->s, &m->f, "result=\"ok\"",
	    (double)o->mst->reload.ok);
	fby_openmetrics_sample(o->s, &m->f, "result=\"refused\"",
	    (double)o->mst->reload.refused);
}

static void
own_loop(struct fby_metrics_out *o, const struct fby_metric *m)
{
	const struct fby_turns *t = fby_turns();

	fby_openmetrics_histogram(o->s, &m->f, "", fby_turn_bounds,
	    FBY_TURN_BOUNDS, t->bucket, (double)t->us / 1e6);
}

static double
longest_turn(const struct fby_master *mst)
{
	(void)mst;
	return (double)fby_turns()->longest_us / 1e6;
}

/* ---- the table -------------------------------------------------------- */

/* clang-format off */
#define M(name, type, unit, fn, help)                                         \
	{ F(name, type, unit, help), .of_master = fn }

const struct fby_metric fby_metrics_of_master[] = {
	OWN("forebay_build", INFO, NULL, "version, abi, librdkafka, libevent, "
	    "jemalloc, jansson, libyaml", own_build,
	    "Versions of forebay and of the libraries it runs with."),
	M("forebay_ready", GAUGE, NULL, ready, "1 if records can flow, as "
	    "/readyz says."),
	OWN("forebay_state", STATESET, NULL, "forebay_state",
	    own_cycle_state, "What the master is doing."),
	OWN("forebay_trouble", GAUGE, NULL, "trouble", own_alarms,
	    "1 for what keeps records from flowing, all or (poison) those "
	    "of some partitions; `forebay status` says why."),
	M("forebay_manifest_generation", GAUGE, NULL, generation,
	    "Number of the manifest in force, from 1; a reload adds one."),
	OWN("forebay_reloads", COUNTER, NULL, "result", own_reloads,
	    "Reloads by their result, ok or refused."),
	OWN("forebay_loop_seconds", HISTOGRAM, "seconds", "", own_loop,
	    "Turns of the master's loop, from its waking up until it waits "
	    "again; nothing in it waits, so more than 0.02 is worth a report."),
	M("forebay_loop_longest_seconds", GAUGE, "seconds", longest_turn,
	    "The longest of these turns."),
	OWN("forebay_group_state", STATESET, NULL, "forebay_group_state",
	    own_group_state, "Where the consumer group's member is."),
	M("forebay_group_generation", GAUGE, NULL, group_generation,
	    "Generation of the consumer group that we are a member of."),
	M("forebay_group_rebalances", COUNTER, NULL, rebalances,
	    "Rebalances of the group that this member has seen."),
	M("forebay_watermark_timestamp_seconds", GAUGE, "seconds",
	    host_watermark, "Oldest watermark of this host's partitions."),
	M("forebay_group_watermark_timestamp_seconds", GAUGE, "seconds",
	    group_watermark, "Oldest watermark of all hosts' partitions, as "
	    "last committed."),
	M("forebay_partitions", GAUGE, NULL, partitions_held,
	    "Partitions that are assigned to this host."),
	M("forebay_lag", GAUGE, NULL, lag, "Lag of all of them together."),
	M("forebay_commits", COUNTER, NULL, commits, "Commits that the "
	    "broker has confirmed."),
	M("forebay_commit_errors", COUNTER, NULL, commit_errors,
	    "Commits that failed; they are tried again."),
	M("forebay_commit_refused", COUNTER, NULL, commit_refused,
	    "Offsets of the ledger that were not believed and not "
	    "committed."),
	M("forebay_offset_resets", COUNTER, NULL, resets, "Partitions whose "
	    "committed offset the broker no longer had, or that was of an "
	    "earlier topic of that name."),
	M("forebay_log_truncations", COUNTER, NULL, cuts, "Times that the "
	    "broker had cut the log of a partition that was read (unclean "
	    "election) and reading went on where the records differ."),
	M("forebay_offsets_recovered", COUNTER, NULL, recovered,
	    "Partitions that went on from the ledger of a killed master."),
	M("forebay_grants", COUNTER, NULL, grants, "Partitions granted to "
	    "workers."),
	M("forebay_moves", COUNTER, NULL, moves, "Partitions moved from one "
	    "worker to another."),
	M("forebay_partitions_lost", COUNTER, NULL, lost, "Partitions that "
	    "the group took away without asking."),
	M("forebay_quarantined", COUNTER, NULL, quarantined, "Partitions that "
	    "were held back because a record kept killing its worker."),
	M("forebay_skipped", COUNTER, NULL, skipped, "Records that were left "
	    "out by hand (`forebay skip`); they are dropped ones, too. Of a "
	    "batch that cannot be decoded, its offsets."),
	M("forebay_stale_messages", COUNTER, NULL, stale_messages,
	    "Messages of workers about grants that were over."),
	M("forebay_workers", GAUGE, NULL, workers_alive, "Workers alive."),
	M("forebay_worker_deaths", COUNTER, NULL, worker_deaths,
	    "Workers that died when they should not have."),
	M("forebay_worker_hangs", COUNTER, NULL, worker_hangs,
	    "Workers that were killed because they hung."),
	M("forebay_survived", COUNTER, NULL, survived, "Things that cannot "
	    "happen and did; the log has the first of each process."),
	M("forebay_log_lost_lines", COUNTER, NULL, log_lost, "Lines of the log "
	    "of master and workers that could not be written, or only in "
	    "part."),
	M("process_cpu_seconds", COUNTER, "seconds", cpu, "CPU time of the "
	    "master, user and system."),
	M("process_resident_memory_bytes", GAUGE, "bytes", rss,
	    "Resident memory of the master."),
	M("process_start_time_seconds", GAUGE, "seconds", start_time,
	    "When the master was started."),
	{ .labels = NULL }
};
/* clang-format on */
