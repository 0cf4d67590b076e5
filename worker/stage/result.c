/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Results of functions; see result.h.
 */
#include "shared/fby.h"

#include "worker/stage/result.h"

#include "shared/base/mem.h"

#include "worker/content.h"
#include "worker/derived.h"
#include "worker/outcome.h"
#include "worker/pipeline.h"
#include "worker/request.h"
#include "worker/said.h"
#include "worker/stage.h"

#define TAG_DROP "U+005C__DROP__"
#define TAG_NACK "U+005C__NACK__"
#define TAG_FAIL "U+005C__FAIL__"

/* What the two kinds of results have in common. */
struct result {
	size_t nkeys;
	const ProtobufCBinaryData *keys;
	ProtobufCBinaryData value;
	const Pb__Timestamp *event_time; /* NULL: as it was */
	size_t ntags;
	char *const *tags;
	const Pb__Metadata *metadata;
	const Pb__NackOptions *nack;
};

static bool
has_tag(const struct result *r, const char *tag)
{
	for (size_t i = 0; i < r->ntags; i++)
		if (strcmp(r->tags[i], tag) == 0)
			return true;
	return false;
}

/* ---- what has changed ------------------------------------------------- */

static struct fby_bytes
bytes_of(ProtobufCBinaryData d)
{
	return (
	    struct fby_bytes){ d.len > 0 ? d.data : (const void *)"", d.len };
}

static bool
is_same(struct fby_bytes a, ProtobufCBinaryData b)
{
	return a.len == b.len &&
	    (b.len == 0 || memcmp(a.p, b.data, b.len) == 0);
}

/* Those that the function was shown, which may have been mended for it. */
static bool
has_keys(const struct fby_request *req, const struct result *r)
{
	if (req->nkeys != r->nkeys)
		return false;
	for (size_t i = 0; i < r->nkeys; i++)
		if (!is_same(bytes_of(req->keys[i]), r->keys[i]))
			return false;
	return true;
}

static void
set_keys(struct fby_record *made, const struct result *r)
{
	struct fby_bytes *keys = fby_calloc(r->nkeys + 1, sizeof(*keys));

	for (size_t i = 0; i < r->nkeys; i++)
		keys[i] = bytes_of(r->keys[i]);
	fby_content_set_keys(made, keys, r->nkeys);
	free(keys);
}

static void
set_event_time(struct fby_record *made, const Pb__Timestamp *t)
{
	int64_t ms;

	if (__builtin_mul_overflow(t->seconds, INT64_C(1000), &ms) ||
	    __builtin_add_overflow(ms, t->nanos / 1000000, &ms))
		return;
	if (ms != fby_content_event_time(made, INT64_MIN))
		fby_content_set_event_time(made, ms);
}

static void
set(struct fby_record *made, const struct fby_request *shown,
    const struct result *r)
{
	if (!is_same(fby_content_value(made), r->value))
		fby_content_set_value(made, bytes_of(r->value));
	if (!has_keys(shown, r))
		set_keys(made, r);
	if (r->event_time != NULL)
		set_event_time(made, r->event_time);
	if (r->ntags > 0)
		fby_content_set_tags(made, r->tags, r->ntags);
	if (r->metadata != NULL && r->metadata->n_user_metadata > 0)
		fby_said_metadata(made, r->metadata);
}

/* ---- what becomes of it ----------------------------------------------- */

/* True: they are about the whole record. */
static bool
is_about_all(struct fby_record *rec, const struct result *r, size_t n)
{
	struct fby_nack nack;

	if (n == 0) {
		fby_outcome_refused(rec);
		fby_pipeline_failed(rec, "the function answered no result",
		    false);
		return true;
	}
	for (size_t i = 0; i < n; i++) {
		if (has_tag(&r[i], TAG_NACK)) {
			nack = fby_said_nack(rec, r[i].nack);
			fby_pipeline_nacked(rec, &nack);
			return true;
		}
		if (has_tag(&r[i], TAG_FAIL)) {
			fby_outcome_refused(rec);
			fby_pipeline_failed(rec, "the function answered FAIL",
			    false);
			return true;
		}
	}
	return false;
}

static void
take(struct fby_record *rec, struct fby_request *req, struct result *r,
    size_t n)
{
	struct fby_record *made = NULL;
	size_t left = 0;

	if (is_about_all(rec, r, n))
		return;
	for (size_t i = 0; i < n; i++)
		if (!has_tag(&r[i], TAG_DROP))
			r[left++] = r[i];
	fby_outcome_left_out(rec, n - left);
	if (left > 0) {
		fby_request_fill(req, rec);
		made = fby_derived_make(rec, left);
	}
	for (size_t i = 0; i < left; i++)
		set(&made[i], req, &r[i]);
	fby_pipeline_answered(rec, left);
}

void
fby_result_transformed(struct fby_record *rec, struct fby_request *req,
    const Pb__TransformResponse *msg)
{
	struct result *r = fby_calloc(msg->n_results + 1, sizeof(*r));

	for (size_t i = 0; i < msg->n_results; i++) {
		const Pb__TransformResponse__Result *from = msg->results[i];

		r[i] = (struct result){
			.nkeys = from->n_keys,
			.keys = from->keys,
			.value = from->value,
			.event_time = from->event_time,
			.ntags = from->n_tags,
			.tags = from->tags,
			.metadata = from->metadata,
			.nack = from->nack_options,
		};
	}
	take(rec, req, r, msg->n_results);
	free(r);
}

void
fby_result_mapped(struct fby_record *rec, struct fby_request *req,
    const Pb__MapResponse *msg)
{
	struct result *r = fby_calloc(msg->n_results + 1, sizeof(*r));

	for (size_t i = 0; i < msg->n_results; i++) {
		const Pb__MapResponse__Result *from = msg->results[i];

		r[i] = (struct result){
			.nkeys = from->n_keys,
			.keys = from->keys,
			.value = from->value,
			.ntags = from->n_tags,
			.tags = from->tags,
			.metadata = from->metadata,
			.nack = from->nack_options,
		};
	}
	take(rec, req, r, msg->n_results);
	free(r);
}
