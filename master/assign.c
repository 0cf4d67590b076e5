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

#include "master/assign.h"

#include "shared/mem.h"

struct share {
	uint32_t slot;
	size_t has; /* holds now */
	size_t due;
	size_t given;
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
