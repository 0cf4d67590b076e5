/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which worker gets which partition; see assign.h.
 *
 * With n partitions and k workers each worker is due n/k, and n%k of them one
 * more.  Who has most already gets the extra ones: that saves a move each.
 * Each worker keeps what it has up to its due; the rest is dealt to whoever
 * is furthest below.
 */
#include "shared/fby.h"

#include "master/handoff/assign.h"

#include "shared/base/mem.h"

struct share {
	uint32_t slot;
	size_t has; /* holds now */
	size_t due;
	size_t given;
	size_t seen; /* of all partitions, for a canary */
};

static struct share *
find_share(struct share *shares, size_t n, uint32_t slot)
{
	for (size_t i = 0; i < n; i++)
		if (shares[i].slot == slot)
			return &shares[i];
	return NULL;
}

static int
most_first(const void *va, const void *vb)
{
	const struct share *a = va, *b = vb;

	if (a->has != b->has)
		return a->has > b->has ? -1 : 1;
	return a->slot < b->slot ? -1 : a->slot > b->slot;
}

/* Who has, or had, a partition keeps it, up to what it is due. */
static void
keep(struct fby_assign_part *parts, size_t nparts, struct share *shares,
    size_t nslots, bool held)
{
	for (size_t i = 0; i < nparts; i++) {
		struct share *sh;

		if (parts[i].held != held)
			continue;
		sh = find_share(shares, nslots, parts[i].holder);
		if (sh == NULL || sh->given == sh->due)
			continue;
		sh->given++;
		parts[i].target = sh->slot;
	}
}

static struct share *
neediest(struct share *shares, size_t n)
{
	struct share *best = &shares[0];

	for (size_t i = 1; i < n; i++)
		if (shares[i].due - shares[i].given > best->due - best->given)
			best = &shares[i];
	return best;
}

void
fby_assign_plan(struct fby_assign_part *parts, size_t nparts,
    const uint32_t *slots, size_t nslots)
{
	struct share *shares = fby_calloc(nslots, sizeof(*shares)), *sh;

	for (size_t i = 0; i < nslots; i++)
		shares[i].slot = slots[i];
	for (size_t i = 0; i < nparts; i++) {
		parts[i].target = FBY_ASSIGN_NONE;
		sh = find_share(shares, nslots, parts[i].holder);
		if (sh && parts[i].held)
			sh->has++;
	}
	qsort(shares, nslots, sizeof(*shares), most_first);
	for (size_t i = 0; i < nslots; i++)
		shares[i].due = nparts / nslots + (i < nparts % nslots);

	keep(parts, nparts, shares, nslots, true);
	keep(parts, nparts, shares, nslots, false);
	for (size_t i = 0; nslots > 0 && i < nparts; i++) {
		if (parts[i].target != FBY_ASSIGN_NONE)
			continue;
		sh = neediest(shares, nslots);
		sh->given++;
		parts[i].target = sh->slot;
	}
	free(shares);
}

/* ---- canary ----------------------------------------------------------- */

size_t
fby_assign_quota(size_t n, int64_t percent)
{
	size_t quota = (n * (size_t)percent + 50) / 100;

	if (n > 1 && quota == 0 && percent > 0)
		return 1;
	if (n > 1 && quota == n && percent < 100)
		return n - 1;
	return quota;
}

struct slots {
	struct share *shares;
	size_t n;
};

/* Up to `left` more of those whose holder is, or is not, among these. */
static size_t
choose(struct fby_assign_part *parts, size_t nparts, const struct slots *of,
    bool among, bool held, size_t left)
{
	for (size_t i = 0; left > 0 && i < nparts; i++) {
		struct fby_assign_part *pt = &parts[i];

		if (pt->canary || pt->held != held ||
		    (find_share(of->shares, of->n, pt->holder) != NULL) !=
			among)
			continue;
		pt->canary = true;
		left--;
	}
	return left;
}

/* The next that it holds; there is one. */
static void
choose_next(struct fby_assign_part *parts, size_t nparts, struct share *sh)
{
	while (sh->seen < nparts) {
		struct fby_assign_part *pt = &parts[sh->seen++];

		if (pt->canary || !pt->held || pt->holder != sh->slot)
			continue;
		pt->canary = true;
		return;
	}
}

/* Of what is held by others, so that they stay balanced. */
static void
choose_from_richest(struct fby_assign_part *parts, size_t nparts,
    const struct slots *others, size_t left)
{
	for (size_t i = 0; i < nparts; i++) {
		struct share *sh = find_share(others->shares, others->n,
		    parts[i].holder);

		if (sh && !parts[i].canary)
			sh->has++;
	}
	for (; others->n > 0 && left > 0; left--) {
		struct share *sh = others->shares;

		for (size_t i = 1; i < others->n; i++)
			if (others->shares[i].has > sh->has)
				sh = &others->shares[i];
		if (sh->has-- == 0)
			return;
		choose_next(parts, nparts, sh);
	}
}

static struct slots
slots_of(const uint32_t *slots, size_t n)
{
	struct slots all = { fby_calloc(n + 1, sizeof(struct share)), n };

	for (size_t i = 0; i < n; i++)
		all.shares[i].slot = slots[i];
	return all;
}

static void
share_out(struct fby_assign_part *parts, size_t nparts, const uint32_t *slots,
    size_t nslots, const uint32_t *canaries, size_t ncanaries, size_t left)
{
	struct slots theirs = slots_of(canaries, ncanaries);
	struct slots others = slots_of(slots, nslots);

	for (size_t i = 0; i < nparts; i++)
		parts[i].canary = false;
	left = choose(parts, nparts, &theirs, true, true, left);
	left = choose(parts, nparts, &theirs, true, false, left);
	left = choose(parts, nparts, &theirs, false, false, left);
	/* Whose holder is on its way out has to move anyway. */
	left = choose(parts, nparts, &others, false, true, left);
	choose_from_richest(parts, nparts, &others, left);
	free(theirs.shares);
	free(others.shares);
}

/* Plan those of one side, and leave the others alone. */
static void
plan_side(struct fby_assign_part *parts, size_t nparts, bool canary,
    const uint32_t *slots, size_t nslots)
{
	struct fby_assign_part *side = fby_calloc(nparts + 1, sizeof(*side));
	size_t n = 0;

	for (size_t i = 0; i < nparts; i++)
		if (parts[i].canary == canary)
			side[n++] = parts[i];
	fby_assign_plan(side, n, slots, nslots);
	while (nparts-- > 0)
		if (parts[nparts].canary == canary)
			parts[nparts].target = side[--n].target;
	free(side);
}

void
fby_assign_plan_canary(struct fby_assign_part *parts, size_t nparts,
    const uint32_t *slots, size_t nslots, const uint32_t *canaries,
    size_t ncanaries, size_t quota)
{
	share_out(parts, nparts, slots, nslots, canaries, ncanaries, quota);
	plan_side(parts, nparts, false, slots, nslots);
	plan_side(parts, nparts, true, canaries, ncanaries);
}
