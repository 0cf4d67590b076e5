/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the subscribed topics every few seconds; see topics.h.
 */
#include "shared/fby.h"

#include "master/group/topics.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/group.h"
#include "master/handoff/handoff.h"

#define LOOK_MS 5000
#define LOOK_IN_TROUBLE_MS 1000
#define WAIT_MS 2000
#define IDS_MS 1000
#define IDS_FIRST_MS 50
#define IDS_TIMEOUT_MS 5000

void
fby_topics_look(struct fby_topics *t)
{
	const struct fby_alarms *alarms = &t->ctx->alarms;
	struct timeval tv = fby_clock_tv(
	    fby_alarm_text(alarms, FBY_ALARM_TOPIC) ||
		    fby_alarm_text(alarms, FBY_ALARM_BROKER) ||
		    t->group->is_login_refused ?
		LOOK_IN_TROUBLE_MS :
		LOOK_MS);

	evtimer_add(&t->ev_timer, &tv);
}

/* ---- which topic is it? ----------------------------------------------- */

/* Where it stands among those seen so far, or belongs. */
static size_t
place_of(const struct fby_topics *t, const char *name)
{
	size_t low = 0, high = t->nids;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(t->ids[mid].name, name) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

const struct fby_topics_id *
fby_topics_find(const struct fby_topics *t, const char *topic)
{
	size_t i = place_of(t, topic);

	return i < t->nids && strcmp(t->ids[i].name, topic) == 0 ? &t->ids[i] :
								   NULL;
}

static struct fby_topics_id *
get_id(struct fby_topics *t, const char *name)
{
	size_t i = place_of(t, name);

	if (i < t->nids && strcmp(t->ids[i].name, name) == 0)
		return &t->ids[i];
	t->ids = fby_realloc(t->ids, (t->nids + 1) * sizeof(*t->ids));
	memmove(&t->ids[i + 1], &t->ids[i], (t->nids - i) * sizeof(*t->ids));
	t->nids++;
	t->ids[i] = (struct fby_topics_id){ .name = fby_strdup(name) };
	return &t->ids[i];
}

static void
keep_id(struct fby_topics *t, const char *name, const rd_kafka_Uuid_t *uuid,
    size_t partitions)
{
	struct fby_topics_id *id = get_id(t, name);
	uint64_t now = (uint64_t)rd_kafka_Uuid_most_significant_bits(uuid) ^
	    (uint64_t)rd_kafka_Uuid_least_significant_bits(uuid);

	/* Brokers before 2.8 have no ids. */
	if (now == id->id || now == 0)
		return;
	id->id = now;
	if (id->first == 0) {
		id->first = now;
		fby_handoff_known(t->handoff, name, (int32_t)partitions, now);
		return;
	}
	fby_warn("topic %s: deleted and created anew", name);
	fby_handoff_anew(t->handoff, name,
	    t->ctx->manifest->host.drain_timeout_ms);
}

void
fby_topics_described(struct fby_topics *t, rd_kafka_event_t *ev,
    fby_topics_fn *each, void *arg)
{
	const rd_kafka_TopicDescription_t **topics;
	size_t n = 0;

	if (rd_kafka_event_error(ev)) {
		fby_debug("topics: %s", rd_kafka_event_error_string(ev));
		return;
	}
	topics = rd_kafka_DescribeTopics_result_topics(
	    rd_kafka_event_DescribeTopics_result(ev), &n);
	for (size_t k = 0; k < n; k++) {
		const rd_kafka_TopicDescription_t *topic = topics[k];
		const char *name = rd_kafka_TopicDescription_name(topic);
		size_t partitions = 0;

		if (rd_kafka_error_code(rd_kafka_TopicDescription_error(topic)))
			continue;
		rd_kafka_TopicDescription_partitions(topic, &partitions);
		keep_id(t, name, rd_kafka_TopicDescription_topic_id(topic),
		    partitions);
		if (each != NULL)
			each(arg, name);
	}
}

static void
on_described(void *arg, rd_kafka_event_t *ev)
{
	fby_topics_described(arg, ev, NULL, NULL);
}

void
fby_topics_ask(struct fby_topics *t, struct fby_request *req)
{
	const struct fby_strings *names = &t->ctx->manifest->topics;
	rd_kafka_t *rk = t->group->rk;
	rd_kafka_AdminOptions_t *opt;
	rd_kafka_TopicCollection_t *topics;

	topics =
	    rd_kafka_TopicCollection_of_topic_names((const char **)(uintptr_t)
							names->v,
		names->n);
	opt = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
	rd_kafka_AdminOptions_set_request_timeout(opt, IDS_TIMEOUT_MS, NULL, 0);
	rd_kafka_AdminOptions_set_opaque(opt, req);
	req->under_way = 1;
	rd_kafka_DescribeTopics(rk, topics, opt, t->group->replies.queue);
	rd_kafka_AdminOptions_destroy(opt);
	rd_kafka_TopicCollection_destroy(topics);
}

static void
on_ids(evutil_socket_t fd, short what, void *arg)
{
	struct fby_topics *t = arg;
	const struct fby_group *g = t->group;
	/* At first soon: what changes before we know it is not seen. */
	struct timeval tv = fby_clock_tv(t->nids ? IDS_MS : IDS_FIRST_MS);

	(void)fd;
	(void)what;
	evtimer_add(&t->ev_ids, &tv);
	if (g->rk && g->state != FBY_GROUP_LEAVING &&
	    t->describe.under_way == 0 &&
	    !fby_alarm_text(&t->ctx->alarms, FBY_ALARM_BROKER))
		fby_topics_ask(t, &t->describe);
}

/* ---- are they all there? ---------------------------------------------- */

static int
by_name(const void *va, const void *vb)
{
	const rd_kafka_metadata_topic_t *const *a = va, *const *b = vb;

	return strcmp((*a)->topic, (*b)->topic);
}

/* The topics of an answer, by name; heap. */
static const rd_kafka_metadata_topic_t **
in_order(const rd_kafka_metadata_t *md)
{
	size_t n = (size_t)md->topic_cnt;
	const rd_kafka_metadata_topic_t **topics = fby_calloc(n + 1,
	    sizeof(topics[0]));

	for (size_t i = 0; i < n; i++)
		topics[i] = &md->topics[i];
	qsort(topics, n, sizeof(topics[0]), by_name);
	return topics;
}

static const rd_kafka_metadata_topic_t *
find_topic(const rd_kafka_metadata_topic_t *const *topics, int n,
    const char *name)
{
	const rd_kafka_metadata_topic_t one = {
		.topic = (char *)(uintptr_t)name,
	};
	const rd_kafka_metadata_topic_t *key = &one, *const * found;

	found = bsearch(&key, topics, (size_t)n, sizeof(topics[0]), by_name);
	return found ? *found : NULL;
}

/*
 * What is missing goes into the text, what is there into the list.  -1: there
 * was no answer about it.
 */
static int
sort_out(struct fby_topics *t, const rd_kafka_metadata_topic_t *topic,
    const char *name, struct fby_str *missing,
    rd_kafka_topic_partition_list_t *list)
{
	if (topic == NULL)
		return -1;
	/* None, if it is gone: nobody is to have what it had. */
	get_id(t, name)->partitions = topic->err ? 0 : topic->partition_cnt;
	if (topic->err) {
		fby_str_printf(missing, "%s%s: %s", missing->len ? "; " : "",
		    name, rd_kafka_err2str(topic->err));
		return 0;
	}
	for (int i = 0; i < topic->partition_cnt; i++)
		rd_kafka_topic_partition_list_add(list, name,
		    topic->partitions[i].id);
	return 0;
}

static void
all_are_seen(struct fby_topics *t)
{
	fby_alarm_clear(&t->ctx->alarms, FBY_ALARM_TOPIC);
	fby_group_topics_seen(t->group);
}

static void
take_look(struct fby_topics *t, const rd_kafka_metadata_t *md)
{
	const struct fby_strings *topics = &t->ctx->manifest->topics;
	const rd_kafka_metadata_topic_t **seen = in_order(md);
	rd_kafka_topic_partition_list_t *list;
	struct fby_str missing;
	size_t n = 0;

	list = rd_kafka_topic_partition_list_new(16);
	fby_str_init(&missing);
	for (size_t i = 0; i < topics->n; i++)
		n += sort_out(t, find_topic(seen, md->topic_cnt, topics->v[i]),
			 topics->v[i], &missing, list) == 0;
	free(seen);
	if (n > 0)
		fby_group_logged_in(t->group);
	if (missing.len > 0)
		fby_alarm_set(&t->ctx->alarms, FBY_ALARM_TOPIC, "%s",
		    missing.p);
	else if (n == topics->n)
		all_are_seen(t);
	fby_str_fini(&missing);
	if (n == topics->n && list->cnt > 0 &&
	    t->group->state == FBY_GROUP_STEADY)
		t->partitions(t->arg, list);
	else
		rd_kafka_topic_partition_list_destroy(list);
}

static void
on_look(void *arg, const rd_kafka_metadata_t *md, int err)
{
	struct fby_topics *t = arg;

	t->look = NULL;
	/* Below 0 are librdkafka's own: nobody has answered. */
	if (err >= 0)
		fby_group_answered(t->group);
	if (err)
		fby_debug("topics: %s", rd_kafka_err2str(err));
	else
		take_look(t, md);
	fby_topics_look(t);
}

static void
ask_metadata(struct fby_topics *t)
{
	const struct fby_strings *topics = &t->ctx->manifest->topics;
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new((int)topics->n);
	for (size_t i = 0; i < topics->n; i++)
		rd_kafka_topic_partition_list_add(list, topics->v[i],
		    RD_KAFKA_PARTITION_UA);
	t->look = fby_call_metadata(&t->ctx->calls, t->group->rk, list, WAIT_MS,
	    on_look, t);
}

/* ---- every few seconds ------------------------------------------------ */

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fby_topics *t = arg;
	const struct fby_group *g = t->group;

	(void)fd;
	(void)what;
	if (g->rk && g->is_login_refused)
		fby_kafka_login_anew(g->rk, t->ctx->manifest, FBY_KAFKA_MEMBER);
	if (g->rk && g->state != FBY_GROUP_LEAVING && t->look == NULL)
		ask_metadata(t);
	else
		fby_topics_look(t);
}

