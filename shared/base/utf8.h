/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What UTF-8 is (RFC 3629).
 */
#ifndef FBY_UTF8_H
#define FBY_UTF8_H

#include "shared/fby.h"

/*
 * Bytes of the character at p, or, if it is none, of the longest piece that
 * begins one and does not end it, else 1; len > 0.
 */
size_t fby_utf8_step(const void *p, size_t len, bool *is_valid);

/* Length of the valid text that these bytes begin with. */
size_t fby_utf8_valid(const void *p, size_t len);

static inline bool
fby_utf8_is_valid(const void *p, size_t len)
{
	return fby_utf8_valid(p, len) == len;
}

#endif
