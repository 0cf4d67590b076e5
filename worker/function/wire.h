/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a protobuf message, one after the other: of messages of which
 * one field matters, and of those that come and go with each record.
 *
 * Fields below 16 only are written, whose tag is one byte.
 */
#ifndef FBY_WORKER_WIRE_H
#define FBY_WORKER_WIRE_H

#include "shared/fby.h"

struct fby_wire {
	const uint8_t *p, *end; /* what is left */
	unsigned field;
	/* A number, or bytes that are borrowed; NULL: it is a number. */
	uint64_t number;
	const uint8_t *bytes;
	size_t len;
};

/* 1: a field; 0: the end; -1: this is no protobuf. */
int fby_wire_next(struct fby_wire *w);

/* ---- writing ---------------------------------------------------------- */

static inline size_t
fby_wire_varint_size(uint64_t n)
{
	return ((size_t)(63 - __builtin_clzll(n | 1)) * 9 + 73) / 64;
}

static inline size_t
fby_wire_bytes_size(size_t len)
{
	return 1 + fby_wire_varint_size(len) + len;
}

static inline uint8_t *
fby_wire_put_varint(uint8_t *p, uint64_t n)
{
	for (; n >= 0x80; n >>= 7)
		*p++ = (uint8_t)n | 0x80;
	*p++ = (uint8_t)n;
	return p;
}

static inline uint8_t *
fby_wire_put_number(uint8_t *p, unsigned field, uint64_t n)
{
	*p++ = (uint8_t)(field << 3);
	return fby_wire_put_varint(p, n);
}

/* The head of a field of len bytes, which follow. */
static inline uint8_t *
fby_wire_put_head(uint8_t *p, unsigned field, size_t len)
{
	*p++ = (uint8_t)(field << 3 | 2);
	return fby_wire_put_varint(p, len);
}

static inline uint8_t *
fby_wire_put_bytes(uint8_t *p, unsigned field, const void *bytes, size_t len)
{
	p = fby_wire_put_head(p, field, len);
	if (len > 0)
		memcpy(p, bytes, len);
	return p + len;
}

#endif
