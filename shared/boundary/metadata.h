/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a committed offset carries along: the watermark of its partition, of
 * which topic it is an offset, since names are used again, and how many
 * partitions that topic had when the group began with this one: a partition
 * with a higher number was added later.
 *
 * The metadata is "fby1 w=<ms> t=<16 hex digits> n=<partitions>": a version,
 * then key=value pairs separated by blanks, each of which may be missing.
 * Unknown keys are skipped, so that a later version can add some; another
 * version, or text of somebody else's, means that nothing is known.
 *
 * The master commits so; a worker does in its transactions.
 */
#ifndef FBY_METADATA_H
#define FBY_METADATA_H

#include "shared/fby.h"

#define FBY_METADATA_MAX 64 /* enough for any, with the NUL */

/* Returns the length; "" if nothing is known: FBY_NONE, 0, 0. */
size_t fby_metadata_encode(char buf[FBY_METADATA_MAX], int64_t watermark,
    uint64_t topic_id, uint32_t partitions);

/* FBY_NONE or 0: it is not known. */
int64_t fby_metadata_watermark(const char *metadata, size_t len);
uint64_t fby_metadata_topic_id(const char *metadata, size_t len);
uint32_t fby_metadata_partitions(const char *metadata, size_t len);

#endif
