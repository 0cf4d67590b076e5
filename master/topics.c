/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the subscribed topics every few seconds; see topics.h.
 */
#include "shared/fby.h"

#include "master/topics.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/clock.h"
#include "shared/manifest.h"
#include "shared/str.h"

#include "master/master.h"

#define LOOK_MS 5000
#define LOOK_IN_TROUBLE_MS 1000

static void
look_later(struct fby_topics *t)
{
	char *const *troubles = t->mst->troubles;
	struct timeval tv = fby_clock_tv(troubles[FBY_TROUBLE_TOPIC] ||
	    troubles[FBY_TROUBLE_BROKER] ? LOOK_IN_TROUBLE_MS : LOOK_MS);

	evtimer_add(&t->ev_timer, &tv);
}

static void
look(struct fby_topics *t)
{
	const struct fby_strings *topics = &t->mst->manifest->topics;
	const struct fby_group *g = &t->mst->group;
	rd_kafka_TopicCollection_t *names;
	rd_kafka_AdminOptions_t *opt;

	if (t->request.under_way)
		return;
	look_later(t);
	if (g->rk == NULL || g->state == FBY_GROUP_LEAVING)
		return;
	names = rd_kafka_TopicCollection_of_topic_names(topics->v, topics->n);
	opt = rd_kafka_AdminOptions_new(g->rk,
	    RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
	rd_kafka_AdminOptions_set_opaque(opt, &t->request);
	t->request.under_way = true;
	rd_kafka_DescribeTopics(g->rk, names, opt, g->replies);
	rd_kafka_AdminOptions_destroy(opt);
	rd_kafka_TopicCollection_destroy(names);
}

/* What is missing goes into the text, what is there into the list. */
static void
sort_out(const rd_kafka_TopicDescription_t *topic, struct fby_str *missing,
    rd_kafka_topic_partition_list_t *list)
{
	const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(topic);
	const char *name = rd_kafka_TopicDescription_name(topic);
	size_t n = 0;

	if (error) {
		fby_str_printf(missing, "%s%s: %s", missing->len ? "; " : "",
		    name, rd_kafka_error_string(error));
		return;
	}
	rd_kafka_TopicDescription_partitions(topic, &n);
	for (size_t i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, name, (int32_t)i);
}

static void
on_answer(void *arg, rd_kafka_event_t *ev)
{
	const rd_kafka_TopicDescription_t **topics;
	rd_kafka_topic_partition_list_t *list;
	struct fby_topics *t = arg;
	struct fby_str missing;
	size_t n = 0;

	if (rd_kafka_event_error(ev))
		return;
	topics = rd_kafka_DescribeTopics_result_topics(
	    rd_kafka_event_DescribeTopics_result(ev), &n);
	list = rd_kafka_topic_partition_list_new(16);
	fby_str_init(&missing);
	for (size_t i = 0; i < n; i++)
		sort_out(topics[i], &missing, list);
	if (missing.len > 0)
		fby_cycle_trouble(t->mst, FBY_TROUBLE_TOPIC, "%s",
		    missing.p);
	else
		fby_cycle_trouble_over(t->mst, FBY_TROUBLE_TOPIC);
	if (list->cnt > 0 && t->mst->group.state == FBY_GROUP_STEADY)
		fby_offsets_group(&t->mst->offsets, list);
	fby_str_fini(&missing);
	rd_kafka_topic_partition_list_destroy(list);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	look(arg);
}

void
fby_topics_missing(struct fby_topics *t, const char *text)
{
	if (t->mst->troubles[FBY_TROUBLE_TOPIC] == NULL)
		fby_cycle_trouble(t->mst, FBY_TROUBLE_TOPIC, "%s", text);
	look(t);
}

void
fby_topics_init(struct fby_topics *t, struct fby_master *mst)
{
	memset(t, 0, sizeof(*t));
	t->mst = mst;
	t->request.fn = on_answer;
	t->request.arg = t;
	evtimer_assign(&t->ev_timer, mst->base, on_timer, t);
	look_later(t);
}

void
fby_topics_forget(struct fby_topics *t)
{
	t->request.under_way = false;
	fby_cycle_trouble_over(t->mst, FBY_TROUBLE_TOPIC);
}

void
fby_topics_fini(struct fby_topics *t)
{
	evtimer_del(&t->ev_timer);
}
