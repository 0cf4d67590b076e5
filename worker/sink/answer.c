/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a sink that is a function answers; see answer.h.
 */
#include "shared/fby.h"

#include "worker/sink/answer.h"

#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

#include "worker/content.h"
#include "worker/flight.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/said.h"
#include "worker/worker.h"

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
		fby_said_metadata(rec, msg->metadata);
}

static void
on_success(struct fby_outlet *out, struct fby_record *rec,
    const Pb__SinkResponse__Message *msg)
{
	/* As with Numaflow, it says nothing to the other roles. */
	if (out->role != FBY_SINK_PRIMARY) {
		fby_pipeline_delivered(rec);
	} else if (out->w->outs[FBY_SINK_SUCCESS] == NULL) {
		fby_pipeline_failed(rec,
		    "the function answered ON_SUCCESS, and "
		    "spec.sink.onSuccess is not set",
		    true);
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
		fby_pipeline_failed(rec,
		    "the function answered FALLBACK, and is not the sink",
		    true);
	else if (out->w->outs[FBY_SINK_FALLBACK] == NULL)
		fby_pipeline_failed(rec,
		    "the function answered FALLBACK, and "
		    "spec.sink.fallback is not set",
		    true);
	else
		fby_pipeline_fall_back(rec, "the function answered FALLBACK");
}

static void
on_nack(struct fby_record *rec, const Pb__NackOptions *options)
{
	const struct fby_nack nack = fby_said_nack(rec, options);

	fby_pipeline_nacked(rec, &nack);
}

static void
on_failure(struct fby_record *rec, const char *text)
{
	fby_pipeline_failed(rec,
	    text[0] != '\0' ? fby_said_text(rec, text) :
			      "the function answered FAILURE",
	    false);
}

/* It may mean anything but that the record was taken. */
static void
on_unknown(struct fby_record *rec, int status)
{
	char text[64];

	snprintf(text, sizeof(text),
	    "the function answered status %d, which is unknown", status);
	fby_pipeline_failed(rec, fby_said_text(rec, text), true);
}

void
fby_answer(struct fby_outlet *out, struct fby_record *rec,
    const Pb__SinkResponse__Result *result)
{
	/* The function lives, with this record. */
	rec->mark = 0;
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
		fby_pipeline_failed(rec,
		    "the function answered SERVE, and there is no serving "
		    "store",
		    true);
		break;
	case PB__SINK_RESPONSE__STATUS__FAILURE:
		on_failure(rec, result->err_msg);
		break;
	default:
		on_unknown(rec, (int)result->status);
		break;
	}
}

void
fby_answer_refuse(struct fby_record *rec, const char *why)
{
	fby_pipeline_failed(rec, why, true);
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
