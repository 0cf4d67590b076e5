/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' lives: places, starting, deaths; see supervisor.h.  Which
 * manifest they have is supervisor_roll.c's.
 */
#include "shared/fby.h"

#include "master/pool/supervisor.h"

#include <event2/event.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/base/cpus.h"
#include "master/handoff/handoff.h"
#include "master/pool/supervisor_own.h"

/*
 * Who has lived for a second may come back at once, but only once; others
 * after a back-off that grows.  A minute alive, and all that is forgotten.
 */
#define YOUNG_MS 1000
#define OLD_MS 60000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 60000

const size_t fby_supervisor_first[FBY_PLACE_KINDS + 1] = {
	[FBY_PLACE_WORKER] = 0,
	[FBY_PLACE_CANARY] = FBY_WORKERS_MAX,
	[FBY_PLACE_ISOLATION] = FBY_WORKERS_MAX + FBY_CANARIES_MAX,
	[FBY_PLACE_KINDS] = FBY_PLACES_MAX,
};

static struct fby_place *
place_of(struct fby_supervisor *sup, const struct fby_proc *pr)
{
	return pr->place < 0 ? NULL : &sup->places[pr->place];
}

/* Of its kind only the first are. */
static bool
is_wanted(const struct fby_supervisor *sup, enum fby_place_kind kind, size_t i)
{
	return i - fby_supervisor_first[kind] < sup->want[kind];
}

bool
fby_supervisor_is_over(const struct fby_supervisor *sup)
{
	for (size_t kind = 0; kind < FBY_PLACE_KINDS; kind++)
		if (sup->want[kind] > 0)
			return false;
	return true;
}

/* Until a process of that place is ready; supervisor_alarm.c shows it. */
static void
set_fault(struct fby_place *pl, const struct fby_proc *pr,
    enum fby_place_fault fault, int code)
{
	pl->fault = fault;
	pl->fault_slot = pr->slot;
	pl->fault_code = code;
}

/* ---- starting --------------------------------------------------------- */

static void
forget_deaths(struct fby_place *pl)
{
	pl->backoff_ms = 0;
	pl->spared = false;
}

static void
back_off(struct fby_supervisor *sup, struct fby_proc *pr)
{
	struct fby_place *pl = place_of(sup, pr);
	struct timeval tv;

	pl->backoff_ms = pl->backoff_ms == 0 ?
	    BACKOFF_MIN_MS :
	    FBY_MIN(pl->backoff_ms * 2, BACKOFF_MAX_MS);
	tv = fby_clock_tv(pl->backoff_ms);
	fby_proc_set_state(pr, FBY_PROC_BACKOFF);
	evtimer_add(&pr->ev_spawn, &tv);
	fby_notice("worker %u is started again in %" PRId64 " ms", pr->slot,
	    pl->backoff_ms);
}

/* There are functions for the first kind's; the others share them. */
static uint32_t
place_for_functions(const struct fby_supervisor *sup, const struct fby_proc *pr)
{
	const enum fby_place_kind kind = fby_supervisor_kind(pr);
	const size_t i = (size_t)pr->place - fby_supervisor_first[kind];
	const size_t n = sup->want[FBY_PLACE_WORKER];

	return (uint32_t)(n > 0 ? i % n : i);
}

void
fby_supervisor_start(struct fby_supervisor *sup, struct fby_proc *pr)
{
	const struct fby_proc_start how = {
		.program = fby_supervisor_kind(pr) == FBY_PLACE_CANARY ?
		    &sup->canary :
		    &sup->program,
		.manifest_fd = sup->manifest_fd,
		.generation = sup->generation,
		.cpu = place_of(sup, pr)->cpu,
		.place = place_for_functions(sup, pr),
	};

	if (fby_proc_start(pr, &how) == 0)
		return;
	back_off(sup, pr);
	set_fault(place_of(sup, pr), pr, FBY_PLACE_NO_PROCESS, 0);
}

static void
on_spawn_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fby_proc *pr = arg;
	struct fby_supervisor *sup = pr->arg;

	(void)fd;
	(void)what;
	if (pr->state == FBY_PROC_BACKOFF && !sup->is_resting)
		fby_supervisor_start(sup, pr);
	sup->ops->plan(sup->arg);
}

