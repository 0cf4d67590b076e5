/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean …?"; see nearest.h.
 *
 * The distance counts a letter too much, too few, wrong, or two letters
 * swapped (optimal string alignment); a letter in the wrong case costs half.
 */
#include "shared/fby.h"

#include "shared/base/nearest.h"

#include <ctype.h>

#define WORD_MAX 64
#define SLIP 2 /* so that half a slip is a number */

static unsigned
replace_cost(char a, char b)
{
	if (a == b)
		return 0;
	return tolower((unsigned char)a) == tolower((unsigned char)b) ?
	    SLIP / 2 :
	    SLIP;
}

static size_t
distance(const char *a, size_t n, const char *b, size_t m)
{
	unsigned row[3][WORD_MAX + 1];

	for (unsigned j = 0; j <= m; j++)
		row[0][j] = j * SLIP;
	for (size_t i = 1; i <= n; i++) {
		unsigned *now = row[i % 3];
		const unsigned *last = row[(i + 2) % 3];
		const unsigned *before = row[(i + 1) % 3];

		now[0] = (unsigned)i * SLIP;
		for (size_t j = 1; j <= m; j++) {
			now[j] = last[j - 1] + replace_cost(a[i - 1], b[j - 1]);
			now[j] = FBY_MIN(now[j], last[j] + SLIP);
			now[j] = FBY_MIN(now[j], now[j - 1] + SLIP);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				now[j] = FBY_MIN(now[j], before[j - 2] + SLIP);
		}
	}
	return row[n % 3][m];
}

void
fby_nearest_init(struct fby_nearest *nearest, const char *word)
{
	nearest->word = word;
	nearest->best = NULL;
	/* One slip in a short word, about one in three letters else. */
	nearest->distance = (FBY_MAX(strlen(word) / 3, 1) + 1) * SLIP;
}

void
fby_nearest_try(struct fby_nearest *nearest, const char *candidate)
{
	const size_t n = strlen(nearest->word), m = strlen(candidate);
	size_t d;

	if (n > WORD_MAX || m > WORD_MAX)
		return;
	d = distance(nearest->word, n, candidate, m);
	if (d < nearest->distance) {
		nearest->distance = d;
		nearest->best = candidate;
	}
}
