/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that is measured; see metrics.h.
 *
 * One table of families.  A row says what it is of (the master, a partition,
 * a worker) and where the number comes from; a number that is not known is
 * NAN and leaves its sample out.  Families of another shape have a function
 * of their own.
 *
 * A gauge is there only while its partition is ours or its worker lives; a
 * counter of a worker stays, since its slot goes on with it.
 */
#include "shared/fby.h"

#include "master/metrics.h"

#include <math.h>
#include <sys/resource.h>

#include "shared/clock.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/str.h"

#include "master/master.h"
#include "master/openmetrics.h"
#include "master/status.h"
#include "master/version.h"
#include "master/watermark.h"

/* One exposition under way. */
struct out {
	struct fby_str *s;
	struct fby_master *mst;
	uint32_t nslots, nrows;
	char **parts; /* labels by row; NULL: FREE */
	char **observed;
	char *mvtx; /* Numaflow's labels */
};

struct metric {
	struct fby_om_family f;
	const char *labels; /* for the reference */
	double (*of_master)(const struct fby_master *mst);
	double (*of_part)(const struct fby_ledger_row *row);
	double (*of_observed)(const struct fby_observe_part *p);
	double (*of_worker)(const struct fby_ledger_slot *sl);
	double (*of_runtime)(const struct fby_status_runtime *rt);
	void (*own)(struct out *o, const struct metric *m);
	size_t offset;        /* for own */
	enum fby_total total; /* the same of another runtime */
};

static double
known(int64_t n)
{
	return n < 0 ? NAN : (double)n;
}

/* Milliseconds, as the seconds that OpenMetrics wants. */
static double
seconds(int64_t ms)
{
	return ms < 0 ? NAN : (double)ms / 1000;
}

/* ---- the master ------------------------------------------------------- */

/* clang-format off */
#define MASTER(fn, expr)                                                      \
	static double fn(const struct fby_master *mst)                        \
	{                                                                     \
		return (double)(expr);                                        \
	}

MASTER(ready, fby_cycle_unready(mst) == NULL)
MASTER(generation, mst->generation)
MASTER(group_generation, known(mst->group.epoch))
MASTER(rebalances, mst->group.rebalances)
MASTER(host_watermark, seconds(fby_watermark_host(&mst->handoff)))
MASTER(group_watermark, seconds(fby_status_group_watermark(mst)))
MASTER(partitions_held, fby_handoff_ours(&mst->handoff))
MASTER(lag, known(fby_status_total_lag(mst)))
MASTER(commits, mst->commit.commits)
MASTER(commit_errors, mst->commit.errors)
MASTER(commit_refused, mst->commit.refused)
MASTER(resets, mst->offsets.resets)
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
MASTER(start_time, seconds(mst->started_at))
MASTER(batch_size, fby_manifest_batch_size(mst->manifest))
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

	for (uint32_t i = 0; mst->shm.head && i < mst->shm.head->nslots; i++)
		n += fby_load(&mst->shm.slots[i].survived);
	return (double)n;
}

/* ---- a partition ------------------------------------------------------ */

/* clang-format off */
#define PART(fn, expr)                                                        \
	static double fn(const struct fby_ledger_row *row)                    \
	{                                                                     \
		return (double)(expr);                                        \
	}

PART(part_lag, known(fby_status_lag(row)))
PART(part_position, known(fby_load(&row->position)))
PART(part_acked, known(fby_load(&row->acked)))
PART(part_committed, known(fby_load(&row->committed)))
PART(part_high, known(fby_load(&row->high)))
PART(part_log_start, known(fby_load(&row->log_start)))
PART(part_watermark, seconds(fby_load(&row->watermark)))
PART(part_committed_watermark, seconds(fby_load(&row->committed_watermark)))
PART(part_epoch, fby_load(&row->epoch))
PART(part_in_flight, fby_load(&row->in_flight))
PART(part_oldest_age, seconds(fby_status_oldest_age(row)))
PART(part_paused, (fby_load(&row->flags) & FBY_ROW_PAUSED) != 0)
PART(part_at_end, (fby_load(&row->flags) & FBY_ROW_AT_END) != 0)
PART(part_read, fby_load(&row->read))
PART(part_read_bytes, fby_load(&row->read_bytes))
PART(part_delivered, fby_load(&row->delivered))
PART(part_fallback, fby_load(&row->fallback))
PART(part_dead_lettered, fby_load(&row->dead_lettered))
PART(part_dropped, fby_load(&row->dropped))
PART(part_returned, fby_load(&row->returned))
PART(part_held, fby_status_held(row))
PART(part_quarantined, fby_load(&row->state) == FBY_ROW_QUARANTINED)
PART(part_late, fby_load(&row->late))
PART(part_stale, fby_load(&row->stale))
/* clang-format on */

