/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which partitions make no progress; see progress.h.
 */
#include "shared/fby.h"

#include "master/group/progress.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/ends.h"
#include "master/handoff/failure.h"
#include "master/handoff/handoff.h"

/* A tick that comes later than this: it was the master that stood still. */
#define LATE_MS 3000
/* A reason may have been sent shortly before the offset moved. */
#define SLACK_MS 1000

static const enum fby_alarm alarm_of[] = {
	[FBY_FAILURE_SOURCE] = FBY_ALARM_STUCK,
	[FBY_FAILURE_SINK] = FBY_ALARM_SINK,
	[FBY_FAILURE_FALLBACK] = FBY_ALARM_FALLBACK,
	[FBY_FAILURE_ON_SUCCESS] = FBY_ALARM_ON_SUCCESS,
	[FBY_FAILURE_DEAD_LETTER] = FBY_ALARM_DEAD_LETTER,
	[FBY_FAILURE_TRANSFORMER] = FBY_ALARM_TRANSFORMER,
	[FBY_FAILURE_MAP] = FBY_ALARM_MAP,
};

_Static_assert(FBY_NELEM(alarm_of) == FBY_FAILURE_NROLES, "one for each role");

static const struct fby_ledger_row *
row_of(const struct fby_progress *p, uint32_t row)
{
	return fby_handoff_row(p->handoff, &p->handoff->parts[row]);
}

/* ---- is there something to do? ---------------------------------------- */

static bool
has_work(const struct fby_progress *p, uint32_t row, int64_t acked, int64_t now)
{
	const struct fby_ledger_row *r = row_of(p, row);
	int64_t end;

	switch (p->handoff->parts[row].state) {
	case FBY_ROW_RESOLVING:
		return true;
	case FBY_ROW_IDLE:
	case FBY_ROW_HELD:
	case FBY_ROW_REVOKING:
		break;
	default:
		return false;
	}
	if (fby_load(&r->in_flight) > 0)
		return true;
	end = fby_ends_get(p->ends, row, now);
	if (end == FBY_NONE)
		end = fby_handoff_high(p->handoff, &p->handoff->parts[row]);
	if (end <= acked)
		return false;
	/* It has been at the end: is it behind an open transaction? */
	if (fby_load(&r->flags) & FBY_ROW_AT_END)
		return !fby_ends_is_last(p->ends, row, acked, now);
	return true;
}

/* ---- which role holds it up, and why? --------------------------------- */

static const struct fby_failure *
later(const struct fby_failure *a, const struct fby_failure *b)
{
	return b && (a == NULL || b->at > a->at) ? b : a;
}

/* Of the roles [first, end) the one that has complained last. */
static const struct fby_failure *
last_of(const struct fby_progress *p, uint32_t row, int64_t since, int first,
    int end, enum fby_failure_role *role)
{
	const struct fby_failure *last = NULL;

	for (int r = first; r < end; r++) {
		const struct fby_failure *f = fby_failure_find(p->failures, row,
		    (enum fby_failure_role)r, since);

		if (later(last, f) == last)
			continue;
		last = f;
		*role = (enum fby_failure_role)r;
	}
	return last;
}

/* Of this partition, or else of all that the worker has. */
static const struct fby_failure *
reason(const struct fby_progress *p, uint32_t row, int first, int end,
    enum fby_failure_role *role)
{
	const struct fby_progress_part *part = &p->parts[row];
	const struct fby_failure *f;

	f = last_of(p, row, part->moved_at - SLACK_MS, first, end, role);
	if (f == NULL)
		f = last_of(p, FBY_NOROW, part->since - SLACK_MS, first, end,
		    role);
	return f;
}

const struct fby_failure *
fby_progress_reason(const struct fby_progress *p, uint32_t row,
    enum fby_failure_role *role)
{
	const struct fby_progress_part *part = fby_progress_get(p, row);
	enum fby_failure_role any;

	*role = FBY_FAILURE_SOURCE;
	if (part == NULL)
		return NULL;
	if (!part->is_stuck)
		return last_of(p, row, part->since - SLACK_MS, 0,
		    FBY_FAILURE_NROLES, role);
	*role = part->role;
	return reason(p, row, (int)part->role, (int)part->role + 1, &any);
}

/* What a worker has said goes before what the state tells. */
static const char *
why(const struct fby_progress *p, uint32_t row, int64_t now)
{
	enum fby_failure_role role;
	const struct fby_failure *f = fby_progress_reason(p, row, &role);

	if (f)
		return f->text;
	switch (p->handoff->parts[row].state) {
	case FBY_ROW_RESOLVING:
		return "its start offset is not known yet";
	case FBY_ROW_IDLE:
		return "no worker holds it";
	default:
		break;
	}
	if (role != FBY_FAILURE_SOURCE)
		return fby_load(&row_of(p, row)->in_flight) > 0 ?
		    "no answer" :
		    "records of other partitions wait for the sink, and its "
		    "worker has no room for more";
	/* It tells the ends of logs: librdkafka drops what it cannot read. */
	return fby_ends_get(p->ends, row, now) == FBY_NONE ?
	    "no record comes from the broker" :
	    "the broker answers and no record comes: the batch at this offset "
	    "may be damaged";
}

