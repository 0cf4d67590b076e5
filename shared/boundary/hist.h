/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Histograms of the ledger's slots.
 */
#ifndef FBY_HIST_H
#define FBY_HIST_H

#include "shared/fby.h"

#include "shared/boundary/ledger.h"

/* Upper bounds of the buckets, in microseconds; the last has none. */
extern const double fby_hist_bounds[FBY_HIST_BOUNDS];

/* Put a value in; `us` in microseconds. */
void fby_hist_add(struct fby_ledger_hist *hist, int64_t us);

#endif
