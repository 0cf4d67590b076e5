/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Valid UTF-8; see utf8.h.
 */
#include "shared/fby.h"

#include "shared/base/utf8.h"

#define EACH_HIGH UINT64_C(0x8080808080808080)

/* What may follow the first byte: how many, and in which range the next. */
struct follow {
	unsigned n;
	unsigned char low, high;
};

static struct follow
follow_of(unsigned char c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return (struct follow){ 1, 0x80, 0xbf };
	if (c >= 0xe0 && c <= 0xef)
		return (struct follow){ 2, c == 0xe0 ? 0xa0 : 0x80,
			c == 0xed ? 0x9f : 0xbf };
	if (c >= 0xf0 && c <= 0xf4)
		return (struct follow){ 3, c == 0xf0 ? 0x90 : 0x80,
			c == 0xf4 ? 0x8f : 0xbf };
	return (struct follow){ 0 };
}

size_t
fby_utf8_step(const void *at, size_t len, bool *is_valid)
{
	const unsigned char *p = at;
	struct follow f = follow_of(p[0]);
	size_t n = 1;

	*is_valid = p[0] < 0x80;
	if (f.n == 0 || n == len || p[n] < f.low || p[n] > f.high)
		return n;
	for (n = 2; n <= f.n; n++)
		if (n == len || p[n] < 0x80 || p[n] > 0xbf)
			return n;
	*is_valid = true;
	return n;
}

/* Most text is ASCII. */
static size_t
ascii(const unsigned char *p, size_t len)
{
	size_t i = 0;
	uint64_t word;

	for (; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, p + i, sizeof(word));
		if (word & EACH_HIGH)
			break;
	}
	while (i < len && p[i] < 0x80)
		i++;
	return i;
}

size_t
fby_utf8_valid(const void *at, size_t len)
{
	const unsigned char *p = at;
	size_t i = ascii(p, len), n;
	bool is_valid;

	while (i < len) {
		n = fby_utf8_step(p + i, len - i, &is_valid);
		if (!is_valid)
			break;
		i += n;
		i += ascii(p + i, len - i);
	}
	return i;
}
