/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each runtime's workers have done; see runtime_stats.h.
 */
#include "shared/fby.h"

#include "master/pool/runtime_stats.h"

#include "shared/base/mem.h"

struct fby_counts
fby_runtime_stats_counts(const struct fby_ledger_slot *slot)
{
	return (struct fby_counts){
		.read = fby_load(&slot->read),
		.read_bytes = fby_load(&slot->read_bytes),
		.acked = fby_load(&slot->acked),
		.sink_errors = fby_load(&slot->sink_errors),
		.cpu_us = fby_load(&slot->cpu_us),
	};
}

/* A slot that was cut off with its file counts from zero. */
static uint64_t
since(uint64_t now, uint64_t before)
{
	return now >= before ? now - before : now;
}

void
fby_runtime_stats_add(struct fby_counts *sum,
    const struct fby_ledger_slot *slot, const struct fby_counts *before)
{
	struct fby_counts now = fby_runtime_stats_counts(slot);

	sum->read += since(now.read, before->read);
	sum->read_bytes += since(now.read_bytes, before->read_bytes);
	sum->acked += since(now.acked, before->acked);
	sum->sink_errors += since(now.sink_errors, before->sink_errors);
	sum->cpu_us += since(now.cpu_us, before->cpu_us);
}

static struct fby_runtime_stat *
tally_of(struct fby_runtime_stats *t, const char *runtime)
{
	struct fby_runtime_stat *one;

	for (size_t i = 0; i < t->n; i++)
		if (strcmp(t->v[i].runtime, runtime) == 0)
			return &t->v[i];
	t->v = fby_realloc(t->v, (t->n + 1) * sizeof(*t->v));
	one = &t->v[t->n++];
	*one = (struct fby_runtime_stat){ .runtime = fby_strdup(runtime) };
	return one;
}

void
fby_runtime_stats_started(struct fby_runtime_stats *t, const char *runtime)
{
	tally_of(t, runtime)->spawns++;
}

void
fby_runtime_stats_ended(struct fby_runtime_stats *t, const char *runtime,
    const struct fby_ledger_slot *slot, const struct fby_counts *before,
    bool died)
{
	struct fby_runtime_stat *one = tally_of(t, runtime);

	fby_runtime_stats_add(&one->done, slot, before);
	one->deaths += died;
}

void
fby_runtime_stats_fini(struct fby_runtime_stats *t)
{
	for (size_t i = 0; i < t->n; i++)
		free(t->v[i].runtime);
	free(t->v);
	*t = (struct fby_runtime_stats){ 0 };
}
