/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The operator's mistakes, collected: every one with file, line and column,
 * so that one run of `forebay test` shows all that is to be mended.
 *
 * Up to FBY_ERR_MAX are kept; further ones are counted.  Reading order is by
 * file in the order given, then line, then column.
 */
#ifndef FBY_ERR_H
#define FBY_ERR_H

#include "shared/fby.h"

#define FBY_ERR_MAX 20

/* A place in a text that the operator wrote; line and column from 1. */
struct fby_pos {
	const char *file; /* borrowed; NULL: no place known */
	int line;         /* 0: the file as a whole */
	int col;
};

struct fby_err_item {
	struct fby_pos pos;
	char *text;
	size_t file_order; /* of its file's first item */
	size_t order;      /* as added, to keep sorting stable */
};

struct fby_err {
	struct fby_err_item items[FBY_ERR_MAX];
	size_t n;     /* kept */
	size_t total; /* added */
};

void fby_err_init(struct fby_err *err);
void fby_err_fini(struct fby_err *err);

/* Always returns -1, so that a check can end in `return fby_err_add(…)`. */
int fby_err_add(struct fby_err *err, struct fby_pos pos, const char *fmt, ...)
    FBY_PRINTF(3, 4);

void fby_err_sort(struct fby_err *err);

/* "file:line:col: text", one line each; the caller frees the string. */
char *fby_err_text(struct fby_err *err);

#endif
