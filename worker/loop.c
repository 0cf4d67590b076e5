/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's loop; see loop.h.
 */
#include "shared/fby.h"

#include "worker/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <sys/resource.h>
#include <unistd.h>

#include "shared/base/bug.h"
#include "shared/base/clock.h"
#include "shared/base/crash.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "worker/grant.h"
#include "worker/lane.h"
#include "worker/outlet.h"
#include "worker/prefetch.h"
#include "worker/sink/sink.h"
#include "worker/source.h"
#include "worker/stage/stage.h"
#include "worker/worker.h"

#define BEAT_MS 500
#define ARENAS_EVERY 10 /* beats: jemalloc's count is dear */
#define STEP_MIN_MS 10
/* Handlers between two looks at what else has become ready. */
#define DISPATCH_CALLBACKS 16

static void
drain(struct fby_worker *w, int64_t drain_ms, const char *why)
{
	if (!w->draining) {
		fby_info("draining: %s", why);
		w->draining = true;
		fby_release(&w->slot->state, FBY_SLOT_DRAINING);
	}
	fby_grant_drain_all(w, drain_ms, why);
	fby_worker_lane_gone(w);
}

/* ---- messages --------------------------------------------------------- */

void
fby_loop_apply(struct fby_worker *w)
{
	const struct fby_host *host = &w->m->host;
	struct fby_eventtime_conf *et = &w->eventtime;
	struct timeval tv;

	fby_log_set_level((enum fby_log_level)host->log_level);
	*et = (struct fby_eventtime_conf){
		.max_delay_ms = host->watermark.max_delay_ms,
		.max_future_ms = host->watermark.max_future_ms,
		.idle = host->watermark.idle.present,
		.threshold_ms = host->watermark.idle.threshold_ms,
		.increment_by_ms = host->watermark.idle.increment_by_ms,
		.step_interval_ms = host->watermark.idle.step_interval_ms,
		.init_source_delay_ms = host->watermark.idle
					    .init_source_delay_ms,
	};
	if (et->idle) {
		tv = fby_clock_tv(FBY_MAX(et->step_interval_ms, STEP_MIN_MS));
		event_add(&w->ev_step, &tv);
	} else {
		event_del(&w->ev_step);
	}
}

static void
on_manifest(struct fby_worker *w, int fd)
{
	struct fby_manifest *m;
	struct fby_err err;

	fby_err_init(&err);
	m = fd == -1 ? NULL : fby_manifest_unpack(fd, &err);
	if (FBY_COUNT_IF(m == NULL)) {
		/* The master has accepted it: keep the old one, and say so. */
		fby_error("the new manifest is refused, the old one stays");
		fby_worker_say(&err);
	} else {
		fby_manifest_free(w->m);
		w->m = m;
		fby_loop_apply(w);
		fby_info("live settings of the new manifest applied");
	}
	fby_err_fini(&err);
}

static void
on_reopen(struct fby_worker *w, int fd)
{
	struct fby_msg_reopened msg = { .error = 0 };

	if (fd == -1)
		msg.error = EMFILE;
	else if (dup2(fd, STDERR_FILENO) == -1)
		msg.error = errno;
	/* The master sends it again for as long as this is not 0. */
	w->reopen_error = msg.error;
	if (msg.error)
		fby_error("log: cannot go on in the new file: %s",
		    fd == -1 ? "no descriptor came" : strerror(msg.error));
	else
		/* Is it a journal stream? */
		fby_log_init(w->ident);
	fby_channel_send(&w->ch, FBY_MSG_REOPENED, &msg.msg, sizeof(msg), -1);
}

