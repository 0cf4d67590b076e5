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
 *	                     (leaving)              │      (moving)
 *	                         ▲                  │ its next record is
 *	                 revoked │                  ▼ condemned
 *	                         └──────────── QUARANTINED ──skip──▶ IDLE
 *
 * What kills workers is in poison.h; what follows from it for partitions, in
 * suspicion.h.  What is QUARANTINED nobody gets until its record is skipped
 * (skip.h); what was acked before it is committed, and another host starts
 * anew with it.
 *
 * Always true: a row has at most one holder; its epoch changes only in
 * IDLE → HELD, that is after RELEASED or waitpid(2); a partition that leaves
 * is FREE only when all it had acked is committed, unless it was lost or its
 * topic is another one by now.
 * (So what is RESOLVING anew, with acks of before, leaves through RELEASED.)
 *
 * No librdkafka, no processes, no clock: what has to be done is asked of the
 * ops, so that the whole machine is tested with recorded calls.
 */
#ifndef FBY_HANDOFF_H
#define FBY_HANDOFF_H

#include "shared/fby.h"

#include "shared/boundary/proto.h"
#include "shared/boundary/shm.h"

#include "master/handoff/poison.h"

struct fby_str;

/*
 * One partition that is, or was, ours; its number is its row's.
 *
 * This is what the master knows, and what counts.  The row has a copy of it,
 * for others to read; the master reads of the row only what a holder writes,
 * and only while there is one.
 */
struct fby_part {
	uint32_t row;
	char *topic; /* heap */
	int32_t partition;
	bool has_row;      /* else the ledger has no room for it */
	bool carried;      /* its row has what the master before left in it */
	uint32_t name_off; /* of the topic, in the ledger; 0: not there */
	enum fby_row_state state;
	uint32_t slot;      /* holder, or who held it last */
	uint32_t moving_to; /* next holder, or FBY_NOSLOT */
	uint64_t epoch;
	int64_t start;        /* first offset to read */
	int64_t acked;        /* next offset to commit, when it was granted */
	int32_t epoch_before; /* leader's, of the record before acked; -1 */
	int64_t watermark;    /* to go on from */
	bool no_watermark;    /* what is known of it is wrong: begin anew */
	int64_t high;         /* end of the log, as the last holder knew it */
	int64_t committed, committed_watermark; /* last that was confirmed */
	int64_t log_start;    /* first offset the broker has */
	uint64_t unfinished;  /* records its last holder had in flight */
	bool leaving;         /* goes back to the group */
	bool lost;            /* no commit for it any more */
	bool wanted;          /* leaving, and ours again already */
	unsigned round;       /* how often it has been RESOLVING */
	unsigned sent_round;  /* when its commit was sent; commit.c */
	int32_t refusal;      /* of its last commit, Kafka's code; 0: none */
	unsigned refusals;    /* in a row */
	int64_t tried_at;     /* monotonic: in which round; commit.c */
	int64_t resume;       /* acked before that, or FBY_NONE */
	const char *no_start; /* RESOLVING: why it has none; or NULL */
	int64_t cut_at;       /* the log was cut there; FBY_NONE: it was not */
	int64_t cut_from;     /* what was committed before, and is void */
	bool again;           /* resolve anew after its release */
	bool anew;            /* what is acked is of the topic before */
	uint64_t topic_id;    /* resolved last in that one; 0: unknown */
	uint32_t partitions;  /* of it, when the group began; 0: unknown */
	unsigned failures;    /* times in a row that it could not be read */
	int64_t failed_at;    /* what was acked then */
	int64_t ask_at;       /* monotonic: not resolved before; offsets.c */
	struct fby_poison poison;
	bool isolated;      /* granted as a suspect */
	bool quarantined;   /* goes there, or is there */
	int64_t granted_at; /* monotonic: seen to be; 0: not yet */
	int64_t release_by; /* monotonic: told to, op revoke's; 0: not */
	int64_t skip;       /* left out after its release; FBY_NONE */
	int64_t skip_last;  /* and all up to this */
	int64_t skip_from;  /* if this is still what is acked */
};

