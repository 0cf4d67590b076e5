/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What workers say of refused records, partitions that cannot be read and
 * clients without a connection: the last text for each partition and role,
 * and one for each role that concerns all partitions of a worker.
 *
 * A text explains and decides nothing.  Whether a partition makes progress is
 * seen in the ledger (progress.h); a worker that reports failures it does not
 * have changes a sentence of an alarm, never the alarm itself.
 */
#ifndef FBY_FAILURE_H
#define FBY_FAILURE_H

#include "shared/fby.h"

#include "shared/boundary/proto.h"

struct fby_handoff;

struct fby_failure {
	char *text; /* heap, printable, no line feed; NULL: none */
	int code;   /* librdkafka's; 0: not of it */
	int64_t at; /* monotonic, ms */
	uint32_t slot;
};

struct fby_failures {
	struct fby_failure (*rows)[FBY_FAILURE_NROLES]; /* by row */
	uint32_t nrows;
	struct fby_failure all[FBY_FAILURE_NROLES]; /* of a whole worker */
	uint64_t taken, stale;                      /* counters */
};

void fby_failure_fini(struct fby_failures *f);

/*
 * From the worker in this slot.  What it says of a row that it does not hold
 * (any more) is counted and left out.  -1: no worker of ours sends this.
 */
int fby_failure_keep(struct fby_failures *f, const struct fby_handoff *h,
    uint32_t slot, const struct fby_msg_failure *msg) FBY_MUSTCHECK;

/*
 * The last of this row and role that came at `since` (monotonic) or later;
 * FBY_NOROW: the last that concerned all of a worker.  NULL: there is none.
 */
const struct fby_failure *fby_failure_find(const struct fby_failures *f,
    uint32_t row, enum fby_failure_role role, int64_t since);

/* The bytes that the broker has of it make no sense to librdkafka. */
bool fby_failure_is_undecodable(const struct fby_failure *one);

#endif