static void
on_msg(void *arg, const struct fby_msg *msg, int fd)
{
	struct fby_worker *w = arg;

	switch (msg->type) {
	case FBY_MSG_GRANT:
		fby_grant_take(w, (const struct fby_msg_grant *)msg);
		break;
	case FBY_MSG_REVOKE:
		fby_grant_revoke(w, (const struct fby_msg_revoke *)msg);
		break;
	case FBY_MSG_DRAIN:
		drain(w, ((const struct fby_msg_drain *)msg)->drain_ms,
		    "asked to");
		break;
	case FBY_MSG_MANIFEST:
		on_manifest(w, fd);
		break;
	case FBY_MSG_REOPEN:
		on_reopen(w, fd);
		break;
	case FBY_MSG_GROUP:
		fby_sink_group(w, (const struct fby_msg_group *)msg);
		break;
	default:
		fby_error("message of type %u is not for a worker", msg->type);
		fby_worker_exit(w, FBY_EXIT_PROTO);
		break;
	}
	if (fd != -1)
		close(fd);
}

/* Only takes note: this may be called from anywhere that sends. */
static void
on_channel_closed(void *arg, const char *why)
{
	struct fby_worker *w = arg;

	w->closed_why = why;
	event_active(&w->ev_closed, EV_TIMEOUT, 0);
}

static void
on_closed(evutil_socket_t fd, short what, void *arg)
{
	struct fby_worker *w = arg;

	(void)fd;
	(void)what;
	if (w->closed_why != NULL) {
		fby_error("channel: %s", w->closed_why);
		fby_worker_exit(w, FBY_EXIT_PROTO);
		return;
	}
	if (w->draining && w->nlanes == 0)
		return;
	drain(w, w->m->host.drain_timeout_ms, "the master is gone");
}

/* ---- timers ----------------------------------------------------------- */

static uint64_t
cpu_us(void)
{
	struct rusage ru;

	if (getrusage(RUSAGE_SELF, &ru) == -1)
		return 0;
	return (uint64_t)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) * 1000000 +
	    (uint64_t)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec);
}

/*
 * The file can be cut short or written over by others.  The master gives it its
 * size again, within a second; what is ours in it we say again.
 */
static void
keep_ledger(struct fby_worker *w)
{
	struct fby_lane *ln;

	if (fby_crash_is_torn() && fby_shm_is_whole(&w->shm)) {
		if (fby_shm_remap(&w->shm) == -1) {
			fby_error("ledger: mmap: %s", strerror(errno));
			return;
		}
		fby_crash_guard(w->shm.head, w->shm.size);
	}
	fby_store(&w->slot->lanes, w->nlanes);
	TAILQ_FOREACH (ln, &w->lanes, entry)
		if (fby_load(&ln->row->acked) != ln->acks.acked)
			fby_lane_publish(ln);
}

/* A log-in was refused: with the secrets as they are now. */
static void
log_in(struct fby_worker *w, int64_t mono)
{
	if (mono >= w->login_until)
		return;
	fby_kafka_login_anew(w->src->rk, w->m, FBY_KAFKA_FETCHER);
	for (size_t i = 0; i < FBY_SINK_N; i++)
		if (w->outs[i] != NULL && w->outs[i]->ops->login != NULL)
			w->outs[i]->ops->login(w->outs[i]);
}

static void
tell_log(struct fby_worker *w)
{
	struct fby_log_health health;

	fby_log_tick();
	health = fby_log_health();
	fby_store(&w->slot->log_lost,
	    w->log_lost_before + (uint32_t)health.lost);
	fby_store(&w->slot->log_error,
	    (uint32_t)(health.error ? health.error : w->reopen_error));
}

