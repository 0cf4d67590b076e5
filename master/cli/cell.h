/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields of JSON objects as cells of a table: one line for each object,
 * one column for each field.  What is not known is "-".
 */
#ifndef FBY_CELL_H
#define FBY_CELL_H

#include "shared/fby.h"

#include <jansson.h>

#include "master/cli/format.h"
#include "master/cli/table.h"

struct fby_screen;
struct fby_str;

#define FBY_SGR_BOLD "1"
#define FBY_SGR_RED "1;31"
#define FBY_SGR_YELLOW "33"
#define FBY_SGR_GREEN "32"

enum fby_cell_kind {
	FBY_CELL_TEXT,
	FBY_CELL_EXACT, /* offsets, process numbers: every digit counts */
	FBY_CELL_COUNT,
	FBY_CELL_BYTES,
	FBY_CELL_FRACTION,
	FBY_CELL_AGE, /* milliseconds */
	FBY_CELL_SECONDS,
	FBY_CELL_WATERMARK,
	FBY_CELL_INSTANT,
};

/* A column of a table, and what of each object goes there. */
struct fby_cell {
	struct fby_column col;
	const char *key;
	enum fby_cell_kind kind;
};

/* clang-format off */
#define FBY_CELL(title, rank, key, kind)                                      \
	{ { title, FBY_CELL_##kind != FBY_CELL_TEXT &&                        \
	    FBY_CELL_##kind < FBY_CELL_WATERMARK, rank },                     \
	    key, FBY_CELL_##kind }
/* clang-format on */

/* A field that is not there, or of another type, is "-", null, 0 or neither. */
const char *fby_cell_text(const json_t *o, const char *key);
bool fby_cell_is_null(const json_t *o, const char *key);
bool fby_cell_is_true(const json_t *o, const char *key);
bool fby_cell_is_false(const json_t *o, const char *key);
int64_t fby_cell_number(const json_t *o, const char *key);

/* As people read it; borrowed from `o` or `buf`. */
const char *fby_cell_show(const json_t *o, const char *key,
    enum fby_cell_kind kind, int64_t now, char buf[FBY_FORMAT]);

/*
 * A copy whose texts a terminal shows and does not act upon: topics and errors
 * are the broker's words, and in a ledger that is damaged anything can stand.
 */
json_t *fby_cell_printable(const json_t *o);

void fby_cell_color(struct fby_str *s, const struct fby_screen *r,
    const char *sgr, const char *what);

/* Which colour a cell has; NULL: none. */
typedef const char *(*fby_cell_sgr)(const json_t *o, const char *key);

/*
 * An empty line and the table of that list, nothing if it is empty.  `sgr` may
 * be NULL: no cell has a colour.
 */
void fby_cell_table(struct fby_str *s, const json_t *list,
    const struct fby_screen *r, const struct fby_cell *columns, size_t n,
    fby_cell_sgr sgr);

#endif
