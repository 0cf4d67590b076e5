/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on without a record; see skip.h.
 */
#include "shared/fby.h"

#include "master/skip.h"

#include "shared/str.h"

#include "master/handoff_own.h"

/* Nobody holds it: leave out the record, which it was read for. */
static void
leave_out(struct fby_handoff *h, struct fby_part *pt, int64_t offset)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);

	fby_bump(&row->read, 1);
	fby_release(&row->dropped, fby_load(&row->dropped) + 1);
	pt->acked = offset + 1;
	pt->epoch_before = -1;
	fby_handoff_write(h, pt);
	fby_poison_moved(&pt->poison, offset + 1);
	h->skipped++;
}

/* A skip had to wait for this. */
void
fby_skip_finish(struct fby_handoff *h, struct fby_part *pt)
{
	int64_t offset = pt->skip;
	/* Its release may have taken `acked` to the end of a gap. */
	bool done = !pt->lost && !pt->anew &&
	    (pt->acked == pt->skip_from || pt->acked == offset);

	if (offset == FBY_NONE)
		return;
	pt->skip = FBY_NONE;
	if (done) {
		leave_out(h, pt, offset);
		pt->quarantined = false;
	}
	h->ops->skipped(h->arg, pt, offset, done);
}

/*
 * The only record that may be skipped: nothing before it is left to be done.
 * Offsets have gaps, so a single record in flight need not be at `acked`; up
 * to what is read there is no other.
 */
static int64_t
can_skip(const struct fby_handoff *h, const struct fby_part *pt, int64_t offset)
{
	const struct fby_ledger_row *row = fby_handoff_row(h, pt);
	int64_t acked = fby_handoff_acked(h, pt);
	int64_t last = fby_load(&row->position) - 1;

	if (pt->poison.culprit >= acked)
		return pt->poison.culprit;
	if (fby_load(&row->in_flight) == 1 && offset > acked && offset <= last)
		return offset;
	return acked;
}

static bool
explain_no_skip(const struct fby_handoff *h, const struct fby_part *pt,
    int64_t offset, struct fby_str *why)
{
	const char *topic = pt->topic ? pt->topic : "";
	int64_t only = can_skip(h, pt, offset);

	if (pt->skip != FBY_NONE)
		fby_str_printf(why,
		    "%s/%d: a skip of offset %" PRId64 " is under way already",
		    topic, pt->partition, pt->skip);
	else if (pt->leaving ||
	    (pt->state != FBY_ROW_IDLE && pt->state != FBY_ROW_HELD &&
		pt->state != FBY_ROW_QUARANTINED))
		fby_str_printf(why,
		    "%s/%d is %s; a record can be skipped of what is held, "
		    "idle or held back",
		    topic, pt->partition, fby_row_state_name(pt->state));
	else if (offset != only && pt->state == FBY_ROW_QUARANTINED)
		fby_str_printf(why,
		    "%s/%d is held back at offset %" PRId64
		    ", only that one can be skipped",
		    topic, pt->partition, only);
	else if (offset != only)
		fby_str_printf(why,
		    "%s/%d has acked all before offset %" PRId64
		    ", only that one can be skipped",
		    topic, pt->partition, only);
	else if (offset >= fby_handoff_high(h, pt))
		fby_str_printf(why,
		    "%s/%d has no record at offset %" PRId64
		    " yet, its log ends there",
		    topic, pt->partition, offset);
	return why->len > 0;
}

enum fby_rc
fby_skip_record(struct fby_handoff *h, struct fby_part *pt, int64_t offset,
    struct fby_str *why)
{
	if (explain_no_skip(h, pt, offset, why))
		return FBY_FAIL;
	if (pt->state == FBY_ROW_HELD) {
		pt->skip = offset;
		pt->skip_from = fby_handoff_acked(h, pt);
		fby_handoff_set_state(h, pt, FBY_ROW_REVOKING, "skip");
		h->ops->revoke(h->arg, pt, 0);
		return FBY_AGAIN;
	}
	leave_out(h, pt, offset);
	pt->start = offset + 1;
	if (pt->quarantined) {
		fby_handoff_go_on(h, pt, "skipped");
		h->ops->alarm(h->arg);
	}
	h->ops->plan(h->arg);
	return FBY_DONE;
}
