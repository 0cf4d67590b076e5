/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the hand-over wants of the workers: which may hold lanes, and messages
 * to them; see supervisor.h.
 */
#include "shared/fby.h"

#include "shared/boundary/channel.h"

#include "master/handoff/handoff.h"
#include "master/pool/supervisor_own.h"

void
fby_supervisor_reopen(struct fby_supervisor *sup, int fd)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (fby_proc_is_alive(&sup->procs[i]))
			fby_proc_reopen(&sup->procs[i], fd);
}

void
fby_supervisor_group(struct fby_supervisor *sup)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (fby_proc_is_alive(&sup->procs[i]))
			fby_proc_group(&sup->procs[i]);
}

/* The slots of those of a kind that are ready. */
static size_t
list_ready(const struct fby_supervisor *sup, enum fby_place_kind kind,
    uint32_t *slots)
{
	size_t n = 0;

	for (size_t i = fby_supervisor_first[kind];
	     i < fby_supervisor_first[kind + 1]; i++) {
		uint32_t slot = sup->places[i].slot;

		if (slot != FBY_NOSLOT &&
		    sup->procs[slot].state == FBY_PROC_READY)
			slots[n++] = slot;
	}
	return n;
}

size_t
fby_supervisor_isolation(const struct fby_supervisor *sup,
    uint32_t isolation[FBY_ISOLATION_MAX])
{
	return list_ready(sup, FBY_PLACE_ISOLATION, isolation);
}

size_t
fby_supervisor_canaries(const struct fby_supervisor *sup,
    uint32_t slots[FBY_SLOTS_MAX])
{
	return list_ready(sup, FBY_PLACE_CANARY, slots);
}

size_t
fby_supervisor_eligible(const struct fby_supervisor *sup,
    uint32_t slots[FBY_SLOTS_MAX], bool ready[FBY_SLOTS_MAX])
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		const struct fby_proc *pr = &sup->procs[i];

		if (fby_supervisor_kind(pr) != FBY_PLACE_WORKER)
			continue;
		/* A successor takes over when it is ready, not before. */
		if (pr->state != FBY_PROC_READY &&
		    (pr->state != FBY_PROC_STARTING || pr->place < 0 ||
			sup->places[pr->place].next == i))
			continue;
		slots[n] = i;
		ready[n++] = pr->state == FBY_PROC_READY;
	}
	return n;
}

void
fby_supervisor_grant(struct fby_supervisor *sup, const struct fby_part *pt)
{
	fby_proc_grant(&sup->procs[pt->slot], pt);
}

void
fby_supervisor_revoke(struct fby_supervisor *sup, struct fby_part *pt,
    int64_t drain_ms)
{
	fby_proc_revoke(&sup->procs[pt->slot], pt, drain_ms);
}

size_t
fby_supervisor_alive(const struct fby_supervisor *sup)
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		n += fby_proc_is_alive(&sup->procs[i]);
	return n;
}
