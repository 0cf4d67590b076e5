/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event times that are wrong; see event_time.h.
 */
#include "shared/fby.h"

#include "master/handoff/event_time.h"

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/handoff/handoff_own.h"

/* No more of them for so long: it is over. */
#define QUIET_MS 60000

/* Of all partitions that are ours; the one that has most of them. */
static uint64_t
count(const struct fby_handoff *h, const struct fby_part **worst)
{
	uint64_t all = 0, most = 0;

	*worst = NULL;
	for (uint32_t i = 0; i < h->nparts; i++) {
		const struct fby_part *pt = &h->parts[i];
		uint64_t n;

		if (pt->state == FBY_ROW_FREE)
			continue;
		n = fby_load(&fby_handoff_row(h, pt)->future);
		all += n;
		if (n > most) {
			most = n;
			*worst = pt;
		}
	}
	return all;
}

void
fby_event_time_look(struct fby_event_time *et, struct fby_handoff *h,
    struct fby_context *ctx)
{
	const struct fby_host *host = &ctx->manifest->host;
	int64_t now = fby_clock_mono();
	const struct fby_part *worst;
	struct fby_pool *pool;
	uint64_t n;

	h->watermark_limit = fby_clock_wall() + host->watermark.max_future_ms -
	    host->watermark.max_delay_ms;
	n = count(h, &worst);
	if (n > et->seen)
		et->grew_at = now;
	et->seen = n; /* fewer: a partition has left, or begins anew */
	if (et->grew_at == 0 || worst == NULL || now - et->grew_at > QUIET_MS) {
		fby_alarm_clear(&ctx->alarms, FBY_ALARM_EVENT_TIME);
		return;
	}
	pool = fby_pool_new(FBY_ARENA_CONFIG);
	fby_alarm_set(&ctx->alarms, FBY_ALARM_EVENT_TIME,
	    "%" PRIu64 " event times were more than watermark.maxFuture (%s) "
	    "past the wall clock and count as no more than that; most of them "
	    "in %s/%d",
	    n, fby_units_duration_text(pool, host->watermark.max_future_ms),
	    worst->topic, worst->partition);
	fby_pool_free(pool);
}

size_t
fby_event_time_reset(struct fby_handoff *h, int64_t drain_ms)
{
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state == FBY_ROW_FREE || pt->leaving)
			continue;
		n++;
		/* Until it is granted anew. */
		pt->no_watermark = true;
		if (pt->state == FBY_ROW_HELD)
			fby_handoff_move(h, pt, pt->slot, drain_ms);
	}
	return n;
}
