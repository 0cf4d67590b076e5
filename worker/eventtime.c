/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event time of one lane; see eventtime.h.
 *
 * The oldest event time in flight is a sliding-window minimum: the ring keeps
 * only records that are older than all that were read after them, so its head
 * is the minimum, and each record enters and leaves it once.
 */
#include "shared/fby.h"

#include "worker/eventtime.h"

#include "shared/base/mem.h"

#define RING_MIN 64

static struct fby_eventtime_item *
item_get(const struct fby_eventtime *et, uint64_t at)
{
	return &et->ring[at & (et->cap - 1)];
}

int64_t
fby_eventtime_limit(const struct fby_eventtime_conf *conf, int64_t wall)
{
	return wall + conf->max_future_ms;
}

void
fby_eventtime_init(struct fby_eventtime *et, int64_t watermark, int64_t mono)
{
	*et = (struct fby_eventtime){
		.watermark = watermark,
		.newest = INT64_MIN,
		.started = mono,
		.active = mono,
		.stepped = mono,
	};
}

void
fby_eventtime_fini(struct fby_eventtime *et)
{
	free(et->ring);
	et->ring = NULL;
	et->cap = et->head = et->tail = 0;
}

static void
grow(struct fby_eventtime *et)
{
	uint64_t cap = et->cap ? 2 * et->cap : RING_MIN;
	struct fby_eventtime_item *ring = fby_calloc(cap, sizeof(*ring));

	for (uint64_t at = et->head; at != et->tail; at++)
		ring[at & (cap - 1)] = *item_get(et, at);
	free(et->ring);
	et->ring = ring;
	et->cap = cap;
}

void
fby_eventtime_add(struct fby_eventtime *et, uint64_t seq, int64_t event_time)
{
	while (et->tail != et->head &&
	    item_get(et, et->tail - 1)->event_time >= event_time)
		et->tail--;
	if (et->tail - et->head == et->cap)
		grow(et);
	*item_get(et, et->tail++) = (struct fby_eventtime_item){
		.seq = seq,
		.event_time = event_time,
	};
}

/* The first candidate that was not read before it. */
static uint64_t
find(const struct fby_eventtime *et, uint64_t seq)
{
	uint64_t lo = et->head, hi = et->tail;

	while (lo < hi) {
		uint64_t mid = lo + (hi - lo) / 2;

		if (item_get(et, mid)->seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* In place of those in [from, to). */
static void
put_in(struct fby_eventtime *et, uint64_t from, uint64_t to,
    struct fby_eventtime_item item)
{
	uint64_t left = et->tail - to;

	if (from == to && et->tail - et->head == et->cap)
		grow(et);
	if (from == to)
		for (uint64_t i = left; i-- > 0;)
			*item_get(et, to + i + 1) = *item_get(et, to + i);
	else
		for (uint64_t i = 0; i < left; i++)
			*item_get(et, from + 1 + i) = *item_get(et, to + i);
	*item_get(et, from) = item;
	et->tail = from + 1 + left;
}

void
fby_eventtime_change(struct fby_eventtime *et, uint64_t seq, int64_t event_time)
{
	uint64_t at = find(et, seq), to = at;

	/* A later record is older: it decides, as long as it is in flight. */
	if (at != et->tail && item_get(et, at)->event_time <= event_time)
		return;
	if (at != et->tail && item_get(et, at)->seq == seq)
		to++;
	while (at != et->head && item_get(et, at - 1)->event_time >= event_time)
		at--;
	put_in(et, at, to,
	    (struct fby_eventtime_item){
		.seq = seq,
		.event_time = event_time,
	    });
}

/* From the newest that is acked and the oldest that is not. */
static int64_t
bound(const struct fby_eventtime *et, uint64_t at, int64_t newest,
    const struct fby_eventtime_conf *conf)
{
	int64_t oldest = newest;

	if (at != et->tail)
		oldest = FBY_MIN(oldest, item_get(et, at)->event_time);
	return oldest - conf->max_delay_ms;
}

/* Forwards only; a time before 1970 is no watermark. */
static bool
raise(struct fby_eventtime *et, int64_t to)
{
	if (to < 0 || to <= et->watermark)
		return false;
	et->watermark = to;
	return true;
}

void
fby_eventtime_acked(struct fby_eventtime *et, uint64_t head, int64_t newest,
    const struct fby_eventtime_conf *conf)
{
	while (et->head != et->tail && item_get(et, et->head)->seq < head)
		et->head++;
	et->newest = FBY_MAX(et->newest, newest);
	if (et->newest != INT64_MIN)
		raise(et, bound(et, et->head, et->newest, conf));
}

int64_t
fby_eventtime_preview(const struct fby_eventtime *et, uint64_t head,
    int64_t newest, const struct fby_eventtime_conf *conf)
{
	uint64_t at = et->head;
	int64_t then;

	while (at != et->tail && item_get(et, at)->seq < head)
		at++;
	newest = FBY_MAX(et->newest, newest);
	if (newest == INT64_MIN)
		return et->watermark;
	then = bound(et, at, newest, conf);
	return then < 0 ? et->watermark : FBY_MAX(et->watermark, then);
}

void
fby_eventtime_touch(struct fby_eventtime *et, int64_t mono)
{
	et->active = mono;
	et->is_idle = false;
}

bool
fby_eventtime_idle(struct fby_eventtime *et,
    const struct fby_eventtime_conf *conf, int64_t mono, int64_t wall)
{
	int64_t limit = wall - conf->max_delay_ms;
	int64_t step = FBY_MAX(conf->step_interval_ms, 1);
	int64_t from, steps, by;

	if (!conf->idle || mono - et->active < conf->threshold_ms)
		return false;
	if (et->watermark == FBY_NONE) {
		if (conf->init_source_delay_ms <= 0 ||
		    mono - et->started < conf->init_source_delay_ms)
			return false;
		et->is_idle = true;
		et->stepped = mono;
		return raise(et, limit);
	}
	/* The first step is due when the threshold is reached. */
	from = et->is_idle ? et->stepped : mono - step;
	steps = (mono - from) / step;
	if (steps < 1)
		return false;
	et->is_idle = true;
	et->stepped = from + steps * step;
	if (limit <= et->watermark ||
	    __builtin_mul_overflow(steps, conf->increment_by_ms, &by))
		return false;
	return raise(et, et->watermark + FBY_MIN(by, limit - et->watermark));
}
