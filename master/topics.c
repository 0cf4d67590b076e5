/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscribed topics that the broker does not have (yet); see topics.h.
 */
#include "shared/fby.h"

#include "master/topics.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/clock.h"
#include "shared/manifest.h"
#include "shared/str.h"

#include "master/master.h"

#define ASK_MS 1000

static void
ask_later(struct fby_topics *t)
{
	struct timeval tv = fby_clock_tv(ASK_MS);

	evtimer_add(&t->ev_timer, &tv);
}

static void
ask(struct fby_topics *t)
{
	const struct fby_strings *topics = &t->mst->manifest->topics;
	rd_kafka_t *rk = t->mst->group.rk;
	rd_kafka_TopicCollection_t *names;
	rd_kafka_AdminOptions_t *opt;

	if (rk == NULL || t->request.under_way)
		return;
	names = rd_kafka_TopicCollection_of_topic_names(topics->v, topics->n);
	opt = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
	rd_kafka_AdminOptions_set_opaque(opt, &t->request);
	t->request.under_way = true;
	rd_kafka_DescribeTopics(rk, names, opt, t->mst->group.replies);
	rd_kafka_AdminOptions_destroy(opt);
	rd_kafka_TopicCollection_destroy(names);
}

static void
on_answer(void *arg, rd_kafka_event_t *ev)
{
	const rd_kafka_TopicDescription_t **topics;
	struct fby_topics *t = arg;
	struct fby_str missing;
	size_t n = 0;

	if (rd_kafka_event_error(ev)) {
		ask_later(t);
		return;
	}
	topics = rd_kafka_DescribeTopics_result_topics(
	    rd_kafka_event_DescribeTopics_result(ev), &n);
	fby_str_init(&missing);
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_error_t *error =
		    rd_kafka_TopicDescription_error(topics[i]);

		if (error)
			fby_str_printf(&missing, "%s%s: %s",
			    missing.len ? "; " : "",
			    rd_kafka_TopicDescription_name(topics[i]),
			    rd_kafka_error_string(error));
	}
	if (missing.len == 0) {
		fby_cycle_trouble_over(t->mst, FBY_TROUBLE_TOPIC);
	} else {
		fby_cycle_trouble(t->mst, FBY_TROUBLE_TOPIC, "%s",
		    missing.p);
		ask_later(t);
	}
	fby_str_fini(&missing);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	ask(arg);
}

void
fby_topics_missing(struct fby_topics *t, const char *text)
{
	if (t->mst->troubles[FBY_TROUBLE_TOPIC] == NULL)
		fby_cycle_trouble(t->mst, FBY_TROUBLE_TOPIC, "%s", text);
	ask(t);
}

void
fby_topics_init(struct fby_topics *t, struct fby_master *mst)
{
	memset(t, 0, sizeof(*t));
	t->mst = mst;
	t->request.fn = on_answer;
	t->request.arg = t;
	evtimer_assign(&t->ev_timer, mst->base, on_timer, t);
}

void
fby_topics_forget(struct fby_topics *t)
{
	t->request.under_way = false;
	evtimer_del(&t->ev_timer);
	fby_cycle_trouble_over(t->mst, FBY_TROUBLE_TOPIC);
}

void
fby_topics_fini(struct fby_topics *t)
{
	evtimer_del(&t->ev_timer);
}
