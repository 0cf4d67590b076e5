/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master is told of failures; see failure.h.
 */
#include "shared/fby.h"

#include "worker/failure.h"

#include "shared/clock.h"

#include "worker/lane.h"
#include "worker/worker.h"

#define SAME_AGAIN_MS 5000
#define SECOND_MS 1000
#define SECOND_MAX 32 /* packets, of all lanes */

static bool
is_repeated(const struct fby_failure_last *last, int code, const char *text,
    int64_t now)
{
	return last->at && now - last->at < SAME_AGAIN_MS &&
	    last->code == code && last->text == text;
}

/* A thousand partitions may fail at once, and the channel has other users. */
static bool
is_too_much(struct fby_failure_limit *limit, int64_t now)
{
	if (now - limit->since >= SECOND_MS) {
		limit->since = now;
		limit->sent = 0;
	}
	return limit->sent++ >= SECOND_MAX;
}

void
fby_failure_send(struct fby_worker *w, struct fby_lane *ln,
    enum fby_failure_role role, int code, const char *text)
{
	struct fby_failure_last *last = ln ? &ln->told[role] :
					     &w->failures.last[role];
	struct fby_msg_failure msg = {
		.row = ln ? ln->row_no : FBY_NOROW,
		.role = (uint32_t)role,
		.epoch = ln ? ln->epoch : 0,
		.code = code,
	};
	int64_t now = fby_clock_mono();

	/* The row may be somebody else's by now. */
	if (ln && ln->state == FBY_LANE_DRAINED)
		return;
	if (ln) {
		fby_store(&ln->row->error, code);
		fby_store(&ln->row->error_role, (uint32_t)role);
		fby_store(&ln->row->error_at, fby_clock_wall());
	}
	/* Librdkafka's texts of one code differ in figures only. */
	if (is_repeated(last, code, code ? NULL : text, now) ||
	    w->ch.queued > 0 || is_too_much(&w->failures, now))
		return;
	*last = (struct fby_failure_last){
		.at = now,
		.code = code,
		.text = code ? NULL : text,
	};
	snprintf(msg.text, sizeof(msg.text), "%s", text);
	fby_channel_send(&w->ch, FBY_MSG_FAILURE, &msg.msg, sizeof(msg), -1);
}