/* ---- the same, seen from outside --------------------------------------- */

/* clang-format off */
#define OBSERVED(fn, expr)                                                    \
	static double fn(const struct fby_observe_part *p)                    \
	{                                                                     \
		return (double)(expr);                                        \
	}

OBSERVED(observed_lag, known(fby_observe_part_lag(p)))
OBSERVED(observed_committed, known(p->committed))
OBSERVED(observed_high, known(p->end))
OBSERVED(observed_log_start, known(p->first))
OBSERVED(observed_watermark, seconds(p->watermark))
/* clang-format on */

/* ---- a worker --------------------------------------------------------- */

static double
beat_age(const struct fby_ledger_slot *sl)
{
	int64_t beat = fby_load(&sl->heartbeat);

	return beat <= 0 ? NAN : seconds(FBY_MAX(fby_clock_mono() - beat, 0));
}

/* clang-format off */
#define WORKER(fn, expr)                                                      \
	static double fn(const struct fby_ledger_slot *sl)                    \
	{                                                                     \
		return (double)(expr);                                        \
	}

WORKER(worker_cpu, (double)fby_load(&sl->cpu_us) / 1e6)
WORKER(worker_rss, fby_load(&sl->rss_bytes))
WORKER(worker_in_flight, fby_load(&sl->in_flight))
WORKER(worker_in_flight_bytes, fby_load(&sl->in_flight_bytes))
WORKER(worker_lanes, fby_load(&sl->lanes))
WORKER(worker_beat_age, beat_age(sl))
WORKER(worker_spawns, fby_load(&sl->spawns))
WORKER(worker_read, fby_load(&sl->read))
WORKER(worker_acked, fby_load(&sl->acked))
WORKER(worker_batches, fby_load(&sl->batches))
/* clang-format on */

/* ---- a runtime -------------------------------------------------------- */

/* clang-format off */
#define RUNTIME(fn, expr)                                                     \
	static double fn(const struct fby_status_runtime *rt)                 \
	{                                                                     \
		return (double)(expr);                                        \
	}

/* What only workers tell. */
#define OF_WORKERS(rt, x) ((rt)->is_foreign ? NAN : (double)(x))

RUNTIME(runtime_workers, rt->workers)
RUNTIME(runtime_partitions, OF_WORKERS(rt, rt->partitions))
RUNTIME(runtime_read, OF_WORKERS(rt, rt->done.read))
RUNTIME(runtime_read_bytes, OF_WORKERS(rt, rt->done.read_bytes))
RUNTIME(runtime_acked, OF_WORKERS(rt, rt->done.acked))
RUNTIME(runtime_sink_errors, OF_WORKERS(rt, rt->done.sink_errors))
RUNTIME(runtime_cpu, OF_WORKERS(rt, (double)rt->done.cpu_us / 1e6))
RUNTIME(runtime_spawns, rt->spawns)
RUNTIME(runtime_deaths, rt->deaths)
/* clang-format on */

/* ---- shapes of their own ---------------------------------------------- */

static void
own_build(struct out *o, const struct metric *m)
{
	struct fby_str labels;

	fby_str_init(&labels);
	for (const struct fby_version *v = fby_version_list(); v->name; v++)
		if (strchr(v->name, ' ') == NULL)
			fby_om_label(&labels,
			    v == fby_version_list() ? "version" : v->name,
			    v->text);
	fby_om_sample(o->s, &m->f, labels.p, 1);
	fby_str_fini(&labels);
}

