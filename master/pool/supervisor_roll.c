/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which manifest the workers have: by replacing them one by one (a roll), or by
 * telling them; see supervisor.h.
 *
 * Nothing here keeps a list of what is still to be done.  Each time a process
 * has come or gone fby_supervisor_check() looks for the next place whose worker
 * is of an older generation; when there is none, the roll has ended.
 */
#include "shared/fby.h"

#include <event2/event.h>

#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/handoff/handoff.h"
#include "master/pool/supervisor_own.h"

#define AGAIN_MIN_MS 1000 /* to roll, if the way back has failed, too */
#define AGAIN_MAX_MS 60000

/* ---- one after the other ---------------------------------------------- */

/* True if a worker is being replaced, or was begun to be. */
static bool
roll_one(struct fby_supervisor *sup)
{
	if (fby_supervisor_leaving(sup) > 0)
		return true;
	for (size_t i = 0; i < FBY_PLACES_MAX; i++)
		if (sup->places[i].next != FBY_NOSLOT)
			return true;
	for (size_t i = 0; i < FBY_PLACES_MAX; i++) {
		struct fby_place *pl = &sup->places[i];
		struct fby_proc *pr;

		if (!fby_place_is_used(pl))
			continue;
		pr = &sup->procs[pl->slot];
		if (pr->generation == sup->generation)
			continue;
		if (fby_proc_is_alive(pr)) {
			pl->next = fby_supervisor_start_for(sup, i);
		} else {
			/* It is down anyway: let it come back as a new one. */
			evtimer_del(&pr->ev_spawn);
			fby_supervisor_start(sup, pr);
		}
		return true;
	}
	return false;
}

void
fby_supervisor_check(struct fby_supervisor *sup)
{
	const struct fby_context *ctx = sup->ctx;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		struct fby_proc *pr = &sup->procs[i];

		if (pr->state == FBY_PROC_RETIRING &&
		    fby_handoff_count_slot(sup->env.handoff, pr->slot) == 0)
			fby_proc_drain(pr,
			    ctx->manifest->host.drain_timeout_ms);
	}
	if (fby_supervisor_is_over(sup) || sup->is_resting)
		return;
	/* Those that found no slot before. */
	fby_supervisor_adjust(sup);
	/* On a failure the reload decides first where to go. */
	if (!sup->failed) {
		if (roll_one(sup))
			return;
		sup->again_ms = 0;
	}
	sup->ops->roll_ended(sup->arg);
}

/* A place that is wanted has found no slot. */
static bool
lacks_some(const struct fby_supervisor *sup)
{
	for (size_t kind = 0; kind < FBY_PLACE_KINDS; kind++)
		for (size_t i = 0; i < sup->want[kind]; i++)
			if (!fby_place_is_used(
				&sup->places[fby_supervisor_first[kind] + i]))
				return true;
	return false;
}

bool
fby_supervisor_is_up_to_date(const struct fby_supervisor *sup)
{
	if (fby_supervisor_leaving(sup) > 0 || lacks_some(sup))
		return false;
	for (size_t i = 0; i < FBY_PLACES_MAX; i++) {
		const struct fby_place *pl = &sup->places[i];

		if (fby_place_is_used(pl) &&
		    (pl->next != FBY_NOSLOT ||
			sup->procs[pl->slot].generation != sup->generation))
			return false;
	}
	for (size_t i = 0; i < sup->want[FBY_PLACE_CANARY]; i++)
		if (sup->places[fby_supervisor_first[FBY_PLACE_CANARY] + i]
			.fresh)
			return false;
	return true;
}

/* ---- a manifest ------------------------------------------------------- */

/* What workers are to be, where there are any; all of it or nothing. */
static int
set_programs(struct fby_supervisor *sup, const struct fby_manifest *m)
{
	const char *runtime = fby_manifest_workers_runtime(m);
	const char *canary = fby_manifest_canary_runtime(m);
	struct fby_program program = FBY_PROGRAM_INIT;

	if (fby_program_set(&program, m, runtime, sup->exec_fd) == -1)
		return -1;
	if (canary &&
	    fby_program_set(&sup->canary, m, canary, sup->exec_fd) == -1) {
		fby_program_fini(&program);
		return -1;
	}
	fby_program_fini(&sup->program);
	sup->program = program;
	sup->no_program = false;
	return 0;
}