struct fby_handoff_ops {
	void (*grant)(void *arg, const struct fby_part *pt);
	/* By when it has to be released is written into release_by. */
	void (*revoke)(void *arg, struct fby_part *pt, int64_t drain_ms);
	/* Start offsets of all partitions in RESOLVING are wanted. */
	void (*resolve)(void *arg, bool soon);
	/* Something waits for its last commit. */
	void (*commit)(void *arg);
	/*
	 * A partition that had to leave is FREE.  Is it the last one?  Not for
	 * now to say: the call may come from within a series of revokes.  To
	 * be asked in a turn of the loop of its own: fby_handoff_leaving().
	 */
	void (*left)(void *arg);
	/* A plan should be made. */
	void (*plan)(void *arg);
	/* One more, or one less, is QUARANTINED. */
	void (*alarm)(void *arg);
	/* What a skip had to wait for is there: has it been done? */
	void (*skipped)(void *arg, const struct fby_part *pt, int64_t offset,
	    bool done);
	/* It has left, and so many records that were in flight repeat. */
	void (*unfinished)(void *arg, const struct fby_part *pt,
	    uint64_t nrecords);
};

struct fby_handoff {
	struct fby_shm *shm;
	const struct fby_handoff_ops *ops;
	void *arg;
	struct fby_part *parts; /* indexed by row; they never move */
	uint32_t nparts, parts_max;
	uint32_t *index; /* by topic and partition; 0 or 1 + number */
	uint32_t index_size;
	struct fby_ledger_row *nowhere; /* of parts without a row */
	int row_error;                  /* why one could not be made, or 0 */
	uint64_t epoch;                 /* last that was given out */
	bool ask; /* what is acked is no start: the broker is asked */
	int64_t watermark_limit; /* later ones are not believed; 0: all are */
	unsigned poison_kills;   /* then a record is condemned */
	bool has_dead_letter;    /* somewhere for it to go */
	uint64_t grants, moves, lost;  /* counters */
	uint64_t cuts;                 /* logs that were cut (KIP-320) */
	uint64_t stale;                /* messages of an old epoch */
	uint64_t quarantined, skipped; /* partitions, records */
};

void fby_handoff_init(struct fby_handoff *h, struct fby_shm *shm,
    const struct fby_handoff_ops *ops, void *arg);
void fby_handoff_fini(struct fby_handoff *h);

/* ---- what is known of partitions -------------------------------------- */

/* Its number, that of its row; FBY_NOROW: it was never ours. */
uint32_t fby_handoff_find(const struct fby_handoff *h, const char *topic,
    int32_t partition);

/* The same, made if needed; FBY_NOROW: there are too many already. */
uint32_t fby_handoff_add(struct fby_handoff *h, const char *topic,
    int32_t partition);

/* Its row, for what the holder writes. */
struct fby_ledger_row *fby_handoff_row(const struct fby_handoff *h,
    const struct fby_part *pt);

bool fby_handoff_is_held(const struct fby_part *pt);

/*
 * How far it is: of the holder if there is one, not believed yet, and the
 * master's own knowledge if not.  The watermark is to be read before acked.
 */
int64_t fby_handoff_acked(const struct fby_handoff *h,
    const struct fby_part *pt);
int64_t fby_handoff_watermark(const struct fby_handoff *h,
    const struct fby_part *pt);
/* Of the leader, of the record before acked, or a later one; or -1. */
int32_t fby_handoff_epoch_before(const struct fby_handoff *h,
    const struct fby_part *pt);
/* No later than is believed. */
int64_t fby_handoff_believed(const struct fby_handoff *h, int64_t watermark);
int64_t fby_handoff_high(const struct fby_handoff *h,
    const struct fby_part *pt);

/* Can a worker of ours have got there since it was granted? */
bool fby_handoff_is_credible(const struct fby_handoff *h,
    const struct fby_part *pt, int64_t acked);

/* A copy of its row with the master's own knowledge in it, to be shown. */
void fby_handoff_view(const struct fby_handoff *h, const struct fby_part *pt,
    struct fby_ledger_row *view);

/* What the broker says of it. */
void fby_handoff_set_committed(struct fby_handoff *h, struct fby_part *pt,
    int64_t committed, int64_t watermark);
