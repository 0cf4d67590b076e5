/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Fingerprints; see fingerprint.h.  Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", 2012.
 */
#include "shared/fby.h"

#include "master/function/fingerprint.h"

static uint64_t
rotate(uint64_t x, unsigned n)
{
	return x << n | x >> (64 - n);
}

/* n bytes, the lowest first. */
static uint64_t
word_of(const uint8_t *p, size_t n)
{
	uint64_t x = 0;

	while (n-- > 0)
		x = x << 8 | p[n];
	return x;
}

static void
mix(uint64_t v[4], unsigned rounds)
{
	while (rounds-- > 0) {
		v[0] += v[1];
		v[2] += v[3];
		v[1] = rotate(v[1], 13) ^ v[0];
		v[3] = rotate(v[3], 16) ^ v[2];
		v[0] = rotate(v[0], 32);
		v[2] += v[1];
		v[0] += v[3];
		v[1] = rotate(v[1], 17) ^ v[2];
		v[3] = rotate(v[3], 21) ^ v[0];
		v[2] = rotate(v[2], 32);
	}
}

static void
add_word(uint64_t v[4], uint64_t x)
{
	v[3] ^= x;
	mix(v, 2);
	v[0] ^= x;
}

uint64_t
fby_fingerprint(const uint8_t key[FBY_FINGERPRINT_KEY], const void *data,
    size_t len)
{
	const uint64_t k0 = word_of(key, 8), k1 = word_of(key + 8, 8);
	uint64_t v[4] = {
		k0 ^ UINT64_C(0x736f6d6570736575),
		k1 ^ UINT64_C(0x646f72616e646f6d),
		k0 ^ UINT64_C(0x6c7967656e657261),
		k1 ^ UINT64_C(0x7465646279746573),
	};
	const uint8_t *p = data;
	size_t left = len;

	for (; left >= 8; p += 8, left -= 8)
		add_word(v, word_of(p, 8));
	add_word(v, (uint64_t)len << 56 | word_of(p, left));
	v[2] ^= 0xff;
	mix(v, 4);
	return v[0] ^ v[1] ^ v[2] ^ v[3];
}
