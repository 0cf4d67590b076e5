/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard base64 with padding (RFC 4648, section 4), as Numaflow's
 * controller writes NUMAFLOW_MONO_VERTEX_OBJECT.
 */
#ifndef FBY_BASE64_H
#define FBY_BASE64_H

#include "shared/fby.h"

struct fby_pool;

/*
 * White space between characters is skipped; padding may be left out.
 * NULL: not base64.  The result is NUL-terminated after *len bytes.
 */
char *fby_base64_decode(struct fby_pool *pool, const char *text, size_t *len);

char *fby_base64_encode(struct fby_pool *pool, const void *bytes, size_t len);

#endif
