/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which record of a partition kills workers: the history of the deaths of
 * those who held it, and what follows from it.
 *
 *	   died with         died again at      died alone with
 *	   records in flight the same offset    the same record, `limit` times
 *	clean ────────▶ noted ──────────▶ suspect ──────────▶ condemned
 *	  ▲               │                  │                    │
 *	  └───────────────┴──────────────────┴────────────────────┘
 *	      got past the offset, or past all that was in flight
 *
 * A suspect's records are handed out one at a time, in a worker that holds
 * nothing else; only then is it known which of them killed it, and only
 * those deaths are counted.  Who had nothing in flight is not involved.
 *
 * Pure: no clock, no processes.  What is a death that counts is decided
 * before (proc.c); nobody is condemned for a kill from outside.
 */
#ifndef FBY_POISON_H
#define FBY_POISON_H

#include "shared/fby.h"

struct fby_poison {
	int64_t acked;   /* at the last death; FBY_NONE: clean */
	int64_t until;   /* below it one at a time; FBY_NONE: no suspect */
	int64_t culprit; /* killed its worker, alone; FBY_NONE */
	unsigned kills;  /* so often */
	bool condemned;  /* that was often enough */
	bool named;      /* its worker was busy with it when it died */
	unsigned turns;  /* how often it had to make room for others */
};

/* How the holder left the partition. */
struct fby_poison_death {
	int64_t acked, position;
	uint64_t in_flight;
	int64_t handed; /* last given to the sink; FBY_NONE: not known */
	bool at_end;    /* position may be behind a gap, at the log's end */
	bool alone;     /* one at a time, and nothing else in the worker */
};

enum fby_poison_verdict {
	FBY_POISON_INNOCENT,  /* nothing follows */
	FBY_POISON_SUSPECT,   /* to be given out in isolation */
	FBY_POISON_KILLER,    /* `culprit` did it, but not often enough */
	FBY_POISON_CONDEMNED, /* it did it `limit` times */
	FBY_POISON_INCURABLE, /* it did it again, after that */
};

void fby_poison_clear(struct fby_poison *p);
bool fby_poison_is_suspect(const struct fby_poison *p);

enum fby_poison_verdict fby_poison_died(struct fby_poison *p,
    const struct fby_poison_death *d, unsigned limit);

/* So far is it now, also backwards; true if it is no suspect any more. */
bool fby_poison_moved(struct fby_poison *p, int64_t acked);

/*
 * It has been alone for long enough, and others are waiting for that.  Its
 * next death at the same offset makes it a suspect again.
 */
void fby_poison_let_go(struct fby_poison *p);

/* Does `a` come before `b`, of two suspects? */
bool fby_poison_goes_first(const struct fby_poison *a,
    const struct fby_poison *b);

#endif
