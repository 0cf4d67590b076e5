/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text in columns.  When the lines are too wide, the columns that matter
 * least are left out, so that a line is never broken.
 */
#ifndef FBY_TABLE_H
#define FBY_TABLE_H

#include "shared/fby.h"

struct fby_str;

struct fby_column {
	const char *title;
	bool right; /* numbers */
	int rank;   /* 0 stays; the highest goes first */
};

struct fby_table;

/* The columns are borrowed. */
struct fby_table *fby_table_new(const struct fby_column *columns, size_t n);
void fby_table_free(struct fby_table *t);

/* The next cell, from left to right and line by line; the text is copied. */
void fby_table_cell(struct fby_table *t, const char *text);

/* An escape sequence for the cell that was added last, e.g. "31"; borrowed. */
void fby_table_color(struct fby_table *t, const char *sgr);

/* `width` 0: no limit. */
void fby_table_write(const struct fby_table *t, struct fby_str *s, int width,
    bool color);

/* How many columns the text takes on a terminal. */
size_t fby_table_width(const char *text);

#endif
