/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Going on without a record, by hand.
 */
#ifndef FBY_SKIP_H
#define FBY_SKIP_H

#include "shared/fby.h"

struct fby_handoff;
struct fby_part;
struct fby_str;

/*
 * Go on without the record at `offset`, which must be the next one to be
 * acked.  FBY_DONE: it is left out; FBY_AGAIN: its holder was told to release
 * it, ops skipped() follows; FBY_FAIL: `why` says what is in the way.
 */
enum fby_rc fby_skip_record(struct fby_handoff *h, struct fby_part *pt,
    int64_t offset, struct fby_str *why);

/* Nobody holds it any more: what a skip had to wait for. */
void fby_skip_finish(struct fby_handoff *h, struct fby_part *pt);

#endif
