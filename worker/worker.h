/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker process: what all its files share.
 *
 * One libevent base, one channel to the master, one slot of the ledger, one
 * Kafka consumer, one sink, and a lane for each partition that is granted.
 * All of this is of one thread.  With exactly-once a second one makes the
 * calls of librdkafka that wait, and touches nothing else (txn_call.h); and the
 * interceptor in rdkafka.c runs on librdkafka's threads.
 */
#ifndef FBY_WORKER_H
#define FBY_WORKER_H

#ifdef FBY_IN_MASTER
#error "worker/ and master/ meet in shared/ only"
#endif
#define FBY_IN_WORKER

#include "shared/fby.h"

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "shared/boundary/channel.h"
#include "shared/boundary/shm.h"
#include "shared/manifest/manifest.h"

#include "worker/eventtime.h"
#include "worker/failure.h"
#include "worker/stage.h"
#include "worker/throttle.h"

struct fby_budget;
struct fby_err;
struct fby_flight;
struct fby_lane;
struct fby_outlet;
struct fby_pipeline;
struct fby_source;

/*
 * Priorities of events.  Lanes come last, so that a backlog that never ends
 * delays neither the master's messages nor the heartbeat.
 */
enum fby_priority {
	FBY_PRIORITY_FIRST,
	FBY_PRIORITY_DEFAULT, /* libevent's own choice, of three */
	FBY_PRIORITY_LANE,
	FBY_PRIORITY_N
};

struct fby_worker {
	struct event_base *base;
	struct fby_channel ch;
	struct fby_shm shm;
	const char *ident; /* "worker 3", for the log */
	uint32_t slot_no;
	uint32_t place; /* its slot's, and its successor's; function.h */
	struct fby_ledger_slot *slot;
	struct fby_manifest *m;
	struct fby_eventtime_conf eventtime; /* from the manifest */
	struct fby_source *src;
	struct fby_outlet *outs[FBY_OUTLET_N]; /* by role; NULL: none */
	struct fby_budget *budget;
	struct fby_flight *flight;
	struct fby_pipeline *pl;
	TAILQ_HEAD(fby_lanes, fby_lane) lanes; /* not released yet */
	uint32_t nlanes;
	struct fby_throttle throttle; /* what the log is told */
	struct fby_failures failures; /* what the master is told */
	struct fby_failure_last told[FBY_FAILURE_NROLES]; /* without a lane */
	int64_t login_until; /* monotonic: secrets are read anew */
	bool draining;
	int exit_code;
	/* the loop's own */
	const char *closed_why;
	uint64_t cpu_before;      /* of the slot, us: a */
	uint64_t survived_before; /* counter goes on */
	uint32_t log_lost_before; /* this, too */
	int reopen_error;         /* the log is not where it is to be */
	unsigned beats;
	struct event ev_beat, ev_step, ev_closed;
};

/* End the loop after this turn. */
void fby_worker_exit(struct fby_worker *w, int code);

/* A lane is gone; a draining worker without lanes is done. */
void fby_worker_lane_gone(struct fby_worker *w);

/* Mistakes in the manifest or its secrets, into the log. */
void fby_worker_say(const struct fby_err *err);

/* A failure that concerns no lane alone: to the master. */
void fby_worker_failed(struct fby_worker *w, enum fby_failure_role role,
    int code, const char *text);

/*
 * An error that a librdkafka client reports, for the log and the master; after
 * a refused log-in secrets are read again every half second for a while.
 */
void fby_worker_on_client_error(struct fby_worker *w, const char *whose,
    enum fby_failure_role role, int code, const char *text);

/* What the obituary would say we were doing. */
static inline void
fby_worker_activity(struct fby_worker *w, enum fby_activity activity,
    uint32_t row, int64_t offset)
{
	fby_store(&w->slot->activity, activity);
	fby_store(&w->slot->activity_row, row);
	fby_store(&w->slot->activity_offset, offset);
}

#endif