static void
own_cycle_state(struct out *o, const struct metric *m)
{
	const char *names[FBY_CYCLE_NSTATES];

	for (int i = 0; i < FBY_CYCLE_NSTATES; i++)
		names[i] = fby_cycle_state_name((enum fby_cycle_state)i);
	fby_om_states(o->s, &m->f, "", names, FBY_NELEM(names), o->mst->state);
}

static void
own_group_state(struct out *o, const struct metric *m)
{
	static const char *const names[] = {
#define S(name, what) #name,
		FBY_GROUP_STATES(S)
#undef S
	};

	fby_om_states(o->s, &m->f, "", names, FBY_NELEM(names),
	    o->mst->group.state);
}

static void
own_troubles(struct out *o, const struct metric *m)
{
	struct fby_str labels;

	fby_str_init(&labels);
	for (size_t i = 0; i < FBY_TROUBLE_N; i++) {
		fby_str_reset(&labels);
		fby_om_label(&labels, "trouble", fby_trouble_names[i]);
		fby_om_sample(o->s, &m->f, labels.p,
		    o->mst->troubles[i] != NULL);
	}
	fby_str_fini(&labels);
}

static void
own_reloads(struct out *o, const struct metric *m)
{
	fby_om_sample(o->s, &m->f, "result=\"ok\"", (double)o->mst->reload.ok);
	fby_om_sample(o->s, &m->f, "result=\"refused\"",
	    (double)o->mst->reload.refused);
}

/* FREE is never shown, so it is not one of the states. */
static void
own_part_state(struct out *o, const struct metric *m)
{
	const char *names[FBY_ROW_NSTATES - 1];

	for (uint32_t i = 1; i < FBY_ROW_NSTATES; i++)
		names[i - 1] = fby_row_state_name(i);
	for (uint32_t i = 0; i < o->nrows; i++)
		if (o->parts[i])
			fby_om_states(o->s, &m->f, o->parts[i], names,
			    FBY_NELEM(names),
			    (size_t)o->mst->handoff.parts[i].state - 1);
}

static void
own_arenas(struct out *o, const struct metric *m)
{
	struct fby_str labels;
	char slot[16];

	fby_str_init(&labels);
	for (uint32_t i = 0; i < o->nslots; i++) {
		const struct fby_ledger_slot *sl = &o->mst->shm.slots[i];

		if (fby_load(&sl->pid) <= 0)
			continue;
		snprintf(slot, sizeof(slot), "%" PRIu32, i);
		for (size_t a = 0; a < FBY_ARENA_N; a++) {
			fby_str_reset(&labels);
			fby_om_label(&labels, "worker", slot);
			fby_om_label(&labels, "arena", fby_arena_names[a]);
			fby_om_sample(o->s, &m->f, labels.p,
			    (double)fby_load(&sl->arena_bytes[a]));
		}
	}
	fby_str_fini(&labels);
}

/* Who it is: a roll from one runtime to another is seen here. */
static void
own_worker_info(struct out *o, const struct metric *m)
{
	struct fby_str labels;
	char slot[16];

	fby_str_init(&labels);
	for (uint32_t i = 0; i < FBY_MIN(o->nslots, FBY_SLOTS_MAX); i++) {
		const struct fby_proc *pr = &o->mst->sup.procs[i];

		if (pr->pid <= 0 || pr->runtime == NULL)
			continue;
		snprintf(slot, sizeof(slot), "%" PRIu32, i);
		fby_str_reset(&labels);
		fby_om_label(&labels, "worker", slot);
		fby_om_label(&labels, "runtime", pr->runtime);
		fby_om_sample(o->s, &m->f, labels.p, 1);
	}
	fby_str_fini(&labels);
}

/* ---- Numaflow's ------------------------------------------------------- */

