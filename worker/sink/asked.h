/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The records that a function was asked to take, by their ids, until each has
 * its answer.
 *
 * Most functions answer in the order in which they were asked, so the next one
 * is looked at first; a table is made when that fails.
 */
#ifndef FBY_ASKED_H
#define FBY_ASKED_H

#include "shared/fby.h"

#include "shared/base/str.h"

struct fby_record;

struct fby_asked_one {
	struct fby_record *rec; /* NULL: it has its answer */
	uint32_t id, id_len;    /* in `ids` */
};

struct fby_asked {
	struct fby_asked_one *v;
	size_t n, cap;
	size_t open; /* without an answer */
	/* asked.c's */
	struct fby_str ids;
	size_t next;
	uint32_t *table; /* index + 1; 0: empty */
	size_t table_size, table_cap;
};

enum fby_asked_found { FBY_ASKED_FOUND, FBY_ASKED_UNKNOWN, FBY_ASKED_TWICE };

void fby_asked_init(struct fby_asked *a);
void fby_asked_fini(struct fby_asked *a);

/* The record is added, without an id yet. */
void fby_asked_add(struct fby_asked *a, struct fby_record *rec);
void fby_asked_name(struct fby_asked *a, size_t i, const void *id, size_t len);

/* It needs no answer; the record is the caller's. */
struct fby_record *fby_asked_take(struct fby_asked *a, size_t i);

/* All have ids.  Where the one is that has this id, and no answer yet. */
enum fby_asked_found fby_asked_find(struct fby_asked *a, const void *id,
    size_t len, size_t *i);

/* None is left, and no id. */
void fby_asked_reset(struct fby_asked *a);

#endif
