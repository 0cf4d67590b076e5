/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Was the log cut?  After an unclean election, records that were read may be
 * gone, and others have their offsets.  Librdkafka notices by the epoch of the
 * leader (KIP-320).
 *
 * With auto.offset.reset=error, which we force, it says so with an error of
 * another code and names the point only in its text; so the text is read.
 */
#ifndef FBY_CUT_H
#define FBY_CUT_H

#include "shared/fby.h"

typedef struct rd_kafka_message_s rd_kafka_message_t;

/*
 * Is this error of a partition a truncation?  Then *at is the first offset
 * that may have another record than the one we know, or FBY_NONE if that
 * is not known.
 */
bool fby_cut_is(const rd_kafka_message_t *msg, int64_t *at);

/* The same of its text, for tests. */
bool fby_cut_parse(const char *text, int64_t *at);

#endif
