/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sink that is a function answers; see answer.h.
 */
#include "shared/fby.h"

#include "worker/sink/answer.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "worker/content.h"
#include "worker/flight.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/retry.h"
#include "worker/worker.h"

#define SAID_BYTES 256 /* of what the function says about a record */
#define DELAY_MAX_MS (INT64_C(86400000) * 365)

/* `why` is static, or `is_said`: of the batch's pool. */
static void
refuse(struct fby_record *rec, const char *why, bool is_said, bool permanent)
{
	rec->mark &= (uint8_t)~FBY_ANSWER_SAID;
	if (is_said)
		rec->mark |= FBY_ANSWER_SAID;
	fby_pipeline_failed(rec, why, permanent);
}

/*
 * What the function says about a record, kept with it: one room for each, which
 * is used again, since a record may be refused without end.
 */
static const char *
keep(struct fby_record *rec, const char *text)
{
	char *to = rec->mark & FBY_ANSWER_SAID ?
	    (char *)(uintptr_t)rec->why :
	    fby_content_alloc(rec->b, SAID_BYTES);
	struct fby_str s;

	fby_str_init(&s);
	fby_str_printable(&s, text, strnlen(text, SAID_BYTES));
	snprintf(to, SAID_BYTES, "%s", s.p);
	fby_str_fini(&s);
	return to;
}

/* The user's part of it; ours is made for each attempt. */
static void
set_metadata(struct fby_record *rec, const Pb__Metadata *from)
{
	Pb__Metadata own = PB__METADATA__INIT;
	size_t len;
	uint8_t *p;

	own.n_user_metadata = from->n_user_metadata;
	own.user_metadata = from->user_metadata;
	len = pb__metadata__get_packed_size(&own);
	p = fby_malloc(len + 1);
	pb__metadata__pack(&own, p);
	fby_content_set_metadata(rec, (struct fby_bytes){ p, len });
	free(p);
}

/* What goes to onSuccess need not be what the record was. */
static void
set_message(struct fby_record *rec, const Pb__SinkResponse__Message *msg)
{
	const struct fby_bytes value = { msg->value.len > 0 ? msg->value.data :
							      (const void *)"",
		msg->value.len };
	struct fby_bytes *keys = fby_calloc(msg->n_keys + 1, sizeof(*keys));

	for (size_t i = 0; i < msg->n_keys; i++)
		keys[i] = (struct fby_bytes){ msg->keys[i].len > 0 ?
			    msg->keys[i].data :
			    (const void *)"",
			msg->keys[i].len };
	fby_content_set_keys(rec, keys, msg->n_keys);
	free(keys);
	fby_content_set_value(rec, value);
	if (msg->metadata != NULL)
		set_metadata(rec, msg->metadata);
}

static void
on_success(struct fby_outlet *out, struct fby_record *rec,
    const Pb__SinkResponse__Message *msg)
{
	/* As with Numaflow, it says nothing to the other roles. */
	if (out->role != FBY_SINK_PRIMARY) {
		fby_pipeline_delivered(rec);
	} else if (out->w->outs[FBY_SINK_SUCCESS] == NULL) {
		refuse(rec,
		    "the function answered ON_SUCCESS, and "
		    "spec.sink.onSuccess is not set",
		    false, true);
	} else {
		if (msg != NULL)
			set_message(rec, msg);
		fby_pipeline_succeeded(rec);
	}
}

static void
on_fallback(struct fby_outlet *out, struct fby_record *rec)
{
	if (out->role != FBY_SINK_PRIMARY)
		refuse(rec,
		    "the function answered FALLBACK, and is not the sink",
		    false, true);
	else if (out->w->outs[FBY_SINK_FALLBACK] == NULL)
		refuse(rec,
		    "the function answered FALLBACK, and "
		    "spec.sink.fallback is not set",
		    false, true);
	else
		fby_pipeline_fall_back(rec, "the function answered FALLBACK");
}

static void
on_nack(struct fby_record *rec, const Pb__NackOptions *options)
{
	struct fby_nack nack = { .why = "the function answered NACK" };

	if (options != NULL) {
		nack.delay_ms = (int64_t)FBY_MIN(options->delay,
		    (uint64_t)DELAY_MAX_MS);
		nack.max_deliveries = options->max_deliveries;
	}
	if (options != NULL && options->reason[0] != '\0') {
		nack.why = keep(rec, options->reason);
		rec->mark |= FBY_ANSWER_SAID;
	} else {
		rec->mark &= (uint8_t)~FBY_ANSWER_SAID;
	}
	fby_pipeline_nacked(rec, &nack);
}

static void
on_failure(struct fby_record *rec, const char *text)
{
	if (text[0] != '\0')
		refuse(rec, keep(rec, text), true, false);
	else
		refuse(rec, "the function answered FAILURE", false, false);
}

void
fby_answer(struct fby_outlet *out, struct fby_record *rec,
    const Pb__SinkResponse__Result *result)
{
	/* The function lives, with this record. */
	rec->mark &= FBY_ANSWER_SAID;
	switch (result->status) {
	case PB__SINK_RESPONSE__STATUS__SUCCESS:
		fby_pipeline_delivered(rec);
		break;
	case PB__SINK_RESPONSE__STATUS__ON_SUCCESS:
		on_success(out, rec, result->on_success_msg);
		break;
	case PB__SINK_RESPONSE__STATUS__FALLBACK:
		on_fallback(out, rec);
		break;
	case PB__SINK_RESPONSE__STATUS__NACK:
		on_nack(rec, result->nack_options);
		break;
	case PB__SINK_RESPONSE__STATUS__SERVE:
		refuse(rec,
		    "the function answered SERVE, and there is no serving "
		    "store",
		    false, true);
		break;
	case PB__SINK_RESPONSE__STATUS__FAILURE:
	default:
		on_failure(rec, result->err_msg);
		break;
	}
}

void
fby_answer_refuse(struct fby_record *rec, const char *why)
{
	refuse(rec, why, false, true);
}

bool
fby_answer_death(struct fby_record *rec, unsigned most)
{
	if ((rec->mark & FBY_ANSWER_DEATHS) + 1u >=
	    FBY_MIN(most, (unsigned)FBY_ANSWER_DEATHS)) {
		rec->mark &= (uint8_t)~FBY_ANSWER_DEATHS;
		return true;
	}
	rec->mark++;
	return false;
}
