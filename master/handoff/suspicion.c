/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions whose records may kill workers; see suspicion.h.
 */
#include "shared/fby.h"

#include "master/handoff/suspicion.h"

#include "shared/base/log.h"

#include "master/handoff/handoff_own.h"

/* The record that has been condemned, or killed once more after that. */
static void
condemn(struct fby_handoff *h, struct fby_part *pt,
    enum fby_poison_verdict verdict)
{
	const struct fby_poison *p = &pt->poison;

	if (verdict == FBY_POISON_CONDEMNED && h->has_dead_letter) {
		fby_error("partition %s/%d: the record at offset %" PRId64
			  " has killed its worker %u times; it goes to the "
			  "dead-letter topic",
		    pt->topic, pt->partition, p->culprit, p->kills);
		return;
	}
	pt->quarantined = true;
	fby_error("partition %s/%d: the record at offset %" PRId64
		  " has killed its worker %u times%s; the partition is held "
		  "back, `forebay skip %s/%d@%" PRId64 "` goes on without it",
	    pt->topic, pt->partition, p->culprit, p->kills,
	    verdict == FBY_POISON_INCURABLE ?
		", the last time on its way to the dead-letter topic" :
		"",
	    pt->topic, pt->partition, p->culprit);
}

/* The holder has died: draw the conclusions for one of its partitions. */
static void
conclude(struct fby_handoff *h, struct fby_part *pt,
    const struct fby_poison_death *d)
{
	enum fby_poison_verdict verdict = fby_poison_died(&pt->poison, d,
	    h->poison_kills);
	const struct fby_poison *p = &pt->poison;

	switch (verdict) {
	case FBY_POISON_INNOCENT:
		break;
	case FBY_POISON_SUSPECT:
		fby_warn("partition %s/%d: its worker has died again at offset "
			 "%" PRId64 "; up to %" PRId64 " its records are "
			 "handed out one at a time, in a worker of its own",
		    pt->topic, pt->partition, p->acked, p->until);
		break;
	case FBY_POISON_KILLER:
		fby_warn("partition %s/%d: the record at offset %" PRId64
			 " has killed its worker, %u of %u times",
		    pt->topic, pt->partition, p->culprit, p->kills,
		    h->poison_kills);
		break;
	case FBY_POISON_CONDEMNED:
	case FBY_POISON_INCURABLE:
		condemn(h, pt, verdict);
		break;
	}
}

/* How many of its partitions had records in flight. */
static size_t
count_busy(const struct fby_handoff *h, uint32_t slot)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += fby_handoff_is_held(&h->parts[i]) &&
		    h->parts[i].slot == slot &&
		    fby_load(&fby_handoff_row(h, &h->parts[i])->in_flight) > 0;
	return n;
}

/*
 * A row that its holder has spoilt is no evidence: nobody is condemned by it,
 * and no record passed over.  What is done about the row, distrust() says.
 */
static bool
is_credible(const struct fby_handoff *h, const struct fby_part *pt,
    const struct fby_poison_death *d)
{
	return d->acked >= pt->start && d->position >= d->acked &&
	    d->position <= fby_handoff_high(h, pt) &&
	    d->in_flight <= (uint64_t)(d->position - d->acked);
}

void
fby_suspicion_died(struct fby_handoff *h, uint32_t slot, uint32_t nrow,
    int64_t offset)
{
	size_t busy = count_busy(h, slot);

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];
		const struct fby_ledger_row *row = fby_handoff_row(h, pt);
		struct fby_poison_death d;

		if (!fby_handoff_is_held(pt) || pt->slot != slot)
			continue;
		/* Its writer is gone: nothing moves any more. */
		d = (struct fby_poison_death){
			.acked = fby_acquire(&row->acked),
			.position = fby_acquire(&row->position),
			.in_flight = fby_load(&row->in_flight),
			.handed = nrow == i ? offset : FBY_NONE,
			.at_end = fby_load(&row->flags) & FBY_ROW_AT_END,
			.alone = pt->isolated && busy == 1,
		};
		if (!pt->lost && is_credible(h, pt, &d))
			conclude(h, pt, &d);
	}
	fby_handoff_holder_gone(h, slot);
}

