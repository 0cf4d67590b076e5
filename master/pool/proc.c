/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker process, as the master sees it; see proc.h.
 */
#include "shared/fby.h"

#include "master/pool/proc.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/base/oom.h"
#include "master/base/procfs.h"
#include "master/base/spawn.h"
#include "master/handoff/failure.h"
#include "master/handoff/handoff.h"
#include "master/handoff/suspicion.h"
#include "master/runtime/capture.h"
#include "master/runtime/program.h"

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

bool
fby_proc_is_alive(const struct fby_proc *pr)
{
	return pr->pid > 0;
}

void
fby_proc_set_state(struct fby_proc *pr, enum fby_proc_state to)
{
	fby_debug("worker %u: %s -> %s", pr->slot, state_names[pr->state],
	    state_names[to]);
	/* Its slot may be another's next, which waits for a time of its own. */
	if (to != FBY_PROC_BACKOFF)
		evtimer_del(&pr->ev_spawn);
	pr->state = to;
}

static struct fby_ledger_slot *
slot_of(const struct fby_proc *pr)
{
	return &pr->env->shm->slots[pr->slot];
}

/* ---- messages --------------------------------------------------------- */

static void
on_msg(void *arg, const struct fby_msg *msg, int fd)
{
	struct fby_proc *pr = arg;
	const struct fby_msg_released *rel;

	if (fd != -1)
		close(fd);
	switch (msg->type) {
	case FBY_MSG_READY:
		pr->ops->ready(pr->arg, pr);
		break;
	case FBY_MSG_RELEASED:
		rel = (const struct fby_msg_released *)msg;
		if (rel->reason == FBY_RELEASE_CUT)
			fby_handoff_cut(pr->env->handoff, pr->slot, rel->row,
			    rel->epoch, rel->cut_at);
		fby_handoff_released(pr->env->handoff, pr->slot, rel->row,
		    rel->epoch, rel->reason);
		pr->ops->released(pr->arg);
		break;
	case FBY_MSG_FAILURE:
		if (fby_failure_keep(pr->env->failures, pr->env->handoff,
			pr->slot, (const struct fby_msg_failure *)msg) == 0)
			break;
		fby_error("worker %u (pid %d) sent a failure of an unknown "
			  "role or without an end; killed",
		    pr->slot, pr->pid);
		kill(pr->pid, SIGKILL);
		break;
	case FBY_MSG_REOPENED:
		pr->reopening = false;
		pr->reopen_error = ((const struct fby_msg_reopened *)msg)
				       ->error;
		pr->ops->reopened(pr->arg);
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
	if (fby_proc_is_alive(pr) && (why || pr->state != FBY_PROC_DRAINING))
		kill(pr->pid, SIGKILL);
}

void
fby_proc_grant(struct fby_proc *pr, const struct fby_part *pt)
{
	struct fby_msg_grant msg = {
		.row = pt->row,
		.epoch = pt->epoch,
		.start = pt->start,
		.watermark = pt->watermark,
		.isolate_until = pt->isolated ? pt->poison.until : FBY_NONE,
		.kills = pt->poison.condemned &&
			pr->env->handoff->has_dead_letter ?
		    pt->poison.kills :
		    0,
		.topic_id = pt->topic_id,
		.partition = pt->partition,
		.leader_epoch = pt->start == pt->acked ? pt->epoch_before : -1,
	};

	snprintf(msg.topic, sizeof(msg.topic), "%s", pt->topic);
	fby_channel_send(&pr->ch, FBY_MSG_GRANT, &msg.msg, sizeof(msg), -1);
}

void
fby_proc_revoke(struct fby_proc *pr, struct fby_part *pt, int64_t drain_ms)
{
	struct fby_msg_revoke msg = {
		.row = pt->row,
		.epoch = pt->epoch,
		.drain_ms = (uint32_t)drain_ms,
	};
	int64_t by = fby_clock_mono() + drain_ms + GRACE_MS;

	/* The worker does the same: a second request shortens the time. */
	pt->release_by = pt->release_by == 0 ? by : FBY_MIN(pt->release_by, by);
	fby_channel_send(&pr->ch, FBY_MSG_REVOKE, &msg.msg, sizeof(msg), -1);
}

void
fby_proc_drain(struct fby_proc *pr, int64_t drain_ms)
{
	struct fby_msg_drain msg = { .drain_ms = (uint32_t)drain_ms };
	int64_t by = fby_clock_mono() + drain_ms + GRACE_MS;

	fby_proc_set_state(pr, FBY_PROC_DRAINING);
	/* The worker does the same: a second request shortens the time. */
	pr->exit_by = pr->exit_by == 0 ? by : FBY_MIN(pr->exit_by, by);
	fby_channel_send(&pr->ch, FBY_MSG_DRAIN, &msg.msg, sizeof(msg), -1);
}

void
fby_proc_group(struct fby_proc *pr)
{
	struct fby_msg_group msg = *pr->env->metadata;

	if (msg.size > 0)
		fby_channel_send(&pr->ch, FBY_MSG_GROUP, &msg.msg, sizeof(msg),
		    -1);
}

void
fby_proc_reopen(struct fby_proc *pr, int fd)
{
	struct fby_msg msg;

	if (pr->capture)
		return;
	pr->reopening = true;
	fby_channel_send(&pr->ch, FBY_MSG_REOPEN, &msg, sizeof(msg), fd);
}

/* ---- starting --------------------------------------------------------- */

void
fby_proc_show(const struct fby_proc *pr)
{
	struct fby_ledger_slot *slot = slot_of(pr);

	fby_store(&slot->cpu, pr->cpu);
	fby_store(&slot->generation, pr->generation);
	fby_store(&slot->spawned_at, pr->spawned_at);
	fby_store(&slot->spawns, pr->spawns);
	fby_store(&slot->pid, pr->pid);
}

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
	fby_store(&slot->log_error, 0);
}

