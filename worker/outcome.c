/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outcomes of records, counted and logged; see outcome.h.
 */
#include "shared/fby.h"

#include "worker/outcome.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/str.h"
#include "shared/boundary/hist.h"
#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/lane.h"
#include "worker/worker.h"

void
fby_outcome_written(const struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;
	struct fby_ledger_slot *slot = ln->w->slot;

	if (rec->suspect && ln->suspects == 1 && ln->complained) {
		ln->complained = false;
		fby_notice("lane %s: its records are taken again", ln->name);
	}
	if (rec->role == FBY_SINK_FALLBACK)
		fby_bump(&slot->fallback_writes, 1);
	else if (rec->role == FBY_SINK_SUCCESS)
		fby_bump(&slot->success_writes, 1);
	else if (rec->role == FBY_SINK_DEAD_LETTER)
		fby_bump(&slot->dead_letter_writes, 1);
	else
		fby_bump(&slot->sink_writes, 1);
}

enum fby_outcome
fby_outcome_of(const struct fby_record *rec)
{
	switch (rec->role) {
	case FBY_SINK_FALLBACK:
		return FBY_OUTCOME_FALLBACK;
	case FBY_SINK_DEAD_LETTER:
		return FBY_OUTCOME_DEAD_LETTERED;
	default:
		return FBY_OUTCOME_DELIVERED;
	}
}

void
fby_outcome_dropped(const struct fby_record *rec)
{
	if (!rec->is_dropped)
		fby_bump(&rec->b->ln->w->slot->sink_drops, 1);
}

static struct fby_ledger_function *
function_of(const struct fby_record *rec)
{
	return &rec->b->ln->w->slot->function[fby_stage_function(rec->role)];
}

void
fby_outcome_left_out(const struct fby_record *rec, size_t n)
{
	fby_bump(&function_of(rec)->drops, n);
}

void
fby_outcome_refused(const struct fby_record *rec)
{
	fby_bump(&function_of(rec)->errors, 1);
}

void
fby_outcome_final(struct fby_lane *ln, enum fby_outcome outcome)
{
	switch (outcome) {
	case FBY_OUTCOME_DROPPED:
		ln->dropped++;
		break;
	case FBY_OUTCOME_DELIVERED:
		ln->delivered++;
		break;
	case FBY_OUTCOME_FALLBACK:
		ln->fallback++;
		break;
	case FBY_OUTCOME_DEAD_LETTERED:
		ln->dead_lettered++;
		break;
	}
}

void
fby_outcome_stale(const struct fby_lane *ln)
{
	struct fby_lane *now = fby_lane_find_row(ln->w, ln->row_no);

	/* Only the holder of a row may count in it. */
	if (now != NULL)
		fby_bump(&now->row->stale, 1);
	fby_debug("lane %s: stale completion of epoch %" PRIu64, ln->name,
	    ln->epoch);
}

void
fby_outcome_batch(const struct fby_batch *b)
{
	struct fby_ledger_hist *hist = b->ln->w->slot->hist;
	int64_t now = fby_clock_mono_us();

	fby_hist_add(&hist[FBY_HIST_PROCESSING], now - b->read_us);
	if (b->sink_us)
		fby_hist_add(&hist[FBY_HIST_SINK], now - b->sink_us);
	if (b->fallback_us)
		fby_hist_add(&hist[FBY_HIST_FALLBACK], now - b->fallback_us);
	if (b->success_us)
		fby_hist_add(&hist[FBY_HIST_SUCCESS], now - b->success_us);
}

/* ---- the log ---------------------------------------------------------- */

void
fby_outcome_waits(const struct fby_record *rec, const char *why)
{
	struct fby_lane *ln = rec->b->ln;

	if (ln->complained)
		return;
	ln->complained = true;
	fby_warn("lane %s: offset %" PRId64 ": %s: %s", ln->name,
	    rec->msg->offset, fby_stage_word(rec->role), why);
}

void
fby_outcome_held_back(const struct fby_record *rec)
{
	struct fby_lane *ln = rec->b->ln;
	char *text = fby_asprintf("%s; `forebay skip %s@%" PRId64
				  "` goes on without it",
	    rec->why, ln->name, rec->msg->offset);

	fby_warn("lane %s: offset %" PRId64 " is held back: %s", ln->name,
	    rec->msg->offset, text);
	fby_lane_failed(ln, fby_failure_role(rec->role), 0, text);
	free(text);
}

/* All are counted; a line for each would be a flood. */
void
fby_outcome_moved(const struct fby_record *rec, enum fby_retry verdict)
{
	static const char *const what[] = {
		[FBY_RETRY_AGAIN] = "is to come again",
		[FBY_RETRY_FALLBACK] = "goes to the fallback sink",
		[FBY_RETRY_DEAD_LETTER] = "goes to the dead-letter topic",
		[FBY_RETRY_DROP] = "is dropped",
		[FBY_RETRY_DELIVERED] = "is not written to onSuccess",
	};
	const struct fby_lane *ln = rec->b->ln;
	char *text = fby_asprintf("offset %" PRId64 " %s after %" PRIu32
				  " attempts: %s",
	    rec->msg->offset, what[verdict], rec->attempts, rec->why);

	fby_throttle_log(&ln->w->throttle, ln->name, FBY_THROTTLE_OWN(verdict),
	    text);
	free(text);
}
