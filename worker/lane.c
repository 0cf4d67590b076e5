/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lanes: the life of a partition in this worker; see lane.h.
 */
#include "shared/fby.h"

#include "worker/lane.h"

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

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
void
fby_lane_set_state(struct fby_lane *ln, enum fby_lane_state to, const char *why)
{
	FBY_BUG_ON(!(states[ln->state].next & (1u << to)));
	fby_debug("lane %s: %s -> %s (%s, epoch %" PRIu64 ")", ln->name,
	    states[ln->state].name, states[to].name, why, ln->epoch);
	ln->state = to;
}

/* It goes into each line of a log sink, and so is made once. */
static char *
print_name(const char *topic, int32_t partition)
{
	struct fby_str s;

	fby_str_init(&s);
	fby_str_escape(&s, topic, strlen(topic));
	fby_str_printf(&s, ":%" PRId32, partition);
	return fby_str_take(&s);
}

struct fby_lane *
fby_lane_new(struct fby_worker *w, const struct fby_msg_grant *msg)
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
	ln->printed = print_name(ln->topic, ln->partition);
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
	return ln;
}

void
fby_lane_free(struct fby_lane *ln)
{
	ln->magic = 0;
	fby_acks_fini(&ln->acks);
	fby_eventtime_fini(&ln->et);
	for (size_t i = 0; i < FBY_STAGE_COUNT; i++)
		fby_order_fini(&ln->order[i]);
	free(ln->failed);
	free(ln->printed);
	free(ln->name);
	free(ln->topic);
	free(ln);
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

/* Released: a reader that sees outcomes sees that the records were read. */
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

void
fby_lane_running(struct fby_lane *ln)
{
	if (ln->state == FBY_LANE_SEEKING)
		fby_lane_set_state(ln, FBY_LANE_RUNNING, "first record or end");
}