static void
on_beat(evutil_socket_t fd, short what, void *arg)
{
	struct fby_worker *w = arg;
	struct fby_ledger_slot *slot = w->slot;
	int64_t now = fby_clock_mono();
	struct fby_lane *ln, *next;

	(void)fd;
	(void)what;
	tell_log(w);
	keep_ledger(w);
	if (w->beats > 0)
		fby_release(&slot->state,
		    w->draining ? FBY_SLOT_DRAINING : FBY_SLOT_RUNNING);
	fby_store(&slot->heartbeat, now);
	fby_store(&slot->rss_bytes, fby_mem_rss());
	fby_store(&slot->cpu_us, w->cpu_before + cpu_us());
	fby_store(&slot->survived, w->survived_before + fby_bug_counted());
	if (w->beats++ % ARENAS_EVERY == 0)
		for (int i = 0; i < FBY_ARENA_N && i < FBY_SLOT_ARENAS; i++)
			fby_store(&slot->arena_bytes[i],
			    fby_mem_arena((enum fby_arena)i));
	/* A tick may end a lane. */
	for (ln = TAILQ_FIRST(&w->lanes); ln != NULL; ln = next) {
		next = TAILQ_NEXT(ln, entry);
		fby_source_tick(ln, now);
	}
	fby_sink_tick(w, now);
	fby_stages_tick(w, now);
	fby_prefetch_balance(w);
	log_in(w, now);
}

/* Position is the end, nothing in flight, and no ceiling holds it back. */
static bool
is_at_rest(const struct fby_lane *ln)
{
	return ln->state == FBY_LANE_RUNNING && ln->at_end && !ln->paused &&
	    ln->gated_since == 0 && fby_acks_in_flight(&ln->acks) == 0 &&
	    fby_load(&ln->row->high) <= ln->acks.position;
}

static void
on_step(evutil_socket_t fd, short what, void *arg)
{
	struct fby_worker *w = arg;
	int64_t mono = fby_clock_mono(), wall = fby_clock_wall();
	struct fby_lane *ln;

	(void)fd;
	(void)what;
	TAILQ_FOREACH (ln, &w->lanes, entry) {
		if (!is_at_rest(ln))
			fby_eventtime_touch(&ln->et, mono);
		else if (fby_eventtime_idle(&ln->et, &w->eventtime, mono, wall))
			fby_lane_publish(ln);
	}
}

/* ---- life ------------------------------------------------------------- */

void
fby_loop_init(struct fby_worker *w)
{
	struct event_config *cfg = event_config_new();
	struct timeval beat = fby_clock_tv(BEAT_MS);

	if (cfg == NULL)
		fby_mem_fatal();
	event_config_set_max_dispatch_interval(cfg, NULL, DISPATCH_CALLBACKS,
	    0);
	w->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	if (w->base == NULL)
		fby_mem_fatal();
	event_base_priority_init(w->base, FBY_PRIORITY_N);
	TAILQ_INIT(&w->lanes);
	event_assign(&w->ev_beat, w->base, -1, EV_PERSIST, on_beat, w);
	event_priority_set(&w->ev_beat, FBY_PRIORITY_FIRST);
	event_add(&w->ev_beat, &beat);
	event_assign(&w->ev_step, w->base, -1, EV_PERSIST, on_step, w);
	evtimer_assign(&w->ev_closed, w->base, on_closed, w);
	w->failures.ch = &w->ch;
	fby_channel_init(&w->ch, w->base, FBY_FD_CHANNEL, on_msg,
	    on_channel_closed, w);
}

int
fby_loop_run(struct fby_worker *w)
{
	struct fby_msg_ready ready = {
		.pid = getpid(),
		.slot = w->slot_no,
	};

	fby_loop_apply(w);
	on_beat(-1, 0, w);
	fby_release(&w->slot->state, FBY_SLOT_RUNNING);
	fby_worker_activity(w, FBY_ACTIVITY_WAITING, FBY_NOROW, FBY_NONE);
	fby_channel_send(&w->ch, FBY_MSG_READY, &ready.msg, sizeof(ready), -1);
	event_base_dispatch(w->base);
	return w->exit_code;
}

void
fby_loop_fini(struct fby_worker *w)
{
	fby_channel_fini(&w->ch);
	event_del(&w->ev_beat);
	event_del(&w->ev_step);
	event_del(&w->ev_closed);
	event_base_free(w->base);
	w->base = NULL;
}
