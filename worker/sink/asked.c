/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records by the ids that a function knows them by; see asked.h.
 */
#include "shared/fby.h"

#include "worker/sink/asked.h"

#include "shared/base/mem.h"

void
fby_asked_init(struct fby_asked *a)
{
	*a = (struct fby_asked){ .n = 0 };
	fby_str_init(&a->ids);
}

void
fby_asked_fini(struct fby_asked *a)
{
	free(a->v);
	free(a->table);
	fby_str_fini(&a->ids);
}

void
fby_asked_reset(struct fby_asked *a)
{
	a->n = a->open = a->next = 0;
	a->table_size = 0;
	fby_str_reset(&a->ids);
}

void
fby_asked_add(struct fby_asked *a, struct fby_record *rec)
{
	if (a->n == a->cap) {
		a->cap = FBY_MAX(2 * a->cap, 64);
		a->v = fby_realloc(a->v, a->cap * sizeof(a->v[0]));
	}
	a->v[a->n++] = (struct fby_asked_one){ .rec = rec };
	a->open++;
}

void
fby_asked_name(struct fby_asked *a, size_t i, const void *id, size_t len)
{
	a->v[i].id = (uint32_t)a->ids.len;
	a->v[i].id_len = (uint32_t)len;
	fby_str_add(&a->ids, id, len);
}

struct fby_record *
fby_asked_take(struct fby_asked *a, size_t i)
{
	struct fby_record *rec = a->v[i].rec;

	a->v[i].rec = NULL;
	a->open--;
	return rec;
}

static bool
is_named(const struct fby_asked *a, size_t i, const void *id, size_t len)
{
	/* protobuf-c has NULL for an empty one. */
	return a->v[i].id_len == len &&
	    (len == 0 || memcmp(a->ids.p + a->v[i].id, id, len) == 0);
}

/* FNV-1a. */
static uint64_t
hash_of(const void *id, size_t len)
{
	const unsigned char *p = id;
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 32;
}

/* The place of that id in the table, or the empty one where it would be. */
static uint32_t *
place_of(const struct fby_asked *a, const void *id, size_t len)
{
	size_t at = hash_of(id, len) & (a->table_size - 1);

	while (a->table[at] != 0 && !is_named(a, a->table[at] - 1, id, len))
		at = (at + 1) & (a->table_size - 1);
	return &a->table[at];
}

static void
make_table(struct fby_asked *a)
{
	a->table_size = 64;
	while (a->table_size < 2 * a->n)
		a->table_size *= 2;
	if (a->table_size > a->table_cap) {
		a->table_cap = a->table_size;
		a->table = fby_realloc(a->table,
		    a->table_cap * sizeof(a->table[0]));
	}
	memset(a->table, 0, a->table_size * sizeof(a->table[0]));
	for (size_t i = 0; i < a->n; i++)
		*place_of(a, a->ids.p + a->v[i].id,
		    a->v[i].id_len) = (uint32_t)i + 1;
}

enum fby_asked_found
fby_asked_find(struct fby_asked *a, const void *id, size_t len, size_t *i)
{
	uint32_t place;

	if (a->next < a->n && is_named(a, a->next, id, len)) {
		*i = a->next++;
	} else {
		if (a->table_size == 0)
			make_table(a);
		place = *place_of(a, id, len);
		if (place == 0)
			return FBY_ASKED_UNKNOWN;
		*i = place - 1;
		a->next = *i + 1;
	}
	return a->v[*i].rec != NULL ? FBY_ASKED_FOUND : FBY_ASKED_TWICE;
}
