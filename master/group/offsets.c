/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts; see offsets.h.
 *
 * A round asks for everything that is RESOLVING when it begins; partitions
 * whose answer has an error stay so and are asked for again.
 */
#include "shared/fby.h"

#include "master/group/offsets.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/boundary/metadata.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/group.h"
#include "master/group/offsets_own.h"
#include "master/group/recover.h"
#include "master/group/topics.h"
#include "master/group/unstarted.h"
#include "master/handoff/handoff.h"

#define RETRY_MS 500
#define FAILED_MAX_MS 10000
#define GROUP_MS 3000
#define OF_RESET ", and auto.offset.reset is error"
#define WHAT (FBY_SURVEY_COMMITTED | FBY_SURVEY_FIRST | FBY_SURVEY_END)

/* ---- one round -------------------------------------------------------- */

static void
drop_round(struct fby_offsets *o)
{
	free(o->parts);
	o->parts = NULL;
	o->nparts = 0;
}

/* By topic and number: what is of one topic stands together. */
static int
by_topic(const void *va, const void *vb)
{
	const struct fby_offsets_part *a = va, *b = vb;
	int d = strcmp(a->pt->topic, b->pt->topic);

	if (d != 0)
		return d;
	return a->pt->partition < b->pt->partition ? -1 : 1;
}

static void
retry_later(struct fby_offsets *o)
{
	struct timeval tv = fby_clock_tv(RETRY_MS);

	if (!evtimer_pending(&o->ev_retry, NULL))
		evtimer_add(&o->ev_retry, &tv);
}

/*
 * Why an item of the master before is not used, or NULL.  A commit of its may
 * have been confirmed unseen; anything else outside of its bounds is somebody
 * else's doing.
 */
static const char *
distrust(const struct fby_offsets_part *op, const struct fby_recover_item *item,
    uint64_t topic_id)
{
	if (item->topic_id != 0 && item->topic_id != topic_id)
		return "they are of a topic of that name before this one";
	if (op->committed < item->committed || op->committed > item->acked)
		return "the group has gone on without us";
	if (item->acked > op->end)
		return "the log ends before that, it is not believed";
	return NULL;
}

/* The ledger of the master before may know of acks that were not committed. */
static int64_t
recovered(struct fby_offsets *o, const struct fby_offsets_part *op,
    uint64_t topic_id, int64_t *watermark, int32_t *epoch)
{
	const struct fby_part *pt = op->pt;
	struct fby_recover_item *item;
	char committed[FBY_UNITS_OFFSET];
	const char *why;
	bool first;

	item = fby_recover_find(o->recover, pt->topic, pt->partition);
	if (item == NULL || o->ctx->manifest->host.delivery == FBY_EXACTLY_ONCE)
		return FBY_NONE;
	first = !item->used;
	item->used = true;
	if ((why = distrust(op, item, topic_id)) == NULL &&
	    op->committed == item->acked)
		return FBY_NONE;
	/* Later on it is no news that we have gone on ourselves. */
	if (why == NULL || first)
		fby_log(why ? FBY_LOG_WARN : FBY_LOG_NOTICE,
		    "partition %s/%d: the ledger has acks up to %" PRId64
		    ", the broker has %s committed and ends at %" PRId64 ": %s",
		    pt->topic, pt->partition, item->acked,
		    fby_units_offset_text(committed, op->committed, "nothing"),
		    op->end, why ? why : "going on from the ledger's");
	if (why)
		return FBY_NONE;
	*watermark = FBY_MAX(*watermark, item->watermark);
	*epoch = FBY_MAX(item->epoch, -1);
	o->recovered++;
	return item->acked;
}

/*
 * Lost and ours again: as long as nobody has committed in between, what we had
 * acked is done, by the same right as after the death of a master.
 */
static int64_t
kept(struct fby_offsets *o, const struct fby_offsets_part *op,
    uint64_t topic_id, int64_t *watermark, int32_t *epoch)
{
	const struct fby_part *pt = op->pt;
	int64_t acked = pt->acked;

	if (pt->topic_id != topic_id || op->committed == FBY_NONE ||
	    pt->resume != FBY_NONE || op->committed != pt->committed ||
	    acked <= op->committed || acked > op->end)
		return FBY_NONE;
	*watermark = FBY_MAX(*watermark, pt->watermark);
	*epoch = pt->epoch_before;
	fby_notice("partition %s/%d: ours again, and nobody has committed "
		   "since; going on from our own acks, at %" PRId64
		   " after %" PRId64,
	    pt->topic, pt->partition, acked, op->committed);
	o->recovered++;
	return acked;
}