/* Its slot is the next one's; nothing that was to come of it comes any more. */
static void
set_empty(struct fby_proc *pr)
{
	evtimer_del(&pr->ev_spawn);
	pr->place = -1;
	fby_proc_set_state(pr, FBY_PROC_EMPTY);
}

static void
retire(struct fby_proc *pr)
{
	if (!fby_proc_is_alive(pr)) {
		set_empty(pr);
		return;
	}
	pr->place = -1;
	fby_proc_set_state(pr, FBY_PROC_RETIRING);
}

static size_t
count_state(const struct fby_supervisor *sup, enum fby_proc_state state)
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		n += sup->procs[i].state == state;
	return n;
}

size_t
fby_supervisor_leaving(const struct fby_supervisor *sup)
{
	return count_state(sup, FBY_PROC_RETIRING) +
	    count_state(sup, FBY_PROC_DRAINING);
}

/*
 * NULL: there is none.  A place has a process and its successor, and there are
 * twice as many slots as places; but one that retires has no place and keeps
 * its slot until it has exited, however often it is replaced meanwhile.
 */
static struct fby_proc *
free_proc(struct fby_supervisor *sup)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (sup->procs[i].state == FBY_PROC_EMPTY) {
			sup->is_full = false;
			return &sup->procs[i];
		}
	if (!sup->is_full)
		fby_warn("all %d slots are taken, %zu of them by workers that "
			 "are to exit; new ones are started when these have",
		    FBY_SLOTS_MAX, fby_supervisor_leaving(sup));
	sup->is_full = true;
	return NULL;
}

uint32_t
fby_supervisor_start_for(struct fby_supervisor *sup, size_t place)
{
	struct fby_proc *pr = free_proc(sup);

	if (pr == NULL)
		return FBY_NOSLOT;
	pr->place = (int)place;
	fby_supervisor_start(sup, pr);
	return pr->slot;
}

static bool
is_kind_ready(const struct fby_supervisor *sup, enum fby_place_kind kind)
{
	for (size_t i = fby_supervisor_first[kind];
	     i < fby_supervisor_first[kind + 1]; i++) {
		if (!fby_place_is_used(&sup->places[i]) &&
		    !is_wanted(sup, kind, i))
			continue;
		if (!fby_place_is_used(&sup->places[i]) ||
		    sup->procs[sup->places[i].slot].state != FBY_PROC_READY)
			return false;
	}
	return true;
}

bool
fby_supervisor_is_ready(const struct fby_supervisor *sup)
{
	return is_kind_ready(sup, FBY_PLACE_WORKER) &&
	    is_kind_ready(sup, FBY_PLACE_ISOLATION);
}

void
fby_supervisor_ready(struct fby_supervisor *sup, struct fby_proc *pr)
{
	struct fby_place *pl = place_of(sup, pr);

	if (pr->state != FBY_PROC_STARTING || pl == NULL)
		return;
	fby_proc_set_state(pr, FBY_PROC_READY);
	fby_proc_group(pr);
	fby_info("worker %u (pid %d) is ready after %" PRId64 " ms", pr->slot,
	    pr->pid, fby_clock_mono() - pr->spawned_at);
	if (pl->next == pr->slot) {
		struct fby_proc *old = &sup->procs[pl->slot];

		forget_deaths(pl);
		pl->next = FBY_NOSLOT;
		pl->slot = pr->slot;
		retire(old);
	}
	pl->fresh = false;
	pl->fault = FBY_PLACE_FINE;
	fby_supervisor_look(sup);
	sup->ops->ready(sup->arg);
	sup->ops->plan(sup->arg);
	/* Who retires without a lane will release none. */
	fby_supervisor_check(sup);
}

/* ---- dying ------------------------------------------------------------ */

