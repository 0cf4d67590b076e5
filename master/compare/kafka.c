/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What `compare` asks of the cluster; see compare/kafka.h.
 */
#include "shared/fby.h"

#include "master/compare/kafka.h"

#include <stdarg.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/mem.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/compare/interrupt.h"

#define TIMEOUT_MS 15000
#define STEP_MS 100
#define RETRY_US 100000
#define LAST_MS 8000 /* for all of the cleaning up, once we are stopped */

FBY_PRINTF(2, 3)
static int
fail(struct fby_compare_kafka *k, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(k->why, sizeof(k->why), fmt, ap);
	va_end(ap);
	return -1;
}

/* A stop ends all at once, but leaves the cleaning up some time in all. */
static bool
is_over(struct fby_compare_kafka *k, int64_t deadline)
{
	const int64_t now = fby_clock_mono();

	if (!fby_compare_interrupt_came())
		return now >= deadline;
	if (!k->hurry)
		return true;
	if (k->last == 0)
		k->last = now + LAST_MS;
	return now >= FBY_MIN(deadline, k->last);
}

/* ---- the client ------------------------------------------------------- */

int
fby_compare_kafka_open(struct fby_compare_kafka *k,
    const struct fby_manifest *m)
{
	struct fby_err err;
	char *text;

	fby_err_init(&err);
	k->rk = fby_kafka_open(m, FBY_KAFKA_MEMBER, &err);
	if (k->rk) {
		k->queue = rd_kafka_queue_new(k->rk);
	} else {
		text = fby_err_text(&err);
		text[strcspn(text, "\n")] = '\0';
		fail(k, "%s", text);
		free(text);
	}
	fby_err_fini(&err);
	return k->rk ? 0 : -1;
}

/*
 * librdkafka 2.14.2 gives back a reference too many to its queue for each
 * DeleteGroups that the broker does not know, and aborts when the client is
 * closed.  Such a client is asked once, and left to the end of the process.
 */