/* It stays what it was when the group began: the metadata carry it. */
void
fby_offsets_keep_size(struct fby_offsets *o, const struct fby_offsets_part *op)
{
	struct fby_part *pt = op->pt;

	if (op->committed != FBY_NONE)
		pt->partitions = op->partitions;
	else if (pt->resume == FBY_NONE)
		pt->partitions = op->size;
	fby_store(&fby_handoff_row(o->handoff, pt)->partitions, pt->partitions);
}

void
fby_offsets_resolved(struct fby_offsets *o, const struct fby_offsets_part *op,
    uint64_t topic_id, int64_t committed, int64_t start, int32_t epoch,
    int64_t watermark)
{
	struct fby_handoff *h = o->handoff;
	int64_t believed = fby_handoff_believed(h, watermark);

	if (believed < watermark) {
		fby_warn("partition %s/%d: its watermark, %" PRId64
			 " ms since 1970, is beyond watermark.maxFuture; going "
			 "on from %" PRId64,
		    op->pt->topic, op->pt->partition, watermark, believed);
		fby_bump(&fby_handoff_row(h, op->pt)->future, 1);
		watermark = believed;
	}
	fby_offsets_keep_size(o, op);
	op->pt->epoch_before = epoch;
	fby_handoff_set_committed(h, op->pt, committed, op->watermark);
	fby_handoff_set_log(h, op->pt, op->first, op->end, topic_id);
	fby_handoff_resolved(h, op->pt, start, watermark);
}

/*
 * Nothing of this topic has been read, whatever is committed under its name:
 * also with auto.offset.reset: latest, which means "from when this group was
 * first seen".
 */
static void
start_anew(struct fby_offsets *o, const struct fby_offsets_part *op,
    uint64_t topic_id)
{
	const struct fby_part *pt = op->pt;
	char committed[FBY_UNITS_OFFSET];

	if (o->reset == FBY_RESET_ERROR) {
		op->pt->no_start =
		    "the topic was deleted and created anew" OF_RESET;
		retry_later(o);
		return;
	}
	o->resets++;
	fby_warn("partition %s/%d: the topic was deleted and created anew; "
		 "%s of the old one is committed and means nothing in it, "
		 "starting at %" PRId64,
	    pt->topic, pt->partition,
	    fby_units_offset_text(committed, op->committed, "no offset"),
	    op->first);
	fby_offsets_resolved(o, op, topic_id, FBY_NONE, op->first, -1,
	    op->watermark);
}

/*
 * Is what is committed an offset of a topic that had this name before?  If it
 * does not say so, others than we may have committed it, or we before we knew
 * to say it: then it is taken for one of the topic that we have read, or seen,
 * before this one.
 */
static bool
is_of_another(const struct fby_offsets_part *op, const struct fby_topics_id *id)
{
	uint64_t of = op->of ? op->of : op->pt->topic_id;

	/* Brokers before 2.8 have no ids. */
	if (id == NULL || id->id == 0)
		return false;
	return (of ? of : id->first) != id->id;
}

/* It says so, or we know too little: then the topic's id is asked for, too. */
static bool
is_in_doubt(const struct fby_offsets *o, const struct fby_offsets_part *op)
{
	const struct fby_topics_id *id = fby_topics_find(o->topics,
	    op->pt->topic);

	return op->of != 0 && (id == NULL || id->id != op->of);
}

/*
 * The log ends before what was read of it: it was cut.  It may have been cut
 * further down and have grown again, which the holder finds out: the leader
 * has to have so many records of that epoch.  (An offset out of range without
 * an epoch, or of who knows which topic, is one for auto.offset.reset.)
 */
static void
meet_cut(struct fby_offsets *o, struct fby_offsets_part *op, uint64_t topic_id,
    int64_t *committed, int32_t epoch)
{
	struct fby_part *pt = op->pt;

	if (*committed <= op->end || epoch < 0 || topic_id == 0)
		return;
	o->handoff->cuts++;
	fby_warn("partition %s/%d: its log was cut and ends at %" PRId64
		 "; %" PRId64 " was the next to be acked, going on from the "
		 "end",
	    pt->topic, pt->partition, op->end, *committed);
	*committed = op->end;
	op->committed = FBY_MIN(op->committed, op->end);
	pt->resume = FBY_NONE;
}

