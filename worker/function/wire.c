/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fields of protobuf; see wire.h.
 */
#include "shared/fby.h"

#include "worker/function/wire.h"

static int
take_varint(struct fby_wire *w, uint64_t *n)
{
	*n = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint8_t byte;

		if (w->p == w->end)
			return -1;
		byte = *w->p++;
		if (shift < 64)
			*n |= (uint64_t)(byte & 0x7f) << shift;
		if (byte < 0x80)
			return 0;
	}
	return -1;
}

static int
take_bytes(struct fby_wire *w, uint64_t n)
{
	if (n > (uint64_t)(w->end - w->p))
		return -1;
	w->bytes = w->p;
	w->len = (size_t)n;
	w->p += n;
	return 1;
}

int
fby_wire_next(struct fby_wire *w)
{
	uint64_t tag, n;

	w->bytes = NULL;
	w->len = 0;
	w->number = 0;
	if (w->p == w->end)
		return 0;
	if (take_varint(w, &tag) == -1 || tag >> 3 == 0 ||
	    tag >> 3 > 0x1fffffff)
		return -1;
	w->field = (unsigned)(tag >> 3);
	switch (tag & 7) {
	case 0:
		return take_varint(w, &w->number) == -1 ? -1 : 1;
	case 1:
		return take_bytes(w, 8);
	case 2:
		return take_varint(w, &n) == -1 ? -1 : take_bytes(w, n);
	case 5:
		return take_bytes(w, 4);
	default:
		return -1;
	}
}
