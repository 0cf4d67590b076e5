/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on without a record, or without a batch of them that cannot be decoded
 * (extent.h), by hand.
 */
#ifndef FBY_SKIP_H
#define FBY_SKIP_H

#include "shared/fby.h"

struct fby_handoff;
struct fby_part;
struct fby_str;

/*
 * Can it go on without the offsets first to last?  The first must be the next
 * one to be acked.  No: `why` says what is in the way.
 */
bool fby_skip_may(const struct fby_handoff *h, const struct fby_part *pt,
    int64_t first, int64_t last, struct fby_str *why);

/*
 * Go on without them.  FBY_DONE: they are left out; FBY_AGAIN: the holder was
 * told to release them, ops skipped() follows; FBY_FAIL: see above.
 */
enum fby_rc fby_skip_records(struct fby_handoff *h, struct fby_part *pt,
    int64_t first, int64_t last, struct fby_str *why);

#endif
