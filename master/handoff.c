/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition's way through our hands; see handoff.h.
 */
#include "shared/fby.h"

#include "master/handoff.h"

#include "shared/log.h"
#include "shared/mem.h"
#include "shared/str.h"

#include "master/assign.h"

#define TO(s) (1u << FBY_ROW_##s)

/* From each state: the states that may follow. */
static const unsigned may_follow[FBY_ROW_NSTATES] = {
	[FBY_ROW_FREE] = TO(RESOLVING),
	[FBY_ROW_RESOLVING] = TO(IDLE) | TO(RELEASED) | TO(FREE),
	[FBY_ROW_IDLE] = TO(HELD) | TO(RELEASED) | TO(FREE) | TO(RESOLVING),
	[FBY_ROW_HELD] = TO(REVOKING) | TO(IDLE) | TO(RESOLVING) |
	    TO(RELEASED) | TO(FREE) | TO(QUARANTINED),
	[FBY_ROW_REVOKING] = TO(IDLE) | TO(RESOLVING) | TO(RELEASED) |
	    TO(FREE) | TO(QUARANTINED),
	[FBY_ROW_RELEASED] = TO(FREE),
	[FBY_ROW_QUARANTINED] = TO(IDLE) | TO(RESOLVING) | TO(RELEASED) |
	    TO(FREE),
};

static struct fby_ledger_row *
row_of(const struct fby_handoff *h, const struct fby_part *pt)
{
	return &h->shm->rows[pt->row];
}

/* The only writer of a part's state. */
static void
set_state(struct fby_handoff *h, struct fby_part *pt, enum fby_row_state to,
    const char *why)
{
	FBY_BUG_ON(!(may_follow[pt->state] & 1u << to));
	fby_debug("partition %s/%d: %s -> %s (%s, epoch %" PRIu64 ")",
	    pt->topic, pt->partition, fby_row_state_name(pt->state),
	    fby_row_state_name(to), why, pt->epoch);
	pt->state = to;
	fby_store(&row_of(h, pt)->state, to);
	if (to != FBY_ROW_HELD && to != FBY_ROW_REVOKING)
		fby_release(&row_of(h, pt)->slot, FBY_NOSLOT);
}

static bool
is_held(const struct fby_part *pt)
{
	return pt->state == FBY_ROW_HELD || pt->state == FBY_ROW_REVOKING;
}

void
fby_handoff_init(struct fby_handoff *h, struct fby_shm *shm,
    const struct fby_handoff_ops *ops, void *arg)
{
	memset(h, 0, sizeof(*h));
	h->shm = shm;
	h->ops = ops;
	h->arg = arg;
	h->nparts = shm->head->nrows;
	h->parts = fby_calloc(h->nparts, sizeof(*h->parts));
	for (uint32_t i = 0; i < h->nparts; i++) {
		h->parts[i].row = i;
		h->parts[i].slot = h->parts[i].moving_to = FBY_NOSLOT;
		h->parts[i].resume = h->parts[i].skip = FBY_NONE;
		fby_poison_clear(&h->parts[i].poison);
	}
}

void
fby_handoff_fini(struct fby_handoff *h)
{
	free(h->parts);
	memset(h, 0, sizeof(*h));
}

/* ---- leaving ---------------------------------------------------------- */

static void
resolve(struct fby_handoff *h, struct fby_part *pt, const char *why, bool soon)
{
	pt->round++;
	set_state(h, pt, FBY_ROW_RESOLVING, why);
	h->ops->resolve(h->arg, soon);
}

static void
set_free(struct fby_handoff *h, struct fby_part *pt, const char *why)
{
	set_state(h, pt, FBY_ROW_FREE, why);
	h->ops->left(h->arg);
	pt->leaving = pt->lost = pt->again = pt->anew = false;
	pt->moving_to = FBY_NOSLOT;
	pt->resume = FBY_NONE;
	pt->failures = 0;
	fby_poison_clear(&pt->poison);
	if (pt->quarantined) {
		pt->quarantined = false;
		h->ops->alarm(h->arg);
	}
	if (!pt->wanted)
		return;
	pt->wanted = false;
	resolve(h, pt, "assigned meanwhile", true);
}