static pid_t
start_program(struct fby_proc *pr, const struct fby_proc_start *how,
    int channel)
{
	const struct fby_program *p = how->program;
	const char **vars = fby_calloc(p->nvars + 2, sizeof(*vars));
	struct fby_spawn sp = {
		.exec_fd = p->exec_fd,
		.argv = p->argv,
		.fds = { -1, STDOUT_FILENO, STDERR_FILENO, channel,
		    pr->env->shm->fd, how->manifest_fd, p->settings_fd },
		.nfds = p->settings_fd == -1 ? 6 : 7,
		.cpu = how->cpu,
		.oom_above = FBY_SPAWN_OOM_ABOVE,
		.foreign = p->exec_fd == -1,
		.as = p->account,
	};
	char slot[64], place[64];
	pid_t pid;

	for (size_t i = 0; i < p->nvars; i++)
		vars[i] = p->vars[i];
	snprintf(slot, sizeof(slot), FBY_ENV_SLOT "=%u", pr->slot);
	vars[p->nvars] = slot;
	snprintf(place, sizeof(place), FBY_ENV_PLACE "=%u", how->place);
	vars[p->nvars + 1] = place;
	/* Ours reads secrets where the master does. */
	sp.envp = sp.foreign ? fby_spawn_env_foreign(vars, p->nvars + 2) :
			       fby_spawn_env_worker(vars, p->nvars + 2);
	if (pr->capture) {
		fby_helpers_mark(&pr->helpers);
		sp.envp = fby_spawn_env_with(sp.envp, pr->helpers.mark);
		sp.fds[2] = fby_capture_fd(pr->capture);
		if (!fby_capture_is_data(pr->env->ctx->manifest))
			sp.fds[1] = sp.fds[2];
	}
	pid = fby_spawn(&sp);
	fby_spawn_env_free(sp.envp);
	free(vars);
	return pid;
}

/* What it has started ends with it, and the rest of what it said is logged. */
static void
silence(struct fby_proc *pr)
{
	if (pr->capture)
		fby_helpers_kill(&pr->helpers);
	fby_capture_end(pr->capture);
	pr->capture = NULL;
}

