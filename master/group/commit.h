/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the ledger to the broker: one OffsetCommit for all partitions, each
 * with its watermark as metadata; on an interval, before a partition leaves,
 * and at exit.  One is under way at a time.
 *
 * librdkafka tells the error of one partition as that of all.  So after an
 * error that may be of a topic, each topic is committed by itself until none is
 * refused, and a refusal concerns one topic alone.
 *
 * With exactly-once it is the workers that commit, and nothing is sent here.
 *
 * What the ledger says is checked before it is believed: not below what is
 * committed, not beyond the end of the log, of a partition that is ours.
 */
#ifndef FBY_COMMIT_H
#define FBY_COMMIT_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/group/request.h"

struct fby_context;
struct fby_group;
struct fby_handoff;

struct fby_commit {
	struct fby_context *ctx; /* NULL: not begun */
	struct fby_group *group; /* whose client sends */
	struct fby_handoff *handoff;
	struct fby_request request;
	struct event ev_timer;
	bool again;               /* asked for while under way */
	bool by_topic;            /* one is refused, or may be */
	int64_t round_at;         /* monotonic: all are tried once in it */
	int refusal;              /* of the last, if not a topic's; 0: none */
	int64_t watermark_at;     /* monotonic: next without */
	uint64_t commits, errors; /*   new offsets */
	uint64_t refused;         /* rows that were not believed */
	size_t given_up;          /* given back, with acks not committed */
};

void fby_commit_init(struct fby_commit *c, struct fby_context *ctx,
    struct fby_group *group, struct fby_handoff *handoff);
void fby_commit_fini(struct fby_commit *c);
void fby_commit_now(struct fby_commit *c); /* or right after this one */
void fby_commit_forget(struct fby_commit *c);
void fby_commit_rearm(struct fby_commit *c); /* the interval has changed */

/*
 * Is this code of librdkafka's an answer to the generation before?  The broker
 * answers a connection's requests one after the other, so a commit waits behind
 * a join, and comes with the generation before.  The next one comes with the
 * new one.
 */
bool fby_commit_is_overtaken(int err);

/* Partitions of ours with acked records that are not committed. */
size_t fby_commit_behind(const struct fby_commit *c);

#endif