/* What was committed before the log was cut is void; go_back() was there. */
static void
forget_void(struct fby_offsets_part *op)
{
	const struct fby_part *pt = op->pt;

	if (pt->cut_from == FBY_NONE || op->committed != pt->cut_from)
		return;
	op->committed = FBY_MIN(op->committed, pt->cut_at);
	op->epoch = -1;
}

/* The committed offset is no offset of the log any more. */
static void
count_reset(struct fby_offsets *o, const struct fby_offsets_part *op,
    int64_t committed, int64_t start)
{
	o->resets++;
	fby_warn("partition %s/%d: the committed offset %" PRId64
		 " is outside of what the broker has (%" PRId64 " to %" PRId64
		 "); auto.offset.reset: starting at %" PRId64,
	    op->pt->topic, op->pt->partition, committed, op->first, op->end,
	    start);
}

/* From the start that was chosen, or from where we know better. */
static int64_t
go_on(struct fby_offsets *o, const struct fby_offsets_part *op,
    uint64_t topic_id, int64_t start, int64_t *watermark, int32_t *epoch)
{
	const struct fby_part *pt = op->pt;
	int64_t acked = recovered(o, op, topic_id, watermark, epoch);

	if (acked == FBY_NONE)
		acked = kept(o, op, topic_id, watermark, epoch);
	if (acked >= 0 && acked < pt->resume)
		*epoch = pt->epoch_before;
	return acked >= 0 ? FBY_MAX(acked, pt->resume) : start;
}

static enum fby_start_reset
reset_of(const struct fby_offsets *o, const struct fby_offsets_part *op,
    int64_t committed)
{
	if (!op->is_later || committed != FBY_NONE)
		return o->reset;
	fby_notice("partition %s/%d: the group had begun with its topic before "
		   "it was there; starting at its first record",
	    op->pt->topic, op->pt->partition);
	return FBY_RESET_EARLIEST;
}

static void
decide(struct fby_offsets *o, struct fby_offsets_part *op)
{
	struct fby_part *pt = op->pt;
	const struct fby_topics_id *id;
	int64_t start, watermark = op->watermark, committed;
	enum fby_start_reset reset;
	uint64_t topic_id;
	int32_t epoch;

	/* It may have been revoked while the answers were under way. */
	if (pt->state != FBY_ROW_RESOLVING || pt->round != op->round) {
		o->again = true;
		return;
	}
	id = fby_topics_find(o->topics, pt->topic);
	topic_id = id ? id->id : 0;
	if (is_of_another(op, id)) {
		if (pt->resume == FBY_NONE) {
			start_anew(o, op, topic_id);
			return;
		}
		/* We have begun it, and could not commit anything yet. */
		op->committed = FBY_NONE;
	}
	forget_void(op);
	/* What we have acked ourselves, and could not commit yet, counts. */
	committed = FBY_MAX(op->committed, pt->resume);
	epoch = committed > op->committed ? pt->epoch_before : op->epoch;
	if (pt->resume != FBY_NONE)
		watermark = FBY_MAX(watermark, pt->watermark);
	meet_cut(o, op, topic_id, &committed, epoch);
	reset = reset_of(o, op, committed);
	switch (fby_start_choose(committed, op->first, op->end, op->stable,
	    reset, &start)) {
	case FBY_START_NONE:
		pt->no_start = committed < 0 ?
		    "no offset is committed" OF_RESET :
		    "the broker no longer has the committed offset" OF_RESET;
		retry_later(o);
		return;
	case FBY_START_RESET:
		count_reset(o, op, committed, start);
		committed = FBY_NONE;
		epoch = -1;
		break;
	case FBY_START_COMMITTED:
	case FBY_START_FRESH:
		start = go_on(o, op, topic_id, start, &watermark, &epoch);
		break;
	}
	if (committed == FBY_NONE && reset == FBY_RESET_LATEST)
		fby_offsets_commit_first(o, op, topic_id, start, epoch,
		    watermark);
	else
		fby_offsets_resolved(o, op, topic_id,
		    committed == FBY_NONE ? FBY_NONE : op->committed, start,
		    epoch, watermark);
}

/* Nothing is under way any more. */
void
fby_offsets_end_round(struct fby_offsets *o, bool all)
{
	drop_round(o);
	fby_unstarted_look(o->handoff, &o->ctx->alarms);
	if (!all)
		retry_later(o);
	else if (o->again)
		fby_offsets_resolve(o);
}

