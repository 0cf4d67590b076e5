/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms of the ledger's slots; see hist.h.
 */
#include "shared/fby.h"

#include "shared/boundary/hist.h"

/* b_i = 100 µs · (9e8 / 100)^(i/9), as numaflow's exponential_buckets_range. */
const double fby_hist_bounds[FBY_HIST_BOUNDS] = {
	100,
	592.507,
	3510.647,
	20800.838,
	123246.459,
	730244.107,
	4326748.711,
	25636296.458,
	151896895.334,
	900000000,
};

void
fby_hist_add(struct fby_ledger_hist *hist, int64_t us)
{
	int i = 0;

	if (us < 0)
		us = 0;
	while (i < FBY_HIST_BOUNDS && (double)us > fby_hist_bounds[i])
		i++;
	fby_bump(&hist->bucket[i], 1);
	fby_bump(&hist->sum, (uint64_t)us);
}
