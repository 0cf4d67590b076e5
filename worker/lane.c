/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: the life of a partition in this worker; see lane.h.
 */
#include "shared/fby.h"

#include "worker/lane.h"

#include <event2/event.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/mem.h"
#include "shared/str.h"

#include "worker/pipeline.h"
#include "worker/source.h"
#include "worker/worker.h"

static const struct {
	const char *name;
	unsigned next; /* mask of states */
} states[FBY_LANE_NSTATES] = {
#define L(name) (1u << FBY_LANE_##name)
#define S(state, what, mask) [FBY_LANE_##state] = { #state, mask },
	FBY_LANE_STATES(S)
#undef S
#undef L
};

/* The only writer of ln->state. */
static void
set_state(struct fby_lane *ln, enum fby_lane_state to, const char *why)
{
	FBY_BUG_ON(!(states[ln->state].next & (1u << to)));
	fby_debug("lane %s: %s -> %s (%s, epoch %" PRIu64 ")", ln->name,
	    states[ln->state].name, states[to].name, why, ln->epoch);
	ln->state = to;
}

struct fby_lane *
fby_lane_find_row(struct fby_worker *w, uint32_t row)
{
	struct fby_lane *ln;

	TAILQ_FOREACH (ln, &w->lanes, entry)
		if (ln->row_no == row)
			return ln;
	return NULL;
}

/* Released: who sees what became of records sees that they were read. */
static void
move_count(_Atomic uint64_t *to, uint64_t *from)
{
	if (*from == 0)
		return;
	fby_release(to, fby_load(to) + *from);
	*from = 0;
}

void
fby_lane_publish(struct fby_lane *ln)
{
	struct fby_ledger_row *row = ln->row;
	uint32_t flags = 0;

	if (ln->paused)
		flags |= FBY_ROW_PAUSED;
	if (ln->at_end)
		flags |= FBY_ROW_AT_END;
	if (ln->et.is_idle)
		flags |= FBY_ROW_WM_IDLE;
	fby_store(&row->flags, flags);
	move_count(&row->delivered, &ln->delivered);
	move_count(&row->fallback, &ln->fallback);
	move_count(&row->dead_lettered, &ln->dead_lettered);
	move_count(&row->dropped, &ln->dropped);
	/* The master believes no position beyond the end of the log. */
	if (fby_load(&row->high) < ln->acks.position)
		fby_store(&row->high, ln->acks.position);
	fby_release(&row->position, ln->acks.position);
	fby_store(&row->in_flight, fby_acks_in_flight(&ln->acks));
	fby_store(&row->oldest_at, fby_acks_oldest_at(&ln->acks));
	/* Before: a later epoch than the offset's can hide that the log was
	 * cut, an earlier one would invent it. */
	fby_store(&row->leader_epoch, ln->acks.acked_epoch);
	fby_release(&row->acked, ln->acks.acked);
	/* After its offset: the master reads it before, and must not have a
	 * watermark that speaks of records which it does not commit. */
	fby_release(&row->watermark, ln->et.watermark);
}

void
fby_lane_failed(struct fby_lane *ln, enum fby_failure_role role, int code,
    const char *text)
{
	struct fby_msg_failure msg = {
		.row = ln->row_no,
		.role = (uint32_t)role,
		.epoch = ln->epoch,
		.code = code,
	};

	/* The row may be somebody else's by now. */
	if (ln->state == FBY_LANE_DRAINED)
		return;
	fby_store(&ln->row->error, code);
	fby_store(&ln->row->error_role, (uint32_t)role);
	fby_store(&ln->row->error_at, fby_clock_wall());
	fby_failure_send(&ln->w->failures, &ln->told[role], &msg, text);
}

/* ---- end -------------------------------------------------------------- */

static void
send_released(struct fby_worker *w, uint32_t row, uint64_t epoch,
    enum fby_release_reason reason, int64_t cut_at)
{
	struct fby_msg_released msg = {
		.row = row,
		.reason = reason,
		.epoch = epoch,
		.cut_at = cut_at,
	};

