/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition's way through our hands; see handoff.h.
 */
#include "shared/fby.h"

#include "master/handoff/handoff.h"

#include "shared/base/log.h"

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

void
fby_handoff_resolve(struct fby_handoff *h, struct fby_part *pt, const char *why,
    bool soon)
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
	fby_handoff_resolve(h, pt, "assigned meanwhile", true);
}

static bool
is_committed(const struct fby_part *pt)
{
	return pt->acked <= pt->committed;
}

void
fby_handoff_leave(struct fby_handoff *h, struct fby_part *pt, const char *why)
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
		fby_handoff_leave(h, pt, lost ? "lost" : "revoked");
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
		fby_handoff_resolve(h, pt, "its topic is another one", true);
		h->ops->alarm(h->arg);
		break;
	case FBY_ROW_IDLE:
		fby_handoff_resolve(h, pt, "its topic is another one", true);
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
	fby_handoff_resolve(h, pt, "assigned", true);
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

/* ---- planning --------------------------------------------------------- */

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
