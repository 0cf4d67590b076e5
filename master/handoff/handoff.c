/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition's way through our hands; see handoff.h.
 */
#include "shared/fby.h"

#include "master/handoff/handoff.h"

#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/units.h"

#include "master/handoff/assign.h"
#include "master/handoff/handoff_own.h"

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

/* The only writer of a part's state. */
void
fby_handoff_set_state(struct fby_handoff *h, struct fby_part *pt,
    enum fby_row_state to, const char *why)
{
	FBY_BUG_ON(!(may_follow[pt->state] & 1u << to));
	fby_debug("partition %s/%d: %s -> %s (%s, epoch %" PRIu64 ")",
	    pt->topic, pt->partition, fby_row_state_name(pt->state),
	    fby_row_state_name(to), why, pt->epoch);
	pt->state = to;
	fby_store(&fby_handoff_row(h, pt)->state, to);
	if (to != FBY_ROW_HELD && to != FBY_ROW_REVOKING)
		fby_release(&fby_handoff_row(h, pt)->slot, FBY_NOSLOT);
}

void
fby_handoff_init(struct fby_handoff *h, struct fby_shm *shm,
    const struct fby_handoff_ops *ops, void *arg)
{
	memset(h, 0, sizeof(*h));
	h->shm = shm;
	h->ops = ops;
	h->arg = arg;
	fby_handoff_open_parts(h);
}

void
fby_handoff_fini(struct fby_handoff *h)
{
	fby_handoff_close_parts(h);
	memset(h, 0, sizeof(*h));
}

/* ---- leaving ---------------------------------------------------------- */

static void
resolve(struct fby_handoff *h, struct fby_part *pt, const char *why, bool soon)
{
	pt->round++;
	pt->no_start = NULL;
	fby_handoff_set_state(h, pt, FBY_ROW_RESOLVING, why);
	h->ops->resolve(h->arg, soon);
}

static void
set_free(struct fby_handoff *h, struct fby_part *pt, const char *why)
{
	/* Of a topic that is another one by now nothing repeats. */
	if (pt->unfinished > 0 && !pt->anew)
		h->ops->unfinished(h->arg, pt, pt->unfinished);
	pt->unfinished = 0;
	fby_handoff_set_state(h, pt, FBY_ROW_FREE, why);
	h->ops->left(h->arg);
	pt->leaving = pt->lost = pt->again = pt->anew = false;
	pt->moving_to = FBY_NOSLOT;
	pt->resume = pt->cut_at = pt->cut_from = FBY_NONE;
	pt->failures = 0;
	pt->refusal = 0;
	pt->refusals = 0;
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
is_committed(const struct fby_part *pt)
{
	return pt->acked <= pt->committed;
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
	fby_handoff_set_state(h, pt, FBY_ROW_RELEASED, why);
	if (is_committed(pt))
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
		fby_handoff_set_state(h, pt, FBY_ROW_REVOKING,
		    lost ? "lost" : "revoked");
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
	uint32_t row = fby_handoff_find(h, topic, partition);

	/* It never was ours. */
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
fby_handoff_confirmed(struct fby_handoff *h, uint32_t row, unsigned round,
    int64_t committed, int64_t watermark)
{
	struct fby_part *pt = &h->parts[row];

	if (pt->round != round)
		return;
	fby_handoff_set_committed(h, pt, committed, watermark);
	pt->cut_at = pt->cut_from = FBY_NONE;
}

void
fby_handoff_committed(struct fby_handoff *h)
{
	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state == FBY_ROW_RELEASED && is_committed(pt))
			set_free(h, pt, "committed");
	}
}

