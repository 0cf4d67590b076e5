/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each runtime's workers have done, those that are gone included, so
 * that two runtimes can be held side by side while they run.
 *
 * A slot's counters go on when its process is replaced, also by one of
 * another runtime.  So what a process has done is what they say now, less
 * what they said when it was started.
 */
#ifndef FBY_RUNTIME_STATS_H
#define FBY_RUNTIME_STATS_H

#include "shared/fby.h"

#include "shared/boundary/ledger.h"

struct fby_counts {
	uint64_t read, read_bytes, acked, sink_errors; /* records, bytes */
	uint64_t cpu_us;
};

struct fby_runtime_stat {
	char *runtime;
	struct fby_counts done; /* by processes that are gone */
	uint64_t spawns, deaths;
};

struct fby_runtime_stats {
	struct fby_runtime_stat *v; /* in the order of their first start */
	size_t n;
};

/* What the slot says now. */
struct fby_counts fby_runtime_stats_counts(const struct fby_ledger_slot *slot);

/* Add what the slot says now, less `before`. */
void fby_runtime_stats_add(struct fby_counts *sum,
    const struct fby_ledger_slot *slot, const struct fby_counts *before);

void fby_runtime_stats_started(struct fby_runtime_stats *t,
    const char *runtime);
void fby_runtime_stats_ended(struct fby_runtime_stats *t, const char *runtime,
    const struct fby_ledger_slot *slot, const struct fby_counts *before,
    bool died);
void fby_runtime_stats_fini(struct fby_runtime_stats *t);

#endif