/* source_partition of a row; several topics are told apart. */
static const char *
partition_name(const struct out *o, const struct fby_ledger_row *row,
    struct fby_str *name)
{
	fby_str_reset(name);
	if (o->mst->manifest->topics.n > 1)
		fby_str_printf(name,
		    "%s:", fby_shm_name(&o->mst->shm, row->topic_off));
	fby_str_printf(name, "%" PRId32, row->partition);
	return name->p;
}

static void
mvtx_read_sample(struct out *o, const struct metric *m, const char *partition,
    double value)
{
	struct fby_str labels;

	fby_str_init(&labels);
	fby_str_puts(&labels, o->mvtx);
	fby_om_label(&labels, "source_partition", partition);
	fby_om_sample(o->s, &m->f, labels.p, value);
	fby_str_fini(&labels);
}

/*
 * One of all that were ever ours: a counter that went away and came back
 * would make Numaflow's daemon believe in a restart.  So what another runtime
 * has read is added to it.
 */
static void
own_mvtx_read(struct out *o, const struct metric *m)
{
	const struct fby_totals *t = &o->mst->scrape.totals;
	bool *shown = fby_calloc(t->n + 1, sizeof(*shown));
	struct fby_str name;

	fby_str_init(&name);
	for (uint32_t i = 0; i < o->nrows; i++) {
		const struct fby_ledger_row *row = &o->mst->shm.rows[i];
		const char *partition;

		if (row->topic_off == 0)
			break;
		partition = partition_name(o, row, &name);
		mvtx_read_sample(o, m, partition,
		    (double)fby_load(&row->read) +
			fby_totals_read_of(t, partition, shown));
	}
	/* And partitions that our own workers have never had. */
	for (size_t i = 0; i < t->n; i++) {
		const char *partition = t->items[i].partition;

		if (t->items[i].what == FBY_TOTAL_READ && partition &&
		    !shown[i])
			mvtx_read_sample(o, m, partition,
			    fby_totals_read_of(t, partition, shown));
	}
	fby_str_fini(&name);
	free(shown);
}

/* A counter of the slots, summed; `offset` says which. */
static void
own_mvtx_sum(struct out *o, const struct metric *m)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < o->nslots; i++) {
		const char *slot = (const char *)&o->mst->shm.slots[i];

		sum += fby_load(
		    (const _Atomic uint64_t *)(const void *)(slot + m->offset));
	}
	fby_om_sample(o->s, &m->f, o->mvtx,
	    (double)sum + fby_totals_sum(&o->mst->scrape.totals, m->total));
}

static void
own_mvtx_hist(struct out *o, const struct metric *m)
{
	uint64_t buckets[FBY_HIST_BOUNDS + 1] = { 0 }, sum = 0;

	for (uint32_t i = 0; i < o->nslots; i++) {
		const char *slot = (const char *)&o->mst->shm.slots[i];
		const struct fby_ledger_hist *h = (const void *)(slot +
		    m->offset);

		for (size_t b = 0; b <= FBY_HIST_BOUNDS; b++)
			buckets[b] += fby_load(&h->bucket[b]);
		sum += fby_load(&h->sum);
	}
	fby_om_histogram(o->s, &m->f, o->mvtx, fby_hist_bounds, FBY_HIST_BOUNDS,
	    buckets, (double)sum);
}

/* Numaflow has a -1 for "unknown". */
static void
own_mvtx_pending(struct out *o, const struct metric *m)
{
	fby_om_sample(o->s, &m->f, o->mvtx,
	    (double)fby_status_total_lag(o->mst));
}

static void
own_mvtx_batch_size(struct out *o, const struct metric *m)
{
	fby_om_sample(o->s, &m->f, o->mvtx, batch_size(o->mst));
}

/* ---- the table -------------------------------------------------------- */

/* clang-format off */
#define F(name, type, unit, help) .f = { name, FBY_OM_##type, unit, help }
#define M(name, type, unit, fn, help)                                         \
	{ F(name, type, unit, help), .of_master = fn }
#define P(name, type, unit, fn, help)                                         \
	{ F("forebay_partition_" name, type, unit, help), .of_part = fn,      \
	    .labels = "topic, partition" }