/* A current worker has died: again at once, later, or not at all. */
static void
replace_dead(struct fby_supervisor *sup, struct fby_proc *pr, int status,
    bool was_ready)
{
	struct fby_place *pl = place_of(sup, pr);
	int64_t lived = fby_clock_mono() - pr->spawned_at;

	if (WIFEXITED(status) && !fby_exit_respawn(WEXITSTATUS(status))) {
		fby_proc_set_state(pr, FBY_PROC_BACKOFF); /* without a timer */
		set_fault(pl, pr, FBY_PLACE_GIVEN_UP, WEXITSTATUS(status));
		return;
	}
	if (lived >= OLD_MS)
		forget_deaths(pl);
	if (was_ready && lived >= YOUNG_MS && !pl->spared) {
		pl->spared = true;
		fby_supervisor_start(sup, pr);
		return;
	}
	back_off(sup, pr);
	if (!was_ready)
		set_fault(pl, pr, FBY_PLACE_NOT_READY, 0);
}

static void
on_death(struct fby_supervisor *sup, struct fby_proc *pr, int status)
{
	struct fby_place *pl = place_of(sup, pr);
	bool was_ready = pr->state == FBY_PROC_READY;

	sup->deaths += !fby_proc_bury(pr, status);
	if (pl && pl->next == pr->slot) {
		/* A successor that did not get ready ends the roll. */
		pl->next = FBY_NOSLOT;
		sup->failed = true;
		set_empty(pr);
	} else if (pl && !fby_supervisor_is_over(sup) && !sup->is_resting) {
		/* A canary that never got ready ends the roll, too. */
		if (pl->fresh && fby_supervisor_kind(pr) == FBY_PLACE_CANARY &&
		    sup->ops->is_rolling(sup->arg))
			sup->failed = true;
		replace_dead(sup, pr, status, was_ready);
	} else {
		if (pl)
			pl->slot = FBY_NOSLOT;
		set_empty(pr);
	}
}

bool
fby_supervisor_reaped(struct fby_supervisor *sup, pid_t pid, int status)
{
	struct fby_proc *pr = NULL;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX && pr == NULL; i++)
		if (sup->procs[i].pid == pid)
			pr = &sup->procs[i];
	if (pr == NULL)
		return false;
	on_death(sup, pr, status);
	sup->ops->reopened(sup->arg);
	fby_supervisor_look(sup);
	sup->ops->plan(sup->arg);
	fby_supervisor_check(sup);
	if (fby_supervisor_is_over(sup) && fby_supervisor_alive(sup) == 0)
		sup->ops->gone(sup->arg);
	return true;
}

void
fby_supervisor_tick(struct fby_supervisor *sup)
{
	int64_t now = fby_clock_mono();

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (fby_proc_is_alive(&sup->procs[i]))
			fby_proc_watch(&sup->procs[i], now, sup->ticked_at);
	sup->ticked_at = now;
	fby_supervisor_try_again(sup, now);
	fby_supervisor_check(sup);
	fby_supervisor_look(sup);
}

/* ---- how many --------------------------------------------------------- */

static void
close_place(struct fby_supervisor *sup, struct fby_place *pl)
{
	if (pl->next != FBY_NOSLOT)
		retire(&sup->procs[pl->next]);
	if (pl->slot != FBY_NOSLOT)
		retire(&sup->procs[pl->slot]);
	pl->slot = pl->next = FBY_NOSLOT;
	pl->fault = FBY_PLACE_FINE;
}

void
fby_supervisor_adjust(struct fby_supervisor *sup)
{
	for (size_t kind = 0; kind < FBY_PLACE_KINDS; kind++)
		for (size_t i = fby_supervisor_first[kind];
		     i < fby_supervisor_first[kind + 1]; i++) {
			struct fby_place *pl = &sup->places[i];

			if (!is_wanted(sup, kind, i)) {
				close_place(sup, pl);
			} else if (!fby_place_is_used(pl)) {
				forget_deaths(pl);
				pl->fresh = true;
				pl->slot = fby_supervisor_start_for(sup, i);
			}
		}
}

