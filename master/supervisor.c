/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' lives; see supervisor.h.
 */
#include "shared/fby.h"

#include "master/supervisor.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/str.h"

#include "master/cpus.h"
#include "master/master.h"
#include "master/spawn.h"

/* Back-off of what dies young; who has lived this long may come back at once.
 */
#define YOUNG_MS 1000
#define BACKOFF_MIN_MS 100
#define BACKOFF_MAX_MS 60000

#define START_MS 15000 /* to READY */
#define GRACE_MS 3000  /* beyond a drain's deadline */

static const char *const state_names[] = {
#define S(name, what) #name,
	FBY_PROC_STATES(S)
#undef S
};

const char *
fby_proc_state_name(enum fby_proc_state state)
{
	return state_names[state];
}

static bool
is_alive(const struct fby_proc *pr)
{
	return pr->pid > 0;
}

static struct fby_ledger_slot *
slot_of(const struct fby_proc *pr)
{
	return &pr->sup->mst->shm.slots[pr->slot];
}

static struct fby_place *
place_of(const struct fby_proc *pr)
{
	return pr->place < 0 ? NULL : &pr->sup->places[pr->place];
}

/* The only writer of a process's state. */
static void
set_state(struct fby_proc *pr, enum fby_proc_state to)
{
	fby_debug("worker %u: %s -> %s", pr->slot, state_names[pr->state],
	    state_names[to]);
	pr->state = to;
}

/* ---- messages --------------------------------------------------------- */

static void
on_ready(struct fby_proc *pr)
{
	struct fby_supervisor *sup = pr->sup;
	struct fby_place *pl = place_of(pr);

	if (pr->state != FBY_PROC_STARTING || pl == NULL)
		return;
	set_state(pr, FBY_PROC_READY);
	fby_info("worker %u (pid %d) is ready after %" PRId64 " ms", pr->slot,
	    pr->pid, fby_clock_mono() - pr->spawned_at);
	if (pl->next == pr->slot) {
		struct fby_proc *old = &sup->procs[pl->slot];

		pl->next = FBY_NOSLOT;
		pl->slot = pr->slot;
		old->place = -1;
		if (is_alive(old))
			set_state(old, FBY_PROC_RETIRING);
		else
			set_state(old, FBY_PROC_EMPTY);
	}
	fby_cycle_workers_ready(sup->mst);
	fby_cycle_plan_soon(sup->mst);
}

static void
on_msg(void *arg, const struct fby_msg *msg, int fd)
{
	struct fby_proc *pr = arg;
	const struct fby_msg_released *rel;

	if (fd != -1)
		close(fd);
	switch (msg->type) {
	case FBY_MSG_READY:
		on_ready(pr);
		break;
	case FBY_MSG_RELEASED:
		rel = (const struct fby_msg_released *)msg;
		fby_handoff_released(&pr->sup->mst->handoff, pr->slot, rel->row,
		    rel->epoch, rel->reason);
		fby_supervisor_check(pr->sup);
		break;
	default:
		fby_error("worker %u (pid %d) sent a message of type %u, "
			  "which is the master's to send; killed",
		    pr->slot, pr->pid, msg->type);
		kill(pr->pid, SIGKILL);
	}
}

/* Its end is seen by waitpid(2); a live one without a channel is useless. */
static void
on_closed(void *arg, const char *why)
{
	struct fby_proc *pr = arg;

	if (why)
		fby_error("channel of worker %u (pid %d): %s; killed", pr->slot,
		    pr->pid, why);
	if (is_alive(pr) && (why || pr->state != FBY_PROC_DRAINING))
		kill(pr->pid, SIGKILL);
}

/* ---- spawning --------------------------------------------------------- */

static void
clear_slot(struct fby_proc *pr)
{
	struct fby_ledger_slot *slot = slot_of(pr);

	fby_store(&slot->heartbeat, 0);
	fby_store(&slot->state, FBY_SLOT_STARTING);
	fby_store(&slot->activity, FBY_ACTIVITY_SETUP);
	fby_store(&slot->activity_row, FBY_NOROW);
	fby_store(&slot->lanes, 0);
	fby_store(&slot->in_flight, 0);
	fby_store(&slot->in_flight_bytes, 0);
}

static void
back_off(struct fby_proc *pr)
{
	struct fby_place *pl = place_of(pr);
	struct timeval tv;

	pl->backoff_ms = pl->backoff_ms == 0 ?
	    BACKOFF_MIN_MS :
	    FBY_MIN(pl->backoff_ms * 2, BACKOFF_MAX_MS);
	tv = fby_clock_tv(pl->backoff_ms);
	set_state(pr, FBY_PROC_BACKOFF);
	evtimer_add(&pr->ev_spawn, &tv);
	fby_notice("worker %u is started again in %" PRId64 " ms", pr->slot,
	    pl->backoff_ms);
}

