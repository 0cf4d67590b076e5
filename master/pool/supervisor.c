/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' lives; see supervisor.h.
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
#define AGAIN_MIN_MS 1000 /* to roll, if the way back has failed, too */

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

static bool
is_used(const struct fby_place *pl)
{
	return pl->slot != FBY_NOSLOT;
}

/* Of its kind only the first are. */
static bool
is_wanted(const struct fby_supervisor *sup, enum fby_place_kind kind, size_t i)
{
	return i - fby_supervisor_first[kind] < sup->want[kind];
}

/* The master stops, or has no workers: none shall be there. */
static bool
is_over(const struct fby_supervisor *sup)
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

static void
start(struct fby_supervisor *sup, struct fby_proc *pr)
{
	const struct fby_proc_start how = {
		.program = fby_supervisor_kind(pr) == FBY_PLACE_CANARY ?
		    &sup->canary :
		    &sup->program,
		.manifest_fd = sup->manifest_fd,
		.generation = sup->generation,
		.cpu = place_of(sup, pr)->cpu,
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
		start(sup, pr);
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

/* Processes that have no place any more, and have not exited. */
static size_t
count_leaving(const struct fby_supervisor *sup)
{
	return count_state(sup, FBY_PROC_RETIRING) +
	    count_state(sup, FBY_PROC_DRAINING);
}

/*
 * NULL: there is none.  A place has a process and its successor, and there are
 * twice as many slots as places; but who retires is of no place and keeps its
 * slot until it has exited, however often it is replaced meanwhile.
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
		    FBY_SLOTS_MAX, count_leaving(sup));
	sup->is_full = true;
	return NULL;
}

/* FBY_NOSLOT: all are taken; fby_supervisor_check() tries it again. */
static uint32_t
start_for(struct fby_supervisor *sup, size_t place)
{
	struct fby_proc *pr = free_proc(sup);

	if (pr == NULL)
		return FBY_NOSLOT;
	pr->place = (int)place;
	start(sup, pr);
	return pr->slot;
}

static bool
is_kind_ready(const struct fby_supervisor *sup, enum fby_place_kind kind)
{
	for (size_t i = fby_supervisor_first[kind];
	     i < fby_supervisor_first[kind + 1]; i++) {
		if (!is_used(&sup->places[i]) && !is_wanted(sup, kind, i))
			continue;
		if (!is_used(&sup->places[i]) ||
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
		start(sup, pr);
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
	} else if (pl && !is_over(sup) && !sup->is_resting) {
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
	fby_supervisor_look(sup);
	sup->ops->plan(sup->arg);
	fby_supervisor_check(sup);
	if (is_over(sup) && fby_supervisor_alive(sup) == 0)
		sup->ops->gone(sup->arg);
	return true;
}

/*
 * The way back to the manifest in force has failed, too, and whoever asked for
 * the reload has been told: sooner or later it works.
 */
static void
try_again(struct fby_supervisor *sup, int64_t now)
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
		    FBY_MIN(2 * sup->again_ms, BACKOFF_MAX_MS);
		sup->again_at = now + sup->again_ms;
		fby_warn("not all workers have the manifest in force; they "
			 "are replaced in %" PRId64 " ms",
		    sup->again_ms);
	} else if (now >= sup->again_at) {
		fby_supervisor_roll(sup, ctx->manifest, ctx->manifest_fd,
		    ctx->generation, false);
	}
}

void
fby_supervisor_tick(struct fby_supervisor *sup)
{
	int64_t now = fby_clock_mono();

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (fby_proc_is_alive(&sup->procs[i]))
			fby_proc_watch(&sup->procs[i], now, sup->ticked_at);
	sup->ticked_at = now;
	try_again(sup, now);
	fby_supervisor_check(sup);
	fby_supervisor_look(sup);
}

/* ---- how many, and of which generation -------------------------------- */

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

/* As many places as are wanted, as far as there are slots for them. */
static void
adjust_places(struct fby_supervisor *sup)
{
	for (size_t kind = 0; kind < FBY_PLACE_KINDS; kind++)
		for (size_t i = fby_supervisor_first[kind];
		     i < fby_supervisor_first[kind + 1]; i++) {
			struct fby_place *pl = &sup->places[i];

			if (!is_wanted(sup, kind, i)) {
				close_place(sup, pl);
			} else if (!is_used(pl)) {
				forget_deaths(pl);
				pl->fresh = true;
				pl->slot = start_for(sup, i);
			}
		}
}

/* True if a worker is being replaced, or was begun to be. */
static bool
roll_one(struct fby_supervisor *sup)
{
	if (count_leaving(sup) > 0)
		return true;
	for (size_t i = 0; i < FBY_PLACES_MAX; i++)
		if (sup->places[i].next != FBY_NOSLOT)
			return true;
	for (size_t i = 0; i < FBY_PLACES_MAX; i++) {
		struct fby_place *pl = &sup->places[i];
		struct fby_proc *pr;

		if (!is_used(pl))
			continue;
		pr = &sup->procs[pl->slot];
		if (pr->generation == sup->generation)
			continue;
		if (fby_proc_is_alive(pr)) {
			pl->next = start_for(sup, i);
		} else {
			/* It is down anyway: let it come back as a new one. */
			evtimer_del(&pr->ev_spawn);
			start(sup, pr);
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
	if (is_over(sup) || sup->is_resting)
		return;
	/* Those that found no slot before. */
	adjust_places(sup);
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
			if (!is_used(
				&sup->places[fby_supervisor_first[kind] + i]))
				return true;
	return false;
}

bool
fby_supervisor_is_up_to_date(const struct fby_supervisor *sup)
{
	if (count_leaving(sup) > 0 || lacks_some(sup))
		return false;
	for (size_t i = 0; i < FBY_PLACES_MAX; i++) {
		const struct fby_place *pl = &sup->places[i];

		if (is_used(pl) &&
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

/* How many places there shall be, and on which CPUs. */
static void
count_places(struct fby_supervisor *sup, const struct fby_manifest *m)
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

/* Each gets its own program's; who is of neither retires. */
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
			start(sup, pr);
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
	count_places(sup, m);
	adjust_places(sup);
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
	count_places(sup, m);
	adjust_places(sup);
	sup->ops->plan(sup->arg);
	fby_supervisor_check(sup);
	return 0;
}

void
fby_supervisor_need_isolation(struct fby_supervisor *sup, size_t n)
{
	n = FBY_MIN(n, FBY_ISOLATION_MAX);
	if (is_over(sup) || n == sup->want[FBY_PLACE_ISOLATION])
		return;
	/* Who is in the last of them shall not have to move. */
	if (n < sup->want[FBY_PLACE_ISOLATION] && n > 0)
		return;
	sup->want[FBY_PLACE_ISOLATION] = n;
	adjust_places(sup);
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

static const struct fby_proc_ops proc_ops = {
	.ready = op_ready,
	.released = op_released,
	.hung = op_hung,
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
	adjust_places(sup);
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
