/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that a producer says nothing of; see unanswered.h.
 */
#include "shared/fby.h"

#include "worker/sink/unanswered.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"

#include "worker/worker.h"

#define ASK_AFTER_MS 500
#define ASK_AGAIN_MS 5000
#define REQUEST_MS 4000

static void
ask(struct fby_unanswered *u, rd_kafka_t *rk, rd_kafka_queue_t *queue)
{
	const char *names[FBY_SINK_N];
	rd_kafka_TopicCollection_t *list;
	rd_kafka_AdminOptions_t *opt;

	for (size_t i = 0; i < u->n; i++)
		names[i] = u->topics[i].name;
	list = rd_kafka_TopicCollection_of_topic_names(names, u->n);
	opt = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_DESCRIBETOPICS);
	rd_kafka_AdminOptions_set_request_timeout(opt, REQUEST_MS, NULL, 0);
	rd_kafka_DescribeTopics(rk, list, opt, queue);
	rd_kafka_AdminOptions_destroy(opt);
	rd_kafka_TopicCollection_destroy(list);
	u->under_way = true;
}

void
fby_unanswered_tick(struct fby_unanswered *u, size_t open, rd_kafka_t *rk,
    rd_kafka_queue_t *queue, const struct fby_unanswered_topic *topics,
    size_t n, int64_t mono)
{
	if (open == 0 || u->reports != u->seen || u->since == 0) {
		u->seen = u->reports;
		u->since = mono;
		u->asked_at = 0;
		return;
	}
	if (u->under_way || mono - u->since < ASK_AFTER_MS ||
	    (u->asked_at && mono - u->asked_at < ASK_AGAIN_MS))
		return;
	u->asked_at = mono;
	u->n = FBY_MIN(n, FBY_SINK_N);
	memcpy(u->topics, topics, u->n * sizeof(*topics));
	ask(u, rk, queue);
}

static void
complain(const struct fby_unanswered *u, struct fby_worker *w, const char *name,
    const rd_kafka_error_t *error)
{
	int code = rd_kafka_error_code(error);
	char *text = fby_asprintf("topic %s: %s", name, rd_kafka_err2str(code));

	for (size_t i = 0; i < u->n; i++) {
		enum fby_sink_role role = u->topics[i].role;

		if (strcmp(u->topics[i].name, name) != 0)
			continue;
		fby_throttle_log(&w->throttle, fby_manifest_sink_word(role),
		    code, text);
		fby_worker_failed(w, fby_failure_role(role), code, text);
	}
	free(text);
}

void
fby_unanswered_described(struct fby_unanswered *u, struct fby_worker *w,
    rd_kafka_event_t *ev)
{
	const rd_kafka_TopicDescription_t **list;
	size_t n = 0;

	u->under_way = false;
	/* No broker answers: the client has said so itself. */
	if (rd_kafka_event_error(ev))
		return;
	list = rd_kafka_DescribeTopics_result_topics(
	    rd_kafka_event_DescribeTopics_result(ev), &n);
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_error_t *error = rd_kafka_TopicDescription_error(
		    list[i]);

		if (rd_kafka_error_code(error))
			complain(u, w, rd_kafka_TopicDescription_name(list[i]),
			    error);
	}
}
