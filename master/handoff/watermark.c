/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event time above a single partition; see watermark.h.
 */
#include "shared/fby.h"

#include "master/handoff/watermark.h"

#include "master/handoff/handoff.h"

int64_t
fby_watermark_host(const struct fby_handoff *h)
{
	int64_t min = INT64_MAX;

	for (uint32_t i = 0; i < h->nparts; i++) {
		int64_t wm;

		if (h->parts[i].state == FBY_ROW_FREE)
			continue;
		wm = fby_handoff_watermark(h, &h->parts[i]);
		if (wm < 0)
			return FBY_NONE;
		min = FBY_MIN(min, wm);
	}
	return min == INT64_MAX ? FBY_NONE : min;
}