/* And known of a group member that is not ours, too. */
#define PO(name, type, unit, fn, seen, help)                                  \
	{ F("forebay_partition_" name, type, unit, help), .of_part = fn,      \
	    .of_observed = seen, .labels = "topic, partition" }
#define W(name, type, unit, fn, help)                                         \
	{ F("forebay_worker_" name, type, unit, help), .of_worker = fn,       \
	    .labels = "worker" }
#define R(name, type, unit, fn, help)                                         \
	{ F("forebay_runtime_" name, type, unit, help), .of_runtime = fn,     \
	    .labels = "runtime" }
#define OWN(name, type, unit, lab, fn, help)                                  \
	{ F(name, type, unit, help), .own = fn, .labels = lab }
#define MVTX "mvtx_name, mvtx_replica"
#define SUM(name, field, which, help)                                         \
	{ F("monovtx_" name, COUNTER, NULL, help), .own = own_mvtx_sum,       \
	    .labels = MVTX, .offset = offsetof(struct fby_ledger_slot,        \
	    field), .total = FBY_TOTAL_##which }
#define HIST(name, which, help)                                               \
	{ F("monovtx_" name, HISTOGRAM, NULL, help), .own = own_mvtx_hist,    \
	    .labels = MVTX, .offset = offsetof(struct fby_ledger_slot,        \
	    hist) + FBY_HIST_##which * sizeof(struct fby_ledger_hist) }

static const struct metric metrics[] = {
	/* Numaflow's names */
	OWN("monovtx_read", COUNTER, NULL, MVTX ", source_partition",
	    own_mvtx_read, "Records read from the source."),
	SUM("read_bytes", read_bytes, READ_BYTES, "Bytes of keys and values read."),
	SUM("ack", acked, ACK, "Records acknowledged."),
	SUM("sink_write", sink_writes, SINK_WRITE, "Records that the sink has taken."),
	SUM("sink_write_errors", sink_errors, SINK_WRITE_ERRORS, "Attempts that the sink "
	    "refused."),
	SUM("sink_dropped", sink_drops, SINK_DROPPED, "Records dropped by retryStrategy."),
	OWN("monovtx_pending_raw", GAUGE, NULL, MVTX, own_mvtx_pending,
	    "Records of this host's partitions that are not committed; -1 "
	    "while that is unknown."),
	OWN("monovtx_read_batch_size", GAUGE, NULL, MVTX,
	    own_mvtx_batch_size, "limits.readBatchSize in force."),
	HIST("processing_time", PROCESSING, "Microseconds from reading a "
	    "batch to its last acknowledgement."),
	HIST("read_time", READ, "Microseconds that reading a batch took."),
	HIST("sink_time", SINK, "Microseconds that the sink took for a "
	    "batch."),
	HIST("ack_time", ACK, "Microseconds that acknowledging took."),

	/* the master */
	OWN("forebay_build", INFO, NULL, "version, abi, librdkafka, libevent, "
	    "jemalloc, jansson, libyaml", own_build,
	    "Versions of forebay and of the libraries it runs with."),
	M("forebay_ready", GAUGE, NULL, ready, "1 if records can flow, as "
	    "/readyz says."),
	OWN("forebay_state", STATESET, NULL, "forebay_state",
	    own_cycle_state, "What the master is doing."),
	OWN("forebay_trouble", GAUGE, NULL, "trouble", own_troubles,
	    "1 for what keeps records from flowing, all or (poison) those "
	    "of some partitions; `forebay status` says why."),
	M("forebay_manifest_generation", GAUGE, NULL, generation,
	    "Number of the manifest in force, from 1; a reload adds one."),
	OWN("forebay_reloads", COUNTER, NULL, "result", own_reloads,
	    "Reloads by their result, ok or refused."),
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
	    "committed offset the broker no longer had."),
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
	    "out by hand (`forebay skip`); they are dropped ones, too."),
	M("forebay_stale_messages", COUNTER, NULL, stale_messages,
	    "Messages of workers about grants that were over."),
	M("forebay_workers", GAUGE, NULL, workers_alive, "Workers alive."),
	M("forebay_worker_deaths", COUNTER, NULL, worker_deaths,
	    "Workers that died when they should not have."),
	M("forebay_worker_hangs", COUNTER, NULL, worker_hangs,
	    "Workers that were killed because they hung."),
	M("forebay_survived", COUNTER, NULL, survived, "Things that cannot "
	    "happen and did; the log has the first of each process."),
	M("process_cpu_seconds", COUNTER, "seconds", cpu, "CPU time of the "
	    "master, user and system."),
	M("process_resident_memory_bytes", GAUGE, "bytes", rss,
	    "Resident memory of the master."),
	M("process_start_time_seconds", GAUGE, "seconds", start_time,
	    "When the master was started."),

	/* per runtime, side by side */
	R("workers", GAUGE, NULL, runtime_workers, "Its workers, or its "
	    "processes if it is a member of the group by itself."),
	R("partitions", GAUGE, NULL, runtime_partitions, "Partitions that "
	    "they hold."),
	R("read", COUNTER, NULL, runtime_read, "Records read by all its "
	    "workers, those that are gone, too."),
	R("read_bytes", COUNTER, "bytes", runtime_read_bytes, "Bytes of keys "
	    "and values read."),
	R("acked", COUNTER, NULL, runtime_acked, "Records acknowledged."),
	R("sink_errors", COUNTER, NULL, runtime_sink_errors, "Attempts that "
	    "a sink refused."),
	R("cpu_seconds", COUNTER, "seconds", runtime_cpu, "CPU time of its "
	    "workers, user and system."),
	R("spawns", COUNTER, NULL, runtime_spawns, "Workers started."),
	R("deaths", COUNTER, NULL, runtime_deaths, "Workers that died when "
	    "they should not have."),

	/* per partition */
	PO("lag", GAUGE, NULL, part_lag, observed_lag, "End of the log less what is "
	    "committed, or less the start of the log if that is later."),
	P("position", GAUGE, NULL, part_position, "Next offset to read."),
	P("acked", GAUGE, NULL, part_acked, "Next offset to commit: all "
	    "before it is done."),
	PO("committed", GAUGE, NULL, part_committed, observed_committed,
	    "Offset that the broker has confirmed."),
	PO("high", GAUGE, NULL, part_high, observed_high, "End of the log."),
	PO("log_start", GAUGE, NULL, part_log_start, observed_log_start,
	    "First offset that the broker has."),
	P("watermark_timestamp_seconds", GAUGE, "seconds", part_watermark,
	    "Event time that the partition has reached."),
	PO("committed_watermark_timestamp_seconds", GAUGE, "seconds",
	    part_committed_watermark, observed_watermark, "The one that was committed with the "
	    "offset."),
	OWN("forebay_partition_state", STATESET, NULL,
	    "topic, partition, forebay_partition_state", own_part_state,
	    "Where the partition is between the group and a worker."),
	P("epoch", GAUGE, NULL, part_epoch, "Number of its last grant."),
	P("in_flight", GAUGE, NULL, part_in_flight, "Records read and not "
	    "acknowledged."),
	P("oldest_age_seconds", GAUGE, "seconds", part_oldest_age,
	    "Age of the oldest of them; 0 if there are none."),
	P("paused", GAUGE, NULL, part_paused, "1 while back-pressure keeps "
	    "it from being read."),
	P("at_end", GAUGE, NULL, part_at_end, "1 while the position is the "
	    "end of the log."),
	P("quarantined", GAUGE, NULL, part_quarantined, "1 while it is held "
	    "back because its next record kills workers."),
	P("held", GAUGE, NULL, part_held, "Records read and neither done nor "
	    "returned: what is left of read."),
	P("read_bytes", COUNTER, "bytes", part_read_bytes, "Bytes of keys "
	    "and values read."),
	P("delivered", COUNTER, NULL, part_delivered, "Records delivered."),
	P("fallback", COUNTER, NULL, part_fallback, "Records delivered to the "
	    "fallback sink."),
	P("dead_lettered", COUNTER, NULL, part_dead_lettered, "Records sent "
	    "to the dead-letter topic."),
	P("dropped", COUNTER, NULL, part_dropped, "Records dropped by "
	    "retryStrategy, or by hand."),
	P("returned", COUNTER, NULL, part_returned, "Records that a worker "
	    "gave back, or died with, unfinished; they are read again."),
	P("read", COUNTER, NULL, part_read, "Records read: those delivered, "
	    "fallback, dead_lettered, dropped, returned and held together."),
	P("late", COUNTER, NULL, part_late, "Records that were older than "
	    "the watermark when they were read."),
	P("stale", COUNTER, NULL, part_stale, "Completions that came after "
	    "the partition was given away."),

	/* per worker */
	W("cpu_seconds", COUNTER, "seconds", worker_cpu, "CPU time, all "
	    "threads, user and system."),
	W("resident_memory_bytes", GAUGE, "bytes", worker_rss,
	    "Resident memory."),
	OWN("forebay_worker", INFO, NULL, "worker, runtime", own_worker_info,
	    "Which runtime a worker is of."),
	OWN("forebay_worker_arena_bytes", GAUGE, "bytes", "worker, arena",
	    own_arenas, "Allocated memory by subsystem."),
	W("in_flight", GAUGE, NULL, worker_in_flight, "Records in flight."),
	W("in_flight_bytes", GAUGE, "bytes", worker_in_flight_bytes,
	    "Bytes in flight."),
	W("partitions", GAUGE, NULL, worker_lanes, "Partitions that it "
	    "holds."),
	W("heartbeat_age_seconds", GAUGE, "seconds", worker_beat_age,
	    "Time since its loop last turned."),
	W("spawns", COUNTER, NULL, worker_spawns, "How often a process was "
	    "started in this place of the ledger."),
	W("read", COUNTER, NULL, worker_read, "Records read."),
	W("acked", COUNTER, NULL, worker_acked, "Records acknowledged."),
	W("batches", COUNTER, NULL, worker_batches, "Batches."),
};
/* clang-format on */

