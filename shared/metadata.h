/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a committed offset carries along: the watermark of its partition.
 *
 * The metadata is "fby1 w=<ms>": a version, then key=value pairs separated by
 * blanks.  Unknown keys are skipped, so that a later version can add some;
 * another version, or text of somebody else's, means that no watermark is
 * known.
 *
 * The master commits so; a worker does in its transactions.
 */
#ifndef FBY_METADATA_H
#define FBY_METADATA_H

#include "shared/fby.h"

#define FBY_METADATA_MAX 32 /* enough for any, with the NUL */

/* Returns the length; "" for FBY_NONE. */
size_t fby_metadata_encode(char buf[FBY_METADATA_MAX], int64_t watermark);
int64_t fby_metadata_decode(const char *metadata, size_t len);

#endif
