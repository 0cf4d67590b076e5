/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the subscribed topics every few seconds; see topics.h.
 */
#include "shared/fby.h"

#include "master/topics.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/str.h"

#include "master/master.h"

#define LOOK_MS 5000
#define LOOK_IN_TROUBLE_MS 1000
#define WAIT_MIN_MS 200
#define WAIT_MAX_MS 2000
#define WAIT_IN_TROUBLE_MS 50

void
fby_topics_look(struct fby_topics *t)
{
	char *const *troubles = t->mst->troubles;
	struct timeval tv = fby_clock_tv(
	    troubles[FBY_TROUBLE_TOPIC] || troubles[FBY_TROUBLE_BROKER] ?
		LOOK_IN_TROUBLE_MS :
		LOOK_MS);

	evtimer_add(&t->ev_timer, &tv);
}

/* What is missing goes into the text, what is there into the list. */
static void
sort_out(const rd_kafka_metadata_t *md, struct fby_str *missing,
    rd_kafka_topic_partition_list_t *list)
{
	for (int i = 0; i < md->topic_cnt; i++) {
		const rd_kafka_metadata_topic_t *topic = &md->topics[i];

		if (topic->err)
			fby_str_printf(missing, "%s%s: %s",
			    missing->len ? "; " : "", topic->topic,
			    rd_kafka_err2str(topic->err));
		for (int p = 0; p < topic->partition_cnt; p++)
			rd_kafka_topic_partition_list_add(list, topic->topic,
			    topic->partitions[p].id);
	}
}

static int
ask(struct fby_topics *t, const char *name, struct fby_str *missing,
    rd_kafka_topic_partition_list_t *list)
{
	bool in_trouble = t->mst->troubles[FBY_TROUBLE_BROKER] != NULL;
	rd_kafka_t *rk = t->mst->group.rk;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, name, NULL);
	const rd_kafka_metadata_t *md;
	rd_kafka_resp_err_t err;

	if (rkt == NULL)
		return -1;
	err = rd_kafka_metadata(rk, 0, rkt, &md,
	    in_trouble ? WAIT_IN_TROUBLE_MS : (int)t->wait_ms);
	rd_kafka_topic_destroy(rkt);
	if (err) {
		if (!in_trouble) {
			fby_info("topic %s: %s", name, rd_kafka_err2str(err));
			t->wait_ms = FBY_MIN(t->wait_ms * 2, WAIT_MAX_MS);
		}
		return -1;
	}
	t->wait_ms = WAIT_MIN_MS;
	sort_out(md, missing, list);
	rd_kafka_metadata_destroy(md);
	return 0;
}

static void
look(struct fby_topics *t)
{
	const struct fby_strings *topics = &t->mst->manifest->topics;
	rd_kafka_topic_partition_list_t *list;
	struct fby_str missing;
	size_t n = 0;

	list = rd_kafka_topic_partition_list_new(16);
	fby_str_init(&missing);
	while (n < topics->n && ask(t, topics->v[n], &missing, list) == 0)
		n++;
	if (n > 0)
		fby_trouble_over(t->mst, FBY_TROUBLE_BROKER);
	if (missing.len > 0)
		fby_trouble_set(t->mst, FBY_TROUBLE_TOPIC, "%s", missing.p);
	else if (n == topics->n)
		fby_trouble_over(t->mst, FBY_TROUBLE_TOPIC);
	if (n == topics->n && list->cnt > 0 &&
	    t->mst->group.state == FBY_GROUP_STEADY)
		fby_offsets_group(&t->mst->offsets, list);
	fby_str_fini(&missing);
	rd_kafka_topic_partition_list_destroy(list);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct fby_topics *t = arg;
	const struct fby_group *g = &t->mst->group;

	(void)fd;
	(void)what;
	if (g->rk && g->state != FBY_GROUP_LEAVING)
		look(t);
	fby_topics_look(t);
}

void
fby_topics_missing(struct fby_topics *t, const char *text)
{
	if (t->mst->troubles[FBY_TROUBLE_TOPIC] == NULL)
		fby_trouble_set(t->mst, FBY_TROUBLE_TOPIC, "%s", text);
	fby_topics_look(t);
}

void
fby_topics_init(struct fby_topics *t, struct fby_master *mst)
{
	memset(t, 0, sizeof(*t));
	t->mst = mst;
	t->wait_ms = WAIT_MIN_MS;
	evtimer_assign(&t->ev_timer, mst->base, on_timer, t);
	fby_topics_look(t);
}

void
fby_topics_forget(struct fby_topics *t)
{
	fby_trouble_over(t->mst, FBY_TROUBLE_TOPIC);
}

void
fby_topics_fini(struct fby_topics *t)
{
	evtimer_del(&t->ev_timer);
}
