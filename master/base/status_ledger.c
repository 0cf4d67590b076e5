/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row and one slot of a ledger, as `status` and `shm` show them; see
 * status_ledger.h.
 */
#include "shared/fby.h"

#include "master/base/status_ledger.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/boundary/proto.h"
#include "shared/boundary/shm.h"
#include "shared/manifest/function.h"

#include "master/base/json.h"

int64_t
fby_status_lag(const struct fby_ledger_row *row)
{
	int64_t high = fby_load(&row->high);
	int64_t from = FBY_MAX(fby_load(&row->committed),
	    fby_load(&row->log_start));

	if (high < 0 || from < 0)
		return FBY_NONE;
	return FBY_MAX(high - from, 0);
}

/* A worker in another language may store both in any order. */
static uint64_t
held(uint64_t read, uint64_t done)
{
	return read > done ? read - done : 0;
}

/* `read` is loaded last: it is never behind what became of the records. */
uint64_t
fby_status_held(const struct fby_ledger_row *row)
{
	uint64_t done = fby_acquire(&row->delivered) +
	    fby_acquire(&row->fallback) + fby_acquire(&row->dead_lettered) +
	    fby_acquire(&row->dropped) + fby_acquire(&row->returned);
	uint64_t read = fby_load(&row->read);

	return held(read, done);
}

int64_t
fby_status_oldest_age(const struct fby_ledger_row *row)
{
	int64_t at = fby_load(&row->oldest_at);

	if (fby_load(&row->in_flight) == 0 || at <= 0)
		return 0;
	return FBY_MAX(fby_clock_wall() - at, 0);
}

/* What became of what was read; read = all of the others, at any moment. */
static void
outcomes(json_t *o, const struct fby_ledger_row *row)
{
	uint64_t delivered = fby_acquire(&row->delivered);
	uint64_t fallback = fby_acquire(&row->fallback);
	uint64_t dead_lettered = fby_acquire(&row->dead_lettered);
	uint64_t dropped = fby_acquire(&row->dropped);
	uint64_t returned = fby_acquire(&row->returned);
	/* Last: it is never behind them. */
	uint64_t read = fby_load(&row->read);

	fby_json_set(o, "read", fby_json_count(read));
	fby_json_set(o, "delivered", fby_json_count(delivered));
	fby_json_set(o, "fallback", fby_json_count(fallback));
	fby_json_set(o, "dead_lettered", fby_json_count(dead_lettered));
	fby_json_set(o, "dropped", fby_json_count(dropped));
	fby_json_set(o, "returned", fby_json_count(returned));
	fby_json_set(o, "held",
	    fby_json_count(held(read,
		delivered + fallback + dead_lettered + dropped + returned)));
}

json_t *
fby_status_row(const struct fby_ledger_row *row)
{
	uint32_t flags = fby_load(&row->flags);
	uint32_t slot = fby_load(&row->slot);
	json_t *o = json_object();

	fby_json_set(o, "state",
	    fby_json_text(fby_row_state_name(fby_load(&row->state))));
	fby_json_set(o, "holder",
	    slot == FBY_NOSLOT ? json_null() : json_integer(slot));
	fby_json_set(o, "epoch", fby_json_count(fby_load(&row->epoch)));
	/* acked first: what was true when it was acked is visible with it. */
	fby_json_set(o, "acked", fby_json_known(fby_acquire(&row->acked)));
	fby_json_set(o, "committed", fby_json_known(fby_load(&row->committed)));
	fby_json_set(o, "position", fby_json_known(fby_load(&row->position)));
	fby_json_set(o, "high", fby_json_known(fby_load(&row->high)));
	fby_json_set(o, "log_start", fby_json_known(fby_load(&row->log_start)));
	fby_json_set(o, "lag", fby_json_known(fby_status_lag(row)));
	fby_json_set(o, "watermark", fby_json_known(fby_load(&row->watermark)));
	fby_json_set(o, "committed_watermark",
	    fby_json_known(fby_load(&row->committed_watermark)));
	fby_json_set(o, "in_flight", fby_json_count(fby_load(&row->in_flight)));
	fby_json_set(o, "oldest_age_ms",
	    fby_json_known(
		fby_load(&row->in_flight) ? fby_status_oldest_age(row) : -1));
	outcomes(o, row);
	fby_json_set(o, "read_bytes",
	    fby_json_count(fby_load(&row->read_bytes)));
	fby_json_set(o, "late", fby_json_count(fby_load(&row->late)));
	fby_json_set(o, "future", fby_json_count(fby_load(&row->future)));
	fby_json_set(o, "stale", fby_json_count(fby_load(&row->stale)));
	fby_json_set(o, "at_end", json_boolean(flags & FBY_ROW_AT_END));
	fby_json_set(o, "paused", json_boolean(flags & FBY_ROW_PAUSED));
	fby_json_set(o, "idle", json_boolean(flags & FBY_ROW_WM_IDLE));
	return o;
}

