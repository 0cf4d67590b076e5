/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts; see start.h.
 */
#include "shared/fby.h"

#include "master/group/start.h"

enum fby_start
fby_start_choose(int64_t committed, int64_t first, int64_t end, int64_t stable,
    enum fby_start_reset reset, int64_t *start)
{
	if (committed >= first && committed <= end && committed >= 0) {
		*start = committed;
		return FBY_START_COMMITTED;
	}
	if (reset == FBY_RESET_ERROR)
		return FBY_START_NONE;
	*start = reset == FBY_RESET_LATEST ? FBY_MIN(stable, end) : first;
	return committed < 0 ? FBY_START_FRESH : FBY_START_RESET;
}
