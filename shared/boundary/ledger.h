/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The layout of the shared memory, and nothing else: head, worker slots,
 * partition rows, names.  Who maps it is shm.h's business; the byte map and
 * the argument for each memory order are in shared/README.
 *
 *	offset 0	struct fby_ledger_head		one cache line
 *	slots_off	struct fby_ledger_slot[nslots]
 *	rows_off	struct fby_ledger_row[nrows]
 *	names_off	NUL-terminated strings; offset 0 of it is ""
 *
 * Offsets, never pointers.  A cache line has one writer.  No row ever has two
 * writers: its epoch changes only after the holder has said RELEASED or
 * waitpid(2) has returned it, and while nobody holds it the master owns all
 * of its lines.  Hence no locks, and nothing to unlock after a crash.
 *
 * Every field that two processes see is _Atomic; use the order of the table.
 */
#ifndef FBY_LEDGER_H
#define FBY_LEDGER_H

#include "shared/fby.h"

#include <stdalign.h>
#include <stdatomic.h>

#define FBY_LEDGER_MAGIC 0x73796266u /* "fbys" */
#define FBY_NOSLOT UINT32_MAX
#define FBY_NOROW UINT32_MAX

struct fby_ledger_head {
	alignas(FBY_CACHELINE) uint32_t magic;
	uint16_t abi, head_size;
	uint64_t size; /* of the whole segment, bytes */
	uint32_t nslots, nrows;
	uint32_t slots_off, rows_off, names_off, names_size;
	uint32_t name_off, group_off; /* manifest, consumer group */
	_Atomic uint32_t names_used;  /* master */
	_Atomic uint32_t master_pid;  /* 0: no master */
	_Atomic uint64_t epoch;       /* master: last epoch given out */
};

/* What a row is for the master: the states of a hand-over. */
#define FBY_ROW_STATES(S)                                     \
	S(FREE, "not ours")                                   \
	S(RESOLVING, "assigned, start offset being resolved") \
	S(IDLE, "ours, held by no worker")                    \
	S(HELD, "granted")                                    \
	S(REVOKING, "told to drain, not released yet")        \
	S(RELEASED, "released, last commit under way")        \
	S(QUARANTINED, "held back: its next record kills workers")

enum fby_row_state {
#define S(name, what) FBY_ROW_##name,
	FBY_ROW_STATES(S)
#undef S
	    FBY_ROW_NSTATES
};

struct fby_ledger_row {
	/* ---- the master's line ---- */
	alignas(FBY_CACHELINE) _Atomic uint64_t epoch; /* grant number */
	_Atomic uint32_t slot;  /* who holds it, or FBY_NOSLOT */
	_Atomic uint32_t state; /* enum fby_row_state */
	uint32_t topic_off;     /* into names; 0: the row is unused */
	int32_t partition;
	_Atomic int64_t committed; /* last the broker confirmed */
	_Atomic int64_t committed_watermark;
	_Atomic int64_t log_start;   /* first offset the broker has */
	_Atomic uint64_t topic_id;   /* some of its id; 0: unknown */
	_Atomic uint32_t partitions; /* of it, when the group began; or 0 */
	/* ---- the holder's lines ---- */
	alignas(
	    FBY_CACHELINE) _Atomic int64_t acked; /* next offset to commit */
	_Atomic int64_t watermark;                /* event time, ms; FBY_NONE */
	_Atomic int64_t position;                 /* next offset to read */
	_Atomic int64_t high;       /* end of the log, as last told */
	_Atomic uint64_t in_flight; /* records read and not yet acked */
	_Atomic int64_t oldest_at;  /* wall clock of the oldest of them */
	_Atomic uint64_t read;      /* records, since the row was made */
	_Atomic uint64_t read_bytes;
	alignas(FBY_CACHELINE) _Atomic uint64_t delivered;
	_Atomic uint64_t dropped; /* by a function, or retryStrategy */
	_Atomic uint64_t late;    /* older than the watermark when read */
	_Atomic uint64_t stale;   /* completions that came too late */
	_Atomic uint32_t flags;   /* enum fby_row_flag */
	uint32_t spare;
	_Atomic uint64_t fallback; /* written to the fallback sink */
	_Atomic uint64_t dead_lettered;
	_Atomic uint64_t returned; /* given back unfinished: read again */
	alignas(FBY_CACHELINE) _Atomic int64_t
	    error_at;          /* wall clock of the last failure; 0: none */
	_Atomic int32_t error; /* of librdkafka */
	_Atomic uint32_t error_role;  /* enum fby_failure_role */
	_Atomic int32_t leader_epoch; /* of the record before acked, or -1 */
	uint32_t spare_epoch;
	_Atomic uint64_t future; /* records whose event time was clamped */
	uint64_t spare_line[4];
};