/* Ours write to the log themselves.  -1 with errno. */
static int
listen_to(struct fby_proc *pr, const struct fby_program *p)
{
	char *name;

	if (p->exec_fd != -1)
		return 0;
	name = fby_asprintf("runtime \"%s\"", p->name);
	pr->capture = fby_capture_new(pr->env->ctx->base, name, p->account);
	free(name);
	return pr->capture ? 0 : -1;
}

int
fby_proc_start(struct fby_proc *pr, const struct fby_proc_start *how)
{
	struct fby_ledger_slot *slot = slot_of(pr);
	int fds[2];

	/* Also if it fails: who waits to be tried again is not an old one. */
	pr->generation = how->generation;
	if (fby_channel_pair(fds) == -1) {
		fby_error("worker %u: socketpair: %s", pr->slot,
		    strerror(errno));
		return -1;
	}
	if (listen_to(pr, how->program) == -1) {
		fby_error("worker %u: a pipe for what it says: %s", pr->slot,
		    strerror(errno));
		close(fds[0]);
		close(fds[1]);
		return -1;
	}
	clear_slot(pr);
	/* It will not start with a head that others have written over. */
	fby_shm_restore_head(pr->env->shm);
	pr->pid = start_program(pr, how, fds[1]);
	close(fds[1]);
	if (pr->pid == -1) {
		fby_error("worker %u: fork: %s", pr->slot, strerror(errno));
		silence(pr);
		pr->pid = 0;
		close(fds[0]);
		return -1;
	}
	if (pr->capture) {
		fby_helpers_started(&pr->helpers, pr->pid);
		fby_capture_started(pr->capture, pr->pid);
	}
	fby_channel_init(&pr->ch, pr->env->ctx->base, fds[0], on_msg, on_closed,
	    pr);
	free(pr->runtime);
	pr->runtime = fby_strdup(how->program->name);
	pr->before = fby_runtime_stats_counts(slot);
	fby_runtime_stats_started(pr->env->stats, pr->runtime);
	pr->spawned_at = pr->beat_at = fby_clock_mono();
	pr->beat = 0;
	pr->killed = pr->stopped = false;
	pr->reopening = false;
	pr->reopen_error = 0;
	pr->exit_by = 0;
	fby_proc_set_state(pr, FBY_PROC_STARTING);
	pr->cpu = how->cpu;
	pr->spawns++;
	fby_proc_show(pr);
	return 0;
}

/* ---- dying ------------------------------------------------------------ */

static void
obituary(const struct fby_proc *pr, int status)
{
	const struct fby_ledger_slot *slot = slot_of(pr);
	const struct fby_handoff *h = pr->env->handoff;
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
	if (row < h->nparts)
		fby_str_printf(&s, " %s/%d at offset %" PRId64,
		    h->parts[row].topic, h->parts[row].partition,
		    fby_load(&slot->activity_offset));
	fby_str_printf(&s,
	    "; it held %zu partition%s, %" PRIu64 " records in flight",
	    fby_handoff_count_slot(pr->env->handoff, pr->slot),
	    fby_handoff_count_slot(pr->env->handoff, pr->slot) == 1 ? "" : "s",
	    fby_load(&slot->in_flight));
	fby_error("worker %u (pid %d) %s", pr->slot, pr->pid, s.p);
	fby_str_fini(&s);
}

/*
 * May a record be to blame?  Never for what somebody has done from outside:
 * only signals that a fault raises, the out-of-memory killer, our own
 * watchdog, and exits that the worker did not want.
 */
static bool
is_fault(struct fby_proc *pr, int status)
{
	if (WIFSIGNALED(status)) {
		switch (WTERMSIG(status)) {
		case SIGSEGV:
		case SIGBUS:
		case SIGILL:
		case SIGFPE:
		case SIGABRT:
		case SIGSYS:
		case SIGTRAP:
			return true;
		case SIGKILL:
			if (pr->killed)
				return !pr->stopped;
			return fby_oom_struck(pr->env->oom, fby_clock_mono());
		default:
			return false;
		}
	}
	switch (WEXITSTATUS(status)) {
	case FBY_EXIT_OK:
	case FBY_EXIT_CONFIG:
	case FBY_EXIT_ABI:
	case FBY_EXIT_PROTO:
	case FBY_EXIT_KAFKA:
	case FBY_EXIT_SETUP:
	case FBY_SPAWN_FAILED:
		return false;
	default:
		return true;
	}
}