/* Suspects that are not being given away, or cannot be given out at all. */
static bool
is_suspect(const struct fby_part *pt)
{
	return !pt->leaving && fby_poison_is_suspect(&pt->poison) &&
	    (pt->state == FBY_ROW_IDLE || fby_handoff_is_held(pt));
}

/* Nobody is in it, or on the way to it. */
static bool
is_empty(const struct fby_handoff *h, uint32_t slot)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		if (h->parts[i].moving_to == slot)
			return false;
	return fby_handoff_count_slot(h, slot) == 0;
}

/* The suspect whose turn it is; NULL: all are in an isolation worker. */
static struct fby_part *
next_suspect(struct fby_handoff *h, const struct fby_handoff_plan *pl)
{
	struct fby_part *first = NULL;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		/* Held elsewhere: in an isolation worker that is being
		 * replaced. */
		if (!is_suspect(pt) || pt->state == FBY_ROW_REVOKING ||
		    (pt->state == FBY_ROW_HELD &&
			fby_handoff_is_listed(pl->isolation, pl->nisolation,
			    pt->slot)))
			continue;
		if (first == NULL ||
		    fby_poison_goes_first(&pt->poison, &first->poison))
			first = pt;
	}
	return first;
}

/* An isolation worker takes one suspect at a time. */
void
fby_suspicion_plan(struct fby_handoff *h, const struct fby_handoff_plan *pl)
{
	for (size_t i = 0; i < pl->nisolation; i++) {
		struct fby_part *pt;

		if (!is_empty(h, pl->isolation[i]))
			continue;
		if ((pt = next_suspect(h, pl)) == NULL)
			return;
		if (pt->state == FBY_ROW_IDLE)
			fby_handoff_grant(h, pt, pl->isolation[i]);
		else
			fby_handoff_move(h, pt, pl->isolation[i], pl->drain_ms);
	}
}

void
fby_suspicion_policy(struct fby_handoff *h, unsigned poison_kills,
    bool has_dead_letter)
{
	bool new = has_dead_letter && !h->has_dead_letter, any = false;

	h->poison_kills = poison_kills;
	h->has_dead_letter = has_dead_letter;
	for (uint32_t i = 0; new &&i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state != FBY_ROW_QUARANTINED)
			continue;
		fby_handoff_go_on(h, pt, "there is a dead-letter topic");
		any = true;
	}
	if (!any)
		return;
	h->ops->alarm(h->arg);
	h->ops->plan(h->arg);
}

size_t
fby_suspicion_count(const struct fby_handoff *h)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += is_suspect(&h->parts[i]);
	return n;
}

void
fby_suspicion_watch(struct fby_handoff *h, int64_t now, int64_t limit_ms)
{
	bool waiting = false, changed = false;

	for (uint32_t i = 0; i < h->nparts; i++)
		waiting |= is_suspect(&h->parts[i]) &&
		    h->parts[i].state == FBY_ROW_IDLE;
	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (!pt->isolated || pt->state != FBY_ROW_HELD)
			continue;
		if (pt->granted_at == 0)
			pt->granted_at = now;
		if (fby_poison_moved(&pt->poison, fby_handoff_acked(h, pt))) {
			changed = true;
			fby_notice("partition %s/%d: under suspicion no longer",
			    pt->topic, pt->partition);
		} else if (waiting && fby_poison_is_suspect(&pt->poison) &&
		    now - pt->granted_at > limit_ms) {
			changed = true;
			fby_poison_let_go(&pt->poison);
			fby_notice("partition %s/%d: has killed no worker for "
				   "a while; makes room for the next suspect",
			    pt->topic, pt->partition);
		}
	}
	if (changed)
		h->ops->plan(h->arg);
}
