/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker knows of some partitions; see survey.h.
 */
#include "shared/fby.h"

#include "master/group/survey.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#include "shared/base/mem.h"
#include "shared/boundary/metadata.h"

#include "master/base/order.h"
#include "master/group/listing.h"

#define REQUEST_MS 10000
#define COMMITTED_MS 3000

static const enum fby_survey_what lists[FBY_SURVEY_LISTS] = {
	FBY_SURVEY_FIRST,
	FBY_SURVEY_END,
	FBY_SURVEY_STABLE,
};

/* ---- partitions ------------------------------------------------------- */

static int
by_partition(const void *a, const void *b)
{
	const struct fby_survey_part *x = a, *y = b;

	return fby_order(x->topic, x->partition, y->topic, y->partition);
}

struct fby_survey_part *
fby_survey_find(const struct fby_survey *s, const char *topic,
    int32_t partition)
{
	const struct fby_survey_part key = {
		.topic = topic,
		.partition = partition,
	};

	if (s->nparts == 0)
		return NULL;
	return bsearch(&key, s->parts, s->nparts, sizeof(*s->parts),
	    by_partition);
}

static void
forget_parts(struct fby_survey *s)
{
	free(s->parts);
	s->parts = NULL;
	s->nparts = 0;
	if (s->asked)
		rd_kafka_topic_partition_list_destroy(s->asked);
	s->asked = NULL;
}

static void
keep_parts(struct fby_survey *s, rd_kafka_topic_partition_list_t *list)
{
	forget_parts(s);
	s->asked = list;
	s->nparts = (size_t)list->cnt;
	s->parts = fby_calloc(s->nparts ? s->nparts : 1, sizeof(*s->parts));
	for (size_t i = 0; i < s->nparts; i++)
		s->parts[i] = (struct fby_survey_part){
			.topic = list->elems[i].topic,
			.partition = list->elems[i].partition,
			.committed = FBY_NONE,
			.epoch = -1,
			.watermark = FBY_NONE,
			.first = FBY_NONE,
			.end = FBY_NONE,
			.stable = FBY_NONE,
		};
	qsort(s->parts, s->nparts, sizeof(*s->parts), by_partition);
}

/* ---- answers ---------------------------------------------------------- */

static void
one_less(struct fby_survey *s, const char *what, const char *error)
{
	if (error)
		snprintf(s->error, sizeof(s->error), "%s: %s", what, error);
	if (--s->waiting == 0)
		s->fn(s->arg, s, *s->error ? s->error : NULL);
}

static const char *
name_of(enum fby_survey_what what)
{
	switch (what) {
	case FBY_SURVEY_COMMITTED:
		return "committed offsets";
	case FBY_SURVEY_FIRST:
		return "starts of the log";
	case FBY_SURVEY_END:
		return "ends of the log";
	case FBY_SURVEY_STABLE:
		return "open transactions";
	}
	return "?";
}

static void
take_offset(struct fby_survey_part *sp, enum fby_survey_what what,
    int64_t offset)
{
	sp->known |= what;
	if (what == FBY_SURVEY_FIRST)
		sp->first = offset;
	else if (what == FBY_SURVEY_END)
		sp->end = offset;
	else
		sp->stable = offset;
}

static void
on_list(void *arg, rd_kafka_event_t *ev)
{
	const rd_kafka_ListOffsetsResultInfo_t **infos;
	const struct fby_survey_list *l = arg;
	struct fby_survey *s = l->survey;
	size_t n = 0;

	if (rd_kafka_event_error(ev)) {
		one_less(s, name_of(l->what), rd_kafka_event_error_string(ev));
		return;
	}
	infos =
	    rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(
						  ev),
		&n);
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_topic_partition_t *tp =
		    rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
		struct fby_survey_part *sp = fby_survey_find(s, tp->topic,
		    tp->partition);

		if (sp && !tp->err && tp->offset >= 0)
			take_offset(sp, l->what, tp->offset);
	}
	one_less(s, name_of(l->what), NULL);
}

