/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the ledger to the broker; see commit.h.
 */
#include "shared/fby.h"

#include "master/commit.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/clock.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/metadata.h"

#include "master/master.h"

/* After a failure, and how often before a partition is let go without. */
#define RETRY_MS 100
#define TRIES_MAX 50

/* A watermark that moves while its offset does not is committed this often. */
#define WATERMARK_MS 5000

static bool
is_ours(const struct fby_part *pt)
{
	return pt->state >= FBY_ROW_IDLE && !pt->lost && !pt->anew;
}

/* The master distrusts what it reads. */
static bool
read_row(struct fby_commit *c, const struct fby_part *pt, int64_t *acked,
    int64_t *watermark)
{
	const struct fby_handoff *h = &c->mst->handoff;

	/*
	 * The watermark first: one that is older than its offset is merely
	 * low, a newer one would speak of records that are not committed.
	 */
	*watermark = fby_handoff_watermark(h, pt);
	*acked = fby_handoff_acked(h, pt);
	if (fby_handoff_is_credible(h, pt, *acked))
		return true;
	if (c->refused++ == 0)
		fby_error("partition %s/%d: the ledger says %" PRId64
			  " is acked, but %" PRId64 " is committed and the "
			  "log ends at %" PRId64 "; not committed (further "
			  "ones are only counted)",
		    pt->topic, pt->partition, *acked, pt->committed,
		    fby_handoff_high(h, pt));
	return false;
}

static bool
is_due(const struct fby_part *pt, int64_t acked, int64_t watermark,
    bool watermarks)
{
	return acked > pt->committed ||
	    ((watermarks || pt->state == FBY_ROW_RELEASED) &&
		watermark != pt->committed_watermark);
}

/* Who waits for a commit that will not come is let go; its tail repeats. */
static void
let_go(struct fby_commit *c, const struct fby_part *pt, const char *why)
{
	fby_warn("partition %s/%d: given back without its last commit (%s): "
		 "records from %" PRId64 " on will be repeated",
	    pt->topic, pt->partition, why, pt->committed);
	fby_handoff_let_go(&c->mst->handoff, pt->row);
}

static rd_kafka_topic_partition_list_t *
collect(struct fby_commit *c)
{
	struct fby_handoff *h = &c->mst->handoff;
	int64_t now = fby_clock_mono(), acked, watermark;
	bool watermarks = now >= c->watermark_at;
	rd_kafka_topic_partition_list_t *list = NULL;

	for (uint32_t i = 0; i < h->nparts; i++) {
		const struct fby_part *pt = &h->parts[i];
		char buf[FBY_METADATA_MAX];
		rd_kafka_topic_partition_t *tp;
		size_t len;

		if (!is_ours(pt))
			continue;
		if (!read_row(c, pt, &acked, &watermark)) {
			if (pt->state == FBY_ROW_RELEASED)
				let_go(c, pt, "it is not believed");
			continue;
		}
		if (!is_due(pt, acked, watermark, watermarks))
			continue;
		if (list == NULL)
			list = rd_kafka_topic_partition_list_new(16);
		tp = rd_kafka_topic_partition_list_add(list, pt->topic,
		    pt->partition);
		tp->offset = acked;
		h->parts[i].sent_round = pt->round;
		len = fby_metadata_encode(buf, watermark, pt->topic_id,
		    pt->partitions);
		if (len == 0)
			continue;
		tp->metadata = strdup(buf); /* librdkafka frees it */
		tp->metadata_size = tp->metadata ? len : 0;
	}
	if (watermarks)
		c->watermark_at = now + WATERMARK_MS;
	return list;
}

/*
 * With exactly-once the workers' transactions have committed what is acked;
 * an OffsetCommit of ours might come after the next one, and rewind it.
 */
static void
mirror(struct fby_commit *c)
{
	struct fby_handoff *h = &c->mst->handoff;
	int64_t acked, watermark;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (!is_ours(pt) || pt->state == FBY_ROW_IDLE)
			continue;
		if (!read_row(c, pt, &acked, &watermark)) {
			if (pt->state == FBY_ROW_RELEASED)
				let_go(c, pt, "it is not believed");
			continue;
		}
		fby_handoff_set_committed(h, pt, acked, watermark);
	}
	fby_handoff_committed(h);
}

static void
rearm(struct fby_commit *c, int64_t ms)
{
	struct timeval tv = fby_clock_tv(ms);

	evtimer_add(&c->ev_timer, &tv);
}

