/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group seen from outside; see group/view.h.
 *
 * A look is two questions, the second with the answer of the first: which
 * partitions are there, and what is known of them (survey.h).
 */
#include "shared/fby.h"

#include "master/group/view.h"

#include <errno.h>
#include <event2/event.h>
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/kafka/kafka.h"
#include "shared/kafka/queue.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/base/order.h"

#define LOOK_MS 3000
#define LOOK_FIRST_MS 1000 /* until something is known */
#define TOPICS_MS 2000
#define FAILED_MAX 5 /* then what is known is too old */

/* ---- what is known ---------------------------------------------------- */

static void
forget(struct fby_group_view *o)
{
	for (size_t i = 0; i < o->nparts; i++)
		free(o->parts[i].topic);
	free(o->parts);
	o->parts = NULL;
	o->nparts = 0;
	o->is_known = false;
	o->rate = 0;
}

static int
by_partition(const void *a, const void *b)
{
	const struct fby_group_view_part *x = a, *y = b;

	return fby_order(x->topic, x->partition, y->topic, y->partition);
}

/* Among the first n, which are in order. */
static struct fby_group_view_part *
find_part(struct fby_group_view *o, size_t n, const char *topic,
    int32_t partition)
{
	const struct fby_group_view_part key = {
		.topic = (char *)(uintptr_t)topic,
		.partition = partition,
	};

	return n == 0 ? NULL :
			bsearch(&key, o->parts, n, sizeof(key), by_partition);
}

/* Known already, among the first n, or one more. */
static void
add(struct fby_group_view *o, size_t n, const char *topic, int32_t partition)
{
	struct fby_group_view_part *p = find_part(o, n, topic, partition);

	if (p) {
		p->is_there = true;
		return;
	}
	o->parts = fby_realloc(o->parts, (o->nparts + 1) * sizeof(*o->parts));
	o->parts[o->nparts++] = (struct fby_group_view_part){
		.topic = fby_strdup(topic),
		.partition = partition,
		.is_there = true,
		.committed = FBY_NONE,
		.watermark = FBY_NONE,
		.first = FBY_NONE,
		.end = FBY_NONE,
	};
}

/* Of a topic that was made anew with fewer, or that we do not read now. */
static void
drop_absent(struct fby_group_view *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->nparts; i++)
		if (o->parts[i].is_there)
			o->parts[n++] = o->parts[i];
		else
			free(o->parts[i].topic);
	o->nparts = n;
}

/* ---- the end of a look ------------------------------------------------ */

static void
look_failed(struct fby_group_view *o, const char *what, const char *why)
{
	fby_debug("observe: %s: %s", what, why);
	if (++o->failed != FAILED_MAX)
		return;
	fby_warn("group %s: how far it has come is not known now: %s: %s",
	    o->ctx->manifest->source.group, what, why);
	forget(o);
}

static void
look_done(struct fby_group_view *o, int64_t records)
{
	int64_t now = fby_clock_mono();

	if (o->is_known && now > o->looked_at)
		o->rate = (double)records * 1000 / (double)(now - o->looked_at);
	o->looked_at = now;
	if (o->failed >= FAILED_MAX)
		fby_notice("group %s: how far it has come is known again",
		    o->ctx->manifest->source.group);
	o->failed = 0;
	o->is_known = true;
}

/* ---- what is known of them? ------------------------------------------- */

static int64_t
take(struct fby_group_view_part *p, const struct fby_survey_part *sp)
{
	int64_t records = 0;

	if (p->committed >= 0 && sp->committed > p->committed)
		records = sp->committed - p->committed;
	p->first = sp->known & FBY_SURVEY_FIRST ? sp->first : FBY_NONE;
	p->end = sp->known & FBY_SURVEY_END ? sp->end : FBY_NONE;
	p->committed = sp->committed;
	p->watermark = sp->watermark;
	return records;
}

static void
on_survey(void *arg, struct fby_survey *s, const char *error)
{
	struct fby_group_view *o = arg;
	int64_t records = 0;

	if (error) {
		look_failed(o, "the group's offsets", error);
		return;
	}
	for (size_t i = 0; i < o->nparts; i++) {
		struct fby_group_view_part *p = &o->parts[i];
		const struct fby_survey_part *sp = fby_survey_find(s, p->topic,
		    p->partition);

		if (sp && sp->known & FBY_SURVEY_COMMITTED)
			records += take(p, sp);
	}
	look_done(o, records);
}

static void
ask_offsets(struct fby_group_view *o)
{
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new((int)o->nparts);
	for (size_t i = 0; i < o->nparts; i++)
		rd_kafka_topic_partition_list_add(list, o->parts[i].topic,
		    o->parts[i].partition);
	fby_survey_ask(&o->survey, o->rk, o->kq.queue, list,
	    FBY_SURVEY_COMMITTED | FBY_SURVEY_FIRST | FBY_SURVEY_END);
}

/* ---- which partitions are there? -------------------------------------- */

static void
take_topics(struct fby_group_view *o, const rd_kafka_metadata_t *md)
{
	size_t known = o->nparts;

	for (size_t i = 0; i < known; i++)
		o->parts[i].is_there = false;
	for (int i = 0; i < md->topic_cnt; i++)
		if (md->topics[i].err) {
			look_failed(o, md->topics[i].topic,
			    rd_kafka_err2str(md->topics[i].err));
			return;
		}
	for (int i = 0; i < md->topic_cnt; i++) {
		const rd_kafka_metadata_topic_t *topic = &md->topics[i];

		for (int p = 0; p < topic->partition_cnt; p++)
			add(o, known, topic->topic, topic->partitions[p].id);
	}
	drop_absent(o);
	if (o->nparts == 0)
		return;
	qsort(o->parts, o->nparts, sizeof(*o->parts), by_partition);
	ask_offsets(o);
}