static bool
is_committed(const struct fby_handoff *h, const struct fby_part *pt)
{
	const struct fby_ledger_row *row = row_of(h, pt);

	return fby_acquire(&row->acked) <= fby_load(&row->committed);
}

/* Nobody holds it and it is to go: at once, or after its last commit. */
static void
leave(struct fby_handoff *h, struct fby_part *pt, const char *why)
{
	/* What was acked before a new resolution is not committed yet. */
	if (pt->lost || pt->anew ||
	    (pt->state == FBY_ROW_RESOLVING && pt->resume == FBY_NONE)) {
		set_free(h, pt, why);
		return;
	}
	set_state(h, pt, FBY_ROW_RELEASED, why);
	if (is_committed(h, pt))
		set_free(h, pt, "nothing to commit");
	else
		h->ops->commit(h->arg);
}

static void
revoke_part(struct fby_handoff *h, struct fby_part *pt, bool lost,
    int64_t drain_ms)
{
	pt->leaving = true;
	pt->wanted = false;
	pt->lost |= lost;
	h->lost += lost;
	switch (pt->state) {
	case FBY_ROW_HELD:
		set_state(h, pt, FBY_ROW_REVOKING, lost ? "lost" : "revoked");
		h->ops->revoke(h->arg, pt, lost ? 0 : drain_ms);
		break;
	case FBY_ROW_REVOKING:
		/* On the move already; perhaps less time than it was told. */
		h->ops->revoke(h->arg, pt, lost ? 0 : drain_ms);
		break;
	case FBY_ROW_RELEASED:
		if (lost)
			set_free(h, pt, "lost");
		break;
	case FBY_ROW_RESOLVING:
	case FBY_ROW_IDLE:
	case FBY_ROW_QUARANTINED:
		leave(h, pt, lost ? "lost" : "revoked");
		break;
	case FBY_ROW_FREE:
	case FBY_ROW_NSTATES:
		pt->leaving = pt->lost = false;
		break;
	}
}

void
fby_handoff_revoke(struct fby_handoff *h, const char *topic, int32_t partition,
    bool lost, int64_t drain_ms)
{
	uint32_t row = fby_shm_find(h->shm, topic, partition);

	/* Without a row it never was consumed. */
	if (row != FBY_NOROW)
		revoke_part(h, &h->parts[row], lost, drain_ms);
}

void
fby_handoff_revoke_all(struct fby_handoff *h, bool lost, int64_t drain_ms)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		if (h->parts[i].state != FBY_ROW_FREE)
			revoke_part(h, &h->parts[i], lost, drain_ms);
}

void
fby_handoff_let_go(struct fby_handoff *h, uint32_t row)
{
	struct fby_part *pt = &h->parts[row];

	if (pt->state != FBY_ROW_RELEASED)
		return;
	h->lost++;
	set_free(h, pt, "let go");
}

void
fby_handoff_committed(struct fby_handoff *h)
{
	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state == FBY_ROW_RELEASED && is_committed(h, pt))
			set_free(h, pt, "committed");
	}
}

