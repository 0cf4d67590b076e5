/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A look at the subscribed topics every few seconds: are all of them there,
 * and how far has the whole group come?  librdkafka says once that a topic is
 * missing and never that it is there; and an answer, whatever it says, is how
 * we learn that a broker can be reached again.
 *
 * A topic that is deleted and created anew has the same name and offsets that
 * start again.  An offset of the one before can be one of the new one, too, so
 * range does not tell; its id does, and is asked for every second, and
 * when an offset says that it is of another one (offsets.c).  Of Kafka's 128
 * bits 64 are kept: no more is asked of two of them than whether they are the
 * same.
 */
#ifndef FBY_TOPICS_H
#define FBY_TOPICS_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/group/request.h"

typedef struct rd_kafka_topic_partition_list_s rd_kafka_topic_partition_list_t;
struct fby_call;
struct fby_context;
struct fby_group;
struct fby_handoff;

/* Which of the topics that may have had this name. */
struct fby_topics_id {
	char *name;
	uint64_t id, first; /* now, and the first that we saw; 0: none */
	int partitions;     /* how many it has; 0: not known */
};

struct fby_topics {
	struct fby_context *ctx;
	struct fby_group *group; /* whose client asks, and hears of answers */
	struct fby_handoff *handoff;
	/* All partitions of all topics, when all are there; takes the list. */
	void (*partitions)(void *arg, rd_kafka_topic_partition_list_t *list);
	void *arg;
	struct event ev_timer, ev_ids;
	struct fby_request describe;
	struct fby_call *look;     /* under way, or NULL */
	struct fby_topics_id *ids; /* those seen so far, by name */
	size_t nids;
};

void fby_topics_init(struct fby_topics *t, struct fby_context *ctx,
    struct fby_group *group, struct fby_handoff *handoff,
    void (*partitions)(void *arg, rd_kafka_topic_partition_list_t *list),
    void *arg);
void fby_topics_fini(struct fby_topics *t);

/* Look after the usual while; soon if something is wrong. */
void fby_topics_look(struct fby_topics *t);

/* librdkafka has complained about one. */
void fby_topics_missing(struct fby_topics *t, const char *text);

/*
 * Ask which topics they are; the answer of the broker is for
 * fby_topics_described().
 */
void fby_topics_ask(struct fby_topics *t, struct fby_request *req);

/*
 * Take in who is who; `each` is told the name of each topic of which there was
 * an answer, after hand-overs have begun anew if it is another one.
 */
typedef void fby_topics_fn(void *arg, const char *topic);
void fby_topics_described(struct fby_topics *t, rd_kafka_event_t *ev,
    fby_topics_fn *each, void *arg);

/* NULL: we have not heard of it yet. */
const struct fby_topics_id *fby_topics_find(const struct fby_topics *t,
    const char *topic);

/* The client is gone, and with it what it complained about. */
void fby_topics_forget(struct fby_topics *t);

#endif
