/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record carries now; see content.h.
 */
#include "shared/fby.h"

#include "worker/content.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "worker/budget.h"
#include "worker/lane.h"
#include "worker/worker.h"

bool
fby_content_timestamp(const struct fby_record *rec, int64_t *ms)
{
	rd_kafka_timestamp_type_t type;

	if (fby_content_has(rec, FBY_HAS_TIME)) {
		*ms = rec->content->event_time;
		return true;
	}
	*ms = rd_kafka_message_timestamp(rec->msg, &type);
	return type != RD_KAFKA_TIMESTAMP_NOT_AVAILABLE && *ms != -1;
}

/* What the pool has, as the budget knows it. */
static void
charge(struct fby_batch *b, uint64_t bytes)
{
	struct fby_lane *ln = b->ln;

	bytes *= ln->w->budget->weight;
	ln->open_bytes += bytes - b->pool_bytes;
	ln->w->budget->open_bytes += bytes - b->pool_bytes;
	b->pool_bytes = bytes;
}

void *
fby_content_alloc(struct fby_batch *b, size_t size)
{
	void *p;

	if (b->pool == NULL)
		b->pool = fby_pool_new(FBY_ARENA_BATCH);
	p = fby_palloc(b->pool, size);
	charge(b, fby_pool_bytes(b->pool));
	return p;
}

void
fby_content_free(struct fby_batch *b)
{
	if (b->pool == NULL)
		return;
	fby_pool_free(b->pool);
	b->pool = NULL;
	charge(b, 0);
}

struct fby_content *
fby_content_own(struct fby_record *rec)
{
	if (rec->content == NULL) {
		rec->content = fby_content_alloc(rec->b, sizeof(*rec->content));
		*rec->content = (struct fby_content){ .has = 0 };
	}
	return rec->content;
}

/* Empty is not NULL. */
static struct fby_bytes
copy(struct fby_record *rec, struct fby_bytes from)
{
	char *p;

	if (from.p == NULL)
		return from;
	p = fby_content_alloc(rec->b, from.len + 1);
	memcpy(p, from.p, from.len);
	p[from.len] = '\0';
	return (struct fby_bytes){ p, from.len };
}

void
fby_content_set_value(struct fby_record *rec, struct fby_bytes value)
{
	struct fby_content *c = fby_content_own(rec);

	c->value = copy(rec, value);
	c->has |= FBY_HAS_VALUE;
}

/* As Numaflow's Kafka sink does; without keys there is no key. */
static struct fby_bytes
join(struct fby_record *rec, const struct fby_bytes *keys, size_t n)
{
	size_t len = n - 1;
	char *p, *at;

	for (size_t i = 0; i < n; i++)
		len += keys[i].len;
	p = at = fby_content_alloc(rec->b, len + 1);
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			*at++ = ':';
		memcpy(at, keys[i].p, keys[i].len);
		at += keys[i].len;
	}
	*at = '\0';
	return (struct fby_bytes){ p, len };
}

void
fby_content_set_keys(struct fby_record *rec, const struct fby_bytes *keys,
    size_t n)
{
	struct fby_content *c = fby_content_own(rec);
	struct fby_bytes *own = NULL;

	if (n > 0)
		own = fby_content_alloc(rec->b, n * sizeof(*own));
	for (size_t i = 0; i < n; i++)
		own[i] = copy(rec, keys[i]);
	c->keys = own;
	c->nkeys = n;
	if (n == 0)
		c->key = (struct fby_bytes){ NULL, 0 };
	else
		c->key = n == 1 ? own[0] : join(rec, own, n);
	c->has |= FBY_HAS_KEYS;
}

void
fby_content_set_event_time(struct fby_record *rec, int64_t ms)
{
	struct fby_content *c = fby_content_own(rec);

	c->event_time = ms;
	c->has |= FBY_HAS_TIME;
}

void
fby_content_set_tags(struct fby_record *rec, char *const *tags, size_t n)
{
	struct fby_content *c = fby_content_own(rec);
	struct fby_strings *own = NULL;

	if (n > 0) {
		own = fby_content_alloc(rec->b, sizeof(*own));
		own->v = fby_content_alloc(rec->b, n * sizeof(own->v[0]));
		own->n = n;
	}
	for (size_t i = 0; i < n; i++)
		own->v[i] =
		    copy(rec, (struct fby_bytes){ tags[i], strlen(tags[i]) }).p;
	c->tags = own;
}

void
fby_content_set_metadata(struct fby_record *rec, struct fby_bytes metadata)
{
	fby_content_own(rec)->metadata = copy(rec, metadata);
}