static void
anew(struct fby_handoff *h, struct fby_part *pt, int64_t drain_ms)
{
	switch (pt->state) {
	case FBY_ROW_HELD:
		pt->again = true;
		set_state(h, pt, FBY_ROW_REVOKING, "its topic is another one");
		h->ops->revoke(h->arg, pt, drain_ms);
		break;
	case FBY_ROW_REVOKING:
		pt->again = true;
		break;
	case FBY_ROW_RESOLVING:
		/* The answers under way may be those of the topic before. */
		pt->round++;
		pt->resume = FBY_NONE;
		h->ops->resolve(h->arg, true);
		break;
	case FBY_ROW_QUARANTINED:
		pt->quarantined = false;
		resolve(h, pt, "its topic is another one", true);
		h->ops->alarm(h->arg);
		break;
	case FBY_ROW_IDLE:
		resolve(h, pt, "its topic is another one", true);
		break;
	case FBY_ROW_RELEASED:
		set_free(h, pt, "its topic is another one");
		return;
	case FBY_ROW_FREE:
	case FBY_ROW_NSTATES:
		return;
	}
	pt->anew = true;
	pt->failures = 0;
}

void
fby_handoff_anew(struct fby_handoff *h, const char *topic, int64_t drain_ms)
{
	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state != FBY_ROW_FREE && strcmp(pt->topic, topic) == 0)
			anew(h, pt, drain_ms);
	}
}

void
fby_handoff_known(struct fby_handoff *h, const char *topic, uint64_t topic_id)
{
	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state == FBY_ROW_FREE || pt->topic_id != 0 ||
		    strcmp(pt->topic, topic) != 0)
			continue;
		pt->topic_id = topic_id;
		fby_store(&row_of(h, pt)->topic_id, topic_id);
	}
}

/* ---- coming ----------------------------------------------------------- */

int
fby_handoff_assign(struct fby_handoff *h, const char *topic, int32_t partition)
{
	uint32_t row = fby_shm_row(h->shm, topic, partition);
	struct fby_part *pt;

	if (row == FBY_NOROW)
		return -1;
	pt = &h->parts[row];
	/* Not quite gone yet; it is resolved when it is. */
	if (pt->leaving) {
		pt->wanted = true;
		return 0;
	}
	if (FBY_COUNT_IF(pt->state != FBY_ROW_FREE))
		return 0;
	pt->topic = fby_shm_name(h->shm, h->shm->rows[row].topic_off);
	pt->partition = partition;
	resolve(h, pt, "assigned", true);
	return 0;
}

void
fby_handoff_resolved(struct fby_handoff *h, struct fby_part *pt, int64_t start,
    int64_t watermark)
{
	struct fby_ledger_row *row = row_of(h, pt);

	FBY_BUG_ON(pt->state != FBY_ROW_RESOLVING);
	pt->start = start;
	pt->watermark = watermark;
	pt->resume = FBY_NONE;
	if (pt->anew)
		fby_poison_clear(&pt->poison);
	pt->anew = false;
	fby_poison_moved(&pt->poison, start);
	/* Nobody holds it, so all of its lines are the master's to write. */
	fby_store(&row->watermark, watermark);
	fby_store(&row->position, start);
	fby_store(&row->in_flight, 0);
	fby_store(&row->oldest_at, 0);
	fby_store(&row->flags, 0);
	fby_release(&row->acked, start);
	set_state(h, pt, FBY_ROW_IDLE, "start offset known");
	h->ops->plan(h->arg);
}

/* ---- from the workers ------------------------------------------------- */

/* Whatever was read and is not done will be read again. */
static void
count_returned(struct fby_ledger_row *row)
{
	uint64_t done = fby_load(&row->delivered) + fby_load(&row->fallback) +
	    fby_load(&row->dead_lettered) + fby_load(&row->dropped);
	uint64_t read = fby_load(&row->read);

	if (!FBY_COUNT_IF(done > read))
		fby_store(&row->returned, read - done);
}

/* Nobody holds it: leave out the record, which it was read for. */
static void
leave_out(struct fby_handoff *h, struct fby_part *pt, int64_t offset)
{
	struct fby_ledger_row *row = row_of(h, pt);

	fby_bump(&row->read, 1);
	fby_bump(&row->dropped, 1);
	fby_release(&row->acked, offset + 1);
	fby_poison_moved(&pt->poison, offset + 1);
	h->skipped++;
}

