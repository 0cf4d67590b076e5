/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of a protobuf message, one after the other, for those few
 * messages of which one field matters: a handshake, a status.
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

#endif
