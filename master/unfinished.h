/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that were given back with records in flight, since a stop or a
 * change of the runtime began: those records are read again by the next holder,
 * so nobody may be told that everything was drained.
 */
#ifndef FBY_UNFINISHED_H
#define FBY_UNFINISHED_H

#include "shared/fby.h"

#include "shared/base/str.h"

struct fby_handoff;
struct fby_part;

struct fby_unfinished {
	size_t nparts;
	uint64_t nrecords;
	struct fby_str names; /* of the first of them, and where they go on */
};

void fby_unfinished_init(struct fby_unfinished *u);
void fby_unfinished_fini(struct fby_unfinished *u);
void fby_unfinished_begin(struct fby_unfinished *u);

/* One of them; said in the log. */
void fby_unfinished_add(struct fby_unfinished *u, const struct fby_part *pt,
    uint64_t nrecords);

/* "2 partitions were given back with 7 records in flight ...". */
void fby_unfinished_print(const struct fby_unfinished *u, struct fby_str *s);

/* What has not been given back at all: "orders/0 (REVOKING), orders/1 ...". */
void fby_unfinished_print_held(const struct fby_handoff *h, struct fby_str *s);

#endif