static pid_t
start_program(struct fby_proc *pr, int channel)
{
	struct fby_supervisor *sup = pr->sup;
	char env[64], name[] = "forebay-worker";
	const char *add[] = { env };
	char *argv[] = { name, NULL };
	struct fby_spawn sp = {
		.exec_fd = sup->exec_fd,
		.argv = argv,
		.fds = { -1, STDOUT_FILENO, STDERR_FILENO, channel,
		    sup->mst->shm.fd, sup->manifest_fd },
		.nfds = 6,
		.cpu = place_of(pr)->cpu,
	};
	pid_t pid;

	snprintf(env, sizeof(env), FBY_ENV_SLOT "=%u", pr->slot);
	sp.envp = fby_spawn_env(add, 1);
	pid = fby_spawn(&sp);
	fby_spawn_env_free(sp.envp);
	return pid;
}

static void
spawn(struct fby_proc *pr)
{
	struct fby_ledger_slot *slot = slot_of(pr);
	int fds[2];

	if (fby_channel_pair(fds) == -1) {
		fby_error("worker %u: socketpair: %s", pr->slot,
		    strerror(errno));
		back_off(pr);
		return;
	}
	clear_slot(pr);
	pr->pid = start_program(pr, fds[1]);
	close(fds[1]);
	if (pr->pid == -1) {
		fby_error("worker %u: fork: %s", pr->slot, strerror(errno));
		pr->pid = 0;
		close(fds[0]);
		back_off(pr);
		return;
	}
	fby_channel_init(&pr->ch, pr->sup->mst->base, fds[0], on_msg, on_closed,
	    pr);
	pr->generation = pr->sup->generation;
	pr->spawned_at = pr->beat_at = fby_clock_mono();
	pr->beat = 0;
	pr->killed = false;
	pr->release_by = pr->exit_by = 0;
	set_state(pr, FBY_PROC_STARTING);
	fby_store(&slot->cpu, place_of(pr)->cpu);
	fby_store(&slot->generation, pr->generation);
	fby_store(&slot->spawned_at, pr->spawned_at);
	fby_store(&slot->spawns, fby_load(&slot->spawns) + 1);
	fby_store(&slot->pid, pr->pid);
}

static void
on_spawn_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fby_proc *pr = arg;

	(void)fd;
	(void)what;
	if (pr->state == FBY_PROC_BACKOFF)
		spawn(pr);
	fby_cycle_plan_soon(pr->sup->mst);
}

static struct fby_proc *
free_proc(struct fby_supervisor *sup)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (sup->procs[i].state == FBY_PROC_EMPTY)
			return &sup->procs[i];
	/* Each place has at most two, and there are twice as many slots. */
	FBY_BUG_ON(true);
}

static uint32_t
spawn_for(struct fby_supervisor *sup, size_t place)
{
	struct fby_proc *pr = free_proc(sup);

	pr->place = (int)place;
	spawn(pr);
	return pr->slot;
}

/* ---- dying ------------------------------------------------------------ */

static void
obituary(const struct fby_proc *pr, int status)
{
	const struct fby_ledger_slot *slot = slot_of(pr);
	const struct fby_shm *shm = &pr->sup->mst->shm;
	uint32_t row = fby_load(&slot->activity_row);
	struct fby_str s;

	fby_str_init(&s);
	if (WIFSIGNALED(status))
		fby_str_printf(&s, "was killed by signal %d (%s)%s",
		    WTERMSIG(status), strsignal(WTERMSIG(status)),
		    pr->killed ? ", by the watchdog" : "");
	else if (WEXITSTATUS(status) == FBY_SPAWN_FAILED)
		fby_str_puts(&s, "could not be executed");
	else
		fby_str_printf(&s, "exited with code %d: %s",
		    WEXITSTATUS(status),
		    fby_exit_sentence(WEXITSTATUS(status)));
	fby_str_printf(&s, ", after %.1f s, while %s",
	    (double)(fby_clock_mono() - pr->spawned_at) / 1000,
	    fby_activity_name(fby_load(&slot->activity)));
	if (row < shm->head->nrows)
		fby_str_printf(&s, " %s/%d at offset %" PRId64,
		    fby_shm_name(shm, shm->rows[row].topic_off),
		    shm->rows[row].partition, fby_load(&slot->activity_offset));
	fby_str_printf(&s,
	    "; it held %zu partition%s, %" PRIu64 " records in flight",
	    fby_handoff_count_slot(&pr->sup->mst->handoff, pr->slot),
	    fby_handoff_count_slot(&pr->sup->mst->handoff, pr->slot) == 1 ? "" :
									    "s",
	    fby_load(&slot->in_flight));
	fby_error("worker %u (pid %d) %s", pr->slot, pr->pid, s.p);
	fby_str_fini(&s);
}

