/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The group seen from outside; see observe.h.
 *
 * A look is three questions, each with the answer of the one before: which
 * partitions are there, where do their logs begin and end, what is committed.
 */
#include "shared/fby.h"

#include "master/observe.h"

#include <errno.h>
#include <event2/event.h>
#include <librdkafka/rdkafka.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "shared/clock.h"
#include "shared/err.h"
#include "shared/kafka.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"

#include "master/master.h"

#define LOOK_MS 3000
#define LOOK_FIRST_MS 1000 /* until something is known */
#define REQUEST_MS 5000
#define METADATA_MS 300
#define COMMITTED_MS 500
#define FAILED_MAX 5 /* then what is known is too old */

/* ---- what is known ---------------------------------------------------- */

static void
forget(struct fby_observe *o)
{
	for (size_t i = 0; i < o->nparts; i++)
		free(o->parts[i].topic);
	free(o->parts);
	o->parts = NULL;
	o->nparts = 0;
	o->is_known = false;
	o->rate = 0;
}

static struct fby_observe_part *
find(struct fby_observe *o, const char *topic, int32_t partition)
{
	for (size_t i = 0; i < o->nparts; i++)
		if (o->parts[i].partition == partition &&
		    strcmp(o->parts[i].topic, topic) == 0)
			return &o->parts[i];
	return NULL;
}

