/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UTF-8 (RFC 3629) where a format asks for it and users have bytes.
 */
#ifndef FBY_UTF8_H
#define FBY_UTF8_H

#include "shared/fby.h"

struct fby_str;

bool fby_utf8_is_valid(const void *p, size_t len);

/*
 * Appends the bytes as valid UTF-8: each longest piece that begins a character
 * and does not end one, and each byte that begins none, becomes U+FFFD.  This
 * is what Unicode recommends, and what Numaflow does.
 */
void fby_utf8_mend(struct fby_str *s, const void *p, size_t len);

#endif
