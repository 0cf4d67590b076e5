/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker with a pipeline and one lane, for tests of what is in its way; the
 * outlets are the test's.
 */
#ifndef FBY_UNIT_PIPELINE_WORLD_H
#define FBY_UNIT_PIPELINE_WORLD_H

#include "t/unit/worker/fake_worker.h"

static struct fby_lane *lane;
static unsigned woken, drained;

void
fby_channel_send(struct fby_channel *ch, enum fby_msg_type type,
    struct fby_msg *msg, size_t size, int fd)
{
	(void)ch;
	(void)type;
	(void)msg;
	(void)size;
	(void)fd;
}

static void
on_wake(struct fby_lane *ln)
{
	ln->is_starved = false;
	woken++;
}

/* As grant.c does, but that it says RELEASED to nobody. */
static void
on_drained(struct fby_lane *ln)
{
	(void)ln;
	drained++;
}

static inline struct fby_lane *
add_lane(uint32_t row)
{
	struct fby_msg_grant msg = grant_of(row);
	struct fby_lane *ln = fby_lane_new(&w, &msg);

	fby_pipeline_lane_init(ln);
	TAILQ_INSERT_TAIL(&w.lanes, ln, entry);
	w.nlanes++;
	fby_lane_set_state(ln, FBY_LANE_SEEKING, "granted");
	fby_lane_running(ln);
	return ln;
}

static inline void
world_init(void)
{
	worker_init();
	manifest.functions[FBY_FUNCTION_TRANSFORMER].retry = manifest.retry;
	manifest.functions[FBY_FUNCTION_MAP].retry = manifest.retry;
	w.failures.ch = &w.ch;
	woken = drained = 0;
	budget.wake = on_wake;
	flight.drained = on_drained;
	fby_flight_init(&flight);
	fby_pipeline_init(&w);
	lane = add_lane(0);
}

/* All that was submitted has been completed, once, and nothing is held. */
static inline void
world_fini(void)
{
	struct fby_lane *ln;

	while ((ln = TAILQ_FIRST(&w.lanes)) != NULL) {
		TAILQ_REMOVE(&w.lanes, ln, entry);
		event_del(&ln->ev_retry);
		event_del(&ln->ev_due);
		event_del(&ln->ev_later);
		assert_int_equal(ln->nbatches, 0);
		assert_int_equal(ln->open, 0);
		assert_int_equal(ln->suspects, 0);
		fby_lane_free(ln);
	}
	assert_int_equal(budget.open_bytes, 0);
	fby_flight_fini(&flight);
	worker_fini();
}

/* Until a delay is over. */
static inline void
wait_for_retry(void)
{
	assert_int_not_equal(event_base_loop(w.base, EVLOOP_ONCE), -1);
}

#endif