static void
add(struct fby_observe *o, const char *topic, int32_t partition)
{
	struct fby_observe_part *p = find(o, topic, partition);

	if (p) {
		p->is_there = true;
		return;
	}
	o->parts = fby_realloc(o->parts, (o->nparts + 1) * sizeof(*o->parts));
	o->parts[o->nparts++] = (struct fby_observe_part){
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
drop_absent(struct fby_observe *o)
{
	size_t n = 0;

	for (size_t i = 0; i < o->nparts; i++)
		if (o->parts[i].is_there)
			o->parts[n++] = o->parts[i];
		else
			free(o->parts[i].topic);
	o->nparts = n;
}

static int
by_name(const void *a, const void *b)
{
	const struct fby_observe_part *x = a, *y = b;
	int order = strcmp(x->topic, y->topic);

	return order ?
	    order :
	    (x->partition > y->partition) - (x->partition < y->partition);
}

/* ---- the end of a look ------------------------------------------------ */

static void
look_failed(struct fby_observe *o, const char *what, const char *why)
{
	fby_debug("observe: %s: %s", what, why);
	o->waiting = 0;
	if (++o->failed != FAILED_MAX)
		return;
	fby_warn("group %s: how far it has come is not known now: %s: %s",
	    o->mst->manifest->source.group, what, why);
	forget(o);
}

static void
look_done(struct fby_observe *o, int64_t records)
{
	int64_t now = fby_clock_mono();

	if (o->is_known && now > o->looked_at)
		o->rate = (double)records * 1000 / (double)(now - o->looked_at);
	o->looked_at = now;
	if (o->failed >= FAILED_MAX)
		fby_notice("group %s: how far it has come is known again",
		    o->mst->manifest->source.group);
	o->failed = 0;
	o->is_known = true;
}

/* ---- what is committed? ----------------------------------------------- */

static rd_kafka_topic_partition_list_t *
list_parts(const struct fby_observe *o, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new((int)o->nparts);
	for (size_t i = 0; i < o->nparts; i++)
		rd_kafka_topic_partition_list_add(list, o->parts[i].topic,
		    o->parts[i].partition)
		    ->offset = offset;
	return list;
}

/*
 * Waits, for the reason that offsets.c has; the broker has just answered two
 * other questions.
 */
static void
ask_committed(struct fby_observe *o)
{
	rd_kafka_topic_partition_list_t *list = list_parts(o,
	    RD_KAFKA_OFFSET_INVALID);
	rd_kafka_resp_err_t err;
	int64_t records = 0;

	err = rd_kafka_committed(o->rk, list, COMMITTED_MS);
	for (size_t i = 0; !err && i < o->nparts; i++) {
		const rd_kafka_topic_partition_t *tp = &list->elems[i];
		struct fby_observe_part *p = &o->parts[i];

		if (tp->err)
			continue;
		if (p->committed >= 0 && tp->offset > p->committed)
			records += tp->offset - p->committed;
		p->first = p->new_first;
		p->end = p->new_end;
		p->committed = tp->offset >= 0 ? tp->offset : FBY_NONE;
		p->watermark = fby_metadata_watermark(tp->metadata,
		    tp->metadata_size);
	}
	rd_kafka_topic_partition_list_destroy(list);
	if (err)
		look_failed(o, "committed offsets", rd_kafka_err2str(err));
	else
		look_done(o, records);
}

/* ---- where do the logs begin and end? --------------------------------- */

static void
take_offsets(struct fby_observe *o, rd_kafka_event_t *ev, bool ends)
{
	const rd_kafka_ListOffsetsResultInfo_t **infos;
	size_t n = 0;

	infos =
	    rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(
						  ev),
		&n);
	for (size_t i = 0; i < n; i++) {
		const rd_kafka_topic_partition_t *tp =
		    rd_kafka_ListOffsetsResultInfo_topic_partition(infos[i]);
		struct fby_observe_part *p = find(o, tp->topic, tp->partition);

		if (p && !tp->err && tp->offset >= 0)
			*(ends ? &p->new_end : &p->new_first) = tp->offset;
	}
}

static void
on_offsets(struct fby_observe *o, rd_kafka_event_t *ev, bool ends)
{
	if (o->waiting == 0)
		return; /* the other one has failed */
	if (rd_kafka_event_error(ev)) {
		look_failed(o, "ends of the log",
		    rd_kafka_event_error_string(ev));
		return;
	}
	take_offsets(o, ev, ends);
	if (--o->waiting == 0)
		ask_committed(o);
}

static void
on_starts(void *arg, rd_kafka_event_t *ev)
{
	on_offsets(arg, ev, false);
}

static void
on_ends(void *arg, rd_kafka_event_t *ev)
{
	on_offsets(arg, ev, true);
}

static void
ask_offsets(struct fby_observe *o, struct fby_request *req, int64_t spec)
{
	rd_kafka_topic_partition_list_t *list = list_parts(o, spec);
	rd_kafka_AdminOptions_t *opt;

	opt = rd_kafka_AdminOptions_new(o->rk, RD_KAFKA_ADMIN_OP_LISTOFFSETS);
	rd_kafka_AdminOptions_set_request_timeout(opt, REQUEST_MS, NULL, 0);
	rd_kafka_AdminOptions_set_opaque(opt, req);
	req->under_way = true;
	rd_kafka_ListOffsets(o->rk, list, opt, o->queue);
	rd_kafka_AdminOptions_destroy(opt);
	rd_kafka_topic_partition_list_destroy(list);
	o->waiting++;
}

/* ---- which partitions are there? -------------------------------------- */

static int
ask_topic(struct fby_observe *o, const char *name)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(o->rk, name, NULL);
	const rd_kafka_metadata_t *md = NULL;
	rd_kafka_resp_err_t err;

	if (rkt == NULL)
		return -1;
	err = rd_kafka_metadata(o->rk, 0, rkt, &md, METADATA_MS);
	rd_kafka_topic_destroy(rkt);
	if (!err)
		err = md->topic_cnt == 1 ?
		    md->topics[0].err :
		    RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
	for (int i = 0; !err && i < md->topics[0].partition_cnt; i++)
		add(o, name, md->topics[0].partitions[i].id);
	if (md)
		rd_kafka_metadata_destroy(md);
	if (!err)
		return 0;
	look_failed(o, name, rd_kafka_err2str(err));
	return -1;
}

/* Waits, too, as topics.c does: DescribeTopics wants to ask the controller. */
static void
look(struct fby_observe *o)
{
	const struct fby_strings *topics = &o->mst->manifest->topics;

	for (size_t i = 0; i < o->nparts; i++)
		o->parts[i].is_there = false;
	for (size_t i = 0; i < topics->n; i++)
		if (ask_topic(o, topics->v[i]) == -1)
			return;
	drop_absent(o);
	if (o->nparts == 0)
		return;
	qsort(o->parts, o->nparts, sizeof(*o->parts), by_name);
	for (size_t i = 0; i < o->nparts; i++)
		o->parts[i].new_first = o->parts[i].new_end = FBY_NONE;
	ask_offsets(o, &o->starts, RD_KAFKA_OFFSET_SPEC_EARLIEST);
	ask_offsets(o, &o->ends, RD_KAFKA_OFFSET_SPEC_LATEST);
}