/* Each gets its own program's; one of another program retires. */
static void
tell_manifest(struct fby_supervisor *sup, struct fby_proc *pr)
{
	const struct fby_program *const programs[] = { &sup->program,
		&sup->canary };
	struct fby_msg msg;

	for (size_t i = 0; i < FBY_NELEM(programs); i++) {
		const struct fby_program *p = programs[i];

		if (p->name == NULL || strcmp(p->name, pr->runtime) != 0)
			continue;
		fby_channel_send(&pr->ch, FBY_MSG_MANIFEST, &msg, sizeof(msg),
		    p->settings_fd != -1 ? p->settings_fd : sup->manifest_fd);
		return;
	}
}

/* Who was of the generation before is told, and need not be replaced. */
static void
tell_all(struct fby_supervisor *sup, unsigned before, bool but_canaries)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		struct fby_proc *pr = &sup->procs[i];

		if (but_canaries && fby_supervisor_kind(pr) == FBY_PLACE_CANARY)
			continue;
		if (fby_proc_is_alive(pr)) {
			tell_manifest(sup, pr);
			if (pr->generation != before)
				continue;
			pr->generation = sup->generation;
			fby_proc_show(pr);
		} else if (pr->state == FBY_PROC_BACKOFF &&
		    !evtimer_pending(&pr->ev_spawn, NULL)) {
			/* Given up before; perhaps it likes this one. */
			fby_supervisor_start(sup, pr);
		}
	}
}

void
fby_supervisor_roll(struct fby_supervisor *sup, const struct fby_manifest *m,
    int manifest_fd, unsigned generation, bool only_canary)
{
	unsigned before = sup->generation;

	sup->again_at = 0;
	sup->is_resting = false;
	if (set_programs(sup, m) == -1) {
		sup->failed = sup->no_program = true;
		fby_supervisor_look(sup);
		fby_supervisor_check(sup);
		return;
	}
	sup->manifest_fd = manifest_fd;
	sup->generation = generation;
	sup->failed = false;
	fby_supervisor_count_places(sup, m);
	fby_supervisor_adjust(sup);
	if (only_canary)
		tell_all(sup, before, true);
	sup->ops->plan(sup->arg);
	fby_supervisor_check(sup);
}

int
fby_supervisor_adopt(struct fby_supervisor *sup, const struct fby_manifest *m,
    int manifest_fd, unsigned generation)
{
	unsigned before = sup->generation;

	if (!fby_manifest_has_workers(m))
		return 0;
	if (set_programs(sup, m) == -1)
		return -1;
	sup->manifest_fd = manifest_fd;
	sup->generation = generation;
	tell_all(sup, before, false);
	fby_supervisor_count_places(sup, m);
	fby_supervisor_adjust(sup);
	sup->ops->plan(sup->arg);
	fby_supervisor_check(sup);
	return 0;
}

/* ---- one that has failed ---------------------------------------------- */

void
fby_supervisor_try_again(struct fby_supervisor *sup, int64_t now)
{
	const struct fby_context *ctx = sup->ctx;

	if (!sup->failed || sup->is_resting ||
	    ctx->state != FBY_CYCLE_RUNNING ||
	    sup->ops->is_reloading(sup->arg) ||
	    !fby_manifest_has_workers(ctx->manifest))
		return;
	if (sup->again_at == 0) {
		sup->again_ms = sup->again_ms == 0 ?
		    AGAIN_MIN_MS :
		    FBY_MIN(2 * sup->again_ms, AGAIN_MAX_MS);
		sup->again_at = now + sup->again_ms;
		fby_warn("not all workers have the manifest in force; they "
			 "are replaced in %" PRId64 " ms",
		    sup->again_ms);
	} else if (now >= sup->again_at) {
		fby_supervisor_roll(sup, ctx->manifest, ctx->manifest_fd,
		    ctx->generation, false);
	}
}
