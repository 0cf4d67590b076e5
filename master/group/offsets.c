/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts, asked of the broker; see offsets.h.
 *
 * A round asks for everything that is RESOLVING when it begins; partitions
 * whose answer has an error stay so and are asked for again.
 */
#include "shared/fby.h"

#include "master/group/offsets.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/boundary/metadata.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/base/order.h"
#include "master/group/group.h"
#include "master/group/offsets_own.h"
#include "master/group/topics.h"
#include "master/group/unstarted.h"
#include "master/handoff/handoff.h"

#define RETRY_MS 500
#define FAILED_MAX_MS 10000
#define GROUP_MS 3000
#define WHAT (FBY_SURVEY_COMMITTED | FBY_SURVEY_FIRST | FBY_SURVEY_END)

/* ---- one round -------------------------------------------------------- */

static void
drop_round(struct fby_offsets *o)
{
	free(o->parts);
	o->parts = NULL;
	o->nparts = 0;
}

/* What is of one topic stands together. */
static int
by_partition(const void *va, const void *vb)
{
	const struct fby_offsets_part *a = va, *b = vb;

	return fby_order(a->pt->topic, a->pt->partition, b->pt->topic,
	    b->pt->partition);
}

static void
retry_later(struct fby_offsets *o)
{
	struct timeval tv = fby_clock_tv(RETRY_MS);

	if (!evtimer_pending(&o->ev_retry, NULL))
		evtimer_add(&o->ev_retry, &tv);
}

/* It says so, or we know too little: then the topic's id is asked for, too. */
static bool
is_in_doubt(const struct fby_offsets *o, const struct fby_offsets_part *op)
{
	const struct fby_topics_id *id = fby_topics_find(o->topics,
	    op->pt->topic);

	return op->of != 0 && (id == NULL || id->id != op->of);
}

/* Nothing is under way any more. */
void
fby_offsets_end_round(struct fby_offsets *o, bool all)
{
	drop_round(o);
	fby_unstarted_look(o->handoff, &o->ctx->alarms);
	if (!all)
		retry_later(o);
	else if (o->again)
		fby_offsets_resolve(o);
}

void
fby_offsets_decide(struct fby_offsets *o)
{
	o->all_known = true;
	for (size_t i = 0, end; i < o->nparts; i = end) {
		uint32_t size;

		end = fby_offsets_end_of_topic(o, i);
		size = (uint32_t)fby_offsets_size_of(o, i, end);
		for (size_t k = i; k < end; k++)
			o->parts[k].size = size;
	}
	for (size_t i = 0; i < o->nparts; i++) {
		if (o->parts[i].is_known && !o->parts[i].doubt)
			fby_offsets_choose(o, &o->parts[i]);
		else
			o->all_known = false;
	}
	if (!fby_offsets_send_first(o))
		fby_offsets_end_round(o, o->all_known);
}

/* ---- of which topic? -------------------------------------------------- */

