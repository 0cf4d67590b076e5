/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What offsets.c asks: a broker, a topic's description and an old ledger that
 * answer what a test says; with a real hand-over.
 */
#ifndef FBY_UNIT_OFFSETS_WORLD_H
#define FBY_UNIT_OFFSETS_WORLD_H

#include "t/unit/unit.h"

#include "t/unit/master/group/fake_rdkafka.h"
#include "t/unit/master/handoff/world.h"

#include <event2/event.h>

#include "master/base/context.h"
#include "master/group/commit.h"
#include "master/group/group.h"
#include "master/group/offsets.h"
#include "master/group/recover.h"
#include "master/group/topics.h"
#include "shared/base/log.h"
#include "shared/boundary/metadata.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#define NANSWERS 8

static struct fby_manifest manifest;
static struct fby_context ctx;
static struct fby_group group;
static struct fby_topics topics;
static struct fby_recover recover;
static struct fby_offsets o;

static const char *setting_reset, *setting_isolation;

/* ---- the broker ------------------------------------------------------- */

static struct fby_survey_part answers[NANSWERS]; /* the topic NULL: none */
static bool is_surveyed;                         /* under way */

const char *
fby_kafka_setting(const struct fby_manifest *m, const char *key)
{
	assert_ptr_equal(m, &manifest);
	if (strcmp(key, "auto.offset.reset") == 0)
		return setting_reset;
	assert_string_equal(key, "isolation.level");
	return setting_isolation;
}

void
fby_survey_init(struct fby_survey *s, struct fby_calls *fc, fby_survey_fn *fn,
    void *arg)
{
	s->calls = fc;
	s->fn = fn;
	s->arg = arg;
}

/* "survey t/0 t/1", and ":stable" if that is asked for, too. */
void
fby_survey_ask(struct fby_survey *s, rd_kafka_t *rk, rd_kafka_queue_t *queue,
    rd_kafka_topic_partition_list_t *list, unsigned what)
{
	(void)rk;
	(void)queue;
	assert_false(is_surveyed);
	is_surveyed = true;
	s->what = what;
	note("survey%s", what & FBY_SURVEY_STABLE ? ":stable" : "");
	for (int i = 0; i < list->cnt; i++)
		note("%s/%d", list->elems[i].topic, list->elems[i].partition);
	rd_kafka_topic_partition_list_destroy(list);
}

bool
fby_survey_is_under_way(const struct fby_survey *s)
{
	(void)s;
	return is_surveyed;
}

struct fby_survey_part *
fby_survey_find(const struct fby_survey *s, const char *topic,
    int32_t partition)
{
	(void)s;
	for (size_t i = 0; i < NANSWERS && answers[i].topic; i++)
		if (answers[i].partition == partition &&
		    strcmp(answers[i].topic, topic) == 0)
			return &answers[i];
	return NULL;
}

void
fby_survey_forget(struct fby_survey *s)
{
	(void)s;
	is_surveyed = false;
}

/* What the broker will say: nothing committed, a log from 10 to 100. */
static inline struct fby_survey_part *
answer(const char *topic, int32_t partition)
{
	size_t i = 0;

	while (answers[i].topic)
		i++;
	assert_true(i < NANSWERS - 1);
	answers[i] = (struct fby_survey_part){
		.topic = topic,
		.partition = partition,
		.known = FBY_SURVEY_COMMITTED | FBY_SURVEY_FIRST |
		    FBY_SURVEY_END,
		.committed = FBY_NONE,
		.watermark = FBY_NONE,
		.epoch = -1,
		.first = 10,
		.end = 100,
	};
	return &answers[i];
}

static inline void
survey_is_answered(void)
{
	assert_true(is_surveyed);
	is_surveyed = false;
	o.survey.fn(o.survey.arg, &o.survey, NULL);
}

/* ---- topics ----------------------------------------------------------- */

static struct fby_topics_id ids[3]; /* the name NULL: none */
static const char *described;       /* whose name is in the next answer */

const struct fby_topics_id *
fby_topics_find(const struct fby_topics *t, const char *topic)
{
	assert_ptr_equal(t, &topics);
	for (size_t i = 0; i < FBY_NELEM(ids); i++)
		if (ids[i].name && strcmp(ids[i].name, topic) == 0)
			return &ids[i];
	return NULL;
}

void
fby_topics_ask(struct fby_topics *t, struct fby_request *req)
{
	assert_ptr_equal(t, &topics);
	note("describe");
	req->under_way = 1;
}

void
fby_topics_described(struct fby_topics *t, rd_kafka_event_t *ev,
    fby_topics_fn *each, void *arg)
{
	(void)t;
	(void)ev;
	if (described)
		each(arg, described);
}

static inline void
topics_are_described(const char *name)
{
	struct rd_kafka_op_s ev = { .text = "an error" };

	assert_int_equal(o.ids.under_way, 1);
	o.ids.under_way = 0;
	described = name;
	o.ids.fn(o.ids.arg, &ev);
}

/* ---- what is committed of other partitions ---------------------------- */

