/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is measured of a worker, and of all workers of a runtime side by side.
 */
#include "shared/fby.h"

#include "master/admin/metrics_table.h"

#include <math.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "master/admin/status.h"
#include "master/master.h"

static double
beat_age(const struct fby_ledger_slot *sl)
{
	int64_t beat = fby_load(&sl->heartbeat);

	return beat <= 0 ?
	    NAN :
	    fby_metrics_seconds(FBY_MAX(fby_clock_mono() - beat, 0));
}

/* clang-format off */
#define WORKER(fn, expr)                                                      \
	static double fn(const struct fby_ledger_slot *sl)                    \
	{                                                                     \
		return (double)(expr);                                        \
	}

WORKER(worker_cpu, (double)fby_load(&sl->cpu_us) / 1e6)
WORKER(worker_log_lost, fby_load(&sl->log_lost))
WORKER(worker_rss, fby_load(&sl->rss_bytes))
WORKER(worker_in_flight, fby_load(&sl->in_flight))
WORKER(worker_in_flight_bytes, fby_load(&sl->in_flight_bytes))
WORKER(worker_lanes, fby_load(&sl->lanes))
WORKER(worker_beat_age, beat_age(sl))
WORKER(worker_spawns, fby_load(&sl->spawns))
WORKER(worker_read, fby_load(&sl->read))
WORKER(worker_acked, fby_load(&sl->acked))
WORKER(worker_batches, fby_load(&sl->batches))
WORKER(worker_outputs, fby_load(&sl->outputs))
/* clang-format on */

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

static void
own_arenas(struct fby_metrics_out *o, const struct fby_metric *m)
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
			fby_openmetrics_label(&labels, "worker", slot);
			fby_openmetrics_label(&labels, "arena",
			    fby_arena_names[a]);
			fby_openmetrics_sample(o->s, &m->f, labels.p,
			    (double)fby_load(&sl->arena_bytes[a]));
		}
	}
	fby_str_fini(&labels);
}

/* Who it is: a roll from one runtime to another is seen here. */
static void
own_worker_info(struct fby_metrics_out *o, const struct fby_metric *m)
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
		fby_openmetrics_label(&labels, "worker", slot);
		fby_openmetrics_label(&labels, "runtime", pr->runtime);
		fby_openmetrics_sample(o->s, &m->f, labels.p, 1);
	}
	fby_str_fini(&labels);
}

/* ---- the table -------------------------------------------------------- */

/* clang-format off */
#define W(name, type, unit, fn, help)                                         \
	{ F("forebay_worker_" name, type, unit, help), .of_worker = fn,       \
	    .labels = "worker" }
#define R(name, type, unit, fn, help)                                         \
	{ F("forebay_runtime_" name, type, unit, help), .of_runtime = fn,     \
	    .labels = "runtime" }

const struct fby_metric fby_metrics_of_worker[] = {
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
	W("outputs", COUNTER, NULL, worker_outputs, "Records that functions "
	    "made of them and that went on to the sinks; a record of the "
	    "source may become several."),
	W("log_lost_lines", COUNTER, NULL, worker_log_lost, "Lines of the log "
	    "that it could not write, or only in part."),

	/* side by side */
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
	{ .labels = NULL }
};
/* clang-format on */
