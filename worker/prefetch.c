/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all lanes together have prefetched; see prefetch.h.
 */
#include "shared/fby.h"

#include "worker/prefetch.h"

#include <librdkafka/rdkafka.h>

#include "shared/manifest/manifest.h"

#include "worker/lane.h"
#include "worker/source.h"
#include "worker/worker.h"

static struct fby_lane *
largest(struct fby_worker *w)
{
	struct fby_lane *ln, *found = NULL;

	TAILQ_FOREACH (ln, &w->lanes, entry)
		if (ln->prefetched > 0 &&
		    (found == NULL || ln->prefetched > found->prefetched))
			found = ln;
	return found;
}

static void
rest(struct fby_lane *ln)
{
	ln->is_resting = true;
	ln->prefetched = 0;
	if (!ln->paused)
		fby_source_set_paused(ln, true);
	fby_lane_publish(ln);
}

/* Lanes that have rested go on, as far as a full queue of each has room. */
static void
wake_resting(struct fby_worker *w, uint64_t room)
{
	uint64_t queue = (uint64_t)w->m->host.memory.budget_bytes / 32;
	struct fby_lane *ln;

	TAILQ_FOREACH (ln, &w->lanes, entry) {
		if (!ln->is_resting || room < queue)
			continue;
		room -= queue;
		ln->is_resting = false;
		if (ln->gated_since == 0 && ln->paused)
			fby_source_set_paused(ln, false);
		fby_lane_publish(ln);
	}
}

void
fby_prefetch_balance(struct fby_worker *w)
{
	uint64_t limit = (uint64_t)w->m->host.memory.budget_bytes / 2;
	uint64_t total = 0;
	struct fby_lane *ln;

	TAILQ_FOREACH (ln, &w->lanes, entry) {
		ln->prefetched = ln->kq.queue == NULL || ln->paused ?
		    0 :
		    rd_kafka_queue_length(ln->kq.queue) * ln->record_bytes;
		total += ln->prefetched;
	}
	if (total <= limit) {
		wake_resting(w, limit - total);
		return;
	}
	while (total > limit && (ln = largest(w)) != NULL) {
		total -= ln->prefetched;
		rest(ln);
	}
}