/* A skip had to wait for this. */
static void
finish_skip(struct fby_handoff *h, struct fby_part *pt)
{
	int64_t offset = pt->skip, acked = fby_acquire(&row_of(h, pt)->acked);
	/* Its release may have taken `acked` to the end of a gap. */
	bool done = !pt->lost && !pt->anew &&
	    (acked == pt->skip_from || acked == offset);

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
 * What a holder has left is not believed unseen, as commit.c does not: a wild
 * store must not make its successor skip records.  Those from the last offset
 * that is known to be good are repeated.
 */
static void
distrust(struct fby_handoff *h, struct fby_part *pt)
{
	struct fby_ledger_row *row = row_of(h, pt);
	int64_t acked = fby_acquire(&row->acked);
	int64_t committed = fby_load(&row->committed);
	int64_t good = FBY_MAX(pt->start, committed);

	if (!FBY_COUNT_IF(acked < committed || acked > fby_load(&row->high)))
		return;
	fby_error("partition %s/%d: its holder left %" PRId64 " as acked, but "
		  "%" PRId64 " is committed and the log ends at %" PRId64
		  "; going on from %" PRId64,
	    pt->topic, pt->partition, acked, committed, fby_load(&row->high),
	    good);
	fby_store(&row->watermark, pt->watermark);
	fby_release(&row->acked, good);
}

/* The broker knows best where to go on; we know how far it is at least. */
static void
ask(struct fby_handoff *h, struct fby_part *pt, const char *why, bool soon)
{
	/* What it had acked means nothing in a topic made anew. */
	pt->resume = pt->anew ? FBY_NONE : fby_acquire(&row_of(h, pt)->acked);
	resolve(h, pt, why, soon);
}

/* It is held back no more. */
static void
go_on(struct fby_handoff *h, struct fby_part *pt, const char *why)
{
	pt->quarantined = false;
	if (h->ask)
		ask(h, pt, why, true);
	else
		set_state(h, pt, FBY_ROW_IDLE, why);
}

/* Nobody holds it any more: what now? */
static void
unhold(struct fby_handoff *h, struct fby_part *pt, const char *why)
{
	struct fby_ledger_row *row = row_of(h, pt);

	distrust(h, pt);
	fby_store(&row->in_flight, 0);
	fby_store(&row->oldest_at, 0);
	pt->isolated = false;
	pt->granted_at = 0;
	pt->release_by = 0;
	count_returned(row);
	finish_skip(h, pt);
	if (pt->leaving) {
		leave(h, pt, why);
		return;
	}
	if (pt->moving_to != FBY_NOSLOT)
		pt->slot = pt->moving_to;
	pt->moving_to = FBY_NOSLOT;
	pt->watermark = fby_load(&row->watermark);
	if (pt->again || (h->ask && !pt->quarantined)) {
		/* Not at once: what cannot be read may go on so. */
		bool soon = !pt->again;

		pt->again = pt->quarantined = false;
		ask(h, pt, why, soon);
		return;
	}
	pt->start = fby_acquire(&row->acked);
	fby_poison_moved(&pt->poison, pt->start);
	fby_store(&row->position, pt->start);
	if (pt->quarantined) {
		h->quarantined++;
		set_state(h, pt, FBY_ROW_QUARANTINED, "poison pill");
		h->ops->alarm(h->arg);
	} else {
		set_state(h, pt, FBY_ROW_IDLE, why);
	}
	h->ops->plan(h->arg);
}

/* Its holder cannot read it: said once, however often it is tried. */
static void
failed(struct fby_handoff *h, struct fby_part *pt)
{
	int64_t acked = fby_acquire(&row_of(h, pt)->acked);

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
fby_handoff_released(struct fby_handoff *h, uint32_t slot, uint32_t nrow,
    uint64_t epoch, uint32_t reason)
{
	struct fby_part *pt;

	if (nrow >= h->nparts)
		goto stale;
	pt = &h->parts[nrow];
	if (!is_held(pt) || pt->slot != slot || pt->epoch != epoch)
		goto stale;
	if (reason == FBY_RELEASE_RANGE) {
		fby_warn("partition %s/%d: the broker no longer has the offset "
			 "that was to be read",
		    pt->topic, pt->partition);
		pt->again = true;
	} else if (reason == FBY_RELEASE_FAILED) {
		failed(h, pt);
	}
	unhold(h, pt, "released");
	return;
stale:
	h->stale++;
	fby_warn("slot %u released row %u of epoch %" PRIu64
		 ", which it does not hold; ignored",
	    slot, nrow, epoch);
}

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
judge(struct fby_handoff *h, struct fby_part *pt,
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
		n += is_held(&h->parts[i]) && h->parts[i].slot == slot &&
		    fby_load(&h->shm->rows[i].in_flight) > 0;
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
	    d->position <= fby_load(&row_of(h, pt)->high) &&
	    d->in_flight <= (uint64_t)(d->position - d->acked);
}

void
fby_handoff_holder_died(struct fby_handoff *h, uint32_t slot, uint32_t nrow,
    int64_t offset)
{
	size_t busy = count_busy(h, slot);

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];
		const struct fby_ledger_row *row = row_of(h, pt);
		struct fby_poison_death d;

		if (!is_held(pt) || pt->slot != slot)
			continue;
		/* Its writer is gone: nothing moves any more. */
		d = (struct fby_poison_death){
			.acked = fby_acquire(&row->acked),
			.position = fby_load(&row->position),
			.in_flight = fby_load(&row->in_flight),
			.handed = nrow == i ? offset : FBY_NONE,
			.at_end = fby_load(&row->flags) & FBY_ROW_AT_END,
			.alone = pt->isolated && busy == 1,
		};
		if (!pt->lost && is_credible(h, pt, &d))
			judge(h, pt, &d);
	}
	fby_handoff_holder_gone(h, slot);
}