/* ---- writing ---------------------------------------------------------- */

static void
write_parts(struct out *o, const struct metric *m)
{
	for (uint32_t i = 0; i < o->nrows; i++) {
		double x;

		if (o->parts[i] == NULL)
			continue;
		x = m->of_part(&o->mst->shm.rows[i]);
		if (!isnan(x))
			fby_om_sample(o->s, &m->f, o->parts[i], x);
	}
}

static void
write_observed(struct out *o, const struct metric *m)
{
	const struct fby_observe *ob = &o->mst->observe;

	for (size_t i = 0; i < ob->nparts; i++) {
		double x = m->of_observed(&ob->parts[i]);

		/* Ours have been written. */
		if (!isnan(x) && !fby_status_is_ours(o->mst, &ob->parts[i]))
			fby_om_sample(o->s, &m->f, o->observed[i], x);
	}
}

static void
write_workers(struct out *o, const struct metric *m)
{
	for (uint32_t i = 0; i < o->nslots; i++) {
		const struct fby_ledger_slot *sl = &o->mst->shm.slots[i];
		char labels[32];
		double x;

		if (fby_load(&sl->spawns) == 0 ||
		    (m->f.type != FBY_OM_COUNTER && fby_load(&sl->pid) <= 0))
			continue;
		snprintf(labels, sizeof(labels), "worker=\"%" PRIu32 "\"", i);
		x = m->of_worker(sl);
		if (!isnan(x))
			fby_om_sample(o->s, &m->f, labels, x);
	}
}

