/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event time above a single partition: the host's watermark is the minimum
 * over its partitions.  (Each partition's travels with its offset: see
 * shared/boundary/metadata.h.)
 */
#ifndef FBY_WATERMARK_H
#define FBY_WATERMARK_H

#include "shared/fby.h"

struct fby_handoff;

/*
 * Minimum over the partitions that are ours; FBY_NONE while one of them has
 * none, or if there are none.
 */
int64_t fby_watermark_host(const struct fby_handoff *h);

#endif
