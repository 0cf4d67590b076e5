/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition's way through our hands; see handoff.h.
 */
#include "shared/fby.h"

#include "master/handoff.h"

#include "master/assign.h"
#include "shared/log.h"
#include "shared/mem.h"

#define TO(s) (1u << FBY_ROW_##s)

/* From each state: the states that may follow. */
static const unsigned may_follow[FBY_ROW_NSTATES] = {
	[FBY_ROW_FREE] = TO(RESOLVING),
	[FBY_ROW_RESOLVING] = TO(IDLE) | TO(FREE),
	[FBY_ROW_IDLE] = TO(HELD) | TO(RELEASED) | TO(FREE) | TO(RESOLVING),
	[FBY_ROW_HELD] = TO(REVOKING) | TO(IDLE) | TO(RESOLVING) |
	    TO(RELEASED) | TO(FREE),
	[FBY_ROW_REVOKING] = TO(IDLE) | TO(RESOLVING) | TO(RELEASED) | TO(FREE),
	[FBY_ROW_RELEASED] = TO(FREE),
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
		h->parts[i].resume = FBY_NONE;
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
	pt->leaving = pt->lost = pt->again = false;
	pt->moving_to = FBY_NOSLOT;
	pt->resume = FBY_NONE;
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
	if (pt->lost || pt->state == FBY_ROW_RESOLVING) {
		set_free(h, pt, why);
		return;
	}
	set_state(h, pt, FBY_ROW_RELEASED, why);
	if (is_committed(h, pt))
		set_free(h, pt, "nothing to commit");
	else
		h->ops->commit(h->arg);
}

void
fby_handoff_check_left(struct fby_handoff *h)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		if (h->parts[i].leaving)
			return;
	h->ops->left(h->arg);
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
	fby_handoff_check_left(h);
}

void
fby_handoff_committed(struct fby_handoff *h)
{
	bool any = false;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state != FBY_ROW_RELEASED || !is_committed(h, pt))
			continue;
		set_free(h, pt, "committed");
		any = true;
	}
	if (any)
		fby_handoff_check_left(h);
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

/* Nobody holds it any more: what now? */
static void
unhold(struct fby_handoff *h, struct fby_part *pt, const char *why)
{
	struct fby_ledger_row *row = row_of(h, pt);

	fby_store(&row->in_flight, 0);
	fby_store(&row->oldest_at, 0);
	if (pt->leaving) {
		leave(h, pt, why);
		fby_handoff_check_left(h);
		return;
	}
	if (pt->again) {
		pt->again = false;
		pt->resume = fby_acquire(&row->acked);
		pt->watermark = fby_load(&row->watermark);
		/* Not at once: what cannot be read may go on so. */
		resolve(h, pt, why, false);
		return;
	}
	pt->start = fby_acquire(&row->acked);
	pt->watermark = fby_load(&row->watermark);
	fby_store(&row->position, pt->start);
	if (pt->moving_to != FBY_NOSLOT)
		pt->slot = pt->moving_to;
	pt->moving_to = FBY_NOSLOT;
	set_state(h, pt, FBY_ROW_IDLE, why);
	h->ops->plan(h->arg);
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
	if (reason == FBY_RELEASE_RANGE || reason == FBY_RELEASE_FAILED) {
		fby_warn("partition %s/%d: %s", pt->topic, pt->partition,
		    reason == FBY_RELEASE_RANGE ?
			"the broker no longer has the offset that was to be read" :
			"cannot be read now; its start offset is asked for anew");
		pt->again = true;
	}
	unhold(h, pt, "released");
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
		if (is_held(&h->parts[i]) && h->parts[i].slot == slot)
			unhold(h, &h->parts[i], "holder died");
}

/* ---- planning --------------------------------------------------------- */

static void
grant(struct fby_handoff *h, struct fby_part *pt, uint32_t slot)
{
	struct fby_ledger_row *row = row_of(h, pt);

	h->grants++;
	pt->slot = slot;
	pt->epoch = fby_load(&h->shm->head->epoch) + 1;
	fby_store(&h->shm->head->epoch, pt->epoch);
	fby_release(&row->epoch, pt->epoch);
	fby_release(&row->slot, slot);
	set_state(h, pt, FBY_ROW_HELD, "granted");
	h->ops->grant(h->arg, pt);
}

static bool
is_ready(const uint32_t *slots, const bool *ready, size_t n, uint32_t slot)
{
	for (size_t i = 0; i < n; i++)
		if (slots[i] == slot)
			return ready[i];
	return false;
}

void
fby_handoff_plan(struct fby_handoff *h, const uint32_t *slots,
    const bool *ready, size_t nslots, int64_t drain_ms)
{
	struct fby_assign_part *ap = fby_calloc(h->nparts, sizeof(*ap));
	struct fby_part **pts = fby_calloc(h->nparts, sizeof(*pts));
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->leaving || pt->state == FBY_ROW_FREE ||
		    pt->state == FBY_ROW_RELEASED)
			continue;
		ap[n].held = is_held(pt);
		ap[n].holder = pt->moving_to != FBY_NOSLOT ? pt->moving_to :
							     pt->slot;
		pts[n++] = pt;
	}
	fby_assign_plan(ap, n, slots, nslots);
	for (size_t i = 0; i < n; i++) {
		struct fby_part *pt = pts[i];
		uint32_t target = ap[i].target;

		if (pt->state == FBY_ROW_IDLE) {
			if (is_ready(slots, ready, nslots, target))
				grant(h, pt, target);
		} else if (pt->state == FBY_ROW_HELD && target != pt->slot &&
		    is_ready(slots, ready, nslots, target)) {
			h->moves++;
			pt->moving_to = target;
			set_state(h, pt, FBY_ROW_REVOKING, "moves");
			h->ops->revoke(h->arg, pt, drain_ms);
		}
	}
	free(pts);
	free(ap);
}

size_t
fby_handoff_count(const struct fby_handoff *h, enum fby_row_state state)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += h->parts[i].state == state;
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
fby_handoff_revoking(const struct fby_handoff *h, uint32_t slot)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++)
		n += h->parts[i].state == FBY_ROW_REVOKING &&
		    h->parts[i].slot == slot;
	return n;
}

size_t
fby_handoff_ours(const struct fby_handoff *h)
{
	return h->nparts - fby_handoff_count(h, FBY_ROW_FREE);
}