static void
write_runtimes(struct out *o, const struct metric *m)
{
	struct fby_status_runtime rt;
	struct fby_str labels;

	fby_str_init(&labels);
	for (size_t i = 0; fby_status_runtime(o->mst, i, &rt); i++) {
		double x = m->of_runtime(&rt);

		fby_str_reset(&labels);
		fby_om_label(&labels, "runtime", rt.name);
		if (!isnan(x))
			fby_om_sample(o->s, &m->f, labels.p, x);
	}
	fby_str_fini(&labels);
}

static void
write_one(struct out *o, const struct metric *m)
{
	double x;

	fby_om_head(o->s, &m->f);
	if (m->own) {
		m->own(o, m);
	} else if (m->of_part) {
		write_parts(o, m);
		if (m->of_observed)
			write_observed(o, m);
	} else if (m->of_worker) {
		write_workers(o, m);
	} else if (m->of_runtime) {
		write_runtimes(o, m);
	} else {
		x = m->of_master(o->mst);
		if (!isnan(x))
			fby_om_sample(o->s, &m->f, "", x);
	}
}

/* Heap. */
static char *
part_labels(const char *topic, int32_t partition)
{
	struct fby_str labels;
	char number[16];

	fby_str_init(&labels);
	snprintf(number, sizeof(number), "%" PRId32, partition);
	fby_om_label(&labels, "topic", topic);
	fby_om_label(&labels, "partition", number);
	return fby_str_take(&labels);
}