static void
on_topics(void *arg, const rd_kafka_metadata_t *md, int err)
{
	struct fby_group_view *o = arg;

	o->topics = NULL;
	if (err)
		look_failed(o, "topics", rd_kafka_err2str(err));
	else
		take_topics(o, md);
}

static void
ask_topics(struct fby_group_view *o)
{
	const struct fby_strings *topics = &o->ctx->manifest->topics;
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new((int)topics->n);
	for (size_t i = 0; i < topics->n; i++)
		rd_kafka_topic_partition_list_add(list, topics->v[i],
		    RD_KAFKA_PARTITION_UA);
	o->topics = fby_call_metadata(&o->ctx->calls, o->rk, list, TOPICS_MS,
	    on_topics, o);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct fby_group_view *o = arg;
	struct timeval tv = fby_clock_tv(o->is_known ? LOOK_MS : LOOK_FIRST_MS);

	(void)fd;
	(void)what;
	evtimer_add(&o->ev_look, &tv);
	if (o->is_login_refused)
		fby_kafka_login_anew(o->rk, o->ctx->manifest, FBY_KAFKA_MEMBER);
	o->is_login_refused = false;
	/* Each ends by itself, with an answer or when its time is up. */
	if (o->topics == NULL && !fby_survey_is_under_way(&o->survey))
		ask_topics(o);
}

/* ---- events ----------------------------------------------------------- */

static void
dispatch(struct fby_group_view *o, rd_kafka_event_t *ev)
{
	struct fby_request *req;
	const char *fac, *text;
	int level;

	switch (rd_kafka_event_type(ev)) {
	case RD_KAFKA_EVENT_LISTOFFSETS_RESULT:
		req = rd_kafka_event_opaque(ev);
		req->under_way--;
		req->fn(req->arg, ev);
		break;
	case RD_KAFKA_EVENT_ERROR:
		if (fby_kafka_is_login_error((int)rd_kafka_event_error(ev)))
			o->is_login_refused = true;
		fby_debug("observe: %s", rd_kafka_event_error_string(ev));
		break;
	case RD_KAFKA_EVENT_LOG:
		if (rd_kafka_event_log(ev, &fac, &text, &level) == 0)
			fby_debug("observe: %s: %s", fac, text);
		break;
	default:
		break;
	}
	rd_kafka_event_destroy(ev);
}

static void
on_queue(evutil_socket_t fd, short what, void *arg)
{
	struct fby_group_view *o = arg;
	rd_kafka_event_t *ev;

	(void)fd;
	(void)what;
	while ((ev = rd_kafka_queue_poll(o->kq.queue, 0)) != NULL)
		dispatch(o, ev);
}

/* ---- life ------------------------------------------------------------- */

void
fby_group_view_init(struct fby_group_view *o, struct fby_context *ctx)
{
	memset(o, 0, sizeof(*o));
	o->ctx = ctx;
	fby_survey_init(&o->survey, &ctx->calls, on_survey, o);
}

/* NULL, and said: another runtime may read what is no topic of ours. */
static rd_kafka_t *
open_viewer(const struct fby_manifest *m)
{
	rd_kafka_t *rk;
	struct fby_err err;
	char *text;

	if (!m->source.present || m->topics.n == 0)
		return NULL;
	fby_err_init(&err);
	rk = fby_kafka_open(m, FBY_KAFKA_MEMBER, &err);
	if (rk == NULL) {
		text = fby_err_text(&err);
		fby_warn("group %s: how far it comes cannot be seen: %.*s",
		    m->source.group, (int)strcspn(text, "\n"), text);
		free(text);
	}
	fby_err_fini(&err);
	return rk;
}

void
fby_group_view_start(struct fby_group_view *o)
{
	FBY_BUG_ON(o->rk != NULL);
	if ((o->rk = open_viewer(o->ctx->manifest)) == NULL)
		return;
	/* One queue for all; it is not subscribed, so it joins nothing. */
	rd_kafka_poll_set_consumer(o->rk);
	rd_kafka_set_log_queue(o->rk, NULL);
	if (fby_kafka_queue_open(&o->kq, o->ctx->base,
		rd_kafka_queue_get_consumer(o->rk), on_queue, o) == -1) {
		fby_warn("observe: eventfd: %s", strerror(errno));
		fby_call_destroy(&o->ctx->calls, o->rk, NULL, NULL);
		o->rk = NULL;
		return;
	}
	fby_kafka_queue_wake(&o->kq);
	evtimer_assign(&o->ev_look, o->ctx->base, on_look, o);
	o->failed = 0;
	on_look(-1, 0, o);
}

void
fby_group_view_stop(struct fby_group_view *o)
{
	if (o->rk == NULL)
		return;
	evtimer_del(&o->ev_look);
	fby_kafka_queue_close(&o->kq);
	fby_survey_forget(&o->survey);
	fby_call_forget(&o->ctx->calls, o->topics);
	fby_call_destroy(&o->ctx->calls, o->rk, NULL, NULL);
	o->rk = NULL;
	o->topics = NULL;
	forget(o);
}