void
fby_commit_now(struct fby_commit *c)
{
	rd_kafka_topic_partition_list_t *list;
	struct fby_group *g = &c->mst->group;
	rd_kafka_resp_err_t err;

	if (c->mst->manifest->host.delivery == FBY_EXACTLY_ONCE) {
		mirror(c);
		rearm(c, c->mst->manifest->host.commit_interval_ms);
		return;
	}
	if (c->request.under_way) {
		c->again = true;
		return;
	}
	c->again = false;
	if (g->rk == NULL ||
	    (g->state != FBY_GROUP_STEADY && g->state != FBY_GROUP_REVOKING) ||
	    (list = collect(c)) == NULL) {
		/* What was refused may have been committed by others. */
		if (fby_commit_behind(c) == 0)
			fby_alarm_clear(&c->mst->alarms, FBY_ALARM_COMMIT);
		rearm(c, c->mst->manifest->host.commit_interval_ms);
		return;
	}
	c->request.under_way = true;
	err = rd_kafka_commit_queue(g->rk, list, g->replies, NULL, &c->request);
	rd_kafka_topic_partition_list_destroy(list);
	if (err) {
		c->request.under_way = false;
		fby_error("commit: %s", rd_kafka_err2str(err));
		rearm(c, c->mst->manifest->host.commit_interval_ms);
	}
}

/* ---- the broker's answer ---------------------------------------------- */

static bool
is_membership(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
	    err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
	    err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
	    err == RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH ||
	    err == RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH;
}

static void
confirm(struct fby_commit *c, const rd_kafka_topic_partition_t *tp)
{
	struct fby_handoff *h = &c->mst->handoff;
	uint32_t i = fby_handoff_find(h, tp->topic, tp->partition);

	if (FBY_COUNT_IF(i == FBY_NOROW))
		return;
	fby_handoff_confirmed(h, i, h->parts[i].sent_round, tp->offset,
	    fby_metadata_watermark(tp->metadata, tp->metadata_size));
}

static void
give_up(struct fby_commit *c, const char *why)
{
	struct fby_handoff *h = &c->mst->handoff;

	for (uint32_t i = 0; i < h->nparts; i++)
		if (h->parts[i].state == FBY_ROW_RELEASED)
			let_go(c, &h->parts[i], why);
}

static rd_kafka_resp_err_t
take_answer(struct fby_commit *c, rd_kafka_event_t *ev)
{
	rd_kafka_topic_partition_list_t
	    *list = rd_kafka_event_topic_partition_list(ev);
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);

	for (int i = 0; list && i < list->cnt; i++) {
		if (list->elems[i].err)
			err = list->elems[i].err;
		else if (!rd_kafka_event_error(ev))
			confirm(c, &list->elems[i]);
	}
	return err;
}

static void
on_answer(void *arg, rd_kafka_event_t *ev)
{
	struct fby_commit *c = arg;
	rd_kafka_resp_err_t err = take_answer(c, ev);
	const char *why = rd_kafka_err2str(err);

	fby_handoff_committed(&c->mst->handoff);
	if (!err) {
		c->commits++;
		c->failures = 0;
		fby_alarm_clear(&c->mst->alarms, FBY_ALARM_COMMIT);
		if (c->again)
			fby_commit_now(c);
		else
			rearm(c, c->mst->manifest->host.commit_interval_ms);
		return;
	}
	c->errors++;
	fby_alarm_set(&c->mst->alarms, FBY_ALARM_COMMIT, "%s", why);
	if (is_membership(err) || ++c->failures >= TRIES_MAX) {
		give_up(c, why);
		c->failures = 0;
	}
	rearm(c, RETRY_MS);
}

/* ---- life ------------------------------------------------------------- */

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fby_commit_now(arg);
}

void
fby_commit_init(struct fby_commit *c, struct fby_master *mst)
{
	memset(c, 0, sizeof(*c));
	c->mst = mst;
	c->request.fn = on_answer;
	c->request.arg = c;
	evtimer_assign(&c->ev_timer, mst->base, on_timer, c);
	fby_commit_rearm(c);
}

void
fby_commit_rearm(struct fby_commit *c)
{
	rearm(c, c->mst->manifest->host.commit_interval_ms);
}

void
fby_commit_forget(struct fby_commit *c)
{
	c->request.under_way = c->again = false;
	c->failures = 0;
	fby_commit_rearm(c);
}

void
fby_commit_fini(struct fby_commit *c)
{
	evtimer_del(&c->ev_timer);
}

size_t
fby_commit_behind(const struct fby_commit *c)
{
	const struct fby_handoff *h = &c->mst->handoff;
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		const struct fby_part *pt = &h->parts[i];

		n += is_ours(pt) && fby_handoff_acked(h, pt) > pt->committed;
	}
	return n;
}