void
fby_offsets_decide(struct fby_offsets *o)
{
	o->all_known = true;
	for (size_t i = 0, end; i < o->nparts; i = end) {
		uint32_t size;

		end = fby_offsets_end_of_topic(o, i);
		size = (uint32_t)fby_offsets_size_of(o, i, end);
		for (size_t k = i; k < end; k++)
			o->parts[k].size = size;
	}
	for (size_t i = 0; i < o->nparts; i++) {
		if (o->parts[i].is_known && !o->parts[i].doubt)
			decide(o, &o->parts[i]);
		else
			o->all_known = false;
	}
	if (!fby_offsets_send_first(o))
		fby_offsets_end_round(o, o->all_known);
}

/* ---- of which topic? -------------------------------------------------- */

/* Or where it would stand. */
static size_t
first_of_topic(const struct fby_offsets *o, const char *topic)
{
	size_t low = 0, high = o->nparts;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (strcmp(o->parts[mid].pt->topic, topic) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static void
on_id(void *arg, const char *topic)
{
	struct fby_offsets *o = arg;

	size_t i = first_of_topic(o, topic);

	for (; i < o->nparts && strcmp(o->parts[i].pt->topic, topic) == 0; i++)
		o->parts[i].doubt = false;
}

static void
on_ids(void *arg, rd_kafka_event_t *ev)
{
	struct fby_offsets *o = arg;

	if (rd_kafka_event_error(ev))
		fby_info("offsets: topic ids: %s",
		    rd_kafka_event_error_string(ev));
	fby_topics_described(o->topics, ev, on_id, o);
	fby_offsets_ask_siblings(o);
}

/* ---- what the broker says --------------------------------------------- */

static void
take(struct fby_offsets *o, struct fby_offsets_part *op)
{
	const struct fby_survey_part *sp = fby_survey_find(&o->survey,
	    op->pt->topic, op->pt->partition);

	if (sp == NULL || (sp->known & o->survey.what) != o->survey.what)
		return;
	op->committed = sp->committed;
	op->epoch = sp->epoch;
	op->watermark = sp->watermark;
	op->first = sp->first;
	op->end = sp->end;
	op->stable = sp->known & FBY_SURVEY_STABLE ? sp->stable : sp->end;
	op->partitions = sp->partitions;
	op->of = sp->of;
	op->is_known = true;
	op->doubt = is_in_doubt(o, op);
}

static void
on_survey(void *arg, struct fby_survey *s, const char *error)
{
	struct fby_offsets *o = arg;
	bool doubt = false;

	(void)s;
	if (error)
		fby_info("offsets: %s", error);
	for (size_t i = 0; i < o->nparts; i++) {
		take(o, &o->parts[i]);
		doubt |= o->parts[i].doubt;
	}
	if (doubt)
		fby_topics_ask(o->topics, &o->ids);
	else
		fby_offsets_ask_siblings(o);
}

/* ---- the watermark of the group --------------------------------------- */

static void
on_group(void *arg, rd_kafka_topic_partition_list_t *list, int err)
{
	struct fby_offsets *o = arg;
	int64_t min = INT64_MAX;

	o->group_call = NULL;
	for (int i = 0; !err && i < list->cnt; i++) {
		const rd_kafka_topic_partition_t *tp = &list->elems[i];

		err = tp->err;
		if (tp->offset >= 0)
			min = FBY_MIN(min,
			    fby_handoff_believed(o->handoff,
				fby_metadata_watermark(tp->metadata,
				    tp->metadata_size)));
	}
	if (!err)
		o->group_watermark = min == INT64_MAX ? FBY_NONE : min;
}

void
fby_offsets_group(struct fby_offsets *o, rd_kafka_topic_partition_list_t *list)
{
	if (o->group_call != NULL) {
		rd_kafka_topic_partition_list_destroy(list);
		return;
	}
	o->group_call = fby_call_committed(&o->ctx->calls, o->group->rk, list,
	    GROUP_MS, on_group, o);
}

/* ---- a new round ------------------------------------------------------ */

static enum fby_start_reset
reset_policy(const struct fby_manifest *m)
{
	const char *v = fby_kafka_setting(m, "auto.offset.reset");

	if (v == NULL || strcmp(v, "earliest") == 0 ||
	    strcmp(v, "smallest") == 0 || strcmp(v, "beginning") == 0)
		return FBY_RESET_EARLIEST;
	if (strcmp(v, "error") == 0)
		return FBY_RESET_ERROR;
	return FBY_RESET_LATEST;
}

/* Who reads uncommitted records has no open transaction before him. */
static bool
wants_stable(const struct fby_offsets *o)
{
	const char *v = fby_kafka_setting(o->ctx->manifest, "isolation.level");

	return o->reset == FBY_RESET_LATEST &&
	    (v == NULL || strcmp(v, "read_uncommitted") != 0);
}

/* What cannot be read is asked for more and more seldom. */
static bool
is_due(struct fby_part *pt, int64_t now)
{
	int64_t wait = 0;

	for (unsigned i = 1; i < pt->failures && wait < FAILED_MAX_MS; i++)
		wait = wait == 0 ? RETRY_MS : 2 * wait;
	if (pt->ask_at == 0)
		pt->ask_at = now + FBY_MIN(wait, FAILED_MAX_MS);
	return now >= pt->ask_at;
}

/* Everything that is RESOLVING, and due; NULL if nothing is. */
static rd_kafka_topic_partition_list_t *
gather(struct fby_offsets *o)
{
	struct fby_handoff *h = o->handoff;
	rd_kafka_topic_partition_list_t *list;
	size_t n = fby_handoff_count(h, FBY_ROW_RESOLVING);
	int64_t now = fby_clock_mono();

	if (n == 0)
		return NULL;
	list = rd_kafka_topic_partition_list_new((int)n);
	o->parts = fby_calloc(n, sizeof(*o->parts));
	o->nparts = 0;
	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->state != FBY_ROW_RESOLVING)
			continue;
		if (pt->failures > 0 && !is_due(pt, now)) {
			retry_later(o);
			continue;
		}
		o->parts[o->nparts].round = pt->round;
		o->parts[o->nparts++].pt = pt;
		rd_kafka_topic_partition_list_add(list, pt->topic,
		    pt->partition);
	}
	if (list->cnt > 0) {
		qsort(o->parts, o->nparts, sizeof(o->parts[0]), by_topic);
		return list;
	}
	rd_kafka_topic_partition_list_destroy(list);
	drop_round(o);
	return NULL;
}

