/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A partition's way through our hands: from the group to a worker, from one
 * worker to the next, and back to the group.
 *
 *	              assigned            resolved
 *	      FREE ─────────▶ RESOLVING ──────────▶ IDLE ◀──────────────┐
 *	       ▲                │  ▲                │ ▲ holder died     │
 *	       │◀───────────────┘  │          grant │ │ (waitpid)       │
 *	       │    revoked        │ out of         ▼ │                 │
 *	       │                   │ range        HELD ──┐              │
 *	       │                   │                │    │ revoke, move │
 *	       │                   │                │    ▼              │
 *	       │                   └────────────────┤  REVOKING         │
 *	       │                                    │    │ released,    │
 *	       │          acked is committed        │    │ or died      │
 *	       └──────────── RELEASED ◀─────────────┴────┴──────────────┘
 *	                     (leaving)                     (moving)
 *
 * Always true: a row has at most one holder; its epoch changes only in
 * IDLE → HELD, that is after RELEASED or waitpid(2); a partition that leaves
 * is FREE only when all it had acked is committed, unless it was lost.
 *
 * No librdkafka, no processes, no clock: what has to be done is asked of the
 * ops, so that the whole machine is tested with recorded calls.
 */
#ifndef FBY_HANDOFF_H
#define FBY_HANDOFF_H

#include "shared/fby.h"

#include "shared/proto.h"
#include "shared/shm.h"

/* One partition that is, or was, ours; its number is its row's. */
struct fby_part {
	uint32_t row;
	const char *topic; /* in the ledger's names */
	int32_t partition;
	enum fby_row_state state;
	uint32_t slot;      /* holder, or who held it last */
	uint32_t moving_to; /* next holder, or FBY_NOSLOT */
	uint64_t epoch;
	int64_t start;     /* first offset to read */
	int64_t watermark; /* to go on from */
	bool leaving;      /* goes back to the group */
	bool lost;         /* no commit for it any more */
	bool wanted;       /* leaving, and ours again already */
	unsigned round;    /* how often it has been RESOLVING */
	int64_t resume;    /* acked before that, or FBY_NONE */
	bool again;        /* resolve anew after its release */
};

struct fby_handoff_ops {
	void (*grant)(void *arg, const struct fby_part *pt);
	void (*revoke)(void *arg, const struct fby_part *pt, int64_t drain_ms);
	/* Start offsets of all partitions in RESOLVING are wanted. */
	void (*resolve)(void *arg, bool soon);
	/* Something waits for its last commit. */
	void (*commit)(void *arg);
	/* The last partition that had to leave is FREE. */
	void (*left)(void *arg);
	/* A plan should be made. */
	void (*plan)(void *arg);
};

struct fby_handoff {
	struct fby_shm *shm;
	const struct fby_handoff_ops *ops;
	void *arg;
	struct fby_part *parts; /* indexed by row */
	uint32_t nparts;
	uint64_t grants, moves, lost; /* counters */
	uint64_t stale;               /* messages of an old epoch */
};

void fby_handoff_init(struct fby_handoff *h, struct fby_shm *shm,
    const struct fby_handoff_ops *ops, void *arg);
void fby_handoff_fini(struct fby_handoff *h);

/* ---- from the group --------------------------------------------------- */

/* -1: the ledger has no row left for it; it stays unconsumed. */
int fby_handoff_assign(struct fby_handoff *h, const char *topic,
    int32_t partition) FBY_MUSTCHECK;

/*
 * Give it back.  `lost`: somebody else has it already, commit nothing.  ops
 * left() follows when no partition is leaving any more, at once if none was.
 */
void fby_handoff_revoke(struct fby_handoff *h, const char *topic,
    int32_t partition, bool lost, int64_t drain_ms);
void fby_handoff_revoke_all(struct fby_handoff *h, bool lost, int64_t drain_ms);

/* Call after a series of revokes. */
void fby_handoff_check_left(struct fby_handoff *h);

/* Where reading starts; watermark FBY_NONE if none is known. */
void fby_handoff_resolved(struct fby_handoff *h, struct fby_part *pt,
    int64_t start, int64_t watermark);

/* `committed` of some rows has changed. */
void fby_handoff_committed(struct fby_handoff *h);

/* ---- from the workers ------------------------------------------------- */

void fby_handoff_released(struct fby_handoff *h, uint32_t slot, uint32_t row,
    uint64_t epoch, uint32_t reason);

/* waitpid(2) has returned the holder of these rows. */
void fby_handoff_holder_gone(struct fby_handoff *h, uint32_t slot);

/* ---- planning --------------------------------------------------------- */

/*
 * Bring lanes to where the balance wants them.  `slots` may hold lanes,
 * ascending; only those in `ready` (same length) are granted to now.
 */
void fby_handoff_plan(struct fby_handoff *h, const uint32_t *slots,
    const bool *ready, size_t nslots, int64_t drain_ms);

/* How many partitions are in the state; of a slot: held or being revoked. */
size_t fby_handoff_count(const struct fby_handoff *h, enum fby_row_state state);
size_t fby_handoff_count_slot(const struct fby_handoff *h, uint32_t slot);
size_t fby_handoff_revoking(const struct fby_handoff *h, uint32_t slot);
size_t fby_handoff_ours(const struct fby_handoff *h);

#endif