void
fby_handoff_holder_gone(struct fby_handoff *h, uint32_t slot)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		if (is_held(&h->parts[i]) && h->parts[i].slot == slot)
			unhold(h, &h->parts[i], "holder died");
}

const struct fby_part *
fby_handoff_overdue(const struct fby_handoff *h, uint32_t slot, int64_t now)
{
	for (uint32_t i = 0; i < h->nparts; i++) {
		const struct fby_part *pt = &h->parts[i];

		if (pt->state == FBY_ROW_REVOKING && pt->slot == slot &&
		    pt->release_by && now > pt->release_by)
			return pt;
	}
	return NULL;
}

/* ---- planning --------------------------------------------------------- */

static void
grant(struct fby_handoff *h, struct fby_part *pt, uint32_t slot)
{
	struct fby_ledger_row *row = row_of(h, pt);

	h->grants++;
	pt->isolated = fby_poison_is_suspect(&pt->poison);
	/* Before it there is no record, only a gap. */
	if (pt->poison.condemned)
		pt->start = pt->poison.culprit;
	pt->slot = slot;
	pt->epoch = fby_load(&h->shm->head->epoch) + 1;
	fby_store(&h->shm->head->epoch, pt->epoch);
	fby_release(&row->epoch, pt->epoch);
	fby_release(&row->slot, slot);
	set_state(h, pt, FBY_ROW_HELD, "granted");
	h->ops->grant(h->arg, pt);
}

static bool
is_listed(const uint32_t *slots, size_t n, uint32_t slot)
{
	for (size_t i = 0; i < n; i++)
		if (slots[i] == slot)
			return true;
	return false;
}

static bool
is_ready(const struct fby_handoff_plan *pl, uint32_t slot)
{
	for (size_t i = 0; i < pl->nslots; i++)
		if (pl->slots[i] == slot)
			return pl->ready[i];
	return is_listed(pl->canaries, pl->ncanaries, slot);
}

