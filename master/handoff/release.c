/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A holder has released a partition, or is dead: what it has left is taken
 * over, and what follows is decided; see handoff.h.
 */
#include "shared/fby.h"

#include "master/handoff/handoff.h"

#include "shared/base/log.h"
#include "shared/base/units.h"

#include "master/handoff/handoff_own.h"

/* Whatever was read and is not done will be read again: how much of it now. */
static uint64_t
count_returned(struct fby_ledger_row *row)
{
	uint64_t done = fby_load(&row->delivered) + fby_load(&row->fallback) +
	    fby_load(&row->dead_lettered) + fby_load(&row->dropped);
	uint64_t read = fby_load(&row->read);
	uint64_t before = fby_load(&row->returned);

	if (FBY_COUNT_IF(done > read))
		return 0;
	fby_store(&row->returned, read - done);
	return read - done > before ? read - done - before : 0;
}

/*
 * Everything from the cut on is to be read again, and is void where it was
 * committed: a new holder would find that out, but later.
 */
static void
go_back(struct fby_handoff *h, struct fby_part *pt)
{
	int64_t at = FBY_MIN(FBY_MAX(pt->cut_at, pt->log_start), pt->acked);

	h->cuts++;
	fby_warn("partition %s/%d: its log was cut and has other records from "
		 "%" PRId64 " on; %" PRId64 " was the next to be acked, going "
		 "on from %" PRId64,
	    pt->topic, pt->partition, pt->cut_at, pt->acked, at);
	if (at < pt->acked)
		pt->epoch_before = -1;
	pt->acked = pt->cut_at = at;
	fby_poison_clear(&pt->poison);
	if (pt->committed > at) {
		pt->cut_from = pt->committed;
		fby_handoff_set_committed(h, pt, at, pt->committed_watermark);
	}
	fby_handoff_write(h, pt);
}

/*
 * What a holder has left is taken over, once.  It is not believed unseen, as
 * commit.c does not: a wild store must not make its successor skip records.
 * Those from the last offset that is known to be good are repeated.
 */
static void
take_over(struct fby_handoff *h, struct fby_part *pt)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);
	int64_t watermark = fby_acquire(&row->watermark);
	int64_t acked = fby_acquire(&row->acked);
	int32_t epoch = fby_handoff_epoch_before(h, pt);
	int64_t high = fby_load(&row->high);

	if (FBY_COUNT_IF(!fby_handoff_is_credible(h, pt, acked))) {
		int64_t good = FBY_MAX(pt->start, pt->committed);
		char committed[FBY_UNITS_OFFSET], end[FBY_UNITS_OFFSET];

		fby_error("partition %s/%d: its holder left %" PRId64
			  " as acked, but %s is committed and the log ends at "
			  "%s; going on from %" PRId64,
		    pt->topic, pt->partition, acked,
		    fby_units_offset_text(committed, pt->committed,
			"no offset"),
		    fby_units_offset_text(end, high, "an unknown offset"),
		    good);
		pt->acked = good;
		pt->epoch_before = -1;
	} else {
		pt->acked = acked;
		pt->epoch_before = epoch;
		pt->high = high;
		pt->watermark = FBY_MAX(pt->watermark,
		    fby_handoff_believed(h, watermark));
	}
	if (pt->no_watermark)
		pt->watermark = FBY_NONE;
	fby_handoff_write(h, pt);
}

/* The broker knows best where to go on; we know how far it is at least. */
static void
ask(struct fby_handoff *h, struct fby_part *pt, const char *why, bool soon)
{
	/* What it had acked means nothing in a topic made anew. */
	pt->resume = pt->anew ? FBY_NONE : pt->acked;
	fby_handoff_resolve(h, pt, why, soon);
}

void
fby_handoff_go_on(struct fby_handoff *h, struct fby_part *pt, const char *why)
{
	pt->quarantined = false;
	if (h->ask)
		ask(h, pt, why, true);
	else
		fby_handoff_set_state(h, pt, FBY_ROW_IDLE, why);
}

