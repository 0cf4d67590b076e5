/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the ledger to the broker; see commit.h.
 */
#include "shared/fby.h"

#include "master/group/commit.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/units.h"
#include "shared/boundary/metadata.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/group.h"
#include "master/handoff/handoff.h"

/* After a failure, and how often before a partition is let go without. */
#define RETRY_MS 100
#define TRIES_MAX 50

/* A watermark that moves while its offset does not is committed this often. */
#define WATERMARK_MS 5000

/*
 * A partition that cannot be read now is resolved anew, perhaps for days; what
 * was acked before that is committed, or what was skipped by hand would have
 * to be skipped on the next host, too.  Only where the log was cut the broker
 * may not be told before it is known what it has: offsets.c compares.
 */
static bool
has_acks(const struct fby_part *pt)
{
	return pt->state >= FBY_ROW_IDLE ||
	    (pt->state == FBY_ROW_RESOLVING && pt->resume != FBY_NONE &&
		pt->cut_from == FBY_NONE);
}

static bool
is_ours(const struct fby_part *pt)
{
	return has_acks(pt) && !pt->lost && !pt->anew;
}

/* The master distrusts what it reads. */
static bool
read_row(struct fby_commit *c, const struct fby_part *pt, int64_t *acked,
    int64_t *watermark)
{
	const struct fby_handoff *h = c->handoff;
	char committed[FBY_UNITS_OFFSET], high[FBY_UNITS_OFFSET];

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
			  " is acked, but %s is committed and the log ends at "
			  "%s; not committed (further ones are only counted)",
		    pt->topic, pt->partition, *acked,
		    fby_units_offset_text(committed, pt->committed,
			"no offset"),
		    fby_units_offset_text(high, fby_handoff_high(h, pt),
			"an unknown offset"));
	return false;
}

static bool
is_due(const struct fby_part *pt, int64_t acked, int64_t watermark,
    bool watermarks, bool anew)
{
	return anew || acked > pt->committed ||
	    ((watermarks || pt->state == FBY_ROW_RELEASED) &&
		watermark != pt->committed_watermark);
}

/* What the next holder of the partition reads again. */
static char *
repeated(const struct fby_commit *c, const struct fby_part *pt)
{
	if (pt->committed < 0)
		return fby_strdup("no offset of it is committed, so reading "
				  "begins where auto.offset.reset says");
	if (fby_handoff_acked(c->handoff, pt) == pt->committed)
		return fby_strdup("all records are committed, only its "
				  "watermark is not");
	return fby_asprintf("records from %" PRId64 " on will be repeated",
	    pt->committed);
}

/* Who waits for a commit that will not come is let go; its tail repeats. */
static void
let_go(struct fby_commit *c, const struct fby_part *pt, const char *why)
{
	char *what = repeated(c, pt);

	fby_warn("partition %s/%d: given back without its last commit (%s): %s",
	    pt->topic, pt->partition, why, what);
	free(what);
	c->given_up += fby_handoff_acked(c->handoff, pt) >
	    (pt->committed < 0 ? pt->start : pt->committed);
	fby_handoff_let_go(c->handoff, pt->row);
}

/* Topic by topic: of the one that this request is for, once in a round. */
static bool
is_of_turn(const struct fby_commit *c, const struct fby_part *pt,
    const char *topic)
{
	if (!c->by_topic)
		return true;
	return pt->tried_at != c->round_at &&
	    (topic == NULL || strcmp(pt->topic, topic) == 0);
}

static rd_kafka_topic_partition_list_t *
collect(struct fby_commit *c)
{
	struct fby_handoff *h = c->handoff;
	int64_t now = fby_clock_mono(), acked, watermark;
	bool watermarks = now >= c->watermark_at;
	/* Nobody says that it is over: one is committed anew to find out. */
	bool denied = c->group->health.unauthorized && !c->by_topic;
	rd_kafka_topic_partition_list_t *list = NULL;
	const char *topic = NULL;

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
		if (!is_due(pt, acked, watermark, watermarks,
			denied && list == NULL) ||
		    !is_of_turn(c, pt, topic))
			continue;
		if (list == NULL)
			list = rd_kafka_topic_partition_list_new(16);
		topic = pt->topic;
		h->parts[i].tried_at = c->round_at;
		tp = rd_kafka_topic_partition_list_add(list, pt->topic,
		    pt->partition);
		tp->offset = acked;
		/* Read after the offset, for what worker/lane.c says. */
		rd_kafka_topic_partition_set_leader_epoch(tp,
		    fby_handoff_epoch_before(h, pt));
		h->parts[i].sent_round = pt->round;
		len = fby_metadata_encode(buf, watermark, pt->topic_id,
		    pt->partitions);
		if (len == 0)
			continue;
		tp->metadata = strdup(buf); /* librdkafka frees it */
		tp->metadata_size = tp->metadata ? len : 0;
	}
	if (watermarks && !c->by_topic)
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
	struct fby_handoff *h = c->handoff;
	int64_t acked, watermark;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (!is_ours(pt) || pt->state == FBY_ROW_IDLE ||
		    pt->state == FBY_ROW_RESOLVING)
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

