/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master before had left: the ledger in the run directory.
 *
 * Its workers drain on their own when their master dies, and ack into that
 * ledger as they do, so it may be read only when the last of them is gone.
 * All of them hold the file open through one open file description that
 * carries a lock (flock(2) locks belong to the description and are inherited
 * with it), so "nobody has it any more" is simply "the lock can be had".
 * Who does not finish in drainTimeout is killed, whatever program it is.  Who
 * cannot be seen, in another PID namespace say, or does not even die of that,
 * is not waited for without end: what it acks from then on is delivered again.
 */
#ifndef FBY_RECOVER_H
#define FBY_RECOVER_H

#include "shared/fby.h"

#include <event2/event_struct.h>

struct fby_context;
struct fby_handoff;

struct fby_recover_item {
	char *topic;
	int32_t partition;
	int64_t committed; /* what the broker had confirmed to it */
	int64_t acked;     /* above that */
	int64_t watermark;
	int32_t epoch; /* of the leader, of the record before acked; or -1 */
	uint64_t topic_id; /* 0: unknown */
	bool used;         /* its partition has come */
};

struct fby_recover {
	const struct fby_context *ctx; /* NULL: not begun */
	int dir;                       /* the run directory; borrowed */
	void (*done)(void *arg, bool ok);
	void *arg;
	struct fby_recover_item *items; /* by topic and partition */
	size_t nitems;
	int fd; /* old ledger; -1: none */
	struct event ev_wait;
	int64_t look_at;    /* monotonic: who holds it? */
	int64_t kill_at;    /* then SIGKILL */
	int64_t give_up_at; /* then it is read, whoever has it */
	bool is_lost;       /* said: nobody is seen who does */
};

/*
 * Look for an old ledger, wait until it is free, read it, put it aside.
 * `done` follows, at once or later.  -1, logged: there is one, but too little
 * left of descriptors or memory to open it; it stays.  If that turns out later
 * `done` says so (not ok), and it stays as well.
 */
int fby_recover_start(struct fby_recover *r, const struct fby_context *ctx,
    int dir, void (*done)(void *arg, bool ok), void *arg) FBY_MUSTCHECK;
void fby_recover_fini(struct fby_recover *r);

/* Write what was read into the new ledger, whose rows the hand-over gives. */
void fby_recover_carry_over(const struct fby_recover *r, struct fby_handoff *h);

/* Once more, for those that have not been ours since. */
void fby_recover_carry_again(const struct fby_recover *r,
    const struct fby_handoff *h);

/* How many partitions it knows of that have not been ours yet. */
size_t fby_recover_pending(const struct fby_recover *r);

/* What the old ledger knows of that partition, or NULL. */
struct fby_recover_item *fby_recover_find(struct fby_recover *r,
    const char *topic, int32_t partition);

#endif