/* A current worker has died: again at once, later, or not at all. */
static void
replace_dead(struct fby_proc *pr, int status, bool was_ready)
{
	struct fby_place *pl = place_of(pr);
	int64_t lived = fby_clock_mono() - pr->spawned_at;

	if (WIFEXITED(status) && !fby_exit_respawn(WEXITSTATUS(status))) {
		set_state(pr, FBY_PROC_BACKOFF); /* without a timer */
		fby_cycle_trouble(pr->sup->mst, FBY_TROUBLE_WORKERS,
		    "worker %u %s; it is not started again before a reload",
		    pr->slot, fby_exit_sentence(WEXITSTATUS(status)));
		return;
	}
	if (was_ready && lived >= YOUNG_MS) {
		pl->backoff_ms = 0;
		spawn(pr);
		return;
	}
	back_off(pr);
	if (!was_ready)
		fby_cycle_trouble(pr->sup->mst, FBY_TROUBLE_WORKERS,
		    "worker %u does not start; the log says why", pr->slot);
}

static void
bury(struct fby_proc *pr, int status)
{
	struct fby_supervisor *sup = pr->sup;
	struct fby_place *pl = place_of(pr);
	enum fby_proc_state was = pr->state;
	bool expected = was == FBY_PROC_DRAINING && WIFEXITED(status) &&
	    WEXITSTATUS(status) == FBY_EXIT_OK;

	if (expected)
		fby_info("worker %u (pid %d) drained and exited", pr->slot,
		    pr->pid);
	else
		obituary(pr, status);
	sup->deaths += !expected;
	fby_channel_fini(&pr->ch);
	pr->pid = 0;
	pr->rate = 0;
	clear_slot(pr);
	fby_store(&slot_of(pr)->pid, 0);
	fby_store(&slot_of(pr)->state, FBY_SLOT_EMPTY);
	fby_handoff_holder_gone(&sup->mst->handoff, pr->slot);
	if (pl && pl->next == pr->slot) {
		/* A successor that did not get ready ends the roll. */
		pl->next = FBY_NOSLOT;
		sup->failed = true;
		pr->place = -1;
		set_state(pr, FBY_PROC_EMPTY);
	} else if (pl && sup->want > 0) {
		pl->deaths++;
		replace_dead(pr, status, was == FBY_PROC_READY);
	} else {
		if (pl)
			pl->slot = FBY_NOSLOT;
		pr->place = -1;
		set_state(pr, FBY_PROC_EMPTY);
	}
}

void
fby_supervisor_reap(struct fby_supervisor *sup)
{
	struct fby_proc *pr;
	bool any = false;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		if (fby_child_reaped(&sup->mst->child, pid, status))
			continue;
		for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
			pr = &sup->procs[i];
			if (pr->pid != pid)
				continue;
			bury(pr, status);
			any = true;
			break;
		}
	}
	if (!any)
		return;
	fby_cycle_plan_soon(sup->mst);
	fby_supervisor_check(sup);
	if (sup->want == 0 && fby_supervisor_alive(sup) == 0)
		fby_cycle_workers_gone(sup->mst);
}

/* ---- watchdog --------------------------------------------------------- */

static void
kill_hung(struct fby_proc *pr, const char *why)
{
	if (pr->killed)
		return;
	fby_error("worker %u (pid %d) %s, while %s; killed", pr->slot, pr->pid,
	    why, fby_activity_name(fby_load(&slot_of(pr)->activity)));
	pr->killed = true;
	pr->sup->hangs++;
	kill(pr->pid, SIGKILL);
}