static void
anew(struct fby_handoff *h, struct fby_part *pt, int64_t drain_ms)
{
	switch (pt->state) {
	case FBY_ROW_HELD:
		pt->again = true;
		fby_handoff_set_state(h, pt, FBY_ROW_REVOKING,
		    "its topic is another one");
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
fby_handoff_known(struct fby_handoff *h, const char *topic, int32_t partitions,
    uint64_t topic_id)
{
	for (int32_t i = 0; i < partitions; i++) {
		uint32_t row = fby_handoff_find(h, topic, i);
		struct fby_part *pt;

		if (row == FBY_NOROW)
			continue;
		pt = &h->parts[row];
		if (pt->state == FBY_ROW_FREE || pt->topic_id != 0)
			continue;
		pt->topic_id = topic_id;
		fby_store(&fby_handoff_row(h, pt)->topic_id, topic_id);
	}
}

/* ---- coming ----------------------------------------------------------- */

int
fby_handoff_assign(struct fby_handoff *h, const char *topic, int32_t partition)
{
	uint32_t row = fby_handoff_add(h, topic, partition);
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
	resolve(h, pt, "assigned", true);
	return 0;
}

void
fby_handoff_resolved(struct fby_handoff *h, struct fby_part *pt, int64_t start,
    int64_t watermark)
{
	/* An answer that comes late, to a question that is void by now. */
	if (FBY_COUNT_IF(pt->state != FBY_ROW_RESOLVING))
		return;
	pt->start = pt->acked = start;
	pt->watermark = pt->no_watermark ? FBY_NONE : watermark;
	pt->resume = FBY_NONE;
	if (pt->anew)
		fby_poison_clear(&pt->poison);
	pt->anew = false;
	fby_poison_moved(&pt->poison, start);
	fby_store(&fby_handoff_row(h, pt)->flags, 0);
	pt->carried = false;
	fby_handoff_write(h, pt);
	fby_handoff_set_state(h, pt, FBY_ROW_IDLE, "start offset known");
	h->ops->plan(h->arg);
}

/* ---- from the workers ------------------------------------------------- */

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
	resolve(h, pt, why, soon);
}

/* It is held back no more. */
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
		leave(h, pt, why);
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

void
fby_handoff_grant(struct fby_handoff *h, struct fby_part *pt, uint32_t slot)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);

	h->grants++;
	pt->unfinished = 0; /* whoever reads them again is ours */
	pt->isolated = fby_poison_is_suspect(&pt->poison);
	/* Before it there is no record, only a gap. */
	if (pt->poison.condemned)
		pt->start = pt->poison.culprit;
	pt->slot = slot;
	pt->epoch = ++h->epoch;
	fby_store(&h->shm->head->epoch, pt->epoch);
	pt->no_watermark = false;
	fby_handoff_write(h, pt);
	/* The holder says it with what it acks, or it is not known. */
	fby_store(&row->leader_epoch, -1);
	fby_release(&row->epoch, pt->epoch);
	fby_release(&row->slot, slot);
	fby_handoff_set_state(h, pt, FBY_ROW_HELD, "granted");
	h->ops->grant(h->arg, pt);
}

bool
fby_handoff_is_listed(const uint32_t *slots, size_t n, uint32_t slot)
{
	for (size_t i = 0; i < n; i++)
		if (slots[i] == slot)
			return true;
	return false;
}

void
fby_handoff_move(struct fby_handoff *h, struct fby_part *pt, uint32_t to,
    int64_t drain_ms)
{
	h->moves++;
	pt->moving_to = to;
	fby_handoff_set_state(h, pt, FBY_ROW_REVOKING, "moves");
	h->ops->revoke(h->arg, pt, drain_ms);
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
		n += fby_handoff_is_held(&h->parts[i]) &&
		    h->parts[i].slot == slot;
	return n;
}

size_t
fby_handoff_rowless(const struct fby_handoff *h)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += !h->parts[i].has_row && h->parts[i].state != FBY_ROW_FREE;
	return n;
}

size_t
fby_handoff_ours(const struct fby_handoff *h)
{
	return h->nparts - fby_handoff_count(h, FBY_ROW_FREE);
}
