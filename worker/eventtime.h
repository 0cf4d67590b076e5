/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event time of one lane: its watermark.
 *
 *	watermark = min(oldest event time in flight,
 *			newest event time acked) - maxDelay
 *
 * and never backwards: bounded out-of-orderness.  "In flight" is what the
 * prefix of the acks has not passed: a complete record above a gap counts,
 * because it will come again if the worker dies now.
 *
 * A lane that has read its partition to the end and has nothing in flight is
 * idle after `threshold`; then its watermark goes on by `incrementBy` for
 * every `stepInterval`, but never beyond now - maxDelay.  A lane without any
 * watermark gets now - maxDelay after initSourceDelay, if that is set.  These
 * are Numaflow's rules (pkg/watermark, "idle source"), except that Numaflow
 * 1.8 forgets maxDelay in the bound, against its own documentation.
 *
 * A record from the future would make all others late until then, so no event
 * time counts as more than maxFuture past the wall clock.
 *
 * Pure: times are arguments.  Event times and `wall` are milliseconds since
 * 1970, `mono` is any clock that does not jump.
 */
#ifndef FBY_EVENTTIME_H
#define FBY_EVENTTIME_H

#include "shared/fby.h"

struct fby_eventtime_conf {
	int64_t max_delay_ms;
	int64_t max_future_ms; /* beyond the wall clock: not believed */
	bool idle;             /* the four below count */
	int64_t threshold_ms, increment_by_ms, step_interval_ms;
	int64_t init_source_delay_ms; /* 0: never */
};

struct fby_eventtime_item {
	uint64_t seq;
	int64_t event_time;
};

struct fby_eventtime {
	int64_t watermark; /* FBY_NONE: none yet */
	int64_t newest;    /* event time acked; INT64_MIN: none */
	/* Candidates for the oldest in flight: both fields rise. */
	struct fby_eventtime_item *ring;
	uint64_t cap; /* power of two, or 0 */
	uint64_t head, tail;
	/* monotonic */
	int64_t started, active, stepped;
	bool is_idle; /* the last step was an idle one */
};

/* The latest event time that is believed of what is read at `wall`. */
int64_t fby_eventtime_limit(const struct fby_eventtime_conf *conf,
    int64_t wall);

void fby_eventtime_init(struct fby_eventtime *et, int64_t watermark,
    int64_t mono);
void fby_eventtime_fini(struct fby_eventtime *et);

/* A record is in flight; `seq` rises from call to call. */
void fby_eventtime_add(struct fby_eventtime *et, uint64_t seq,
    int64_t event_time);

/*
 * One that is in flight turns out to be of that time.  A later time than it
 * had counts when it is acked: until then the watermark is not too high.
 */
void fby_eventtime_change(struct fby_eventtime *et, uint64_t seq,
    int64_t event_time);

/* Those before `head` no longer are; the newest of them, or INT64_MIN. */
void fby_eventtime_acked(struct fby_eventtime *et, uint64_t head,
    int64_t newest, const struct fby_eventtime_conf *conf);

/*
 * The watermark that it would have after that, and nothing is changed: for an
 * offset that is on its way to the broker.
 */
int64_t fby_eventtime_preview(const struct fby_eventtime *et, uint64_t head,
    int64_t newest, const struct fby_eventtime_conf *conf);

/* There was a record at this time, so the lane is not idle. */
void fby_eventtime_touch(struct fby_eventtime *et, int64_t mono);

/*
 * Called now and then while the lane is at its end with nothing in flight.
 * True if the watermark has moved.
 */
bool fby_eventtime_idle(struct fby_eventtime *et,
    const struct fby_eventtime_conf *conf, int64_t mono, int64_t wall);

#endif