enum fby_row_flag {
	FBY_ROW_PAUSED = 1,  /* by back-pressure */
	FBY_ROW_AT_END = 2,  /* position is the end of the log */
	FBY_ROW_WM_IDLE = 4, /* watermark moved by idleness */
};

#define FBY_SLOT_STATES(S)                         \
	S(EMPTY, "no process")                     \
	S(STARTING, "being set up")                \
	S(RUNNING, "consuming what it is granted") \
	S(DRAINING, "finishing what is in flight")

enum fby_slot_state {
#define S(name, what) FBY_SLOT_##name,
	FBY_SLOT_STATES(S)
#undef S
	    FBY_SLOT_NSTATES
};

/* What a worker is doing, for its obituary. */
#define FBY_ACTIVITIES(A)                \
	A(SETUP, "setting up")           \
	A(WAITING, "waiting for events") \
	A(READING, "reading")            \
	A(SINK, "writing to the sink")   \
	A(ACKING, "acknowledging")       \
	A(EXITING, "exiting")

enum fby_activity {
#define A(name, what) FBY_ACTIVITY_##name,
	FBY_ACTIVITIES(A)
#undef A
	    FBY_ACTIVITY_N
};

/* Numaflow's histograms: 10 bounds from 100 µs to 900 s, and above. */
#define FBY_HIST_BOUNDS 10

struct fby_ledger_hist {
	_Atomic uint64_t bucket[FBY_HIST_BOUNDS + 1]; /* not cumulative */
	_Atomic uint64_t sum;                         /* microseconds */
};

enum fby_hist {
	FBY_HIST_PROCESSING, /* from reading a batch to its last ack */
	FBY_HIST_READ,       /* taking a batch from the queue */
	FBY_HIST_SINK,       /* from the sink's taking to its completion */
	FBY_HIST_ACK,        /* advancing the ledger */
	FBY_HIST_FALLBACK,   /* as SINK, for the fallback sink */
	FBY_HIST_SUCCESS,    /* and for onSuccess */
	FBY_HIST_N
};

/* A worker's connection to one of the user's functions. */
#define FBY_CONN_STATES(S)                                 \
	S(OFF, "not in use")                               \
	S(WAITING, "waiting for its socket and info file") \
	S(CONNECTING, "connecting")                        \
	S(CHECKING, "asking whether it is ready")          \
	S(HANDSHAKE, "waiting for its handshake")          \
	S(READY, "ready")                                  \
	S(BACKOFF, "failed; to be connected anew")

enum fby_conn_state {
#define S(name, what) FBY_CONN_##name,
	FBY_CONN_STATES(S)
#undef S
	    FBY_CONN_NSTATES
};

#define FBY_LEDGER_FUNCTIONS 5 /* roles: shared/manifest/function.h */

