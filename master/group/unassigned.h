/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions of our topics that the group has given to none of its members:
 * nobody reads them, and nobody would say so.
 *
 * It happens: librdkafka joins anew when a topic has got more partitions, and
 * if the broker stands still just then, a static member gets its old generation
 * back, and the new partitions are forgotten until somebody joins or leaves.
 *
 * While this host does not have all partitions itself, the broker is asked
 * every few seconds what the members have.  What none of them has for a while
 * is the alarm `unassigned`, and the member leaves and joins once more, which
 * makes the group share out everything.  Not with group.protocol=consumer,
 * where the broker does that by itself.
 */
#ifndef FBY_UNASSIGNED_H
#define FBY_UNASSIGNED_H

#include "shared/fby.h"

struct fby_call;
struct fby_context;
struct fby_group;
struct fby_handoff;
struct fby_topics;

struct fby_unassigned {
	struct fby_context *ctx;
	struct fby_group *group;
	const struct fby_topics *topics;
	const struct fby_handoff *handoff;
	struct fby_call *call; /* under way, or NULL */
	int64_t asked_at;      /* monotonic */
	int64_t since;         /* monotonic: nobody has some; 0: all are had */
	int64_t joined_at; /* monotonic: we left and joined last; 0: never */
};

void fby_unassigned_init(struct fby_unassigned *u, struct fby_context *ctx,
    struct fby_group *group, const struct fby_topics *topics,
    const struct fby_handoff *handoff);
void fby_unassigned_fini(struct fby_unassigned *u);

/* Each second. */
void fby_unassigned_tick(struct fby_unassigned *u);

/*
 * What a member has, as the consumer protocol writes it: version, then topics
 * with their partitions.  `each` is told every one; the topic is not
 * terminated.  -1: the bytes do not hold what they promise.
 */
typedef void fby_unassigned_fn(void *arg, const char *topic, size_t len,
    int32_t partition);
int fby_unassigned_read(const void *bytes, size_t size, fby_unassigned_fn *each,
    void *arg) FBY_MUSTCHECK;

#endif
