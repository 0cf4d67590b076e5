/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the logs of our partitions end; see ends.h.
 */
#include "shared/fby.h"

#include "master/group/ends.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"

#include "master/group/group.h"
#include "master/group/listing.h"
#include "master/handoff/handoff.h"

#define ASK_MS 2000
#define REQUEST_MS 3000 /* a broker that is silent holds up the others */
#define KNOWN_MS 6000

static const struct fby_end unknown = {
	.end = FBY_NONE,
	.high = FBY_NONE,
	.stable = FBY_NONE,
};

static const struct fby_part *
part_of(const struct fby_ends *e, uint32_t row)
{
	return &e->handoff->parts[row];
}

static int64_t
high_of(const struct fby_ends *e, uint32_t row)
{
	return fby_handoff_high(e->handoff, part_of(e, row));
}

/* ---- what is known ---------------------------------------------------- */

int64_t
fby_ends_get(const struct fby_ends *e, uint32_t row, int64_t now)
{
	const struct fby_end *p;
	int64_t high;

	if (row >= e->nparts)
		return FBY_NONE;
	p = &e->parts[row];
	high = high_of(e, row);
	/* It has moved since the last look. */
	if (high >= 0 && high != p->high)
		return high;
	return p->end >= 0 && now - p->at <= KNOWN_MS ? p->end : FBY_NONE;
}

int64_t
fby_ends_lag(const struct fby_ends *e, uint32_t row, int64_t now)
{
	int64_t end = fby_ends_get(e, row, now), from;

	if (end == FBY_NONE)
		return FBY_NONE;
	from = FBY_MAX(part_of(e, row)->committed, part_of(e, row)->log_start);
	return from < 0 ? FBY_NONE : FBY_MAX(end - from, 0);
}

bool
fby_ends_is_last(const struct fby_ends *e, uint32_t row, int64_t offset,
    int64_t now)
{
	const struct fby_end *p;

	if (row >= e->nparts)
		return false;
	p = &e->parts[row];
	return p->stable >= 0 && now - p->stable_at <= KNOWN_MS &&
	    p->stable <= offset;
}

int64_t
fby_ends_open_since(const struct fby_ends *e, uint32_t row)
{
	return row < e->nparts && e->parts[row].open_since ?
	    e->parts[row].open_since :
	    FBY_NONE;
}

/* ---- answers ---------------------------------------------------------- */

static void
take_end(struct fby_ends *e, uint32_t row, int64_t end)
{
	struct fby_end *p = &e->parts[row];
	int64_t high = high_of(e, row);

	/* A worker has heard of a later one while we were asking. */
	if (high != p->high && high > end)
		return;
	p->end = end;
	p->at = fby_clock_mono();
}

static void
take_stable(struct fby_ends *e, uint32_t row, int64_t end)
{
	struct fby_end *p = &e->parts[row];

	p->stable = end;
	p->stable_at = fby_clock_mono();
	if (end >= p->end)
		p->open_since = 0;
	else if (p->open_since == 0)
		p->open_since = fby_clock_wall();
}

static void
take(struct fby_ends *e, rd_kafka_event_t *ev,
    void (*one)(struct fby_ends *, uint32_t, int64_t))
{
	const rd_kafka_ListOffsetsResultInfo_t **infos;
	size_t n = 0;

	if (rd_kafka_event_error(ev))
		return;
	infos =
	    rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(
						  ev),
		&n);
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_topic_partition_t *tp =
		    rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
		uint32_t row = fby_handoff_find(e->handoff, tp->topic,
		    tp->partition);

		if (row < e->nparts && !tp->err && tp->offset >= 0)
			one(e, row, tp->offset);
	}
}

static void
on_latest(void *arg, rd_kafka_event_t *ev)
{
	take(arg, ev, take_end);
}

static void
on_stable(void *arg, rd_kafka_event_t *ev)
{
	take(arg, ev, take_stable);
}

/* ---- questions -------------------------------------------------------- */

/* The worker has seen the end, and the log goes on behind it. */
static bool
is_behind_transaction(const struct fby_ends *e, uint32_t row)
{
	const struct fby_ledger_row *r = fby_handoff_row(e->handoff,
	    part_of(e, row));

	return (fby_load(&r->flags) & FBY_ROW_AT_END) &&
	    e->parts[row].end > fby_load(&r->position);
}

static bool
is_not_told(const struct fby_ends *e, uint32_t row)
{
	return fby_clock_mono() - e->parts[row].at >= ASK_MS / 2;
}

static void
ask(struct fby_ends *e, struct fby_request *req,
    rd_kafka_IsolationLevel_t isolation,
    bool (*wanted)(const struct fby_ends *, uint32_t))
{
	const struct fby_handoff *h = e->handoff;
	rd_kafka_topic_partition_list_t *list;

	if (req->under_way > 0)
		return;
	list = rd_kafka_topic_partition_list_new(16);
	for (uint32_t i = 0; i < e->nparts; i++)
		if (h->parts[i].state != FBY_ROW_FREE && wanted(e, i))
			rd_kafka_topic_partition_list_add(list,
			    h->parts[i].topic, h->parts[i].partition)
			    ->offset = RD_KAFKA_OFFSET_SPEC_LATEST;
	fby_listing_ask(req, e->group->rk, e->group->replies.queue, list,
	    isolation, REQUEST_MS);
	rd_kafka_topic_partition_list_destroy(list);
}

/* ---- each second ------------------------------------------------------ */

static void
look(struct fby_ends *e, int64_t now)
{
	const struct fby_handoff *h = e->handoff;

	for (uint32_t i = 0; i < e->nparts; i++) {
		struct fby_end *p = &e->parts[i];
		int64_t high = high_of(e, i);

		if (h->parts[i].state == FBY_ROW_FREE) {
			*p = unknown;
		} else if (high >= 0 && high != p->high) {
			p->high = p->end = high;
			p->at = now;
		}
		if (h->parts[i].state != FBY_ROW_FREE &&
		    !is_behind_transaction(e, i))
			p->open_since = 0;
	}
}

void
fby_ends_tick(struct fby_ends *e, int64_t now)
{
	uint32_t n = e->handoff->nparts;

	if (n > e->nparts) {
		e->parts = fby_realloc(e->parts, n * sizeof(*e->parts));
		while (e->nparts < n)
			e->parts[e->nparts++] = unknown;
	}
	look(e, now);
	if (e->group->rk == NULL || now - e->asked_at < ASK_MS)
		return;
	e->asked_at = now;
	ask(e, &e->latest, RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
	    is_not_told);
	ask(e, &e->stable, RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
	    is_behind_transaction);
}

/* ---- life ------------------------------------------------------------- */

void
fby_ends_init(struct fby_ends *e, const struct fby_handoff *handoff,
    const struct fby_group *group)
{
	memset(e, 0, sizeof(*e));
	e->handoff = handoff;
	e->group = group;
	e->latest.fn = on_latest;
	e->stable.fn = on_stable;
	e->latest.arg = e->stable.arg = e;
}

void
fby_ends_forget(struct fby_ends *e)
{
	e->latest.under_way = e->stable.under_way = 0;
}

void
fby_ends_fini(struct fby_ends *e)
{
	free(e->parts);
	e->parts = NULL;
	e->nparts = 0;
}