void
fby_supervisor_count_places(struct fby_supervisor *sup,
    const struct fby_manifest *m)
{
	int cpus[FBY_WORKERS_MAX];
	size_t ncpus = fby_cpus_usable(m, cpus);
	size_t n = fby_cpus_workers(m, ncpus);
	struct fby_place *canaries = sup->places +
	    fby_supervisor_first[FBY_PLACE_CANARY];

	sup->want[FBY_PLACE_WORKER] = n;
	/* As many to a CPU as there are partitions to be had for them. */
	sup->want[FBY_PLACE_CANARY] = fby_manifest_canary_runtime(m) == NULL ?
	    0 :
	    (n * (size_t)m->host.canary.share + 99) / 100;
	for (size_t i = 0; i < n; i++)
		sup->places[i].cpu = canaries[i].cpu = fby_cpus_pin(m, cpus,
		    ncpus, i);
	for (size_t i = 0; i < FBY_ISOLATION_MAX; i++)
		sup->places[fby_supervisor_first[FBY_PLACE_ISOLATION] + i]
		    .cpu = -1;
}

void
fby_supervisor_need_isolation(struct fby_supervisor *sup, size_t n)
{
	n = FBY_MIN(n, FBY_ISOLATION_MAX);
	if (fby_supervisor_is_over(sup) || n == sup->want[FBY_PLACE_ISOLATION])
		return;
	/* Who is in the last of them shall not have to move. */
	if (n < sup->want[FBY_PLACE_ISOLATION] && n > 0)
		return;
	sup->want[FBY_PLACE_ISOLATION] = n;
	fby_supervisor_adjust(sup);
	fby_supervisor_check(sup);
}

/* ---- life ------------------------------------------------------------- */

static void
op_ready(void *arg, struct fby_proc *pr)
{
	fby_supervisor_ready(arg, pr);
}

static void
op_released(void *arg)
{
	fby_supervisor_check(arg);
}

static void
op_hung(void *arg)
{
	struct fby_supervisor *sup = arg;

	sup->hangs++;
}

static void
op_reopened(void *arg)
{
	struct fby_supervisor *sup = arg;

	sup->ops->reopened(sup->arg);
}

static const struct fby_proc_ops proc_ops = {
	.ready = op_ready,
	.released = op_released,
	.hung = op_hung,
	.reopened = op_reopened,
};

void
fby_supervisor_init(struct fby_supervisor *sup, const struct fby_proc_env *env,
    const struct fby_supervisor_ops *ops, void *arg)
{
	memset(sup, 0, sizeof(*sup));
	sup->ctx = env->ctx;
	sup->env = *env;
	sup->env.stats = &sup->stats;
	sup->ops = ops;
	sup->arg = arg;
	sup->exec_fd = sup->manifest_fd = -1;
	sup->program = sup->canary = (struct fby_program)FBY_PROGRAM_INIT;
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		struct fby_proc *pr = &sup->procs[i];

		fby_proc_init(pr, i, &sup->env, &proc_ops, sup);
		evtimer_assign(&pr->ev_spawn, sup->ctx->base, on_spawn_timer,
		    pr);
	}
	for (size_t i = 0; i < FBY_PLACES_MAX; i++)
		sup->places[i].slot = sup->places[i].next = FBY_NOSLOT;
}

void
fby_supervisor_rest(struct fby_supervisor *sup)
{
	sup->is_resting = true;
}

void
fby_supervisor_stop(struct fby_supervisor *sup, int64_t drain_ms)
{
	memset(sup->want, 0, sizeof(sup->want));
	fby_supervisor_adjust(sup);
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (fby_proc_is_alive(&sup->procs[i]))
			fby_proc_drain(&sup->procs[i], drain_ms);
	if (fby_supervisor_alive(sup) == 0)
		sup->ops->gone(sup->arg);
}

void
fby_supervisor_fini(struct fby_supervisor *sup)
{
	for (uint32_t i = 0; sup->ctx && i < FBY_SLOTS_MAX; i++) {
		evtimer_del(&sup->procs[i].ev_spawn);
		fby_proc_fini(&sup->procs[i]);
	}
	if (sup->ctx) {
		fby_program_fini(&sup->program);
		fby_program_fini(&sup->canary);
		fby_runtime_stats_fini(&sup->stats);
	}
	if (sup->exec_fd != -1)
		close(sup->exec_fd);
	sup->exec_fd = -1;
}