/* ---- questions -------------------------------------------------------- */

static void
ask_list(struct fby_survey *s, struct fby_survey_list *l)
{
	for (int i = 0; i < s->asked->cnt; i++)
		s->asked->elems[i].offset = l->what == FBY_SURVEY_FIRST ?
		    RD_KAFKA_OFFSET_SPEC_EARLIEST :
		    RD_KAFKA_OFFSET_SPEC_LATEST;
	s->waiting += fby_listing_ask(&l->request, s->rk, s->queue, s->asked,
	    l->what == FBY_SURVEY_STABLE ?
		RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED :
		RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
	    REQUEST_MS);
}

static void
ask_lists(struct fby_survey *s)
{
	for (size_t i = 0; i < FBY_NELEM(s->lists); i++)
		if (s->what & s->lists[i].what)
			ask_list(s, &s->lists[i]);
}

static void
take_committed(struct fby_survey_part *sp, const rd_kafka_topic_partition_t *tp)
{
	sp->known |= FBY_SURVEY_COMMITTED;
	if (tp->offset < 0)
		return;
	sp->committed = tp->offset;
	sp->epoch = rd_kafka_topic_partition_get_leader_epoch(tp);
	sp->watermark = fby_metadata_watermark(tp->metadata, tp->metadata_size);
	sp->of = fby_metadata_topic_id(tp->metadata, tp->metadata_size);
	sp->partitions = fby_metadata_partitions(tp->metadata,
	    tp->metadata_size);
}

static void
on_committed(void *arg, rd_kafka_topic_partition_list_t *list, int err)
{
	struct fby_survey *s = arg;

	s->call = NULL;
	for (int i = 0; !err && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *tp = &list->elems[i];
		struct fby_survey_part *sp = fby_survey_find(s, tp->topic,
		    tp->partition);

		if (sp && !tp->err)
			take_committed(sp, tp);
	}
	if (!err)
		ask_lists(s);
	one_less(s, name_of(FBY_SURVEY_COMMITTED),
	    err ? rd_kafka_err2str(err) : NULL);
}

void
fby_survey_ask(struct fby_survey *s, rd_kafka_t *rk, rd_kafka_queue_t *queue,
    rd_kafka_topic_partition_list_t *list, unsigned what)
{
	FBY_BUG_ON(s->waiting > 0);
	keep_parts(s, list);
	s->rk = rk;
	s->queue = queue;
	s->what = what;
	*s->error = '\0';
	if (!(what & FBY_SURVEY_COMMITTED)) {
		ask_lists(s);
		return;
	}
	s->waiting = 1;
	s->call = fby_call_committed(s->calls, rk,
	    rd_kafka_topic_partition_list_copy(list), COMMITTED_MS,
	    on_committed, s);
}

bool
fby_survey_is_under_way(const struct fby_survey *s)
{
	return s->waiting > 0;
}

/* ---- life ------------------------------------------------------------- */

void
fby_survey_init(struct fby_survey *s, struct fby_calls *calls,
    fby_survey_fn *fn, void *arg)
{
	memset(s, 0, sizeof(*s));
	s->calls = calls;
	s->fn = fn;
	s->arg = arg;
	for (size_t i = 0; i < FBY_NELEM(s->lists); i++) {
		s->lists[i].survey = s;
		s->lists[i].what = lists[i];
		s->lists[i].request.fn = on_list;
		s->lists[i].request.arg = &s->lists[i];
	}
}

void
fby_survey_forget(struct fby_survey *s)
{
	fby_call_forget(s->calls, s->call);
	s->call = NULL;
	s->waiting = 0;
	for (size_t i = 0; i < FBY_NELEM(s->lists); i++)
		s->lists[i].request.under_way = 0;
	forget_parts(s);
}