static void
on_look(evutil_socket_t fd, short what, void *arg)
{
	struct fby_observe *o = arg;
	struct timeval tv = fby_clock_tv(o->is_known ? LOOK_MS : LOOK_FIRST_MS);

	(void)fd;
	(void)what;
	evtimer_add(&o->ev_look, &tv);
	if (o->is_login_refused)
		fby_kafka_login_anew(o->rk, o->mst->manifest, FBY_KAFKA_MEMBER);
	o->is_login_refused = false;
	/* Each ends by itself, with an answer or in REQUEST_MS. */
	if (!o->starts.under_way && !o->ends.under_way)
		look(o);
}

/* ---- events ----------------------------------------------------------- */

static void
dispatch(struct fby_observe *o, rd_kafka_event_t *ev)
{
	struct fby_request *req;
	const char *fac, *text;
	int level;

	switch (rd_kafka_event_type(ev)) {
	case RD_KAFKA_EVENT_LISTOFFSETS_RESULT:
		req = rd_kafka_event_opaque(ev);
		req->under_way = false;
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
	struct fby_observe *o = arg;
	rd_kafka_event_t *ev;
	uint64_t n;
	ssize_t got = read(fd, &n, sizeof(n));

	(void)got;
	(void)what;
	while ((ev = rd_kafka_queue_poll(o->queue, 0)) != NULL)
		dispatch(o, ev);
}

/* ---- life ------------------------------------------------------------- */

void
fby_observe_init(struct fby_observe *o, struct fby_master *mst)
{
	memset(o, 0, sizeof(*o));
	o->mst = mst;
	o->efd = -1;
	o->starts.fn = on_starts;
	o->ends.fn = on_ends;
	o->starts.arg = o->ends.arg = o;
}

/* NULL, and said: another runtime may read what is no topic of ours. */
static rd_kafka_t *
make_client(const struct fby_manifest *m)
{
	rd_kafka_t *rk = NULL;
	rd_kafka_conf_t *conf;
	struct fby_err err;
	char *text;

	if (!m->source.present || m->topics.n == 0)
		return NULL;
	fby_err_init(&err);
	conf = fby_kafka_conf(m, FBY_KAFKA_MEMBER, &err);
	if (conf)
		rk = fby_kafka_new(m, FBY_KAFKA_MEMBER, conf, &err);
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
fby_observe_start(struct fby_observe *o)
{
	const uint64_t one = 1;

	FBY_BUG_ON(o->rk != NULL);
	if ((o->efd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) == -1) {
		fby_warn("observe: eventfd: %s", strerror(errno));
		return;
	}
	if ((o->rk = make_client(o->mst->manifest)) == NULL) {
		close(o->efd);
		o->efd = -1;
		return;
	}
	/* One queue for all; it is not subscribed, so it joins nothing. */
	rd_kafka_poll_set_consumer(o->rk);
	rd_kafka_set_log_queue(o->rk, NULL);
	o->queue = rd_kafka_queue_get_consumer(o->rk);
	rd_kafka_queue_io_event_enable(o->queue, o->efd, &one, sizeof(one));
	event_assign(&o->ev_queue, o->mst->base, o->efd, EV_READ | EV_PERSIST,
	    on_queue, o);
	event_add(&o->ev_queue, NULL);
	evtimer_assign(&o->ev_look, o->mst->base, on_look, o);
	o->failed = 0;
	on_look(-1, 0, o);
}

void
fby_observe_stop(struct fby_observe *o)
{
	if (o->rk == NULL)
		return;
	event_del(&o->ev_queue);
	evtimer_del(&o->ev_look);
	rd_kafka_queue_io_event_enable(o->queue, -1, NULL, 0);
	rd_kafka_queue_destroy(o->queue);
	rd_kafka_destroy_flags(o->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	close(o->efd);
	o->rk = NULL;
	o->queue = NULL;
	o->efd = -1;
	o->waiting = 0;
	o->starts.under_way = o->ends.under_way = false;
	forget(o);
}