void
fby_compare_kafka_close(struct fby_compare_kafka *k)
{
	if (k->no_delete)
		return;
	if (k->queue)
		rd_kafka_queue_destroy(k->queue);
	if (k->rk)
		rd_kafka_destroy_flags(k->rk,
		    RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	k->rk = NULL;
	k->queue = NULL;
}

/* ---- requests --------------------------------------------------------- */

/* The answer to what was just asked, of that type; NULL: see `why`. */
static rd_kafka_event_t *
await(struct fby_compare_kafka *k, rd_kafka_event_type_t type)
{
	const int64_t deadline = fby_clock_mono() + TIMEOUT_MS;

	while (!is_over(k, deadline)) {
		rd_kafka_event_t *ev = rd_kafka_queue_poll(k->queue, STEP_MS);

		if (ev == NULL)
			continue;
		/* Else a late answer to a request that was given up. */
		if (rd_kafka_event_type(ev) == type) {
			k->code = rd_kafka_event_error(ev);
			if (k->code == 0)
				return ev;
			fail(k, "%s", rd_kafka_event_error_string(ev));
			rd_kafka_event_destroy(ev);
			return NULL;
		}
		rd_kafka_event_destroy(ev);
	}
	k->code = RD_KAFKA_RESP_ERR__TIMED_OUT;
	fail(k, "%s",
	    !k->hurry && fby_compare_interrupt_came() ? "interrupted" :
							"no answer in time");
	return NULL;
}

/*
 * The same for a request that makes something: a broker that works on it does
 * not hear of a stop, and what it makes after the cleaning up would stay.
 */
static rd_kafka_event_t *
await_change(struct fby_compare_kafka *k, rd_kafka_event_type_t type)
{
	const bool hurry = k->hurry;
	rd_kafka_event_t *ev;

	k->hurry = true;
	ev = await(k, type);
	k->hurry = hurry;
	return ev;
}

static int
check_topic(struct fby_compare_kafka *k, const rd_kafka_topic_result_t *r)
{
	if (rd_kafka_topic_result_error(r) == 0)
		return 0;
	return fail(k, "%s: %s", rd_kafka_topic_result_name(r),
	    rd_kafka_topic_result_error_string(r));
}

/* ---- what is there ---------------------------------------------------- */

void
fby_compare_kafka_free(struct fby_compare_log *log)
{
	for (size_t i = 0; i < log->n; i++)
		free(log->parts[i].topic);
	free(log->parts);
	*log = (struct fby_compare_log){ 0 };
}

/* Partitions of a topic, 0: there is none (yet), -1: see `why`. */
static int
count_partitions(struct fby_compare_kafka *k, const char *topic)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(k->rk, topic, NULL);
	const struct rd_kafka_metadata *md = NULL;
	rd_kafka_resp_err_t err;
	int n = -1;

	if (rkt == NULL)
		return fail(k, "%s: %s", topic,
		    rd_kafka_err2str(rd_kafka_last_error()));
	err = rd_kafka_metadata(k->rk, 0, rkt, &md, TIMEOUT_MS);
	if (err == 0 && md->topic_cnt == 1)
		err = md->topics[0].err;
	if (err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
		n = 0;
	else if (err)
		fail(k, "%s: %s", topic, rd_kafka_err2str(err));
	else
		n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
	if (md)
		rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(rkt);
	return n;
}

/* The leader of a new partition, or after an election, is not known at once. */
static int
read_ends(struct fby_compare_kafka *k, struct fby_compare_part *p)
{
	const int64_t deadline = fby_clock_mono() + TIMEOUT_MS;
	rd_kafka_resp_err_t err;

	while ((err = rd_kafka_query_watermark_offsets(k->rk, p->topic,
		    p->partition, &p->start, &p->end, TIMEOUT_MS)) != 0 &&
	    !is_over(k, deadline))
		usleep(RETRY_US);
	if (err == 0)
		return 0;
	return fail(k, "%s/%d: %s", p->topic, p->partition,
	    rd_kafka_err2str(err));
}

static int
read_topic(struct fby_compare_kafka *k, const char *topic,
    struct fby_compare_log *log)
{
	int n = count_partitions(k, topic);

	if (n == -1)
		return -1;
	if (n == 0)
		return fail(k, "there is no topic %s", topic);
	log->parts = fby_realloc(log->parts,
	    (log->n + (size_t)n) * sizeof(*log->parts));
	for (int i = 0; i < n; i++) {
		struct fby_compare_part *p = &log->parts[log->n++];

		*p = (struct fby_compare_part){ fby_strdup(topic), i, 0, 0 };
		if (read_ends(k, p) == -1)
			return -1;
		log->records += p->end - p->start;
	}
	return 0;
}

int
fby_compare_kafka_read(struct fby_compare_kafka *k,
    const struct fby_strings *topics, struct fby_compare_log *log)
{
	fby_compare_kafka_free(log);
	for (size_t i = 0; i < topics->n; i++)
		if (read_topic(k, topics->v[i], log) == -1)
			return -1;
	return 0;
}

/* ---- groups ----------------------------------------------------------- */

static rd_kafka_topic_partition_list_t *
make_list(const struct fby_compare_log *log, bool at_end)
{
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new((int)log->n);
	for (size_t i = 0; i < log->n; i++) {
		const struct fby_compare_part *p = &log->parts[i];

		rd_kafka_topic_partition_list_add(list, p->topic, p->partition)
		    ->offset = at_end ? p->end : p->start;
	}
	return list;
}

static int
check_group(struct fby_compare_kafka *k, const rd_kafka_group_result_t *r)
{
	const rd_kafka_topic_partition_list_t *list;
	const rd_kafka_error_t *error = rd_kafka_group_result_error(r);

	if (error)
		return fail(k, "group %s: %s", rd_kafka_group_result_name(r),
		    rd_kafka_error_string(error));
	list = rd_kafka_group_result_partitions(r);
	for (int i = 0; list && i < list->cnt; i++)
		if (list->elems[i].err)
			return fail(k, "group %s, %s/%d: %s",
			    rd_kafka_group_result_name(r), list->elems[i].topic,
			    list->elems[i].partition,
			    rd_kafka_err2str(list->elems[i].err));
	return 0;
}

static int
try_place(struct fby_compare_kafka *k, const char *group,
    const struct fby_compare_log *log, bool at_end)
{
	rd_kafka_topic_partition_list_t *list = make_list(log, at_end);
	rd_kafka_AlterConsumerGroupOffsets_t *ask;
	const rd_kafka_group_result_t **r;
	rd_kafka_event_t *ev;
	int rc = -1;
	size_t n;

	ask = rd_kafka_AlterConsumerGroupOffsets_new(group, list);
	rd_kafka_AlterConsumerGroupOffsets(k->rk, &ask, 1, NULL, k->queue);
	ev = await_change(k, RD_KAFKA_EVENT_ALTERCONSUMERGROUPOFFSETS_RESULT);
	if (ev) {
		r = rd_kafka_AlterConsumerGroupOffsets_result_groups(
		    rd_kafka_event_AlterConsumerGroupOffsets_result(ev), &n);
		rc = n == 1 ? check_group(k, r[0]) : fail(k, "no result");
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_AlterConsumerGroupOffsets_destroy(ask);
	rd_kafka_topic_partition_list_destroy(list);
	return rc;
}

/* A coordinator may be loading, or be another one by now. */
int
fby_compare_kafka_place(struct fby_compare_kafka *k, const char *group,
    const struct fby_compare_log *log, bool at_end)
{
	const int64_t deadline = fby_clock_mono() + TIMEOUT_MS;
	int rc;

	while ((rc = try_place(k, group, log, at_end)) == -1 &&
	    !is_over(k, deadline))
		usleep(RETRY_US);
	return rc;
}

static int
add_up(struct fby_compare_kafka *k, const rd_kafka_group_result_t *r,
    const struct fby_compare_log *log, int64_t *records)
{
	const rd_kafka_topic_partition_list_t *list;

	if (check_group(k, r) == -1)
		return -1;
	list = rd_kafka_group_result_partitions(r);
	*records = 0;
	for (size_t i = 0; i < log->n; i++) {
		const struct fby_compare_part *p = &log->parts[i];
		const rd_kafka_topic_partition_t *got;

		got = rd_kafka_topic_partition_list_find(
		    (rd_kafka_topic_partition_list_t *)(uintptr_t)list,
		    p->topic, p->partition);
		if (got && got->offset > p->start)
			*records += FBY_MIN(got->offset, p->end) - p->start;
	}
	return 0;
}

int
fby_compare_kafka_progress(struct fby_compare_kafka *k, const char *group,
    const struct fby_compare_log *log, int64_t *records)
{
	rd_kafka_topic_partition_list_t *list = make_list(log, false);
	rd_kafka_ListConsumerGroupOffsets_t *ask;
	const rd_kafka_group_result_t **r;
	rd_kafka_event_t *ev;
	int rc = -1;
	size_t n;

	ask = rd_kafka_ListConsumerGroupOffsets_new(group, list);
	rd_kafka_ListConsumerGroupOffsets(k->rk, &ask, 1, NULL, k->queue);
	ev = await(k, RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT);
	if (ev) {
		r = rd_kafka_ListConsumerGroupOffsets_result_groups(
		    rd_kafka_event_ListConsumerGroupOffsets_result(ev), &n);
		rc = n == 1 ? add_up(k, r[0], log, records) :
			      fail(k, "no result");
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_ListConsumerGroupOffsets_destroy(ask);
	rd_kafka_topic_partition_list_destroy(list);
	return rc;
}

static int
try_forget(struct fby_compare_kafka *k, const char *group)
{
	rd_kafka_DeleteGroup_t *ask = rd_kafka_DeleteGroup_new(group);
	const rd_kafka_group_result_t **r;
	const rd_kafka_error_t *error;
	rd_kafka_event_t *ev;
	int rc = -1;
	size_t n;

	rd_kafka_DeleteGroups(k->rk, &ask, 1, NULL, k->queue);
	ev = await(k, RD_KAFKA_EVENT_DELETEGROUPS_RESULT);
	if (ev) {
		r = rd_kafka_DeleteGroups_result_groups(
		    rd_kafka_event_DeleteGroups_result(ev), &n);
		error = n == 1 ? rd_kafka_group_result_error(r[0]) : NULL;
		if (error == NULL ||
		    rd_kafka_error_code(error) ==
			RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND)
			rc = 0;
		else
			fail(k, "%s", rd_kafka_error_string(error));
		k->code = error ? rd_kafka_error_code(error) : 0;
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_DeleteGroup_destroy(ask);
	return rc;
}

/* The broker will say the same, however often it is asked. */
static bool
is_final(int code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
	case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
		return true;
	default:
		return false;
	}
}

/* A member that was killed stays until its session ends. */
int
fby_compare_kafka_forget(struct fby_compare_kafka *k, const char *group)
{
	const int64_t deadline = fby_clock_mono() + TIMEOUT_MS;
	const bool hurry = k->hurry;
	int rc;

	if (k->no_delete)
		return fail(k, "%s",
		    rd_kafka_err2str(RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE));
	k->hurry = true;
	while ((rc = try_forget(k, group)) == -1 && !is_final(k->code) &&
	    !is_over(k, deadline))
		usleep(RETRY_US);
	k->hurry = hurry;
	k->no_delete = rc == -1 &&
	    k->code == RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE;
	return rc;
}

/* ---- topics ----------------------------------------------------------- */

static int
await_topic(struct fby_compare_kafka *k, const char *topic, int partitions)
{
	const int64_t deadline = fby_clock_mono() + TIMEOUT_MS;
	int n;

	while ((n = count_partitions(k, topic)) != partitions) {
		if (is_over(k, deadline))
			return n == -1 ?
			    -1 :
			    fail(k, "%s: it does not appear", topic);
		usleep(RETRY_US);
	}
	return 0;
}

int
fby_compare_kafka_create(struct fby_compare_kafka *k, const char *topic,
    int partitions)
{
	rd_kafka_NewTopic_t *ask;
	const rd_kafka_topic_result_t **r;
	rd_kafka_event_t *ev;
	char why[256];
	int rc = -1;
	size_t n;

	/* As many replicas as the brokers' default says. */
	ask = rd_kafka_NewTopic_new(topic, partitions, -1, why, sizeof(why));
	if (ask == NULL)
		return fail(k, "%s: %s", topic, why);
	rd_kafka_CreateTopics(k->rk, &ask, 1, NULL, k->queue);
	ev = await_change(k, RD_KAFKA_EVENT_CREATETOPICS_RESULT);
	if (ev) {
		r = rd_kafka_CreateTopics_result_topics(
		    rd_kafka_event_CreateTopics_result(ev), &n);
		rc = n == 1 ? check_topic(k, r[0]) : fail(k, "no result");
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_NewTopic_destroy(ask);
	return rc == 0 ? await_topic(k, topic, partitions) : -1;
}

int
fby_compare_kafka_delete(struct fby_compare_kafka *k, const char *topic)
{
	rd_kafka_DeleteTopic_t *ask = rd_kafka_DeleteTopic_new(topic);
	const rd_kafka_topic_result_t **r;
	rd_kafka_event_t *ev;
	int rc = -1;
	size_t n;

	k->hurry = true;
	rd_kafka_DeleteTopics(k->rk, &ask, 1, NULL, k->queue);
	ev = await(k, RD_KAFKA_EVENT_DELETETOPICS_RESULT);
	if (ev) {
		r = rd_kafka_DeleteTopics_result_topics(
		    rd_kafka_event_DeleteTopics_result(ev), &n);
		if (n == 1 &&
		    rd_kafka_topic_result_error(r[0]) ==
			RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
			rc = 0;
		else
			rc = n == 1 ? check_topic(k, r[0]) :
				      fail(k, "no result");
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_DeleteTopic_destroy(ask);
	return rc;
}