bool
fby_proc_bury(struct fby_proc *pr, int status)
{
	/* Only while it hands records over is it the record's own. */
	uint32_t row = fby_load(&slot_of(pr)->activity) == FBY_ACTIVITY_SINK ?
	    fby_load(&slot_of(pr)->activity_row) :
	    FBY_NOROW;
	int64_t offset = fby_load(&slot_of(pr)->activity_offset);
	bool expected = pr->state == FBY_PROC_DRAINING && WIFEXITED(status) &&
	    WEXITSTATUS(status) == FBY_EXIT_OK;

	silence(pr);
	if (expected)
		fby_info("worker %u (pid %d) drained and exited", pr->slot,
		    pr->pid);
	else
		obituary(pr, status);
	fby_runtime_stats_ended(pr->env->stats, pr->runtime, slot_of(pr),
	    &pr->before, !expected);
	fby_channel_fini(&pr->ch);
	pr->pid = 0;
	pr->rate = 0;
	clear_slot(pr);
	fby_proc_show(pr);
	fby_store(&slot_of(pr)->state, FBY_SLOT_EMPTY);
	if (!expected && is_fault(pr, status))
		fby_suspicion_died(pr->env->handoff, pr->slot, row, offset);
	else
		fby_handoff_holder_gone(pr->env->handoff, pr->slot);
	return expected;
}

/* ---- watchdog --------------------------------------------------------- */

/* By a debugger, or SIGSTOP: then it is no record that keeps it. */
static bool
is_stopped(pid_t pid)
{
	struct fby_procfs_stat st;

	return fby_procfs_stat(pid, &st) == 0 &&
	    (st.state == 'T' || st.state == 't');
}

static void
kill_hung(struct fby_proc *pr, const char *why)
{
	if (pr->killed)
		return;
	pr->stopped = is_stopped(pr->pid);
	fby_error("worker %u (pid %d) %s, while %s%s; killed", pr->slot,
	    pr->pid, why, fby_activity_name(fby_load(&slot_of(pr)->activity)),
	    pr->stopped ? ", and stopped by somebody" : "");
	pr->killed = true;
	pr->ops->hung(pr->arg);
	kill(pr->pid, SIGKILL);
}

static void
check_alive(struct fby_proc *pr, int64_t now)
{
	int64_t beat = fby_load(&slot_of(pr)->heartbeat);
	int64_t limit = pr->env->ctx->manifest->host.worker_timeout_ms;
	const struct fby_part *pt;
	char why[320];

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
	if ((pt = fby_handoff_overdue(pr->env->handoff, pr->slot, now)) !=
	    NULL) {
		snprintf(why, sizeof(why),
		    "was told to release %s/%d and did not", pt->topic,
		    pt->partition);
		kill_hung(pr, why);
	}
}

void
fby_proc_watch(struct fby_proc *pr, int64_t now, int64_t since)
{
	uint64_t read = fby_load(&slot_of(pr)->read);

	if (now > since)
		pr->rate = (double)(read - pr->read_before) * 1000 /
		    (double)(now - since);
	pr->read_before = read;
	check_alive(pr, now);
}

/* ---- life ------------------------------------------------------------- */

void
fby_proc_init(struct fby_proc *pr, uint32_t slot,
    const struct fby_proc_env *env, const struct fby_proc_ops *ops, void *arg)
{
	memset(pr, 0, sizeof(*pr));
	pr->env = env;
	pr->ops = ops;
	pr->arg = arg;
	pr->slot = slot;
	pr->place = -1;
	pr->cpu = -1;
	pr->ch.fd = -1;
}

void
fby_proc_fini(struct fby_proc *pr)
{
	fby_channel_fini(&pr->ch);
	free(pr->runtime);
	pr->runtime = NULL;
	if (fby_proc_is_alive(pr))
		fby_spawn_end(pr->pid, false);
	silence(pr);
	pr->pid = 0;
}
