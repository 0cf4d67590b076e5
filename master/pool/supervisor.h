/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The workers' lives: places (one for each CPU in use, and those of canaries
 * and isolation workers), processes in the ledger's slots, back-off,
 * obituaries, the heartbeat watchdog, and replacing workers one by one.
 *
 * A place has a current process, and while it is being replaced a second one;
 * what a process is, is in proc.h.
 */
#ifndef FBY_SUPERVISOR_H
#define FBY_SUPERVISOR_H

#include "shared/fby.h"

#include <event2/event_struct.h>
#include <sys/types.h>

#include "master/base/cpus.h"
#include "master/pool/proc.h"
#include "master/runtime/program.h"

struct fby_manifest;
struct fby_part;

#define FBY_ISOLATION_MAX 4
#define FBY_CANARIES_MAX FBY_WORKERS_MAX
#define FBY_PLACES_MAX (FBY_WORKERS_MAX + FBY_CANARIES_MAX + FBY_ISOLATION_MAX)
/*
 * Each may have a successor.  Who retires is of no place any more, and keeps a
 * slot until it has exited: what finds none waits for that.
 */
#define FBY_SLOTS_MAX (2 * FBY_PLACES_MAX)

/* What a place is for; those of a kind are next to each other. */
enum fby_place_kind {
	FBY_PLACE_WORKER,    /* one for each CPU in use */
	FBY_PLACE_CANARY,    /* of the second runtime */
	FBY_PLACE_ISOLATION, /* for one suspected partition each */
	FBY_PLACE_KINDS
};

/* What the last process of a place that was not ready has met with. */
enum fby_place_fault {
	FBY_PLACE_FINE,       /* nothing, or one has been ready since */
	FBY_PLACE_NO_PROCESS, /* it could not be started */
	FBY_PLACE_NOT_READY,  /* it has died before it was ready */
	FBY_PLACE_GIVEN_UP,   /* it has said that it is of no use */
};

struct fby_place {
	int cpu;       /* -1: not pinned */
	uint32_t slot; /* current process; FBY_NOSLOT: not in use */
	uint32_t next; /* its successor; FBY_NOSLOT */
	bool fresh;    /* none has been ready in it yet */
	bool spared;   /* one was started again at once */
	int64_t backoff_ms;
	enum fby_place_fault fault;
	uint32_t fault_slot;
	int fault_code; /* GIVEN_UP: enum fby_exit */
};

/* What the supervisor tells, and whom; nothing of it is done at once. */
struct fby_supervisor_ops {
	/* Other workers may hold lanes now: plan soon. */
	void (*plan)(void *arg);
	/* A process has become ready. */
	void (*ready)(void *arg);
	/* After fby_supervisor_stop(): the last has exited. */
	void (*gone)(void *arg);
	/* A worker has answered fby_supervisor_reopen(), or never will. */
	void (*reopened)(void *arg);
	/*
	 * Look at fby_supervisor_is_up_to_date() and `failed`: nothing is left
	 * to be done for the roll, or it has failed.  May begin another one.
	 */
	void (*roll_ended)(void *arg);
	/*
	 * Does a reload wait for the end of this roll?  Is there a reload under
	 * way, of any kind?  Then what follows from a failure is its business.
	 */
	bool (*is_rolling)(void *arg);
	bool (*is_reloading)(void *arg);
};

struct fby_supervisor {
	struct fby_context *ctx; /* NULL: not begun */
	struct fby_proc_env env;
	const struct fby_supervisor_ops *ops;
	void *arg;
	struct fby_proc procs[FBY_SLOTS_MAX];
	struct fby_place places[FBY_PLACES_MAX];
	size_t want[FBY_PLACE_KINDS];   /* places; all 0 while stopping */
	int exec_fd;                    /* forebay-worker, O_PATH */
	struct fby_program program;     /* what new workers are */
	struct fby_program canary;      /* and the canary's */
	int manifest_fd;                /* for new workers, borrowed */
	unsigned generation;            /* of that manifest */
	bool failed;                    /* a successor did not start */
	bool is_full;                   /* no slot was free: said */
	bool is_resting;                /* nothing is started any more */
	bool no_program;                /* what they are could not be set */
	bool is_canary_down;            /* alarm CANARY is ours */
	int64_t again_at, again_ms;     /* monotonic; 0: not to be tried */
	int64_t ticked_at;              /* monotonic */
	uint64_t deaths, hangs;         /* counters */
	struct fby_runtime_stats stats; /* of each runtime */
};