/* What the balance is about: ours, not on its way out, not under suspicion. */
static bool
is_ordinary(const struct fby_part *pt)
{
	return !pt->leaving && !fby_poison_is_suspect(&pt->poison) &&
	    pt->state != FBY_ROW_FREE && pt->state != FBY_ROW_RELEASED &&
	    pt->state != FBY_ROW_QUARANTINED;
}

/* Suspects that are not being given away, or cannot be given out at all. */
static bool
is_suspect(const struct fby_part *pt)
{
	return !pt->leaving && fby_poison_is_suspect(&pt->poison) &&
	    (pt->state == FBY_ROW_IDLE || is_held(pt));
}

static void
move(struct fby_handoff *h, struct fby_part *pt, uint32_t to, int64_t drain_ms)
{
	h->moves++;
	pt->moving_to = to;
	set_state(h, pt, FBY_ROW_REVOKING, "moves");
	h->ops->revoke(h->arg, pt, drain_ms);
}

/* Nobody is in it, or on the way to it. */
static bool
is_empty(const struct fby_handoff *h, uint32_t ward)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		if (h->parts[i].moving_to == ward)
			return false;
	return fby_handoff_count_slot(h, ward) == 0;
}

/* The suspect whose turn it is; NULL: all are in a ward. */
static struct fby_part *
next_suspect(struct fby_handoff *h, const struct fby_handoff_plan *pl)
{
	struct fby_part *first = NULL;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		/* Held elsewhere: in a ward that is being replaced. */
		if (!is_suspect(pt) || pt->state == FBY_ROW_REVOKING ||
		    (pt->state == FBY_ROW_HELD &&
			is_listed(pl->wards, pl->nwards, pt->slot)))
			continue;
		if (first == NULL ||
		    fby_poison_goes_first(&pt->poison, &first->poison))
			first = pt;
	}
	return first;
}

/* A ward takes one suspect at a time. */
static void
plan_suspects(struct fby_handoff *h, const struct fby_handoff_plan *pl)
{
	for (size_t i = 0; i < pl->nwards; i++) {
		struct fby_part *pt;

		if (!is_empty(h, pl->wards[i]))
			continue;
		if ((pt = next_suspect(h, pl)) == NULL)
			return;
		if (pt->state == FBY_ROW_IDLE)
			grant(h, pt, pl->wards[i]);
		else
			move(h, pt, pl->wards[i], pl->drain_ms);
	}
}

void
fby_handoff_plan(struct fby_handoff *h, const struct fby_handoff_plan *pl)
{
	struct fby_assign_part *ap = fby_calloc(h->nparts, sizeof(*ap));
	struct fby_part **pts = fby_calloc(h->nparts, sizeof(*pts));
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (!is_ordinary(pt))
			continue;
		ap[n].held = is_held(pt);
		ap[n].holder = pt->moving_to != FBY_NOSLOT ? pt->moving_to :
							     pt->slot;
		pts[n++] = pt;
	}
	fby_assign_plan_canary(ap, n, pl->slots, pl->nslots, pl->canaries,
	    pl->ncanaries,
	    pl->ncanaries ? fby_assign_quota(n, pl->canary_share) : 0);
	for (size_t i = 0; i < n; i++) {
		struct fby_part *pt = pts[i];
		uint32_t target = ap[i].target;

		if (!is_ready(pl, target))
			continue;
		if (pt->state == FBY_ROW_IDLE)
			grant(h, pt, target);
		else if (pt->state == FBY_ROW_HELD && target != pt->slot)
			move(h, pt, target, pl->drain_ms);
	}
	free(pts);
	free(ap);
	plan_suspects(h, pl);
}

void
fby_handoff_policy(struct fby_handoff *h, unsigned poison_kills,
    bool has_dead_letter)
{
	bool new = has_dead_letter && !h->has_dead_letter, any = false;

	h->poison_kills = poison_kills;
	h->has_dead_letter = has_dead_letter;
	for (uint32_t i = 0; new &&i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state != FBY_ROW_QUARANTINED)
			continue;
		go_on(h, pt, "there is a dead-letter topic");
		any = true;
	}
	if (!any)
		return;
	h->ops->alarm(h->arg);
	h->ops->plan(h->arg);
}