static void
watch(struct fby_proc *pr, int64_t now)
{
	struct fby_master *mst = pr->sup->mst;
	int64_t beat = fby_load(&slot_of(pr)->heartbeat);
	int64_t limit = mst->manifest->host.worker_timeout_ms;

	/*
	 * Age is measured from when *we* saw a change: after the master itself
	 * has been stopped for a while nobody is overdue.
	 */
	if (beat != pr->beat) {
		pr->beat = beat;
		pr->beat_at = now;
	}
	if (pr->state == FBY_PROC_STARTING)
		limit = FBY_MAX(limit, START_MS);
	if (now - pr->beat_at > limit)
		kill_hung(pr,
		    pr->state == FBY_PROC_STARTING ? "did not get ready" :
						     "has no heartbeat");
	if (pr->exit_by && now > pr->exit_by)
		kill_hung(pr, "was told to exit and did not");
	if (pr->release_by && now > pr->release_by) {
		if (fby_handoff_revoking(&mst->handoff, pr->slot) > 0)
			kill_hung(pr,
			    "was told to release partitions and "
			    "did not");
		pr->release_by = 0;
	}
}

void
fby_supervisor_tick(struct fby_supervisor *sup)
{
	int64_t now = fby_clock_mono();

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		struct fby_proc *pr = &sup->procs[i];
		uint64_t read;

		if (!is_alive(pr))
			continue;
		read = fby_load(&slot_of(pr)->read);
		if (now > sup->ticked_at)
			pr->rate = (double)(read - pr->read_before) * 1000 /
			    (double)(now - sup->ticked_at);
		pr->read_before = read;
		watch(pr, now);
	}
	sup->ticked_at = now;
}

/* ---- how many, and of which generation -------------------------------- */

static void
retire(struct fby_proc *pr)
{
	evtimer_del(&pr->ev_spawn);
	pr->place = -1;
	set_state(pr, is_alive(pr) ? FBY_PROC_RETIRING : FBY_PROC_EMPTY);
}

static void
drain(struct fby_proc *pr, int64_t drain_ms)
{
	struct fby_msg_drain msg = { .drain_ms = (uint32_t)drain_ms };

	set_state(pr, FBY_PROC_DRAINING);
	pr->exit_by = fby_clock_mono() + drain_ms + GRACE_MS;
	fby_channel_send(&pr->ch, FBY_MSG_DRAIN, &msg.msg, sizeof(msg), -1);
}

/* As many places as are wanted, on the CPUs that are to be used. */
static void
settle_places(struct fby_supervisor *sup)
{
	while (sup->nplaces > sup->want) {
		struct fby_place *pl = &sup->places[--sup->nplaces];

		if (pl->next != FBY_NOSLOT)
			retire(&sup->procs[pl->next]);
		if (pl->slot != FBY_NOSLOT)
			retire(&sup->procs[pl->slot]);
		pl->slot = pl->next = FBY_NOSLOT;
	}
	while (sup->nplaces < sup->want) {
		struct fby_place *pl = &sup->places[sup->nplaces];

		pl->next = FBY_NOSLOT;
		pl->backoff_ms = 0;
		pl->slot = spawn_for(sup, sup->nplaces++);
	}
}

/* True if a worker is being replaced, or was begun to be. */
static bool
roll_one(struct fby_supervisor *sup)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (sup->procs[i].state == FBY_PROC_RETIRING ||
		    sup->procs[i].state == FBY_PROC_DRAINING)
			return true;
	for (size_t i = 0; i < sup->nplaces; i++)
		if (sup->places[i].next != FBY_NOSLOT)
			return true;
	for (size_t i = 0; i < sup->nplaces; i++) {
		struct fby_place *pl = &sup->places[i];
		struct fby_proc *pr = &sup->procs[pl->slot];

		if (pr->generation == sup->generation)
			continue;
		if (is_alive(pr)) {
			pl->next = spawn_for(sup, i);
		} else {
			/* It is down anyway: let it come back as a new one. */
			evtimer_del(&pr->ev_spawn);
			spawn(pr);
		}
		return true;
	}
	return false;
}

void
fby_supervisor_check(struct fby_supervisor *sup)
{
	struct fby_master *mst = sup->mst;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		struct fby_proc *pr = &sup->procs[i];

		if (pr->state == FBY_PROC_RETIRING &&
		    fby_handoff_count_slot(&mst->handoff, pr->slot) == 0)
			drain(pr, mst->manifest->host.drain_timeout_ms);
	}
	if (sup->want == 0)
		return;
	/* On a failure the reload decides first where to go. */
	if (sup->failed || !roll_one(sup))
		fby_reload_continue(&mst->reload);
}

bool
fby_supervisor_is_settled(const struct fby_supervisor *sup)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (sup->procs[i].state == FBY_PROC_RETIRING ||
		    sup->procs[i].state == FBY_PROC_DRAINING)
			return false;
	for (size_t i = 0; i < sup->nplaces; i++)
		if (sup->places[i].next != FBY_NOSLOT ||
		    sup->procs[sup->places[i].slot].generation !=
			sup->generation)
			return false;
	return true;
}