static struct asked {
	rd_kafka_topic_partition_list_t *list; /* NULL: nothing is */
	fby_call_committed_fn *fn;
	void *arg;
} asked;

struct fby_call *
fby_call_committed(struct fby_calls *fc, rd_kafka_t *rk,
    rd_kafka_topic_partition_list_t *list, int timeout_ms,
    fby_call_committed_fn *fn, void *arg)
{
	(void)fc;
	(void)rk;
	(void)timeout_ms;
	assert_null(asked.list);
	asked = (struct asked){ list, fn, arg };
	note("committed");
	for (int i = 0; i < list->cnt; i++)
		note("%s/%d", list->elems[i].topic, list->elems[i].partition);
	return (struct fby_call *)&asked;
}

void
fby_call_forget(struct fby_calls *fc, struct fby_call *call)
{
	(void)fc;
	if (call == NULL)
		return;
	note("forget");
	rd_kafka_topic_partition_list_destroy(asked.list);
	asked.list = NULL;
}

/* What is committed of one that was asked for. */
static inline void
is_committed_at(int i, int64_t offset, const char *text)
{
	rd_kafka_topic_partition_t *tp = &asked.list->elems[i];

	tp->offset = offset;
	free(tp->metadata);
	tp->metadata = fby_strdup(text);
	tp->metadata_size = strlen(text);
}

static inline void
committed_is_answered(int err)
{
	struct asked a = asked;

	assert_non_null(a.list);
	asked.list = NULL;
	a.fn(a.arg, a.list, err);
	rd_kafka_topic_partition_list_destroy(a.list);
}

/* ---- the ledger of the master before ---------------------------------- */

static struct fby_recover_item item; /* the topic NULL: it has none */

struct fby_recover_item *
fby_recover_find(struct fby_recover *r, const char *topic, int32_t partition)
{
	assert_ptr_equal(r, &recover);
	if (item.topic == NULL || strcmp(item.topic, topic) != 0 ||
	    item.partition != partition)
		return NULL;
	return &item;
}

/* ---- a test ----------------------------------------------------------- */

/* For those that name no error of their own. */
bool
fby_commit_is_overtaken(int err)
{
	return err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION;
}

static inline int
set_up(void **state)
{
	if (setup(state) == -1)
		return -1;
	fby_log_set_level(FBY_LOG_CRIT);
	memset(&manifest, 0, sizeof(manifest));
	memset(&ctx, 0, sizeof(ctx));
	memset(&group, 0, sizeof(group));
	memset(answers, 0, sizeof(answers));
	memset(ids, 0, sizeof(ids));
	memset(&item, 0, sizeof(item));
	ctx.manifest = &manifest;
	ctx.base = event_base_new();
	group.rk = (rd_kafka_t *)calls;
	setting_reset = setting_isolation = NULL;
	is_surveyed = false;
	cannot_send = RD_KAFKA_RESP_ERR_NO_ERROR;
	fby_offsets_init(&o, &ctx, &group, &((struct world *)*state)->h,
	    &topics, &recover);
	*calls = '\0';
	return 0;
}

static inline int
tear_down(void **state)
{
	fby_offsets_fini(&o);
	commit_is_lost();
	fby_alarm_fini(&ctx.alarms);
	event_base_free(ctx.base);
	return teardown(state);
}

/* A partition that has become ours, and whose start is not known. */
static inline struct fby_part *
assigned(struct world *w, const char *topic, int32_t partition)
{
	assert_int_equal(fby_handoff_assign(&w->h, topic, partition), 0);
	return &w->h.parts[fby_handoff_find(&w->h, topic, partition)];
}

/* All of it is asked, and answered. */
static inline void
resolve(void)
{
	fby_offsets_resolve(&o);
	survey_is_answered();
	*calls = '\0';
}

static inline bool
is_asked_again(void)
{
	return event_pending(&o.ev_retry, EV_TIMEOUT, NULL);
}

static inline void
assert_starts(const struct fby_part *pt, int64_t start, int64_t committed)
{
	assert_int_equal(pt->state, FBY_ROW_IDLE);
	assert_int_equal(pt->start, start);
	assert_int_equal(pt->committed, committed);
}

static inline void
assert_has_no_start(const struct fby_part *pt, const char *why)
{
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_non_null(pt->no_start);
	assert_non_null(strstr(pt->no_start, why));
}

/* Its holder could not read it: acked up to 70, of which 40 are committed. */
static inline struct fby_part *
goes_on(struct world *w)
{
	struct fby_part *pt;

	hold(w);
	pt = &w->h.parts[0];
	pt->acked = 30;
	pt->committed = 40;
	in_flight(w, 0, 70, 70);
	fby_store(&row(w, 0)->leader_epoch, 5);
	fby_release(&row(w, 0)->watermark, 6000);
	fby_handoff_released(&w->h, 2, 0, pt->epoch, FBY_RELEASE_RANGE);
	assert_int_equal(pt->state, FBY_ROW_RESOLVING);
	assert_int_equal(pt->resume, 70);
	pt->partitions = 6;
	return pt;
}

#endif
