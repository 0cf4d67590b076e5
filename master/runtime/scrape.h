/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a runtime of the protocol numaflow counts: its /metrics is asked for
 * every few seconds, and what Numaflow's counters there have grown by goes on
 * in ours of the same name (totals.h).
 *
 * numaflow-rs has one port, so of several replicas one answers: whichever
 * came first.  What the others do is in nobody's counters, but it is in the
 * offsets (group/view.h).
 */
#ifndef FBY_SCRAPE_H
#define FBY_SCRAPE_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/runtime/http_client.h"
#include "master/runtime/totals.h"

struct fby_foreign;
struct fby_context;

struct fby_scrape {
	struct fby_context *ctx;
	const struct fby_foreign *foreign; /* NULL: nobody is asked */
	uint64_t spawns;                   /* of it, when it was asked last */
	struct event ev_ask;
	struct fby_http_client fetch;
	struct fby_totals totals; /* of all that was ever asked */
	bool is_answered;         /* the last time; said when that changes */
	unsigned failed;          /* times, one after the other */
};

void fby_scrape_init(struct fby_scrape *s, struct fby_context *ctx);
void fby_scrape_fini(struct fby_scrape *s);

/* Ask this one from now on, if its runtime has metrics; ask nobody. */
void fby_scrape_start(struct fby_scrape *s, const struct fby_foreign *f);
void fby_scrape_stop(struct fby_scrape *s);

#endif
