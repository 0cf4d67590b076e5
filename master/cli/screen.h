/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Standard output of the commands: how wide it is, whether it shows colours,
 * and text and JSON put there.
 */
#ifndef FBY_SCREEN_H
#define FBY_SCREEN_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_screen {
	int width; /* columns; 0: no limit */
	bool color;
	int64_t now; /* wall clock, for ages */
};

/* As the terminal is; no limit and no colour if it is none. */
void fby_screen_init(struct fby_screen *r);

void fby_screen_text(const char *text);
void fby_screen_json(const json_t *o);

/* What somebody else has said, escaped line by line; a line feed ends it. */
void fby_screen_lines(FILE *out, const char *text);

/* The same to standard error, without the line feed. */
void fby_screen_complain(const char *text);

/* Everything has been written, or -1 and it is said on standard error. */
int fby_screen_flush(void) FBY_MUSTCHECK;

#endif
