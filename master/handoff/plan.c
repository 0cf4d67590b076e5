/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker is to hold which partition; see plan.h.
 */
#include "shared/fby.h"

#include "master/handoff/plan.h"

#include "shared/base/log.h"
#include "shared/base/mem.h"

#include "master/handoff/assign.h"
#include "master/handoff/handoff_own.h"
#include "master/handoff/suspicion.h"

#define SLICE 500 /* grants and moves: a millisecond or two */

static bool
is_ready(const struct fby_handoff_plan *pl, uint32_t slot)
{
	for (size_t i = 0; i < pl->nslots; i++)
		if (pl->slots[i] == slot)
			return pl->ready[i];
	return fby_handoff_is_listed(pl->canaries, pl->ncanaries, slot);
}

/* What the balance is about: ours, not on its way out, not under suspicion. */
static bool
is_ordinary(const struct fby_part *pt)
{
	return !pt->leaving && pt->has_row &&
	    !fby_poison_is_suspect(&pt->poison) && pt->state != FBY_ROW_FREE &&
	    pt->state != FBY_ROW_RELEASED && pt->state != FBY_ROW_QUARANTINED;
}

bool
fby_plan_make(struct fby_handoff *h, const struct fby_handoff_plan *pl)
{
	struct fby_assign_part *ap = fby_calloc(h->nparts, sizeof(*ap));
	struct fby_part **pts = fby_calloc(h->nparts, sizeof(*pts));
	size_t n = 0, told = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (!is_ordinary(pt))
			continue;
		ap[n].held = fby_handoff_is_held(pt);
		ap[n].holder = pt->moving_to != FBY_NOSLOT ? pt->moving_to :
							     pt->slot;
		pts[n++] = pt;
	}
	fby_assign_plan_canary(ap, n, pl->slots, pl->nslots, pl->canaries,
	    pl->ncanaries,
	    pl->ncanaries ? fby_assign_quota(n, pl->canary_share) : 0);
	for (size_t i = 0; i < n && told < SLICE; i++) {
		struct fby_part *pt = pts[i];
		uint32_t target = ap[i].target;

		if (!is_ready(pl, target))
			continue;
		if (pt->state == FBY_ROW_IDLE)
			fby_handoff_grant(h, pt, target);
		else if (pt->state == FBY_ROW_HELD && target != pt->slot)
			fby_handoff_move(h, pt, target, pl->drain_ms);
		else
			continue;
		told++;
	}
	free(pts);
	free(ap);
	fby_suspicion_plan(h, pl);
	return told == SLICE;
}

/* What could not be read has moved, or is at its end. */
static void
watch_failed(const struct fby_handoff *h, struct fby_part *pt)
{
	const struct fby_ledger_row *row = fby_handoff_row(h, pt);

	if (pt->failures == 0 || pt->state != FBY_ROW_HELD ||
	    (fby_handoff_acked(h, pt) <= pt->failed_at &&
		!(fby_load(&row->flags) & FBY_ROW_AT_END)))
		return;
	fby_notice("partition %s/%d: can be read again, after %u attempts",
	    pt->topic, pt->partition, pt->failures);
	pt->failures = 0;
}

void
fby_plan_watch(struct fby_handoff *h, int64_t now, int64_t limit_ms)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		watch_failed(h, &h->parts[i]);
	fby_suspicion_watch(h, now, limit_ms);
}
