/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much more may be read; see budget.h.
 */
#include "shared/fby.h"

#include "worker/budget.h"

#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/lane.h"
#include "worker/worker.h"

/* Below three quarters; the least that this can be is nothing. */
static bool
is_low(uint64_t used, uint64_t limit)
{
	return used <= limit - limit / 4 - (limit >= 4 ? 0 : 1);
}

static uint64_t
left(uint64_t limit, uint64_t used)
{
	return limit > used ? limit - used : 0;
}

/* The other half is for what is prefetched: prefetch.c. */
static int64_t
ceiling(const struct fby_worker *w)
{
	return w->m->host.memory.budget_bytes / 2;
}

/* Lanes that have records in flight, or wait for room for the first. */
static int64_t
count_busy(const struct fby_worker *w)
{
	const struct fby_lane *ln;
	int64_t n = 0;

	TAILQ_FOREACH (ln, &w->lanes, entry)
		n += ln->is_hungry || fby_acks_in_flight(&ln->acks) > 0;
	return n;
}

/*
 * A lane that is alone may have it all.  While one has nothing, all have the
 * same: it may have to fetch again, and others would be there before it.
 */
static uint64_t
share(const struct fby_worker *w, int64_t limit)
{
	int64_t n = w->nlanes > 1 ? 2 : 1;

	if (w->budget->nhungry > 0)
		n = FBY_MAX(n, count_busy(w));
	return (uint64_t)FBY_MAX(limit / n, 1);
}

bool
fby_budget_check(struct fby_worker *w)
{
	struct fby_budget *b = w->budget;
	uint64_t records = (uint64_t)w->m->host.memory.max_records;
	uint64_t bytes = (uint64_t)ceiling(w);
	struct fby_lane *ln;

	if (b->records >= records || b->open_bytes >= bytes) {
		b->closed = true;
	} else if (b->closed && is_low(b->records, records) &&
	    is_low(b->open_bytes, bytes)) {
		b->closed = false;
		TAILQ_FOREACH (ln, &w->lanes, entry)
			if (ln->is_starved)
				b->wake(ln);
	}
	return b->closed;
}

/*
 * A transaction completes its records all at once, however long the broker
 * has had them.
 */
static uint64_t
concurrency(const struct fby_worker *w)
{
	int64_t n = w->m->concurrency;

	if (w->m->host.delivery == FBY_EXACTLY_ONCE)
		n = FBY_MAX(n, w->m->host.transaction.max_records);
	return (uint64_t)n;
}

static bool
lane_is_closed(struct fby_lane *ln)
{
	struct fby_worker *w = ln->w;
	uint64_t limit = concurrency(w);
	uint64_t records = share(w, w->m->host.memory.max_records);
	uint64_t bytes = share(w, ceiling(w));
	uint64_t in_flight = fby_acks_in_flight(&ln->acks);

	if (ln->open >= limit || in_flight >= records ||
	    ln->open_bytes >= bytes)
		ln->closed = true;
	else if (is_low(ln->open, limit) && is_low(in_flight, records) &&
	    is_low(ln->open_bytes, bytes))
		ln->closed = false;
	return ln->closed;
}

/* One of the next records is suspected of killing workers. */
static bool
is_isolated(const struct fby_lane *ln)
{
	return ln->acks.position < ln->isolate_until || ln->poison != FBY_NONE;
}

size_t
fby_budget_get(struct fby_lane *ln)
{
	struct fby_worker *w = ln->w;
	uint64_t n = FBY_MIN((uint64_t)fby_manifest_batch_size(w->m),
	    FBY_BATCH_MAX);
	uint64_t bytes;

	if (ln->state == FBY_LANE_DRAINING || ln->pending != NULL ||
	    ln->suspects > 0 || fby_budget_check(w) || lane_is_closed(ln))
		return 0;
	if (is_isolated(ln))
		return fby_acks_in_flight(&ln->acks) == 0 ? 1 : 0;
	n = FBY_MIN(n, left(concurrency(w), ln->open));
	n = FBY_MIN(n,
	    left((uint64_t)w->m->host.memory.max_records, w->budget->records));
	n = FBY_MIN(n,
	    left(share(w, w->m->host.memory.max_records),
		fby_acks_in_flight(&ln->acks)));
	bytes = left(share(w, ceiling(w)), ln->open_bytes);
	bytes = FBY_MIN(bytes,
	    left((uint64_t)ceiling(w), w->budget->open_bytes));
	/* What a record weighs is a guess: one is always allowed. */
	if (ln->record_bytes > 0)
		n = FBY_MIN(n,
		    bytes / (ln->record_bytes * w->budget->weight) + 1);
	return n;
}

void
fby_budget_refused(struct fby_lane *ln)
{
	ln->is_starved = true;
	if (ln->is_hungry || !ln->w->budget->closed ||
	    fby_acks_in_flight(&ln->acks) > 0)
		return;
	ln->is_hungry = true;
	ln->w->budget->nhungry++;
}

void
fby_budget_served(struct fby_lane *ln)
{
	ln->w->budget->nhungry -= ln->is_hungry;
	ln->is_hungry = false;
}

void
fby_budget_offer(struct fby_lane *ln)
{
	if (ln->is_starved && fby_budget_get(ln) > 0)
		ln->w->budget->wake(ln);
}
