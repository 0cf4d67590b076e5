/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which record of a partition kills workers; see poison.h.
 */
#include "shared/fby.h"

#include "master/handoff/poison.h"

void
fby_poison_clear(struct fby_poison *p)
{
	*p = (struct fby_poison){
		.acked = FBY_NONE,
		.until = FBY_NONE,
		.culprit = FBY_NONE,
	};
}

bool
fby_poison_is_suspect(const struct fby_poison *p)
{
	return p->until != FBY_NONE;
}

/*
 * The record that was in flight alone.  Offsets have gaps, so it need not be
 * at `acked`; but if it is not known where else it is, then `acked` is what
 * nobody can lose a record by.
 */
static int64_t
culprit_of(const struct fby_poison_death *d)
{
	if (d->in_flight == 1 && !d->at_end)
		return d->position - 1;
	if (d->handed >= d->acked && d->handed < d->position)
		return d->handed;
	return d->acked;
}

static enum fby_poison_verdict
died_alone(struct fby_poison *p, const struct fby_poison_death *d,
    unsigned limit)
{
	int64_t offset = culprit_of(d);

	p->acked = d->acked;
	if (offset != p->culprit) {
		p->culprit = offset;
		p->kills = 0;
		p->condemned = false;
	}
	p->kills++;
	if (p->condemned)
		return FBY_POISON_INCURABLE;
	p->condemned = p->kills >= limit;
	return p->condemned ? FBY_POISON_CONDEMNED : FBY_POISON_KILLER;
}

enum fby_poison_verdict
fby_poison_died(struct fby_poison *p, const struct fby_poison_death *d,
    unsigned limit)
{
	bool again;

	if (d->in_flight == 0)
		return FBY_POISON_INNOCENT;
	fby_poison_moved(p, d->acked);
	if (fby_poison_is_suspect(p) && d->alone)
		return died_alone(p, d, limit);
	again = p->acked == d->acked;
	p->acked = d->acked;
	p->named = d->handed >= d->acked && d->handed < d->position;
	if (!again)
		return FBY_POISON_INNOCENT;
	p->until = FBY_MAX(p->until, d->position);
	return FBY_POISON_SUSPECT;
}

bool
fby_poison_moved(struct fby_poison *p, int64_t acked)
{
	bool was = fby_poison_is_suspect(p);

	if (acked < p->acked || (was && acked >= p->until)) {
		fby_poison_clear(p);
		return was;
	}
	if (p->culprit != FBY_NONE && acked > p->culprit) {
		p->culprit = FBY_NONE;
		p->kills = 0;
		p->condemned = false;
	}
	return false;
}

void
fby_poison_let_go(struct fby_poison *p)
{
	unsigned turns = p->turns + 1;
	int64_t acked = p->acked;

	fby_poison_clear(p);
	p->acked = acked;
	p->turns = turns;
}

bool
fby_poison_goes_first(const struct fby_poison *a, const struct fby_poison *b)
{
	if (a->turns != b->turns)
		return a->turns < b->turns;
	if (a->kills != b->kills)
		return a->kills > b->kills;
	return a->named && !b->named;
}
