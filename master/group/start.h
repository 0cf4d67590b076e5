/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts, decided from three numbers.  Pure.
 */
#ifndef FBY_START_H
#define FBY_START_H

#include "shared/fby.h"

enum fby_start_reset { /* auto.offset.reset */
	FBY_RESET_EARLIEST,
	FBY_RESET_LATEST,
	FBY_RESET_ERROR
};

enum fby_start {
	FBY_START_COMMITTED, /* the broker still has the committed offset */
	FBY_START_FRESH,     /* none was committed: by policy */
	FBY_START_RESET,     /* it is out of range: by policy, not silent */
	FBY_START_NONE,      /* the policy is to refuse */
};

/*
 * committed: FBY_NONE if the group has none.  first and end: of the log, end
 * being the next offset to be written.  stable: where the first transaction
 * begins that is still open, or end; "latest" is not beyond it, since what is
 * in there is yet to be read.  *start is set unless FBY_START_NONE.
 */
enum fby_start fby_start_choose(int64_t committed, int64_t first, int64_t end,
    int64_t stable, enum fby_start_reset reset, int64_t *start);

#endif