/* Does the reason say that it stands before a batch which `skip` can pass? */
static bool
is_before_bad_batch(const struct fby_progress *p, uint32_t row, int64_t now)
{
	enum fby_failure_role role;
	const struct fby_failure *f = fby_progress_reason(p, row, &role);

	if (role != FBY_FAILURE_SOURCE)
		return false;
	if (f)
		return fby_failure_is_undecodable(f);
	return fby_handoff_is_held(&p->handoff->parts[row]) &&
	    fby_ends_get(p->ends, row, now) != FBY_NONE;
}

/* ---- alarms ----------------------------------------------------------- */

struct found {
	uint32_t n;
	uint32_t first; /* row: it stands still for longest */
};

/*
 * Without figures that change: the log would have it again and again.  How
 * long it lasts, `status` says.
 */
static void
set_alarm(struct fby_progress *p, enum fby_failure_role role,
    const struct found *f, int64_t now)
{
	const struct fby_part *pt = &p->handoff->parts[f->first];
	const struct fby_progress_part *part = &p->parts[f->first];
	char at[FBY_CLOCK_TEXT];
	struct fby_str s;

	fby_str_init(&s);
	if (f->n > 1)
		fby_str_printf(&s,
		    "%" PRIu32 " partitions stand still, the first of them ",
		    f->n);
	fby_clock_text(part->since_wall, at);
	fby_str_printf(&s, "%s/%d%s at offset %" PRId64 " since %.19sZ: %s",
	    pt->topic, pt->partition, f->n > 1 ? "" : " stands still",
	    part->acked, at, why(p, f->first, now));
	if (is_before_bad_batch(p, f->first, now))
		fby_str_printf(&s,
		    "; `forebay skip %s/%d@%" PRId64
		    "` goes on without that batch",
		    pt->topic, pt->partition, part->acked);
	fby_alarm_set(&p->ctx->alarms, alarm_of[role], "%s", s.p);
	fby_str_fini(&s);
}

static void
set_alarms(struct fby_progress *p, const struct found found[FBY_FAILURE_NROLES],
    int64_t now)
{
	for (int r = 0; r < FBY_FAILURE_NROLES; r++)
		if (found[r].n > 0)
			set_alarm(p, (enum fby_failure_role)r, &found[r], now);
		else
			fby_alarm_clear(&p->ctx->alarms, alarm_of[r]);
}

/* ---- each second ------------------------------------------------------ */

/* Records of it are with a sink, or cannot be read before others are. */
static bool
is_behind_sinks(const struct fby_progress *p, uint32_t row)
{
	const struct fby_ledger_row *r = row_of(p, row);

	return fby_load(&r->in_flight) > 0 ||
	    (fby_handoff_is_held(&p->handoff->parts[row]) &&
		fby_load(&r->flags) & FBY_ROW_PAUSED);
}

static void
look(struct fby_progress *p, uint32_t row, int64_t now)
{
	struct fby_progress_part *part = &p->parts[row];
	bool is_ours = p->handoff->parts[row].state != FBY_ROW_FREE;
	int64_t acked = fby_handoff_acked(p->handoff, &p->handoff->parts[row]);
	bool has_moved = !is_ours || !part->is_ours || acked != part->acked;

	if (has_moved || !has_work(p, row, acked, now)) {
		*part = (struct fby_progress_part){
			.is_ours = is_ours,
			.acked = acked,
			.since = now,
			.since_wall = fby_clock_wall(),
			.moved_at = has_moved ? now : part->moved_at,
		};
		return;
	}
	part->is_stuck = now - part->since >=
	    p->ctx->manifest->host.progress_timeout_ms;
	part->role = FBY_FAILURE_SOURCE;
	if (!part->is_stuck || !is_behind_sinks(p, row))
		return;
	part->role = FBY_FAILURE_SINK;
	reason(p, row, FBY_FAILURE_SINK, FBY_FAILURE_NROLES, &part->role);
}

static void
make_room(struct fby_progress *p)
{
	uint32_t n = p->handoff->nparts;

	if (n <= p->nparts)
		return;
	p->parts = fby_realloc(p->parts, n * sizeof(*p->parts));
	memset(p->parts + p->nparts, 0, (n - p->nparts) * sizeof(*p->parts));
	p->nparts = n;
}

void
fby_progress_tick(struct fby_progress *p, int64_t now)
{
	struct found found[FBY_FAILURE_NROLES] = { { .n = 0 } };
	int64_t late = now - p->ticked_at;

	make_room(p);
	for (uint32_t i = 0; i < p->nparts; i++) {
		struct fby_progress_part *part = &p->parts[i];

		/* Nobody could get on while nobody looked. */
		if (late > LATE_MS)
			part->since += late;
		look(p, i, now);
		if (!part->is_stuck)
			continue;
		if (found[part->role].n++ == 0 ||
		    part->since < p->parts[found[part->role].first].since)
			found[part->role].first = i;
	}
	p->ticked_at = now;
	set_alarms(p, found, now);
}

const struct fby_progress_part *
fby_progress_get(const struct fby_progress *p, uint32_t row)
{
	return row < p->nparts && p->parts[row].is_ours ? &p->parts[row] : NULL;
}

/* ---- life ------------------------------------------------------------- */

void
fby_progress_init(struct fby_progress *p, struct fby_context *ctx,
    const struct fby_handoff *handoff, const struct fby_ends *ends,
    const struct fby_failures *failures)
{
	*p = (struct fby_progress){ .ctx = ctx,
		.handoff = handoff,
		.ends = ends,
		.failures = failures };
}

void
fby_progress_fini(struct fby_progress *p)
{
	free(p->parts);
	p->parts = NULL;
	p->nparts = 0;
}
