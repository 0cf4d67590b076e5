/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each runtime's workers have done, those that are gone included, so
 * that two runtimes can be held side by side while they run.
 *
 * A slot's counters go on when its process is replaced, also by one of
 * another runtime.  So what a process has done is what they say now, less
 * what they said when it was started.
 */
#ifndef FBY_TALLY_H
#define FBY_TALLY_H

#include "shared/fby.h"

#include "shared/boundary/ledger.h"

struct fby_counts {
	uint64_t read, read_bytes, acked, sink_errors; /* records, bytes */
	uint64_t cpu_us;
};

struct fby_tally {
	char *runtime;
	struct fby_counts done; /* by processes that are gone */
	uint64_t spawns, deaths;
};

struct fby_tallies {
	struct fby_tally *v; /* in the order of their first start */
	size_t n;
};

/* What the slot says now. */
struct fby_counts fby_tally_counts(const struct fby_ledger_slot *slot);

/* Add what the slot says now, less `before`. */
void fby_tally_add(struct fby_counts *sum, const struct fby_ledger_slot *slot,
    const struct fby_counts *before);

void fby_tally_started(struct fby_tallies *t, const char *runtime);
void fby_tally_ended(struct fby_tallies *t, const char *runtime,
    const struct fby_ledger_slot *slot, const struct fby_counts *before,
    bool died);
void fby_tally_fini(struct fby_tallies *t);

#endif