/* The labels of all partitions, once for all families. */
static void
label_parts(struct out *o)
{
	const struct fby_handoff *h = &o->mst->handoff;
	const struct fby_observe *ob = &o->mst->observe;

	o->parts = fby_calloc(o->nrows ? o->nrows : 1, sizeof(*o->parts));
	for (uint32_t i = 0; i < FBY_MIN(o->nrows, h->nparts); i++)
		if (h->parts[i].state != FBY_ROW_FREE)
			o->parts[i] = part_labels(h->parts[i].topic,
			    h->parts[i].partition);
	o->observed = fby_calloc(ob->nparts + 1, sizeof(*o->observed));
	for (size_t i = 0; i < ob->nparts; i++)
		o->observed[i] = part_labels(ob->parts[i].topic,
		    ob->parts[i].partition);
}

void
fby_metrics_write(struct fby_str *s, struct fby_master *mst)
{
	struct out o = { .s = s, .mst = mst };
	struct fby_str mvtx;

	if (mst->shm.head) {
		o.nslots = mst->shm.head->nslots;
		o.nrows = mst->shm.head->nrows;
	}
	fby_str_init(&mvtx);
	fby_om_label(&mvtx, "mvtx_name", mst->manifest->name);
	fby_om_label(&mvtx, "mvtx_replica", "0");
	o.mvtx = mvtx.p;
	label_parts(&o);
	for (size_t i = 0; i < FBY_NELEM(metrics); i++)
		write_one(&o, &metrics[i]);
	fby_om_end(s);
	for (uint32_t i = 0; i < o.nrows; i++)
		free(o.parts[i]);
	free(o.parts);
	for (size_t i = 0; o.observed[i]; i++)
		free(o.observed[i]);
	free(o.observed);
	fby_str_fini(&mvtx);
}

char *
fby_metrics_reference(void)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_puts(&s,
	    "# Metrics\n\n"
	    "`/metrics` of the HTTP listener (`http.listen` of the Host "
	    "document), in the OpenMetrics text format.\n\n"
	    "`monovtx_*` are Numaflow's names with Numaflow's labels; their "
	    "times are microseconds. `source_partition` is the number of the "
	    "partition, or `topic:number` if the source has several topics. "
	    "Series of a partition disappear when it is given back, those of "
	    "a worker (but for its counters) when it dies.\n\n"
	    "While a runtime of the protocol `numaflow` runs, lag, offsets "
	    "and watermarks are those of all of the group's partitions, as "
	    "the broker knows them; what only a worker knows is not there. "
	    "Numaflow's counters go on with those of that runtime, asked for "
	    "every three seconds (`metrics` of its entry in `runtimes:`); its "
	    "histograms are not taken."
	    "\n\n"
	    "| sample | type | labels | what |\n| --- | --- | --- | --- |\n");
	for (size_t i = 0; i < FBY_NELEM(metrics); i++) {
		const struct metric *m = &metrics[i];

		fby_str_printf(&s, "| `%s%s` | %s | %s | %s |\n", m->f.name,
		    fby_om_suffix(m->f.type), fby_om_type_name(m->f.type),
		    m->labels ? m->labels : "", m->f.help);
	}
	return fby_str_take(&s);
}
