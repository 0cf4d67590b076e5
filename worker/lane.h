/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A lane: one partition that this worker holds, from GRANT to RELEASED.
 *
 *	       grant            first record or end
 *	IDLE ---------> SEEKING -------------------> RUNNING
 *	                   |                            |
 *	                   | revoke, drain, error       |
 *	                   v                            v
 *	                 DRAINING <--------------------+
 *	                   | nothing in flight, or deadline
 *	                   v
 *	                DRAINED   (RELEASED was sent: the row is not ours)
 *
 * A lane is the only writer of the holder's lines of its row, and only until
 * it is DRAINED.  After that it may live on for records that its sink still
 * has: their completions are stale, and the last one frees it.  A partition
 * that comes back is a new lane with a new epoch.
 */
#ifndef FBY_LANE_H
#define FBY_LANE_H

#include "shared/fby.h"

#include <event2/event_struct.h>
#include <sys/queue.h>

#include "shared/boundary/ledger.h"
#include "shared/boundary/proto.h"
#include "shared/kafka/queue.h"

#include "worker/acks.h"
#include "worker/eventtime.h"
#include "worker/failure.h"
#include "worker/order.h"
#include "worker/stage.h"

struct fby_batch;
struct fby_record;
struct fby_worker;

/* clang-format off */
/* name, what, states that may follow */
#define FBY_LANE_STATES(S)                                                    \
	S(IDLE,	    "no partition",		  L(SEEKING))                 \
	S(SEEKING,  "granted, not consuming yet", L(RUNNING) | L(DRAINING))   \
	S(RUNNING,  "consuming",		  L(DRAINING))                \
	S(DRAINING, "revoked, records in flight", L(DRAINED))                 \
	S(DRAINED,  "released",			  0)
/* clang-format on */

enum fby_lane_state {
#define S(name, what, next) FBY_LANE_##name,
	FBY_LANE_STATES(S)
#undef S
	    FBY_LANE_NSTATES
};

#define FBY_LANE_MAGIC 0x6c616e65u

struct fby_lane {
	unsigned magic;
	enum fby_lane_state state; /* lane.c sets it */
	struct fby_worker *w;
	TAILQ_ENTRY(fby_lane) entry;
	uint32_t row_no;
	struct fby_ledger_row *row;
	uint64_t epoch;
	char *topic; /* heap */
	int32_t partition;
	uint64_t topic_id; /* when it was granted; 0: unknown yet */
	char *name;        /* "orders/3" */
	char *printed;     /* "orders:3", escaped for lines of text */
	enum fby_release_reason reason;
	struct event ev_deadline; /* grant.c */
	int64_t drain_by;         /* monotonic: when that is */
	int64_t isolate_until;    /* one at a time before this offset */
	int64_t poison;           /* offset that must not be looked at */
	uint32_t kills;           /* what it has done */
	int64_t cut_at;           /* FBY_RELEASE_CUT: where, or FBY_NONE */
	struct fby_failure_last told[FBY_FAILURE_NROLES]; /* to the master */
	/* source.c */
	struct fby_kafka_queue kq; /* closed: detached */
	int64_t checked_at; /* monotonic: asked then, no answer yet; or 0 */
	bool is_unchecked;  /* does the log still have what we had read? */
	bool paused;        /* in librdkafka */
	bool at_end;
	bool is_starved;       /* wanted to read, had no room */
	bool is_hungry;        /*   and has nothing in flight: budget.c */
	bool is_resting;       /* paused for the sake of the budget */
	uint64_t prefetched;   /* bytes in its queue, about */
	int64_t gated_since;   /* monotonic; 0: may read */
	uint64_t record_bytes; /* recent mean, for the budget */
	/* pipeline.c */
	struct fby_acks acks;
	struct fby_eventtime et;
	struct fby_batch *pending;  /* not all handed to the sink */
	struct fby_record **failed; /* to be tried again */
	size_t nfailed, failed_cap;
	size_t suspects; /* records that others wait for */
	struct event ev_retry;
	struct event ev_due; /* the first of those that wait for their time */
	int64_t due;         /*   monotonic */
	struct fby_order order[FBY_STAGE_COUNT]; /* with functions */
	struct event ev_later;     /* one is to be sent to them again */
	uint64_t open, open_bytes; /* not complete */
	uint64_t nbatches;         /* that refer to this lane */
	/* not in the row yet */
	uint64_t delivered, fallback, dead_lettered, dropped;
	bool closed; /* its share is used up */
	bool complained;
	bool is_touched, is_blocked;
	/* sink/kafka_txn.c */
	struct fby_lane_txn {
		uint64_t n;        /* records */
		uint64_t head;     /* sequence number after the last of them */
		bool is_partial;   /* not all that was made of that one */
		int64_t newest;    /* event time of those; INT64_MIN */
		int64_t next;      /* offset to be committed; FBY_NONE */
		int32_t epoch;     /*   the leader's, of the one before */
		int64_t watermark; /*   with it */
	} txn;                     /* what the open transaction has of it */
	int64_t sent_offset;       /* by our last transaction; FBY_NONE */
	int64_t sent_watermark;
	STAILQ_ENTRY(fby_lane) touched, blocked;
};

/* A lane in IDLE, for a grant that is good; its events are its owners'. */
struct fby_lane *fby_lane_new(struct fby_worker *w,
    const struct fby_msg_grant *msg);
void fby_lane_free(struct fby_lane *ln);

void fby_lane_set_state(struct fby_lane *ln, enum fby_lane_state to,
    const char *why);

/* The first record has come, or the end of the partition. */
void fby_lane_running(struct fby_lane *ln);

/*
 * A failure of source or sink on this lane, for the row and for the master;
 * `code` is librdkafka's or 0.
 */
void fby_lane_failed(struct fby_lane *ln, enum fby_failure_role role, int code,
    const char *text);

/* Bring the row up to date: counters, then `acked`, then `watermark`. */
void fby_lane_publish(struct fby_lane *ln);

/* The lane that holds the row now, or NULL. */
struct fby_lane *fby_lane_find_row(struct fby_worker *w, uint32_t row);

#endif
