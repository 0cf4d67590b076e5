/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records that prove delivery: produce.c writes them, verify.c finds out
 * what became of them.  This page is their format.
 *
 * Each record says who it is, in text:
 *
 *	v1 TOPIC PARTITION SEQUENCE TIME RECORD-CRC ENVELOPE-CRC PADDING
 *
 * TOPIC and PARTITION are where it was first produced to, SEQUENCE counts
 * from 0 in each partition, TIME is its timestamp in milliseconds.  The
 * padding is letters, so the whole is printable and has no " Keys - " in it.
 *
 * The envelope CRC (8 hexadecimal digits) is over the timestamp, the key
 * (null and empty differ) and the headers in their order; it is checked where
 * records are read from Kafka again.  The record CRC is over everything else,
 * including the envelope CRC.
 *
 * This text is the value.  A tombstone has no value, so its key is this text,
 * and its envelope CRC leaves the key out.
 *
 * The journal is what was produced and acknowledged by the broker, one line
 * for each run and partition:
 *
 *	TOPIC PARTITION FIRST-SEQUENCE COUNT
 */
#ifndef FBY_RECORD_H
#define FBY_RECORD_H

#include "shared/fby.h"

#define RECORD_TOPIC_MAX 250
#define RECORD_TEXT_MAX 400 /* without the padding */

struct record {
	char topic[RECORD_TOPIC_MAX];
	int32_t partition;
	int64_t seq;
	int64_t time_ms;
	uint32_t envelope;
};

/* CRC-32 as in zlib; start with 0. */
static inline uint32_t
record_crc(uint32_t crc, const void *data, size_t len)
{
	static uint32_t table[256];
	const unsigned char *p = data;

	if (!table[1]) {
		for (uint32_t i = 0; i < 256; i++) {
			uint32_t c = i;

			for (int bit = 0; bit < 8; bit++)
				c = c & 1 ? 0xedb88320u ^ (c >> 1) : c >> 1;
			table[i] = c;
		}
	}
	crc = ~crc;
	while (len--)
		crc = table[(crc ^ *p++) & 0xff] ^ (crc >> 8);
	return ~crc;
}

/* One part of the envelope; its length goes in, so that parts cannot melt. */
static inline uint32_t
record_envelope(uint32_t crc, const void *data, size_t len)
{
	int64_t n = data ? (int64_t)len : -1;

	crc = record_crc(crc, &n, sizeof(n));
	return data ? record_crc(crc, data, len) : crc;
}

static inline uint32_t
record_sum(const struct record *r, const char *padding, size_t len)
{
	char text[RECORD_TEXT_MAX];
	int n;

	n = snprintf(text, sizeof(text), "%s %d %lld %lld %08x ", r->topic,
	    (int)r->partition, (long long)r->seq, (long long)r->time_ms,
	    r->envelope);
	return record_crc(record_crc(0, text, (size_t)n), padding, len);
}

/* Write the text in front of its padding; returns its length. */
static inline size_t
record_print(const struct record *r, char text[RECORD_TEXT_MAX],
    const char *padding, size_t len)
{
	return (size_t)snprintf(text, RECORD_TEXT_MAX,
	    "v1 %s %d %lld %lld %08x %08x ", r->topic, (int)r->partition,
	    (long long)r->seq, (long long)r->time_ms,
	    record_sum(r, padding, len), r->envelope);
}

enum record_verdict { RECORD_GOOD, RECORD_CORRUPT, RECORD_FOREIGN };

/* text need not be terminated. */
static inline enum record_verdict
record_parse(struct record *r, const char *text, size_t len)
{
	char head[RECORD_TEXT_MAX];
	size_t head_len = FBY_MIN(len, sizeof(head) - 1);
	long long seq, time_ms;
	int partition, used = 0;
	unsigned sum;

	if (len < 3 || memcmp(text, "v1 ", 3) != 0)
		return RECORD_FOREIGN;
	memcpy(head, text, head_len);
	head[head_len] = '\0';
	if (sscanf(head, "v1 %249s %d %lld %lld %8x %8x%n", r->topic,
		&partition, &seq, &time_ms, &sum, &r->envelope, &used) != 6 ||
	    (size_t)used == len || text[used] != ' ')
		return RECORD_CORRUPT;
	used++;
	r->partition = partition;
	r->seq = seq;
	r->time_ms = time_ms;
	if (seq < 0 || partition < 0 ||
	    record_sum(r, text + used, len - (size_t)used) != sum)
		return RECORD_CORRUPT;
	return RECORD_GOOD;
}

#endif