void
fby_topics_missing(struct fby_topics *t, const char *text)
{
	if (fby_alarm_text(&t->ctx->alarms, FBY_ALARM_TOPIC) == NULL)
		fby_alarm_set(&t->ctx->alarms, FBY_ALARM_TOPIC, "%s", text);
	fby_topics_look(t);
}

void
fby_topics_init(struct fby_topics *t, struct fby_context *ctx,
    struct fby_group *group, struct fby_handoff *handoff,
    void (*partitions)(void *arg, rd_kafka_topic_partition_list_t *list),
    void *arg)
{
	memset(t, 0, sizeof(*t));
	t->ctx = ctx;
	t->group = group;
	t->handoff = handoff;
	t->partitions = partitions;
	t->arg = arg;
	t->describe.fn = on_described;
	t->describe.arg = t;
	evtimer_assign(&t->ev_timer, ctx->base, on_timer, t);
	evtimer_assign(&t->ev_ids, ctx->base, on_ids, t);
	fby_topics_look(t);
	on_ids(-1, 0, t);
}

void
fby_topics_forget(struct fby_topics *t)
{
	fby_alarm_clear(&t->ctx->alarms, FBY_ALARM_TOPIC);
	t->describe.under_way = 0;
	fby_call_forget(&t->ctx->calls, t->look);
	if (t->look)
		fby_topics_look(t);
	t->look = NULL;
}

void
fby_topics_fini(struct fby_topics *t)
{
	evtimer_del(&t->ev_timer);
	evtimer_del(&t->ev_ids);
	for (size_t i = 0; i < t->nids; i++)
		free(t->ids[i].name);
	free(t->ids);
	t->ids = NULL;
	t->nids = 0;
}
