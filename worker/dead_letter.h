/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record in the dead-letter topic says of itself, beside its own key,
 * value, timestamp and headers, which come first.  All values are text:
 *
 *	forebay.source.topic, .partition, .offset
 *	forebay.source.timestamp	ms since 1970; "" if it had none
 *	forebay.attempts		failed ones, or workers that it killed
 *	forebay.reason			why the last of them failed
 *	forebay.sink			sink, fallback or onSuccess
 *	forebay.worker			HOST/SLOT that wrote it
 */
#ifndef FBY_DEAD_LETTER_H
#define FBY_DEAD_LETTER_H

#include "shared/fby.h"

typedef struct rd_kafka_headers_s rd_kafka_headers_t;
struct fby_record;

/* The caller's, or librdkafka's once it is produced with it. */
rd_kafka_headers_t *fby_dead_letter_headers(const struct fby_record *rec);

#endif
