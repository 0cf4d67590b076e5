/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One worker process, as the master sees it: how it is started, what it says,
 * whether it still turns, and what is written of it when it dies.
 *
 * A process is
 *
 *	EMPTY ─spawn─▶ STARTING ─READY─▶ READY ─retire─▶ RETIRING ─no lane─▶
 *	  ▲               │                │                │       DRAINING
 *	  └──── BACKOFF ◀─┴──── died ──────┴── (to EMPTY if replaced or done) ┘
 *
 * Where it belongs, and what becomes of its place, is the supervisor's.
 */
#ifndef FBY_PROC_H
#define FBY_PROC_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "shared/boundary/channel.h"

#include "master/pool/runtime_stats.h"
#include "master/runtime/helpers.h"

struct fby_capture;
struct fby_context;
struct fby_failures;
struct fby_handoff;
struct fby_oom;
struct fby_part;
struct fby_proc;
struct fby_program;
struct fby_shm;

#define FBY_PROC_STATES(S)                       \
	S(EMPTY, "no process")                   \
	S(STARTING, "started, not ready yet")    \
	S(READY, "takes partitions")             \
	S(RETIRING, "gives its partitions away") \
	S(DRAINING, "told to exit")              \
	S(BACKOFF, "died, waits to be started again")

enum fby_proc_state {
#define S(name, what) FBY_PROC_##name,
	FBY_PROC_STATES(S)
#undef S
	    FBY_PROC_NSTATES
};

/* What all processes have in common; borrowed. */
struct fby_proc_env {
	struct fby_context *ctx;
	struct fby_shm *shm;
	struct fby_handoff *handoff;
	struct fby_failures *failures;
	struct fby_oom *oom;
	const struct fby_msg_group *metadata; /* of the member; size 0: none */
	struct fby_runtime_stats *stats;
};

/* What a process tells its owner. */
struct fby_proc_ops {
	/* It says that it is set up. */
	void (*ready)(void *arg, struct fby_proc *pr);
	/* It has released a partition. */
	void (*released)(void *arg);
	/* It was killed because it did not do in time what it has to. */
	void (*hung)(void *arg);
	/* It has said whether it could open the log's file anew. */
	void (*reopened)(void *arg);
};

struct fby_proc {
	const struct fby_proc_env *env;
	const struct fby_proc_ops *ops;
	void *arg;
	uint32_t slot;
	enum fby_proc_state state;
	int place;   /* -1: of none (any more) */
	int32_t pid; /* 0: none */
	unsigned generation;
	char *runtime; /* of its last start, heap; NULL: none yet */
	struct fby_channel ch;
	struct fby_helpers helpers;  /* of a program of others */
	struct fby_capture *capture; /* what it says; NULL: one of ours */
	bool reopening;              /* has not said yet whether it could */
	int32_t reopen_error;        /* of the last time; 0: it could */
	struct event ev_spawn;       /* end of the back-off */
	int cpu;                     /* -1: not pinned */
	uint32_t spawns;             /* in this slot */
	int64_t spawned_at;          /* monotonic */
	int64_t beat_at;             /* watchdog: last change seen */
	int64_t beat;                /* and its value */
	int64_t exit_by;             /* told to exit; 0: not */
	bool killed;                 /* by our watchdog */
	bool stopped;                /* and SIGSTOP was why */
	struct fby_counts before;    /* what its slot said at its start */
	uint64_t read_before;        /* for the rate */
	double rate;                 /* records/s, last second */
};

void fby_proc_init(struct fby_proc *pr, uint32_t slot,
    const struct fby_proc_env *env, const struct fby_proc_ops *ops, void *arg);
void fby_proc_fini(struct fby_proc *pr); /* nobody is left behind */
bool fby_proc_is_alive(const struct fby_proc *pr);
const char *fby_proc_state_name(enum fby_proc_state state);

/* The only writer of its state. */
void fby_proc_set_state(struct fby_proc *pr, enum fby_proc_state to);

/* What a process is started with. */
struct fby_proc_start {
	const struct fby_program *program;
	int manifest_fd; /* sealed */
	unsigned generation;
	int cpu;        /* -1: not pinned */
	uint32_t place; /* of which the functions that it speaks to are */
};

/* -1: said in the log. */
int fby_proc_start(struct fby_proc *pr,
    const struct fby_proc_start *how) FBY_MUSTCHECK;

/* The master's line of its slot says what the master knows of it. */
void fby_proc_show(const struct fby_proc *pr);

void fby_proc_grant(struct fby_proc *pr, const struct fby_part *pt);
/* What it has not released when its time is up costs it its life. */
void fby_proc_revoke(struct fby_proc *pr, struct fby_part *pt,
    int64_t drain_ms);
void fby_proc_drain(struct fby_proc *pr, int64_t drain_ms);

/*
 * The log goes on in that descriptor.  Ours only: what the others say is
 * captured, and goes on by itself.
 */
void fby_proc_reopen(struct fby_proc *pr, int fd);

/* The member's metadata, if there are any that may be used. */
void fby_proc_group(struct fby_proc *pr);

/* Watchdog and rate; `since` is when it was looked at before. */
void fby_proc_watch(struct fby_proc *pr, int64_t now, int64_t since);

/*
 * waitpid(2) has returned it: says so, clears its slot and gives its rows
 * back to the hand-over, with blame if it may have died of a record.  True if
 * its exit was asked for and in order.
 */
bool fby_proc_bury(struct fby_proc *pr, int status);

#endif
