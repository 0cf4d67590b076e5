/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that come and go: the master's GRANT, REVOKE and DRAIN on one
 * side, RELEASED on the other.  A lane is made here, and ends here; source.c
 * reads its records, pipeline.c hands them to the sinks.
 */
#ifndef FBY_GRANT_H
#define FBY_GRANT_H

#include "shared/fby.h"

#include "shared/boundary/proto.h"

struct fby_lane;
struct fby_worker;

/* Take the partition, or say RELEASED at once and why in the log. */
void fby_grant_take(struct fby_worker *w, const struct fby_msg_grant *msg);

/* Give it back; a lane that was released meanwhile is none of ours. */
void fby_grant_revoke(struct fby_worker *w, const struct fby_msg_revoke *msg);

/*
 * Stop reading; RELEASED follows when nothing is in flight, or after
 * drain_ms.  `why` is for the log.  May release, and free, the lane.
 */
void fby_grant_drain(struct fby_lane *ln, enum fby_release_reason reason,
    int64_t drain_ms, const char *why);
void fby_grant_drain_all(struct fby_worker *w, int64_t drain_ms,
    const char *why);

/*
 * Release it if it is draining and has nothing left; free it if it is
 * released and no batch refers to it any more.
 */
void fby_grant_check(struct fby_lane *ln);

#endif
