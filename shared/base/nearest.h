/* SPDX-License-Identifier: Apache-2.0 */
/*
 * "Did you mean …?": the candidate that takes the fewest slips of the finger
 * to become the word, if that is few enough to be no coincidence.
 */
#ifndef FBY_NEAREST_H
#define FBY_NEAREST_H

#include "shared/fby.h"

struct fby_nearest {
	const char *word;
	const char *best; /* borrowed; NULL: none is near */
	size_t distance;  /* of `best`, or what is too far */
};

void fby_nearest_init(struct fby_nearest *nearest, const char *word);

/* `candidate` must live as long as `best` is used. */
void fby_nearest_try(struct fby_nearest *nearest, const char *candidate);

#endif