struct fby_ledger_function {
	alignas(FBY_CACHELINE) _Atomic uint32_t state; /* fby_conn_state */
	_Atomic uint32_t instance;
	_Atomic int64_t since;      /* of the state, monotonic ms */
	_Atomic uint64_t calls;     /* records that were sent */
	_Atomic uint64_t answers;   /* records that were answered */
	_Atomic uint64_t errors;    /* of those: refused */
	_Atomic uint64_t connects;  /* it became ready */
	_Atomic uint64_t failures;  /* it ended, or could not be made */
	_Atomic uint64_t in_flight; /* records, not answered */
	/*
	 * Texts, ended by NUL, which are read while they change: what a reader
	 * copies is to be bounded, and made printable.
	 */
	char language[16], version[32]; /* of the server's SDK */
	char why[144];                  /* it is not ready; "": it is */
	struct fby_ledger_hist answer;  /* of a record */
	_Atomic uint64_t drops;         /* results left out, and records */
	_Atomic uint64_t lost;          /* records whose connection ended */
	uint64_t spare[2];
};

#define FBY_SLOT_ARENAS 4

struct fby_ledger_slot {
	/* ---- the master's line ---- */
	alignas(FBY_CACHELINE) _Atomic int32_t pid; /* 0: none */
	_Atomic int32_t cpu;                        /* -1: not pinned */
	_Atomic uint32_t generation; /* of the manifest it runs */
	_Atomic uint32_t spawns;
	_Atomic int64_t spawned_at; /* monotonic ms */
	/* ---- the worker's lines ---- */
	alignas(FBY_CACHELINE) _Atomic int64_t
	    heartbeat;                 /* monotonic ms of its last turn */
	_Atomic uint32_t state;        /* enum fby_slot_state */
	_Atomic uint32_t activity;     /* enum fby_activity */
	_Atomic uint32_t activity_row; /* or FBY_NOROW */
	_Atomic uint32_t lanes;
	_Atomic int64_t activity_offset;
	_Atomic uint64_t in_flight; /* records */
	_Atomic uint64_t in_flight_bytes;
	_Atomic uint64_t survived;  /* FBY_COUNT_IF */
	_Atomic uint32_t log_lost;  /* lines that could not be written */
	_Atomic uint32_t log_error; /* errno of the last; 0: it was */
	alignas(FBY_CACHELINE) _Atomic uint64_t read; /* records */
	_Atomic uint64_t read_bytes;
	_Atomic uint64_t acked; /* records */
	_Atomic uint64_t sink_writes, sink_errors, sink_drops;
	_Atomic uint64_t rss_bytes;
	_Atomic uint64_t cpu_us; /* user and system, all threads */
	alignas(FBY_CACHELINE) _Atomic uint64_t arena_bytes[FBY_SLOT_ARENAS];
	_Atomic uint64_t batches;
	_Atomic uint64_t fallback_writes, success_writes;
	_Atomic uint64_t dead_letter_writes;
	alignas(FBY_CACHELINE) struct fby_ledger_hist hist[FBY_HIST_N];
	struct fby_ledger_function function[FBY_LEDGER_FUNCTIONS];
	alignas(FBY_CACHELINE) _Atomic uint64_t
	    outputs; /* records that functions made, on to the sinks */
	_Atomic uint64_t nacks; /* of functions, the sinks' too */
	uint64_t spare[6];
};

_Static_assert(sizeof(struct fby_ledger_head) == FBY_CACHELINE, "one line");
_Static_assert(sizeof(struct fby_ledger_row) == 4 * FBY_CACHELINE,
    "one line for the master, three for the holder");
_Static_assert(sizeof(struct fby_ledger_function) == 6 * FBY_CACHELINE,
    "lines of its own");
_Static_assert(sizeof(struct fby_ledger_slot) % FBY_CACHELINE == 0, "lines");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && ATOMIC_INT_LOCK_FREE == 2,
    "the ledger needs lock-free 64-bit atomics");

/* Relaxed access, for everything the table in shared/README says it of. */
#define fby_load(p) atomic_load_explicit((p), memory_order_relaxed)
#define fby_store(p, v) atomic_store_explicit((p), (v), memory_order_relaxed)
#define fby_acquire(p) atomic_load_explicit((p), memory_order_acquire)
#define fby_release(p, v) atomic_store_explicit((p), (v), memory_order_release)

/* A counter with one writer needs no locked instruction. */
#define fby_bump(p, n) fby_store((p), fby_load(p) + (n))

#endif
