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
 *
 * What that topic refuses, too, is mended: with the present time instead of
 * its timestamp, or, if deadLetter.truncate allows it, without value, and then
 * without key and own headers, which adds
 *
 *	forebay.truncated		"value" or "value, key, headers"
 *	forebay.source.size		bytes of the value; "" if it had none
 *	forebay.source.sha256		of the value, hexadecimal
 *	forebay.source.key.size		bytes of the key; "" if it had none
 */
#ifndef FBY_DEAD_LETTER_H
#define FBY_DEAD_LETTER_H

#include "shared/fby.h"

typedef struct rd_kafka_headers_s rd_kafka_headers_t;
struct fby_record;

enum fby_dead_letter_lacks { /* of a record, in rec->lacks */
	FBY_LACKS_TIME = 1,
	FBY_LACKS_VALUE = 2,
	FBY_LACKS_ALL = 4, /* key and own headers, too */
};

/*
 * It was refused for this reason, alone, where it was bound.  True if it is a
 * dead letter that now lacks what was the reason: to be tried once more.
 */
bool fby_dead_letter_mend(struct fby_record *rec, int code);

/* The caller's, or librdkafka's once it is produced with it. */
rd_kafka_headers_t *fby_dead_letter_headers(const struct fby_record *rec);

#endif
