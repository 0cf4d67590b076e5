/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Event time above a single partition: the host's watermark is the minimum
 * over its partitions, and each partition's travels with its offset.
 *
 * The metadata of a committed offset is "fby1 w=<ms>": a version, then
 * key=value pairs separated by blanks.  Unknown keys are skipped, so that a
 * later version can add some; another version, or text of somebody else's,
 * means that no watermark is known.
 */
#ifndef FBY_WATERMARK_H
#define FBY_WATERMARK_H

#include "shared/fby.h"

struct fby_handoff;

#define FBY_WATERMARK_METADATA 32 /* enough for any, with the NUL */

/* Returns the length; "" for FBY_NONE. */
size_t fby_watermark_encode(char buf[FBY_WATERMARK_METADATA],
    int64_t watermark);
int64_t fby_watermark_decode(const char *metadata, size_t len);

/*
 * Minimum over the partitions that are ours; FBY_NONE while one of them has
 * none, or if there are none.
 */
int64_t fby_watermark_host(const struct fby_handoff *h);

#endif