void
fby_offsets_resolve_later(struct fby_offsets *o)
{
	retry_later(o);
}

void
fby_offsets_resolve(struct fby_offsets *o)
{
	rd_kafka_topic_partition_list_t *list;

	if (fby_survey_is_under_way(&o->survey) || o->ids.under_way > 0 ||
	    o->siblings != NULL || o->first_commit.under_way > 0) {
		o->again = true;
		return;
	}
	o->again = false;
	o->reset = reset_policy(o->ctx->manifest);
	if (o->group->rk == NULL || (list = gather(o)) == NULL)
		return;
	fby_survey_ask(&o->survey, o->group->rk, o->group->replies.queue, list,
	    WHAT | (wants_stable(o) ? FBY_SURVEY_STABLE : 0));
}

static void
on_retry(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fby_offsets_resolve(arg);
}

/* ---- life ------------------------------------------------------------- */

void
fby_offsets_init(struct fby_offsets *o, struct fby_context *ctx,
    struct fby_group *group, struct fby_handoff *handoff,
    struct fby_topics *topics, struct fby_recover *recover)
{
	memset(o, 0, sizeof(*o));
	o->ctx = ctx;
	o->group = group;
	o->handoff = handoff;
	o->topics = topics;
	o->recover = recover;
	o->group_watermark = FBY_NONE;
	fby_survey_init(&o->survey, &ctx->calls, on_survey, o);
	o->ids.fn = on_ids;
	o->ids.arg = o;
	o->first_commit.fn = fby_offsets_on_first;
	o->first_commit.arg = o;
	evtimer_assign(&o->ev_retry, ctx->base, on_retry, o);
}

void
fby_offsets_forget(struct fby_offsets *o)
{
	if (o->ctx == NULL)
		return;
	drop_round(o);
	fby_survey_forget(&o->survey);
	fby_call_forget(&o->ctx->calls, o->group_call);
	fby_call_forget(&o->ctx->calls, o->siblings);
	o->siblings = o->group_call = NULL;
	o->ids.under_way = o->first_commit.under_way = 0;
	evtimer_del(&o->ev_retry);
}

void
fby_offsets_fini(struct fby_offsets *o)
{
	fby_offsets_forget(o);
}
