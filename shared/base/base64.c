/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard base64; see base64.h.  OpenSSL's decoder takes what is none: blanks
 * in the midst it refuses, bits that are left over it does not look at.
 */
#include "shared/fby.h"

#include "shared/base/base64.h"

#include <openssl/evp.h>

#include "shared/base/mem.h"

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

char *
fby_base64_decode(struct fby_pool *pool, const char *text, size_t *len)
{
	char *out = fby_palloc(pool, strlen(text) / 4 * 3 + 4);
	size_t n = 0, chars = 0, pads = 0;
	uint32_t bits = 0;

	for (const char *p = text; *p; p++) {
		const char *at;

		if (memchr(" \t\r\n", *p, 4))
			continue;
		if (*p == '=') {
			pads++;
			continue;
		}
		at = strchr(alphabet, *p);
		if (at == NULL || pads > 0)
			return NULL;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		if (++chars % 4 != 1)
			out[n++] = (char)(bits >> (4 - chars % 4) * 2 % 8);
	}
	/* One character alone holds no byte; the rest must be zero bits. */
	if (chars % 4 == 1 || (pads > 0 && (chars + pads) % 4 != 0) || pads > 2)
		return NULL;
	if ((chars % 4 == 2 && (bits & 15)) || (chars % 4 == 3 && (bits & 3)))
		return NULL;
	out[n] = '\0';
	*len = n;
	return out;
}

char *
fby_base64_encode(struct fby_pool *pool, const void *bytes, size_t len)
{
	char *out = fby_palloc(pool, (len + 2) / 3 * 4 + 1);

	EVP_EncodeBlock((unsigned char *)out, bytes, (int)len);
	return out;
}