	fby_channel_send(&w->ch, FBY_MSG_RELEASED, &msg.msg, sizeof(msg), -1);
}

static void
lane_free(struct fby_lane *ln)
{
	ln->magic = 0;
	fby_acks_fini(&ln->acks);
	fby_eventtime_fini(&ln->et);
	free(ln->failed);
	free(ln->name);
	free(ln->topic);
	free(ln);
}

/* The last store to the row comes before the message that gives it away. */
static void
release(struct fby_lane *ln, const char *why)
{
	struct fby_worker *w = ln->w;
	uint64_t left = fby_acks_in_flight(&ln->acks);

	if (left)
		fby_notice("lane %s: released with %" PRIu64 " records in "
			   "flight, which will be read again",
		    ln->name, left);
	event_del(&ln->ev_deadline);
	fby_pipeline_forget(ln);
	fby_acks_cut(&ln->acks, ln->acks.head);
	ln->acks.position = ln->acks.acked;
	ln->at_end = false;
	ln->et.is_idle = false;
	fby_lane_publish(ln);
	set_state(ln, FBY_LANE_DRAINED, why);
	TAILQ_REMOVE(&w->lanes, ln, entry);
	fby_store(&w->slot->lanes, --w->nlanes);
	send_released(w, ln->row_no, ln->epoch, ln->reason, ln->cut_at);
	fby_worker_lane_gone(w);
	fby_lane_check(ln);
}

void
fby_lane_check(struct fby_lane *ln)
{
	if (ln->state == FBY_LANE_DRAINED && ln->nbatches == 0)
		lane_free(ln);
	else if (ln->state == FBY_LANE_DRAINING &&
	    fby_acks_in_flight(&ln->acks) == 0)
		release(ln, "drained");
}

static void
on_deadline(evutil_socket_t fd, short what, void *arg)
{
	struct fby_lane *ln = arg;

	(void)fd;
	(void)what;
	FBY_BUG_ON(ln->magic != FBY_LANE_MAGIC);
	release(ln, "deadline");
}

void
fby_lane_drain(struct fby_lane *ln, enum fby_release_reason reason,
    int64_t drain_ms, const char *why)
{
	struct timeval tv = fby_clock_tv(drain_ms);
	int64_t by = fby_clock_mono() + drain_ms;

	if (ln->state == FBY_LANE_DRAINING) {
		/* A second request may only shorten the time. */
		if (drain_ms == 0) {
			release(ln, "no time is left");
		} else if (by < ln->drain_by) {
			ln->drain_by = by;
			event_add(&ln->ev_deadline, &tv);
		}
		return;
	}
	ln->reason = reason;
	ln->drain_by = by;
	set_state(ln, FBY_LANE_DRAINING, why);
	fby_source_detach(ln);
	fby_pipeline_stop(ln);
	fby_lane_publish(ln);
	if (drain_ms == 0) {
		/* Lost: it is over before the next message is looked at. */
		release(ln, "no time to drain");
		return;
	}
	event_add(&ln->ev_deadline, &tv);
	fby_lane_check(ln);
}

void
fby_lane_drain_all(struct fby_worker *w, int64_t drain_ms, const char *why)
{
	struct fby_lane *ln, *next;

	for (ln = TAILQ_FIRST(&w->lanes); ln != NULL; ln = next) {
		next = TAILQ_NEXT(ln, entry);
		fby_lane_drain(ln, FBY_RELEASE_REVOKED, drain_ms, why);
	}
}

void
fby_lane_revoke(struct fby_worker *w, const struct fby_msg_revoke *msg)
{
	struct fby_lane *ln = fby_lane_find_row(w, msg->row);

	/* We released it of our own accord while the message was under way. */
	if (ln == NULL || ln->epoch != msg->epoch)
		return;
	fby_lane_drain(ln, FBY_RELEASE_REVOKED, msg->drain_ms, "revoked");
}

/* ---- beginning -------------------------------------------------------- */

