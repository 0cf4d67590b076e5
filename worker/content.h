/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record carries now: what librdkafka's message has, and in its place
 * what functions have made of it.  Everything that writes a record reads it
 * here.
 *
 * Only what a function has changed is there.  A value that is null, and bytes
 * that are not UTF-8, which no function can be shown as they are, thus stay as
 * they were in a record that was sent through one and came back the same.
 *
 * What is set is copied into the pool of the record's batch, and lives as long
 * as the batch; the budget counts it until then.
 */
#ifndef FBY_CONTENT_H
#define FBY_CONTENT_H

#include "shared/fby.h"

#include <librdkafka/rdkafka.h>

#include "worker/batch.h"
#include "worker/run.h"

struct fby_family;
struct fby_strings;

struct fby_bytes {
	const void *p; /* NULL: there is none, which is not the same as empty */
	size_t len;
};

enum fby_content_has {
	FBY_HAS_VALUE = 1,
	FBY_HAS_KEYS = 2,
	FBY_HAS_TIME = 4,
};

struct fby_content {
	uint8_t has;            /* enum fby_content_has: set by a function */
	struct fby_bytes value; /*   FBY_HAS_VALUE */
	struct fby_bytes key;   /*   FBY_HAS_KEYS: Kafka's, "a:b" of two */
	const struct fby_bytes *keys;
	size_t nkeys;
	int64_t event_time;             /*   FBY_HAS_TIME: ms since 1970 */
	const struct fby_strings *tags; /* NULL: none */
	struct fby_bytes metadata;      /* the user's: a packed pb.Metadata */
	char *said;                     /* said.h: room for it; NULL */
	/* derived.h */
	struct fby_family *family; /* one of several; NULL: the source's */
	struct fby_family *made;   /* what was made of it; NULL: nothing */
};

/* ---- reading ---------------------------------------------------------- */

static inline bool
fby_content_has(const struct fby_record *rec, enum fby_content_has what)
{
	return rec->content != NULL && (rec->content->has & what);
}

static inline struct fby_bytes
fby_content_value(const struct fby_record *rec)
{
	if (fby_content_has(rec, FBY_HAS_VALUE))
		return rec->content->value;
	return (struct fby_bytes){ rec->msg->payload, rec->msg->len };
}

/* The key of a Kafka record. */
static inline struct fby_bytes
fby_content_key(const struct fby_record *rec)
{
	if (fby_content_has(rec, FBY_HAS_KEYS))
		return rec->content->key;
	return (struct fby_bytes){ rec->msg->key, rec->msg->key_len };
}

/* Numaflow's keys: a record of Kafka has one or none. */
static inline size_t
fby_content_nkeys(const struct fby_record *rec)
{
	if (fby_content_has(rec, FBY_HAS_KEYS))
		return rec->content->nkeys;
	return rec->msg->key != NULL;
}

static inline struct fby_bytes
fby_content_key_at(const struct fby_record *rec, size_t i)
{
	if (fby_content_has(rec, FBY_HAS_KEYS))
		return rec->content->keys[i];
	return (struct fby_bytes){ rec->msg->key, rec->msg->key_len };
}

/* Milliseconds since 1970; `otherwise` if it has no timestamp. */
static inline int64_t
fby_content_event_time(const struct fby_record *rec, int64_t otherwise)
{
	if (fby_content_has(rec, FBY_HAS_TIME))
		return rec->content->event_time;
	return fby_run_event_time(rec->msg, otherwise);
}

/* As Kafka has it: before 1970, too; false: it has none. */
bool fby_content_timestamp(const struct fby_record *rec, int64_t *ms);

/* Those of its message, still its own; NULL: it has none.  None changes them.
 */
static inline rd_kafka_headers_t *
fby_content_headers(const struct fby_record *rec)
{
	rd_kafka_headers_t *headers;

	return rd_kafka_message_headers(rec->msg, &headers) ==
		RD_KAFKA_RESP_ERR_NO_ERROR ?
	    headers :
	    NULL;
}

/* NULL: none. */
static inline const struct fby_strings *
fby_content_tags(const struct fby_record *rec)
{
	return rec->content != NULL ? rec->content->tags : NULL;
}

/* A packed pb.Metadata without sys_metadata; NULL: none. */
static inline struct fby_bytes
fby_content_metadata(const struct fby_record *rec)
{
	return rec->content != NULL ? rec->content->metadata :
				      (struct fby_bytes){ NULL, 0 };
}

/* ---- setting ---------------------------------------------------------- */

/* Of the batch's pool, not cleared; the budget counts it. */
void *fby_content_alloc(struct fby_batch *b, size_t size);

/* All records of the batch are complete. */
void fby_content_free(struct fby_batch *b);

/* One that may be set, with what it has. */
struct fby_content *fby_content_own(struct fby_record *rec);

/* What is given is copied. */
void fby_content_set_value(struct fby_record *rec, struct fby_bytes value);
void fby_content_set_keys(struct fby_record *rec, const struct fby_bytes *keys,
    size_t n);
void fby_content_set_event_time(struct fby_record *rec, int64_t ms);
void fby_content_set_tags(struct fby_record *rec, char *const *tags, size_t n);
void fby_content_set_metadata(struct fby_record *rec,
    struct fby_bytes metadata);

#endif
