/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on without a record; see skip.h.
 */
#include "shared/fby.h"

#include "master/handoff/skip.h"

#include "shared/base/str.h"

#include "master/handoff/handoff_own.h"

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

/* Its holder could not read it, and it is tried again from where it stands. */
static bool
is_tried_again(const struct fby_part *pt)
{
	return pt->state == FBY_ROW_RESOLVING && pt->failures > 0 &&
	    pt->resume != FBY_NONE && !pt->anew;
}

bool
fby_skip_may(const struct fby_handoff *h, const struct fby_part *pt,
    int64_t first, int64_t last, struct fby_str *why)
{
	const char *topic = pt->topic ? pt->topic : "";
	int64_t only = can_skip(h, pt, first);

	if (pt->skip != FBY_NONE)
		fby_str_printf(why,
		    "%s/%d: a skip of offset %" PRId64 " is under way already",
		    topic, pt->partition, pt->skip);
	else if (pt->leaving ||
	    (pt->state != FBY_ROW_IDLE && pt->state != FBY_ROW_HELD &&
		pt->state != FBY_ROW_QUARANTINED && !is_tried_again(pt)))
		fby_str_printf(why,
		    "%s/%d is %s; a record can be skipped of what is held, "
		    "idle or held back",
		    topic, pt->partition, fby_row_state_name(pt->state));
	else if (first != only && pt->state == FBY_ROW_QUARANTINED)
		fby_str_printf(why,
		    "%s/%d is held back at offset %" PRId64
		    ", only that one can be skipped",
		    topic, pt->partition, only);
	else if (first != only)
		fby_str_printf(why,
		    "%s/%d has acked all before offset %" PRId64
		    ", only that one can be skipped",
		    topic, pt->partition, only);
	else if (last >= fby_handoff_high(h, pt))
		fby_str_printf(why,
		    "%s/%d has no record at offset %" PRId64
		    " yet, its log ends there",
		    topic, pt->partition, last);
	return why->len == 0;
}

/* What is asked of the broker already is of the offset before. */
static void
resolve_behind(struct fby_handoff *h, struct fby_part *pt)
{
	pt->resume = pt->acked;
	pt->round++;
	pt->failures = 0;
	h->ops->resolve(h->arg, true);
}

enum fby_rc
fby_skip_records(struct fby_handoff *h, struct fby_part *pt, int64_t first,
    int64_t last, struct fby_str *why)
{
	if (!fby_skip_may(h, pt, first, last, why))
		return FBY_FAIL;
	pt->skip_last = last;
	if (pt->state == FBY_ROW_HELD) {
		pt->skip = first;
		pt->skip_from = fby_handoff_acked(h, pt);
		fby_handoff_set_state(h, pt, FBY_ROW_REVOKING, "skip");
		h->ops->revoke(h->arg, pt, 0);
		return FBY_AGAIN;
	}
	fby_handoff_leave_out(h, pt, first, last);
	if (pt->state == FBY_ROW_RESOLVING) {
		resolve_behind(h, pt);
		return FBY_DONE;
	}
	pt->start = last + 1;
	if (pt->quarantined) {
		fby_handoff_go_on(h, pt, "skipped");
		h->ops->alarm(h->arg);
	}
	h->ops->plan(h->arg);
	return FBY_DONE;
}