_Static_assert(FBY_LEDGER_FUNCTIONS == FBY_FUNCTION_N, "one for each role");

/* The worker may be writing it: it ends where the field does. */
static json_t *
bounded(const char *text, size_t size)
{
	char *copy = fby_strndup(text, strnlen(text, size));
	json_t *o = *copy == '\0' ? json_null() : fby_json_text(copy);

	free(copy);
	return o;
}

json_t *
fby_status_function(const struct fby_ledger_function *fn, uint32_t role)
{
	/* First: what was written before the state is visible with it. */
	uint32_t state = fby_acquire(&fn->state);
	int64_t since = fby_load(&fn->since);
	json_t *o = json_object();

	fby_json_set(o, "role",
	    fby_json_text(fby_function_word((enum fby_function_role)role)));
	fby_json_set(o, "instance", fby_json_count(fby_load(&fn->instance)));
	fby_json_set(o, "state", fby_json_text(fby_conn_state_name(state)));
	fby_json_set(o, "state_age_ms",
	    since <= 0 ? json_null() :
			 json_integer(FBY_MAX(fby_clock_mono() - since, 0)));
	fby_json_set(o, "why", bounded(fn->why, sizeof(fn->why)));
	fby_json_set(o, "language",
	    bounded(fn->language, sizeof(fn->language)));
	fby_json_set(o, "version", bounded(fn->version, sizeof(fn->version)));
	fby_json_set(o, "calls", fby_json_count(fby_load(&fn->calls)));
	fby_json_set(o, "answers", fby_json_count(fby_load(&fn->answers)));
	fby_json_set(o, "errors", fby_json_count(fby_load(&fn->errors)));
	fby_json_set(o, "in_flight", fby_json_count(fby_load(&fn->in_flight)));
	fby_json_set(o, "connects", fby_json_count(fby_load(&fn->connects)));
	fby_json_set(o, "failures", fby_json_count(fby_load(&fn->failures)));
	return o;
}

static json_t *
arenas(const struct fby_ledger_slot *slot)
{
	json_t *o = json_object();

	for (size_t i = 0; i < FBY_MIN(FBY_ARENA_N, FBY_SLOT_ARENAS); i++)
		fby_json_set(o, fby_arena_names[i],
		    fby_json_count(fby_load(&slot->arena_bytes[i])));
	return o;
}

json_t *
fby_status_slot(const struct fby_ledger_slot *slot)
{
	int64_t beat = fby_load(&slot->heartbeat);
	int32_t pid = fby_load(&slot->pid);
	json_t *o = json_object();

	fby_json_set(o, "pid", pid > 0 ? json_integer(pid) : json_null());
	fby_json_set(o, "cpu", fby_json_known(fby_load(&slot->cpu)));
	fby_json_set(o, "state",
	    fby_json_text(fby_slot_state_name(fby_acquire(&slot->state))));
	fby_json_set(o, "generation",
	    fby_json_count(fby_load(&slot->generation)));
	fby_json_set(o, "partitions", fby_json_count(fby_load(&slot->lanes)));
	fby_json_set(o, "in_flight",
	    fby_json_count(fby_load(&slot->in_flight)));
	fby_json_set(o, "in_flight_bytes",
	    fby_json_count(fby_load(&slot->in_flight_bytes)));
	fby_json_set(o, "rss_bytes",
	    fby_json_count(fby_load(&slot->rss_bytes)));
	fby_json_set(o, "cpu_seconds",
	    json_real((double)fby_load(&slot->cpu_us) / 1e6));
	fby_json_set(o, "arenas", arenas(slot));
	fby_json_set(o, "activity",
	    fby_json_text(fby_activity_name(fby_load(&slot->activity))));
	fby_json_set(o, "heartbeat_age_ms",
	    beat <= 0 ? json_null() :
			json_integer(FBY_MAX(fby_clock_mono() - beat, 0)));
	fby_json_set(o, "spawns", fby_json_count(fby_load(&slot->spawns)));
	fby_json_set(o, "read", fby_json_count(fby_load(&slot->read)));
	fby_json_set(o, "acked", fby_json_count(fby_load(&slot->acked)));
	fby_json_set(o, "sink_writes",
	    fby_json_count(fby_load(&slot->sink_writes)));
	fby_json_set(o, "sink_errors",
	    fby_json_count(fby_load(&slot->sink_errors)));
	fby_json_set(o, "sink_drops",
	    fby_json_count(fby_load(&slot->sink_drops)));
	return o;
}