/* Why the grant cannot be meant for us, or NULL. */
static const char *
refuse(struct fby_worker *w, const struct fby_msg_grant *msg)
{
	const struct fby_ledger_row *row;

	if (msg->row >= w->shm.nrows)
		return "no such row";
	/* Rows that are not in use have it; the master begins with 1. */
	if (msg->epoch == 0)
		return "it has no epoch";
	row = &w->shm.rows[msg->row];
	if (fby_acquire(&row->epoch) != msg->epoch)
		return "the ledger has another epoch";
	if (fby_acquire(&row->slot) != w->slot_no)
		return "the ledger has another holder";
	if (msg->topic[0] == '\0' || msg->partition < 0 ||
	    memchr(msg->topic, '\0', FBY_TOPIC_MAX + 1) == NULL)
		return "it names no partition";
	if (msg->start < 0)
		return "the start offset is not absolute";
	if (fby_lane_find_row(w, msg->row) != NULL)
		return "we hold it already";
	return NULL;
}

static struct fby_lane *
lane_new(struct fby_worker *w, const struct fby_msg_grant *msg)
{
	struct fby_lane *ln = fby_calloc(1, sizeof(*ln));

	ln->magic = FBY_LANE_MAGIC;
	ln->w = w;
	ln->row_no = msg->row;
	ln->row = &w->shm.rows[msg->row];
	ln->epoch = msg->epoch;
	ln->topic = fby_strdup(msg->topic);
	ln->partition = msg->partition;
	ln->topic_id = msg->topic_id;
	ln->name = fby_asprintf("%s/%" PRId32, ln->topic, ln->partition);
	ln->fd = -1;
	ln->isolate_until = msg->isolate_until;
	ln->kills = msg->kills;
	ln->txn.newest = INT64_MIN;
	ln->txn.next = FBY_NONE;
	ln->sent_offset = ln->sent_watermark = FBY_NONE;
	ln->poison = msg->kills ? msg->start : FBY_NONE;
	ln->cut_at = FBY_NONE;
	ln->is_unchecked = msg->start > 0 && msg->leader_epoch >= 0;
	fby_acks_init(&ln->acks, msg->start,
	    msg->leader_epoch < 0 ? -1 : msg->leader_epoch);
	fby_eventtime_init(&ln->et, msg->watermark, fby_clock_mono());
	evtimer_assign(&ln->ev_deadline, w->base, on_deadline, ln);
	fby_pipeline_lane_init(ln);
	return ln;
}

void
fby_lane_grant(struct fby_worker *w, const struct fby_msg_grant *msg)
{
	const char *why = refuse(w, msg);
	struct fby_lane *ln;

	if (FBY_COUNT_IF(why != NULL)) {
		fby_error("grant of row %" PRIu32 ", epoch %" PRIu64
			  ", refused: %s",
		    msg->row, msg->epoch, why);
		send_released(w, msg->row, msg->epoch, FBY_RELEASE_FAILED,
		    FBY_NONE);
		return;
	}
	if (w->draining) {
		send_released(w, msg->row, msg->epoch, FBY_RELEASE_REVOKED,
		    FBY_NONE);
		return;
	}
	ln = lane_new(w, msg);
	TAILQ_INSERT_TAIL(&w->lanes, ln, entry);
	fby_store(&w->slot->lanes, ++w->nlanes);
	fby_lane_publish(ln);
	set_state(ln, FBY_LANE_SEEKING, "granted");
	if (msg->isolate_until > msg->start)
		fby_notice("lane %s: records before %" PRId64
			   " are handed on one at a time: workers have died "
			   "of one of them",
		    ln->name, msg->isolate_until);
	if (fby_source_attach(ln, msg->start) == -1)
		fby_lane_drain(ln, FBY_RELEASE_FAILED, 0, "no queue");
}

void
fby_lane_running(struct fby_lane *ln)
{
	if (ln->state == FBY_LANE_SEEKING)
		set_state(ln, FBY_LANE_RUNNING, "first record or end");
}