/* Or where it would stand. */
static size_t
first_of_topic(const struct fby_offsets *o, const char *topic)
{
	size_t low = 0, high = o->nparts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(o->parts[mid].pt->topic, topic) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
on_id(void *arg, const char *topic)
{
	struct fby_offsets *o = arg;

	size_t i = first_of_topic(o, topic);

	for (; i < o->nparts && strcmp(o->parts[i].pt->topic, topic) == 0; i++)
		o->parts[i].doubt = false;
}

static void
on_ids(void *arg, rd_kafka_event_t *ev)
{
	struct fby_offsets *o = arg;

	if (rd_kafka_event_error(ev))
		fby_info("offsets: topic ids: %s",
		    rd_kafka_event_error_string(ev));
	fby_topics_described(o->topics, ev, on_id, o);
	fby_offsets_ask_siblings(o);
}

/* ---- what the broker says --------------------------------------------- */

static void
take(struct fby_offsets *o, struct fby_offsets_part *op)
{
	const struct fby_survey_part *sp = fby_survey_find(&o->survey,
	    op->pt->topic, op->pt->partition);

	if (sp == NULL || (sp->known & o->survey.what) != o->survey.what)
		return;
	op->committed = sp->committed;
	op->epoch = sp->epoch;
	op->watermark = sp->watermark;
	op->first = sp->first;
	op->end = sp->end;
	op->stable = sp->known & FBY_SURVEY_STABLE ? sp->stable : sp->end;
	op->partitions = sp->partitions;
	op->of = sp->of;
	op->is_known = true;
	op->doubt = is_in_doubt(o, op);
}

static void
on_survey(void *arg, struct fby_survey *s, const char *error)
{
	struct fby_offsets *o = arg;
	bool doubt = false;

	(void)s;
	if (error)
		fby_info("offsets: %s", error);
	for (size_t i = 0; i < o->nparts; i++) {
		take(o, &o->parts[i]);
		doubt |= o->parts[i].doubt;
	}
	if (doubt)
		fby_topics_ask(o->topics, &o->ids);
	else
		fby_offsets_ask_siblings(o);
}

/* ---- the watermark of the group --------------------------------------- */

static void
on_group(void *arg, rd_kafka_topic_partition_list_t *list, int err)
{
	struct fby_offsets *o = arg;
	int64_t min = INT64_MAX;

	o->group_call = NULL;
	for (int i = 0; !err && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *tp = &list->elems[i];

		err = tp->err;
		if (tp->offset >= 0)
			min = FBY_MIN(min,
			    fby_handoff_believed(o->handoff,
				fby_metadata_watermark(tp->metadata,
				    tp->metadata_size)));
	}
	if (!err)
		o->group_watermark = min == INT64_MAX ? FBY_NONE : min;
}

void
fby_offsets_group(struct fby_offsets *o, rd_kafka_topic_partition_list_t *list)
{
	if (o->group_call != NULL) {
		rd_kafka_topic_partition_list_destroy(list);
		return;
	}
	o->group_call = fby_call_committed(&o->ctx->calls, o->group->rk, list,
	    GROUP_MS, on_group, o);
}

/* ---- a new round ------------------------------------------------------ */

static enum fby_start_reset
reset_policy(const struct fby_manifest *m)
{
	const char *v = fby_kafka_setting(m, "auto.offset.reset");

	if (v == NULL || strcmp(v, "earliest") == 0 ||
	    strcmp(v, "smallest") == 0 || strcmp(v, "beginning") == 0)
		return FBY_RESET_EARLIEST;
	if (strcmp(v, "error") == 0)
		return FBY_RESET_ERROR;
	return FBY_RESET_LATEST;
}

/* Who reads uncommitted records has no open transaction before him. */
static bool
wants_stable(const struct fby_offsets *o)
{
	const char *v = fby_kafka_setting(o->ctx->manifest, "isolation.level");

	return o->reset == FBY_RESET_LATEST &&
	    (v == NULL || strcmp(v, "read_uncommitted") != 0);
}

/* What cannot be read is asked for more and more seldom. */
static bool
may_be_asked(struct fby_part *pt, int64_t now)
{
	int64_t wait = 0;

	for (unsigned i = 1; i < pt->failures && wait < FAILED_MAX_MS; i++)
		wait = wait == 0 ? RETRY_MS : 2 * wait;
	if (pt->ask_at == 0)
		pt->ask_at = now + FBY_MIN(wait, FAILED_MAX_MS);
	return now >= pt->ask_at;
}

/* Everything that is RESOLVING, and due; NULL if nothing is. */
static rd_kafka_topic_partition_list_t *
gather(struct fby_offsets *o)
{
	struct fby_handoff *h = o->handoff;
	rd_kafka_topic_partition_list_t *list;
	size_t n = fby_handoff_count(h, FBY_ROW_RESOLVING);
	int64_t now = fby_clock_mono();

	if (n == 0)
		return NULL;
	list = rd_kafka_topic_partition_list_new((int)n);
	o->parts = fby_calloc(n, sizeof(*o->parts));
	o->nparts = 0;
	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state != FBY_ROW_RESOLVING)
			continue;
		if (pt->failures > 0 && !may_be_asked(pt, now)) {
			retry_later(o);
			continue;
		}
		o->parts[o->nparts].round = pt->round;
		o->parts[o->nparts++].pt = pt;
		rd_kafka_topic_partition_list_add(list, pt->topic,
		    pt->partition);
	}
	if (list->cnt > 0) {
		qsort(o->parts, o->nparts, sizeof(o->parts[0]), by_partition);
		return list;
	}
	rd_kafka_topic_partition_list_destroy(list);
	drop_round(o);
	return NULL;
}

void
fby_offsets_resolve_later(struct fby_offsets *o)
{
	retry_later(o);
}

void
fby_offsets_resolve(struct fby_offsets *o)
{
	rd_kafka_topic_partition_list_t *list;

	if (fby_survey_is_under_way(&o->survey) || o->ids.under_way > 0 ||
	    o->siblings != NULL || o->first_commit.under_way > 0) {
		o->again = true;
		return;
	}
	o->again = false;
	o->reset = reset_policy(o->ctx->manifest);
	if (o->group->rk == NULL || (list = gather(o)) == NULL)
		return;
	fby_survey_ask(&o->survey, o->group->rk, o->group->replies.queue, list,
	    WHAT | (wants_stable(o) ? FBY_SURVEY_STABLE : 0));
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fby_offsets_resolve(arg);
}

/* ---- life ------------------------------------------------------------- */

void
fby_offsets_init(struct fby_offsets *o, struct fby_context *ctx,
    struct fby_group *group, struct fby_handoff *handoff,
    struct fby_topics *topics, struct fby_recover *recover)
{
	memset(o, 0, sizeof(*o));
	o->ctx = ctx;
	o->group = group;
	o->handoff = handoff;
	o->topics = topics;
	o->recover = recover;
	o->group_watermark = FBY_NONE;
	fby_survey_init(&o->survey, &ctx->calls, on_survey, o);
	o->ids.fn = on_ids;
	o->ids.arg = o;
	o->first_commit.fn = fby_offsets_on_first;
	o->first_commit.arg = o;
	evtimer_assign(&o->ev_retry, ctx->base, on_retry, o);
}

void
fby_offsets_forget(struct fby_offsets *o)
{
	if (o->ctx == NULL)
		return;
	drop_round(o);
	fby_survey_forget(&o->survey);
	fby_call_forget(&o->ctx->calls, o->group_call);
	fby_call_forget(&o->ctx->calls, o->siblings);
	o->siblings = o->group_call = NULL;
	o->ids.under_way = o->first_commit.under_way = 0;
	evtimer_del(&o->ev_retry);
}

void
fby_offsets_fini(struct fby_offsets *o)
{
	fby_offsets_forget(o);
}
