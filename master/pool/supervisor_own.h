/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make up the supervisor share: supervisor.c, and _roll,
 * _lanes, _alarm.  Private to them.
 */
#ifndef FBY_SUPERVISOR_OWN_H
#define FBY_SUPERVISOR_OWN_H

#include "shared/fby.h"

#include "master/pool/supervisor.h"

/* The first place of each kind; behind the last of them, the number of all. */
extern const size_t fby_supervisor_first[FBY_PLACE_KINDS + 1];

static inline bool
fby_place_is_used(const struct fby_place *pl)
{
	return pl->slot != FBY_NOSLOT;
}

/* ---- supervisor.c ----------------------------------------------------- */

/* The master stops, or has no workers: none shall be there. */
bool fby_supervisor_is_over(const struct fby_supervisor *sup);

/* Processes that have no place any more, and have not exited. */
size_t fby_supervisor_leaving(const struct fby_supervisor *sup);

/* The program of its place; a process that cannot be started backs off. */
void fby_supervisor_start(struct fby_supervisor *sup, struct fby_proc *pr);

/* Its slot; FBY_NOSLOT: all are taken, fby_supervisor_check() tries again. */
uint32_t fby_supervisor_start_for(struct fby_supervisor *sup, size_t place);

/* How many places there shall be, and on which CPUs. */
void fby_supervisor_count_places(struct fby_supervisor *sup,
    const struct fby_manifest *m);

/* As many places as are wanted, as far as there are slots for them. */
void fby_supervisor_adjust(struct fby_supervisor *sup);

/* ---- supervisor_roll.c ------------------------------------------------ */

/*
 * The way back to the manifest in force has failed, too, and the reload has
 * been answered: it is tried again, later each time.  Every second.
 */
void fby_supervisor_try_again(struct fby_supervisor *sup, int64_t now);

/* ---- supervisor_alarm.c ----------------------------------------------- */

/* Each second, and whenever a process has come or gone. */
void fby_supervisor_look(struct fby_supervisor *sup);

#endif
