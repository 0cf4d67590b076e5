/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that are set aside; see aside.h.
 */
#include "shared/fby.h"

#include "worker/aside.h"

#include <event2/event.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"

#include "worker/batch.h"
#include "worker/derived.h"
#include "worker/lane.h"

void
fby_aside_suspect(struct fby_record *rec)
{
	if (rec->suspect)
		return;
	rec->suspect = true;
	rec->b->ln->suspects++;
}

void
fby_aside_acquit(struct fby_record *rec)
{
	if (!rec->suspect)
		return;
	rec->suspect = false;
	rec->b->ln->suspects--;
}

static void
push(struct fby_lane *ln, struct fby_record *rec)
{
	if (ln->nfailed == ln->failed_cap) {
		ln->failed_cap = FBY_MAX(2 * ln->failed_cap, 16);
		ln->failed = fby_realloc(ln->failed,
		    ln->failed_cap * sizeof(ln->failed[0]));
	}
	ln->failed[ln->nfailed++] = rec;
}

void
fby_aside_add(struct fby_record *rec)
{
	fby_aside_suspect(rec);
	push(rec->b->ln, rec);
}

bool
fby_aside_is_waiting(const struct fby_lane *ln)
{
	return event_pending(&ln->ev_retry, EV_TIMEOUT, NULL);
}

void
fby_aside_wait(struct fby_lane *ln, int64_t ms)
{
	struct timeval tv = fby_clock_tv(ms);

	/* One timer for all: they were refused together, mostly. */
	if (!fby_aside_is_waiting(ln))
		event_add(&ln->ev_retry, &tv);
}

void
fby_aside_until_due(struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;
	int64_t now = fby_clock_mono();
	struct timeval tv = fby_clock_tv(FBY_MAX(rec->due - now, 0));

	push(ln, rec);
	if (event_pending(&ln->ev_due, EV_TIMEOUT, NULL) && ln->due <= rec->due)
		return;
	ln->due = rec->due;
	event_add(&ln->ev_due, &tv);
}

/* ---- what a drain need not wait for ----------------------------------- */

/* Records of the source, each once for all that was made of it. */
struct roots {
	uint64_t *seq;
	size_t n, cap;
};

static void
add_root(struct roots *r, const struct fby_record *rec)
{
	if (r->n == r->cap) {
		r->cap = FBY_MAX(2 * r->cap, 64);
		r->seq = fby_realloc(r->seq, r->cap * sizeof(r->seq[0]));
	}
	r->seq[r->n++] = fby_record_seq(fby_derived_root(rec));
}

static int
by_seq(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static size_t
count_roots(struct roots *r)
{
	size_t n = 1;

	qsort(r->seq, r->n, sizeof(r->seq[0]), by_seq);
	for (size_t i = 1; i < r->n; i++)
		n += r->seq[i] != r->seq[i - 1];
	return n;
}

bool
fby_aside_is_all(const struct fby_lane *ln, int64_t after)
{
	struct roots roots = { .seq = NULL };
	bool is_stuck = false;
	size_t n;

	for (size_t i = 0; i < ln->nfailed; i++)
		if (ln->failed[i]->due > after)
			add_root(&roots, ln->failed[i]);
	/* What the map holds up holds up what the transformer has, too. */
	for (size_t i = FBY_STAGE_COUNT; i-- > 0;) {
		const struct fby_order *o = &ln->order[i];

		is_stuck = is_stuck || fby_order_is_stuck(o, after);
		for (uint64_t at = o->head; is_stuck && at != o->tail; at++)
			add_root(&roots, fby_order_get(o, at)->rec);
	}
	n = roots.n < FBY_MAX(ln->open, 1) ? 0 : count_roots(&roots);
	free(roots.seq);
	return n > 0 && n == ln->open;
}

/* ---- handing them over ------------------------------------------------ */

static int
by_offset(const void *a, const void *b)
{
	const struct fby_record *const *x = a, *const *y = b;

	return fby_derived_compare(*x, *y);
}

struct fby_record **
fby_aside_take(struct fby_lane *ln, size_t *n)
{
	struct fby_record **recs = ln->failed;

	*n = ln->nfailed;
	qsort(recs, *n, sizeof(recs[0]), by_offset);
	ln->failed = NULL;
	ln->nfailed = ln->failed_cap = 0;
	return recs;
}
