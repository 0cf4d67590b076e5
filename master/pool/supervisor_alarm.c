/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workers that are not there: alarms WORKERS and CANARY, from what is the case
 * now.  What a place has been unable to do it keeps until a process of it gets
 * ready; it counts only while there is none that is.
 */
#include "shared/fby.h"

#include "shared/base/str.h"
#include "shared/boundary/proto.h"

#include "master/base/context.h"
#include "master/pool/supervisor_own.h"

/* Who dies each time it was ready has reached this after five deaths. */
#define LOOP_MS 1000

static const char reason_in_log[] = "; the log says why";

static bool
is_ready(const struct fby_supervisor *sup, const struct fby_place *pl)
{
	return pl->slot != FBY_NOSLOT && pl->next == FBY_NOSLOT &&
	    sup->procs[pl->slot].state == FBY_PROC_READY;
}

/* An isolation worker is there to die: alarm POISON names its partition. */
static bool
is_in_loop(const struct fby_supervisor *sup, const struct fby_place *pl,
    enum fby_place_kind kind)
{
	return kind != FBY_PLACE_ISOLATION && pl->slot != FBY_NOSLOT &&
	    sup->procs[pl->slot].state == FBY_PROC_BACKOFF &&
	    pl->backoff_ms >= LOOP_MS;
}

static bool
is_down(const struct fby_supervisor *sup, const struct fby_place *pl,
    enum fby_place_kind kind)
{
	return !is_ready(sup, pl) &&
	    (pl->fault != FBY_PLACE_FINE || is_in_loop(sup, pl, kind));
}

static void
explain(const struct fby_place *pl, struct fby_str *why)
{
	switch (pl->fault) {
	case FBY_PLACE_NO_PROCESS:
		fby_str_printf(why, "worker %u cannot be started%s",
		    pl->fault_slot, reason_in_log);
		break;
	case FBY_PLACE_NOT_READY:
		fby_str_printf(why, "worker %u does not start%s",
		    pl->fault_slot, reason_in_log);
		break;
	case FBY_PLACE_GIVEN_UP:
		fby_str_printf(why,
		    "worker %u %s; it is not started again before a reload",
		    pl->fault_slot, fby_exit_sentence(pl->fault_code));
		break;
	case FBY_PLACE_FINE:
		fby_str_printf(why,
		    "worker %u dies again and again%s; started again after "
		    "%" PRId64 " s",
		    pl->slot, reason_in_log, pl->backoff_ms / 1000);
		break;
	}
}

static void
look_at_kind(const struct fby_supervisor *sup, enum fby_place_kind kind,
    struct fby_str *why)
{
	const size_t first = fby_supervisor_first[kind];
	const struct fby_place *found = NULL;
	size_t down = 0, lacking = 0;

	for (size_t i = first; i < first + sup->want[kind]; i++) {
		const struct fby_place *pl = &sup->places[i];

		lacking += pl->slot == FBY_NOSLOT;
		if (!is_down(sup, pl, kind))
			continue;
		if (down++ == 0)
			found = pl;
	}
	if (why->len > 0)
		return;
	if (down > 1)
		fby_str_printf(why, "%zu of %zu workers are down; ", down,
		    sup->want[kind]);
	if (found)
		explain(found, why);
	else if (lacking > 0)
		fby_str_printf(why,
		    "%zu of %zu workers have no slot; they are started when "
		    "those that are to exit have",
		    lacking, sup->want[kind]);
}

void
fby_supervisor_look(struct fby_supervisor *sup)
{
	struct fby_alarms *alarms = &sup->ctx->alarms;
	struct fby_str workers, canary;

	fby_str_init(&workers);
	fby_str_init(&canary);
	if (sup->no_program)
		fby_str_printf(&workers, "workers cannot be started%s",
		    reason_in_log);
	look_at_kind(sup, FBY_PLACE_WORKER, &workers);
	look_at_kind(sup, FBY_PLACE_ISOLATION, &workers);
	look_at_kind(sup, FBY_PLACE_CANARY, &canary);
	if (workers.len > 0)
		fby_alarm_set(alarms, FBY_ALARM_WORKERS, "%s", workers.p);
	else
		fby_alarm_clear(alarms, FBY_ALARM_WORKERS);
	/* Of a canary that is a group's member itself foreign.c owns it. */
	if (canary.len > 0)
		fby_alarm_set(alarms, FBY_ALARM_CANARY, "%s", canary.p);
	else if (sup->is_canary_down)
		fby_alarm_clear(alarms, FBY_ALARM_CANARY);
	sup->is_canary_down = canary.len > 0;
	fby_str_fini(&workers);
	fby_str_fini(&canary);
}