/* A skip had to wait for this. */
static void
finish_skip(struct fby_handoff *h, struct fby_part *pt)
{
	int64_t offset = pt->skip;
	/* Its release may have taken `acked` to the end of a gap. */
	bool done = !pt->lost && !pt->anew &&
	    (pt->acked == pt->skip_from || pt->acked == offset);

	if (offset == FBY_NONE)
		return;
	pt->skip = FBY_NONE;
	if (done) {
		fby_handoff_leave_out(h, pt, offset, pt->skip_last);
		pt->quarantined = false;
	}
	h->ops->skipped(h->arg, pt, offset, done);
}

/* Nobody holds it any more: what now? */
static void
unhold(struct fby_handoff *h, struct fby_part *pt, bool is_cut, const char *why)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);

	take_over(h, pt);
	if (is_cut)
		go_back(h, pt);
	pt->isolated = false;
	pt->granted_at = 0;
	pt->release_by = 0;
	pt->unfinished = count_returned(row);
	finish_skip(h, pt);
	if (pt->leaving) {
		fby_handoff_leave(h, pt, why);
		return;
	}
	if (pt->moving_to != FBY_NOSLOT)
		pt->slot = pt->moving_to;
	pt->moving_to = FBY_NOSLOT;
	if (pt->again || (h->ask && !pt->quarantined)) {
		/* Not at once: what cannot be read may go on so. */
		bool soon = !pt->again;

		pt->again = pt->quarantined = false;
		ask(h, pt, why, soon);
		return;
	}
	pt->start = pt->acked;
	fby_poison_moved(&pt->poison, pt->start);
	if (pt->quarantined) {
		h->quarantined++;
		fby_handoff_set_state(h, pt, FBY_ROW_QUARANTINED,
		    "poison pill");
		h->ops->alarm(h->arg);
	} else {
		fby_handoff_set_state(h, pt, FBY_ROW_IDLE, why);
	}
	h->ops->plan(h->arg);
}

/* Its holder cannot read it: said once, however often it is tried. */
static void
failed(struct fby_handoff *h, struct fby_part *pt)
{
	int64_t acked = fby_handoff_acked(h, pt);

	if (pt->failures == 0 || acked != pt->failed_at) {
		fby_warn("partition %s/%d: cannot be read now; its start "
			 "offset is asked for anew, more and more seldom",
		    pt->topic, pt->partition);
		pt->failures = 0;
	}
	pt->failures++;
	pt->failed_at = acked;
	pt->ask_at = 0;
	pt->again = true;
}

void
fby_handoff_cut(struct fby_handoff *h, uint32_t slot, uint32_t nrow,
    uint64_t epoch, int64_t cut_at)
{
	struct fby_part *pt = nrow < h->nparts ? &h->parts[nrow] : NULL;

	if (pt && fby_handoff_is_held(pt) && pt->slot == slot &&
	    pt->epoch == epoch)
		pt->cut_at = FBY_MAX(cut_at, 0);
}

void
fby_handoff_released(struct fby_handoff *h, uint32_t slot, uint32_t nrow,
    uint64_t epoch, uint32_t reason)
{
	bool is_cut = reason == FBY_RELEASE_CUT;
	struct fby_part *pt;

	if (nrow >= h->nparts)
		goto stale;
	pt = &h->parts[nrow];
	if (!fby_handoff_is_held(pt) || pt->slot != slot || pt->epoch != epoch)
		goto stale;
	if (reason == FBY_RELEASE_RANGE) {
		fby_warn("partition %s/%d: the broker no longer has the offset "
			 "that was to be read",
		    pt->topic, pt->partition);
		pt->again = true;
	} else if (is_cut) {
		pt->again = true;
	} else if (reason == FBY_RELEASE_FAILED) {
		failed(h, pt);
	}
	unhold(h, pt, is_cut, "released");
	return;
stale:
	h->stale++;
	fby_warn("slot %u released row %u of epoch %" PRIu64
		 ", which it does not hold; ignored",
	    slot, nrow, epoch);
}

void
fby_handoff_holder_gone(struct fby_handoff *h, uint32_t slot)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		if (fby_handoff_is_held(&h->parts[i]) &&
		    h->parts[i].slot == slot)
			unhold(h, &h->parts[i], false, "holder died");
}
