/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that come and go; see grant.h.
 */
#include "shared/fby.h"

#include "worker/grant.h"

#include <event2/event.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"

#include "worker/aside.h"
#include "worker/lane.h"
#include "worker/pipeline.h"
#include "worker/source.h"
#include "worker/worker.h"

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
	fby_lane_set_state(ln, FBY_LANE_DRAINED, why);
	TAILQ_REMOVE(&w->lanes, ln, entry);
	fby_store(&w->slot->lanes, --w->nlanes);
	send_released(w, ln->row_no, ln->epoch, ln->reason, ln->cut_at);
	fby_worker_lane_gone(w);
	fby_grant_check(ln);
}

void
fby_grant_check(struct fby_lane *ln)
{
	if (ln->state == FBY_LANE_DRAINED && ln->nbatches == 0)
		fby_lane_free(ln);
	else if (ln->state == FBY_LANE_DRAINING &&
	    fby_acks_in_flight(&ln->acks) == 0)
		release(ln, "drained");
	/* To wait for the deadline would change nothing. */
	else if (ln->state == FBY_LANE_DRAINING &&
	    fby_aside_is_all(ln, ln->drain_by))
		release(ln, "all that is left is due after the deadline");
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
fby_grant_drain(struct fby_lane *ln, enum fby_release_reason reason,
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
			fby_grant_check(ln);
		}
		return;
	}
	ln->reason = reason;
	ln->drain_by = by;
	fby_lane_set_state(ln, FBY_LANE_DRAINING, why);
	fby_source_detach(ln);
	fby_pipeline_stop(ln);
	fby_lane_publish(ln);
	if (drain_ms == 0) {
		/* Lost: it is over before the next message is looked at. */
		release(ln, "no time to drain");
		return;
	}
	event_add(&ln->ev_deadline, &tv);
	fby_grant_check(ln);
}

void
fby_grant_drain_all(struct fby_worker *w, int64_t drain_ms, const char *why)
{
	struct fby_lane *ln, *next;

	for (ln = TAILQ_FIRST(&w->lanes); ln != NULL; ln = next) {
		next = TAILQ_NEXT(ln, entry);
		fby_grant_drain(ln, FBY_RELEASE_REVOKED, drain_ms, why);
	}
}

void
fby_grant_revoke(struct fby_worker *w, const struct fby_msg_revoke *msg)
{
	struct fby_lane *ln = fby_lane_find_row(w, msg->row);

	/* We released it of our own accord while the message was under way. */
	if (ln == NULL || ln->epoch != msg->epoch)
		return;
	fby_grant_drain(ln, FBY_RELEASE_REVOKED, msg->drain_ms, "revoked");
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

void
fby_grant_take(struct fby_worker *w, const struct fby_msg_grant *msg)
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
	ln = fby_lane_new(w, msg);
	evtimer_assign(&ln->ev_deadline, w->base, on_deadline, ln);
	fby_pipeline_lane_init(ln);
	TAILQ_INSERT_TAIL(&w->lanes, ln, entry);
	fby_store(&w->slot->lanes, ++w->nlanes);
	fby_lane_publish(ln);
	fby_lane_set_state(ln, FBY_LANE_SEEKING, "granted");
	if (msg->isolate_until > msg->start)
		fby_notice("lane %s: records before %" PRId64
			   " are handed on one at a time: workers have died "
			   "of one of them",
		    ln->name, msg->isolate_until);
	if (fby_source_attach(ln, msg->start) == -1)
		fby_grant_drain(ln, FBY_RELEASE_FAILED, 0, "no queue");
}