void fby_handoff_set_log(struct fby_handoff *h, struct fby_part *pt,
    int64_t log_start, int64_t high, uint64_t topic_id);

/* ---- from the group --------------------------------------------------- */

/* -1: more than are thinkable; it stays unknown. */
int fby_handoff_assign(struct fby_handoff *h, const char *topic,
    int32_t partition) FBY_MUSTCHECK;

/* Give it back.  `lost`: somebody else has it already, commit nothing. */
void fby_handoff_revoke(struct fby_handoff *h, const char *topic,
    int32_t partition, bool lost, int64_t drain_ms);
void fby_handoff_revoke_all(struct fby_handoff *h, bool lost, int64_t drain_ms);

/* How many of them are not FREE yet. */
size_t fby_handoff_leaving(const struct fby_handoff *h);

/* Where reading starts; watermark FBY_NONE if none is known. */
void fby_handoff_resolved(struct fby_handoff *h, struct fby_part *pt,
    int64_t start, int64_t watermark);

/*
 * The broker has taken this offset, which was sent in that round of the part.
 * If it has been resolved since, that says nothing of where it is now.
 */
void fby_handoff_confirmed(struct fby_handoff *h, uint32_t row, unsigned round,
    int64_t committed, int64_t watermark);

/* `committed` of some rows has changed. */
void fby_handoff_committed(struct fby_handoff *h);

/*
 * Its last commit will not come: it is RELEASED no longer, and begins anew if
 * it is ours again already.
 */
void fby_handoff_let_go(struct fby_handoff *h, uint32_t row);

/*
 * The topic has been deleted and created anew: what was read of it is finished
 * within drain_ms, then its partitions are resolved, or leave.  Until then
 * `anew` is set: what they have acked means nothing, and is not committed.
 */
void fby_handoff_anew(struct fby_handoff *h, const char *topic,
    int64_t drain_ms);

/* The first time that we hear which topic it is, and how many it has. */
void fby_handoff_known(struct fby_handoff *h, const char *topic,
    int32_t partitions, uint64_t topic_id);

/* ---- from the workers ------------------------------------------------- */

void fby_handoff_released(struct fby_handoff *h, uint32_t slot, uint32_t row,
    uint64_t epoch, uint32_t reason);

/*
 * Before the same with FBY_RELEASE_CUT: from this offset on the log has others
 * than the records that were read; FBY_NONE: nobody can say from where.
 */
void fby_handoff_cut(struct fby_handoff *h, uint32_t slot, uint32_t row,
    uint64_t epoch, int64_t cut_at);

/* waitpid(2) has returned the holder of these rows. */
void fby_handoff_holder_gone(struct fby_handoff *h, uint32_t slot);

/* What that slot was told to release by now, and has not; or NULL. */
const struct fby_part *fby_handoff_overdue(const struct fby_handoff *h,
    uint32_t slot, int64_t now);

/* ---- planning --------------------------------------------------------- */

struct fby_handoff_plan {
	const uint32_t *slots; /* may hold lanes, ascending */
	const bool *ready;     /* and may be granted to now; same length */
	size_t nslots;
	const uint32_t *canaries; /* of another runtime, ready */
	size_t ncanaries;
	int64_t canary_share;      /* theirs of the partitions, percent */
	const uint32_t *isolation; /* for suspects, ready */
	size_t nisolation;
	int64_t drain_ms;
};

/* How many partitions are in the state; of a slot: held or being revoked. */
size_t fby_handoff_count(const struct fby_handoff *h, enum fby_row_state state);
size_t fby_handoff_count_slot(const struct fby_handoff *h, uint32_t slot);
size_t fby_handoff_ours(const struct fby_handoff *h);

/*
 * Every second: rows for those that have none though there would be room; a
 * full disk may be less full now.
 */
void fby_handoff_seek_rows(struct fby_handoff *h);

/*
 * Every second: whatever others have written over it, the ledger says again of
 * the master's what the master knows.  How many rows did not.  `cut`: the
 * holders' part of rows that nobody holds is gone, too.
 */
uint32_t fby_handoff_restore(struct fby_handoff *h, bool cut);

/* Ours, and without a row: nobody reads them. */
size_t fby_handoff_rowless(const struct fby_handoff *h);

#endif