static void set_alarms(struct fby_commit *c);
static bool is_any_refused(const struct fby_handoff *h);
static size_t give_up(struct fby_commit *c);

/* What was refused may have been committed by others, or taken back. */
static void
forget_refusals(struct fby_handoff *h)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		if (!is_ours(&h->parts[i]) ||
		    fby_handoff_acked(h, &h->parts[i]) <= h->parts[i].committed)
			h->parts[i].refusals = 0;
}

/* Nothing is due, or nothing that was not tried in this round. */
static void
end_round(struct fby_commit *c)
{
	struct fby_handoff *h = c->handoff;
	bool soon = give_up(c) > 0;

	forget_refusals(h);
	if (!is_any_refused(h)) {
		c->by_topic = false;
		c->refusal = 0;
	}
	set_alarms(c);
	rearm(c, soon ? RETRY_MS : c->ctx->manifest->host.commit_interval_ms);
}

static void
send_next(struct fby_commit *c)
{
	rd_kafka_topic_partition_list_t *list;
	struct fby_group *g = c->group;
	rd_kafka_resp_err_t err;

	if (c->ctx->manifest->host.delivery == FBY_EXACTLY_ONCE) {
		mirror(c);
		rearm(c, c->ctx->manifest->host.commit_interval_ms);
		return;
	}
	if (c->request.under_way > 0) {
		c->again = true;
		return;
	}
	c->again = false;
	if (g->rk == NULL || g->state == FBY_GROUP_CLOSED ||
	    g->state == FBY_GROUP_LEAVING || (list = collect(c)) == NULL) {
		end_round(c);
		return;
	}
	c->request.under_way = 1;
	err = rd_kafka_commit_queue(g->rk, list, g->replies.queue, NULL,
	    &c->request);
	rd_kafka_topic_partition_list_destroy(list);
	if (err) {
		c->request.under_way = 0;
		fby_error("commit: %s", rd_kafka_err2str(err));
		rearm(c, c->ctx->manifest->host.commit_interval_ms);
	}
}

void
fby_commit_now(struct fby_commit *c)
{
	c->round_at = FBY_MAX(fby_clock_mono(), c->round_at + 1);
	send_next(c);
}

/* ---- the broker's answer ---------------------------------------------- */

/* We are no member any more: trying again does not help. */
static bool
is_final(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
	    err == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID ||
	    err == RD_KAFKA_RESP_ERR_FENCED_MEMBER_EPOCH;
}

bool
fby_commit_is_overtaken(int err)
{
	return err == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
	    err == RD_KAFKA_RESP_ERR_STALE_MEMBER_EPOCH ||
	    err == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS;
}

/* May be that of a topic, while others are committed. */
static bool
is_of_topic(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
	    err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
	    err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_ID ||
	    err == RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION ||
	    err == RD_KAFKA_RESP_ERR_OFFSET_METADATA_TOO_LARGE ||
	    err == RD_KAFKA_RESP_ERR_INVALID_COMMIT_OFFSET_SIZE;
}

static bool
has_several_topics(const rd_kafka_topic_partition_list_t *list)
{
	for (int i = 1; list && i < list->cnt; i++)
		if (strcmp(list->elems[i].topic, list->elems[0].topic) != 0)
			return true;
	return false;
}

/* What a request was answered, noted where it belongs. */
static void
take_answer(struct fby_commit *c, rd_kafka_event_t *ev)
{
	const rd_kafka_topic_partition_list_t
	    *list = rd_kafka_event_topic_partition_list(ev);
	struct fby_handoff *h = c->handoff;
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);

	for (int i = 0; list && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *tp = &list->elems[i];
		uint32_t n = fby_handoff_find(h, tp->topic, tp->partition);
		struct fby_part *pt;

		if (FBY_COUNT_IF(n == FBY_NOROW))
			continue;
		pt = &h->parts[n];
		pt->refusal = err;
		pt->refusals = err ? pt->refusals + 1 : 0;
		if (!err)
			fby_handoff_confirmed(h, n, pt->sent_round, tp->offset,
			    fby_metadata_watermark(tp->metadata,
				tp->metadata_size));
	}
}

