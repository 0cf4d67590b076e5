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

	/* It may have failed before, or found no room. */
	fby_aside_acquit(rec);
	push(ln, rec);
	if (event_pending(&ln->ev_due, EV_TIMEOUT, NULL) && ln->due <= rec->due)
		return;
	ln->due = rec->due;
	event_add(&ln->ev_due, &tv);
}

bool
fby_aside_is_all(const struct fby_lane *ln, int64_t after)
{
	/* Of what was made of one record others may be with a sink. */
	for (size_t i = 0; i < ln->nfailed; i++)
		if (ln->failed[i]->due <= after ||
		    fby_derived_root(ln->failed[i]) != ln->failed[i])
			return false;
	return ln->nfailed > 0 && ln->nfailed == ln->open;
}

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