size_t
fby_handoff_suspects(const struct fby_handoff *h)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += is_suspect(&h->parts[i]);
	return n;
}

/* What could not be read has moved, or is at its end. */
static void
watch_failed(const struct fby_handoff *h, struct fby_part *pt)
{
	const struct fby_ledger_row *row = row_of(h, pt);

	if (pt->failures == 0 || pt->state != FBY_ROW_HELD ||
	    (fby_acquire(&row->acked) <= pt->failed_at &&
		!(fby_load(&row->flags) & FBY_ROW_AT_END)))
		return;
	fby_notice("partition %s/%d: can be read again, after %u attempts",
	    pt->topic, pt->partition, pt->failures);
	pt->failures = 0;
}

void
fby_handoff_watch(struct fby_handoff *h, int64_t now, int64_t limit_ms)
{
	bool waiting = false, changed = false;

	for (uint32_t i = 0; i < h->nparts; i++)
		waiting |= is_suspect(&h->parts[i]) &&
		    h->parts[i].state == FBY_ROW_IDLE;
	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		watch_failed(h, pt);
		if (!pt->isolated || pt->state != FBY_ROW_HELD)
			continue;
		if (pt->granted_at == 0)
			pt->granted_at = now;
		if (fby_poison_moved(&pt->poison,
			fby_acquire(&row_of(h, pt)->acked))) {
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

/* ---- by hand ---------------------------------------------------------- */

/*
 * The only record that may be skipped: nothing before it is left to be done.
 * Offsets have gaps, so a single record in flight need not be at `acked`; up
 * to what is read there is no other.
 */
static int64_t
can_skip(const struct fby_handoff *h, const struct fby_part *pt, int64_t offset)
{
	const struct fby_ledger_row *row = row_of(h, pt);
	int64_t acked = fby_acquire(&row->acked);
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
	else if (offset >= fby_load(&row_of(h, pt)->high))
		fby_str_printf(why,
		    "%s/%d has no record at offset %" PRId64
		    " yet, its log ends there",
		    topic, pt->partition, offset);
	return why->len > 0;
}

enum fby_rc
fby_handoff_skip(struct fby_handoff *h, struct fby_part *pt, int64_t offset,
    struct fby_str *why)
{
	if (explain_no_skip(h, pt, offset, why))
		return FBY_FAIL;
	if (pt->state == FBY_ROW_HELD) {
		pt->skip = offset;
		pt->skip_from = fby_acquire(&row_of(h, pt)->acked);
		set_state(h, pt, FBY_ROW_REVOKING, "skip");
		h->ops->revoke(h->arg, pt, 0);
		return FBY_AGAIN;
	}
	leave_out(h, pt, offset);
	pt->start = offset + 1;
	fby_store(&row_of(h, pt)->position, pt->start);
	if (pt->quarantined) {
		go_on(h, pt, "skipped");
		h->ops->alarm(h->arg);
	}
	h->ops->plan(h->arg);
	return FBY_DONE;
}

/* ---- counting --------------------------------------------------------- */

size_t
fby_handoff_count(const struct fby_handoff *h, enum fby_row_state state)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += h->parts[i].state == state;
	return n;
}

size_t
fby_handoff_leaving(const struct fby_handoff *h)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += h->parts[i].leaving;
	return n;
}

size_t
fby_handoff_count_slot(const struct fby_handoff *h, uint32_t slot)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += is_held(&h->parts[i]) && h->parts[i].slot == slot;
	return n;
}

size_t
fby_handoff_ours(const struct fby_handoff *h)
{
	return h->nparts - fby_handoff_count(h, FBY_ROW_FREE);
}