/*
 * Those that wait for their last commit, and whose refusal will not go.
 * Returns how many still wait after one.
 */
static size_t
give_up(struct fby_commit *c)
{
	struct fby_handoff *h = c->handoff;
	size_t waiting = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		const struct fby_part *pt = &h->parts[i];

		if (pt->state != FBY_ROW_RELEASED || pt->refusals == 0)
			continue;
		if (is_final(pt->refusal) || pt->refusals >= TRIES_MAX)
			let_go(c, pt, rd_kafka_err2str(pt->refusal));
		else
			waiting++;
	}
	return waiting;
}

/* ---- alarms ----------------------------------------------------------- */

/*
 * By what is refused now: all of it, or some partitions while others are
 * committed.  What was overtaken once is no failure.
 */
static void
set_alarms(struct fby_commit *c)
{
	struct fby_alarms *alarms = &c->ctx->alarms;
	const struct fby_handoff *h = c->handoff;
	const struct fby_part *first = NULL;
	size_t refused = 0, committed = 0;
	char others[32] = "";

	for (uint32_t i = 0; i < h->nparts; i++) {
		const struct fby_part *pt = &h->parts[i];

		if (!is_ours(pt))
			continue;
		committed += pt->refusals == 0 && pt->committed >= 0;
		if (pt->refusals <=
		    (fby_commit_is_overtaken(pt->refusal) ? 1u : 0u))
			continue;
		if (refused++ == 0)
			first = pt;
	}
	if (c->refusal && !fby_commit_is_overtaken(c->refusal))
		committed = 0;
	if (first == NULL || committed > 0)
		fby_alarm_clear(alarms, FBY_ALARM_COMMIT);
	else
		fby_alarm_set(alarms, FBY_ALARM_COMMIT, "%s",
		    rd_kafka_err2str(first->refusal));
	if (refused > 1)
		snprintf(others, sizeof(others), " and %zu more", refused - 1);
	if (first == NULL || committed == 0)
		fby_alarm_clear(alarms, FBY_ALARM_PARTITION_COMMIT);
	else
		fby_alarm_set(alarms, FBY_ALARM_PARTITION_COMMIT,
		    "%s/%d%s: %s; the others are committed", first->topic,
		    first->partition, others, rd_kafka_err2str(first->refusal));
}

/* Is there a partition whose last commit was refused? */
static bool
is_any_refused(const struct fby_handoff *h)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		if (is_ours(&h->parts[i]) && h->parts[i].refusals > 0)
			return true;
	return false;
}

static void
on_answer(void *arg, rd_kafka_event_t *ev)
{
	struct fby_commit *c = arg;
	rd_kafka_resp_err_t err = rd_kafka_event_error(ev);
	size_t waiting;

	if (is_of_topic(err) && !c->by_topic &&
	    has_several_topics(rd_kafka_event_topic_partition_list(ev))) {
		c->by_topic = true;
		fby_commit_now(c);
		return;
	}
	take_answer(c, ev);
	fby_handoff_committed(c->handoff);
	c->commits += !err;
	if (!err)
		fby_group_committed(c->group);
	c->errors += err != 0;
	c->refusal = is_of_topic(err) ? 0 : err;
	waiting = give_up(c);
	set_alarms(c);
	if (!err && c->again)
		fby_commit_now(c);
	else if (c->by_topic)
		send_next(c); /* of the next topic, or the round is over */
	else
		rearm(c,
		    err || waiting > 0 ?
			RETRY_MS :
			c->ctx->manifest->host.commit_interval_ms);
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
fby_commit_init(struct fby_commit *c, struct fby_context *ctx,
    struct fby_group *group, struct fby_handoff *handoff)
{
	memset(c, 0, sizeof(*c));
	c->ctx = ctx;
	c->group = group;
	c->handoff = handoff;
	c->request.fn = on_answer;
	c->request.arg = c;
	evtimer_assign(&c->ev_timer, ctx->base, on_timer, c);
	fby_commit_rearm(c);
}

void
fby_commit_rearm(struct fby_commit *c)
{
	rearm(c, c->ctx->manifest->host.commit_interval_ms);
}

void
fby_commit_forget(struct fby_commit *c)
{
	c->request.under_way = 0;
	c->again = false;
	c->by_topic = false;
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
	const struct fby_handoff *h = c->handoff;
	size_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		const struct fby_part *pt = &h->parts[i];

		n += is_ours(pt) && fby_handoff_acked(h, pt) > pt->committed;
	}
	return n;
}