void
fby_supervisor_roll(struct fby_supervisor *sup, const struct fby_manifest *m,
    int manifest_fd, unsigned generation)
{
	int cpus[FBY_WORKERS_MAX];
	size_t ncpus = fby_cpus_usable(m, cpus);

	sup->manifest_fd = manifest_fd;
	sup->generation = generation;
	sup->failed = false;
	sup->want = fby_cpus_workers(m, ncpus);
	for (size_t i = 0; i < sup->want; i++)
		sup->places[i].cpu = fby_cpus_pin(m, cpus, ncpus, i);
	settle_places(sup);
	fby_cycle_plan_soon(sup->mst);
	fby_supervisor_check(sup);
}

void
fby_supervisor_adopt(struct fby_supervisor *sup, int manifest_fd,
    unsigned generation)
{
	sup->manifest_fd = manifest_fd;
	sup->generation = generation;
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		struct fby_proc *pr = &sup->procs[i];

		pr->generation = generation;
		if (is_alive(pr))
			fby_store(&slot_of(pr)->generation, generation);
	}
}

/* ---- life ------------------------------------------------------------- */

void
fby_supervisor_init(struct fby_supervisor *sup, struct fby_master *mst)
{
	memset(sup, 0, sizeof(*sup));
	sup->mst = mst;
	sup->exec_fd = sup->manifest_fd = -1;
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		struct fby_proc *pr = &sup->procs[i];

		pr->sup = sup;
		pr->slot = i;
		pr->place = -1;
		pr->ch.fd = -1;
		evtimer_assign(&pr->ev_spawn, mst->base, on_spawn_timer, pr);
	}
	for (size_t i = 0; i < FBY_WORKERS_MAX; i++)
		sup->places[i].slot = sup->places[i].next = FBY_NOSLOT;
}

void
fby_supervisor_stop(struct fby_supervisor *sup, int64_t drain_ms)
{
	sup->want = 0;
	settle_places(sup);
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (is_alive(&sup->procs[i]))
			drain(&sup->procs[i], drain_ms);
	if (fby_supervisor_alive(sup) == 0)
		fby_cycle_workers_gone(sup->mst);
}

/* At exit, whatever the state: nobody is left behind. */
void
fby_supervisor_fini(struct fby_supervisor *sup)
{
	for (uint32_t i = 0; sup->mst && i < FBY_SLOTS_MAX; i++) {
		struct fby_proc *pr = &sup->procs[i];

		evtimer_del(&pr->ev_spawn);
		fby_channel_fini(&pr->ch);
		if (!is_alive(pr))
			continue;
		kill(pr->pid, SIGKILL);
		waitpid(pr->pid, NULL, 0);
	}
	if (sup->exec_fd != -1)
		close(sup->exec_fd);
	sup->exec_fd = -1;
}

/* ---- for the hand-over ------------------------------------------------ */

void
fby_supervisor_tell(struct fby_supervisor *sup, enum fby_msg_type type, int fd)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		struct fby_msg msg;

		if (is_alive(&sup->procs[i]))
			fby_channel_send(&sup->procs[i].ch, type, &msg,
			    sizeof(msg), fd);
	}
}

size_t
fby_supervisor_eligible(const struct fby_supervisor *sup,
    uint32_t slots[FBY_SLOTS_MAX], bool ready[FBY_SLOTS_MAX])
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		const struct fby_proc *pr = &sup->procs[i];

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
	struct fby_msg_grant msg = {
		.row = pt->row,
		.epoch = pt->epoch,
		.start = pt->start,
		.watermark = pt->watermark,
	};

	fby_channel_send(&sup->procs[pt->slot].ch, FBY_MSG_GRANT, &msg.msg,
	    sizeof(msg), -1);
}

void
fby_supervisor_revoke(struct fby_supervisor *sup, const struct fby_part *pt,
    int64_t drain_ms)
{
	struct fby_proc *pr = &sup->procs[pt->slot];
	struct fby_msg_revoke msg = {
		.row = pt->row,
		.epoch = pt->epoch,
		.drain_ms = (uint32_t)drain_ms,
	};

	pr->release_by = fby_clock_mono() + drain_ms + GRACE_MS;
	fby_channel_send(&pr->ch, FBY_MSG_REVOKE, &msg.msg, sizeof(msg), -1);
}

size_t
fby_supervisor_alive(const struct fby_supervisor *sup)
{
	size_t n = 0;

	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		n += is_alive(&sup->procs[i]);
	return n;
}