/* Of env all but the stats, which are its own. */
void fby_supervisor_init(struct fby_supervisor *sup,
    const struct fby_proc_env *env, const struct fby_supervisor_ops *ops,
    void *arg);
void fby_supervisor_fini(struct fby_supervisor *sup);

/*
 * The master stops or goes over to another runtime: from here to the next roll
 * nothing is started, started again or replaced.
 */
void fby_supervisor_rest(struct fby_supervisor *sup);

/* DRAIN to all, again with less time; `gone` when the last has exited. */
void fby_supervisor_stop(struct fby_supervisor *sup, int64_t drain_ms);

/* waitpid(2) has returned it.  True if it was one of ours. */
bool fby_supervisor_reaped(struct fby_supervisor *sup, pid_t pid, int status);

/* Every second: watchdog and rates. */
void fby_supervisor_tick(struct fby_supervisor *sup);

/*
 * As many workers as the manifest asks for, all of this generation: missing
 * ones are started with it, others are replaced one at a time, surplus ones
 * retire.  fd is borrowed until the next call.  `roll_ended` follows when it is
 * done, or when a new worker does not get ready (`failed`).
 * With `only_canary` all others are told of the manifest instead.
 */
void fby_supervisor_roll(struct fby_supervisor *sup,
    const struct fby_manifest *m, int manifest_fd, unsigned generation,
    bool only_canary);

/*
 * The live workers are told of this manifest: none is to be replaced, but
 * there may be more or less canaries.  -1: said in the log, nothing has
 * changed.
 */
int fby_supervisor_adopt(struct fby_supervisor *sup,
    const struct fby_manifest *m, int manifest_fd,
    unsigned generation) FBY_MUSTCHECK;

/*
 * No place has an old generation, a successor, or one too many, and the
 * canaries that came with the roll are ready.
 */
bool fby_supervisor_is_up_to_date(const struct fby_supervisor *sup);

/* Are all that shall be there ready, canaries aside? */
bool fby_supervisor_is_ready(const struct fby_supervisor *sup);

/* A process says that it is set up. */
void fby_supervisor_ready(struct fby_supervisor *sup, struct fby_proc *pr);

/* A lane has been released: a retiring worker may be free to go. */
void fby_supervisor_check(struct fby_supervisor *sup);

/* To every live worker: the log goes on in that descriptor. */
void fby_supervisor_reopen(struct fby_supervisor *sup, int fd);

/*
 * Workers beside the others, not pinned, each for one partition that is
 * suspected of killing workers: so many if that is possible, and until none
 * is needed any more.
 */
void fby_supervisor_need_isolation(struct fby_supervisor *sup, size_t n);

/* The slots of those that are ready; the number. */
size_t fby_supervisor_isolation(const struct fby_supervisor *sup,
    uint32_t isolation[FBY_ISOLATION_MAX]);

/* The slots of the canaries that are ready; the number. */
size_t fby_supervisor_canaries(const struct fby_supervisor *sup,
    uint32_t slots[FBY_SLOTS_MAX]);

/* What its place is for; WORKER if it has none any more. */
static inline enum fby_place_kind
fby_supervisor_kind(const struct fby_proc *pr)
{
	if (pr->place < FBY_WORKERS_MAX)
		return FBY_PLACE_WORKER;
	return pr->place < FBY_WORKERS_MAX + FBY_CANARIES_MAX ?
	    FBY_PLACE_CANARY :
	    FBY_PLACE_ISOLATION;
}

/* The group's metadata have changed. */
void fby_supervisor_group(struct fby_supervisor *sup);

/* Slots that may hold lanes, ascending, and which are ready; the number. */
size_t fby_supervisor_eligible(const struct fby_supervisor *sup,
    uint32_t slots[FBY_SLOTS_MAX], bool ready[FBY_SLOTS_MAX]);

void fby_supervisor_grant(struct fby_supervisor *sup,
    const struct fby_part *pt);
void fby_supervisor_revoke(struct fby_supervisor *sup, struct fby_part *pt,
    int64_t drain_ms);

size_t fby_supervisor_alive(const struct fby_supervisor *sup);

#endif
