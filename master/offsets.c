/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where reading starts; see offsets.h.
 *
 * A round asks for everything that is RESOLVING when it begins; partitions
 * whose answer has an error stay so and are asked for again.
 */
#include "shared/fby.h"

#include "master/offsets.h"

#include <event2/event.h>
#include <librdkafka/rdkafka.h>

#include "shared/clock.h"
#include "shared/kafka.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"
#include "shared/metadata.h"
#include "shared/units.h"

#include "master/master.h"
#include "master/unstarted.h"

#define RETRY_MS 500
#define FAILED_MAX_MS 10000
#define GROUP_MS 3000
#define SIBLINGS_MS 3000
#define WHAT (FBY_SURVEY_COMMITTED | FBY_SURVEY_FIRST | FBY_SURVEY_END)

struct fby_offsets_part {
	struct fby_part *pt;
	int64_t committed, watermark; /* FBY_NONE: none */
	int32_t epoch; /* of the leader, of the record before it; or -1 */
	int64_t first, end, stable;
	uint32_t partitions; /* its metadata say so; 0: they do not */
	unsigned round;      /* of the part, when it was asked for */
	bool is_known;       /* all of this is */
	uint64_t of;         /* topic of the committed one; 0: not said */
	bool doubt;          /* is it this one?  Its id is asked for */
	bool is_later;       /* than the group's beginning with its topic */
};

/* ---- one round -------------------------------------------------------- */

static void
drop_round(struct fby_offsets *o)
{
	free(o->parts);
	o->parts = NULL;
	o->nparts = 0;
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

	item = fby_recover_find(&o->mst->recover, pt->topic, pt->partition);
	if (item == NULL ||
	    o->mst->ctx.manifest->host.delivery == FBY_EXACTLY_ONCE)
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

/* How many partitions has the topic, as far as we know? */
static int
size_of(const struct fby_offsets *o, const char *topic)
{
	const struct fby_topics_id *id = fby_topics_find(&o->mst->topics,
	    topic);
	int n = id ? id->partitions : 0;

	for (size_t i = 0; i < o->nparts; i++)
		if (strcmp(o->parts[i].pt->topic, topic) == 0)
			n = FBY_MAX(n, o->parts[i].pt->partition + 1);
	return n;
}

/* It stays what it was when the group began: the metadata carry it. */
static void
keep_size(struct fby_offsets *o, const struct fby_offsets_part *op)
{
	struct fby_part *pt = op->pt;

	if (op->committed != FBY_NONE)
		pt->partitions = op->partitions;
	else if (pt->resume == FBY_NONE)
		pt->partitions = (uint32_t)size_of(o, pt->topic);
	fby_store(&fby_handoff_row(&o->mst->handoff, pt)->partitions,
	    pt->partitions);
}

static void
resolved(struct fby_offsets *o, const struct fby_offsets_part *op,
    uint64_t topic_id, int64_t committed, int64_t start, int32_t epoch,
    int64_t watermark)
{
	struct fby_handoff *h = &o->mst->handoff;
	int64_t believed = fby_handoff_believed(h, watermark);

	if (believed < watermark) {
		fby_warn("partition %s/%d: its watermark, %" PRId64
			 " ms since 1970, is beyond watermark.maxFuture; going "
			 "on from %" PRId64,
		    op->pt->topic, op->pt->partition, watermark, believed);
		fby_bump(&fby_handoff_row(h, op->pt)->future, 1);
		watermark = believed;
	}
	keep_size(o, op);
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
		op->pt->no_start = "the topic was deleted and created anew";
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
	resolved(o, op, topic_id, FBY_NONE, op->first, -1, op->watermark);
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
	const struct fby_topics_id *id = fby_topics_find(&o->mst->topics,
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
	o->mst->handoff.cuts++;
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

static void
decide(struct fby_offsets *o, struct fby_offsets_part *op)
{
	struct fby_part *pt = op->pt;
	const struct fby_topics_id *id;
	int64_t start, watermark = op->watermark, acked, committed;
	enum fby_start_reset reset = o->reset;
	uint64_t topic_id;
	int32_t epoch;

	/* It may have been revoked while the answers were under way. */
	if (pt->state != FBY_ROW_RESOLVING || pt->round != op->round) {
		o->again = true;
		return;
	}
	id = fby_topics_find(&o->mst->topics, pt->topic);
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
	if (op->is_later && committed == FBY_NONE) {
		fby_notice("partition %s/%d: the group had begun with its "
			   "topic before it was there; starting at its first "
			   "record",
		    pt->topic, pt->partition);
		reset = FBY_RESET_EARLIEST;
	}
	switch (fby_start_choose(committed, op->first, op->end, op->stable,
	    reset, &start)) {
	case FBY_START_NONE:
		pt->no_start = committed < 0 ?
		    "no offset is committed" :
		    "the broker no longer has the committed offset";
		retry_later(o);
		return;
	case FBY_START_RESET:
		o->resets++;
		fby_warn("partition %s/%d: the committed offset %" PRId64
			 " is outside of what the broker has (%" PRId64
			 " to %" PRId64
			 "); auto.offset.reset: starting at %" PRId64,
		    pt->topic, pt->partition, committed, op->first, op->end,
		    start);
		committed = FBY_NONE;
		epoch = -1;
		break;
	case FBY_START_COMMITTED:
	case FBY_START_FRESH:
		acked = recovered(o, op, topic_id, &watermark, &epoch);
		if (acked == FBY_NONE)
			acked = kept(o, op, topic_id, &watermark, &epoch);
		if (acked >= 0 && acked < pt->resume)
			epoch = pt->epoch_before;
		if (acked >= 0)
			start = FBY_MAX(acked, pt->resume);
		break;
	}
	resolved(o, op, topic_id,
	    committed == FBY_NONE ? FBY_NONE : op->committed, start, epoch,
	    watermark);
}

static void
finish_round(struct fby_offsets *o)
{
	bool all = true;

	for (size_t i = 0; i < o->nparts; i++) {
		if (o->parts[i].is_known && !o->parts[i].doubt)
			decide(o, &o->parts[i]);
		else
			all = false;
	}
	drop_round(o);
	fby_unstarted_look(&o->mst->handoff, &o->mst->ctx.alarms);
	if (!all)
		retry_later(o);
	else if (o->again)
		fby_offsets_resolve(o);
}

/* ---- is it a partition that was added? -------------------------------- */

/* "latest" means from when the group was first seen, and it is asked now. */
static bool
is_fresh(const struct fby_offsets *o, const struct fby_offsets_part *op)
{
	return o->reset == FBY_RESET_LATEST && op->is_known && !op->doubt &&
	    op->committed == FBY_NONE && op->pt->resume == FBY_NONE;
}

/*
 * What the group has committed of another partition of the topic: did it begin
 * with that one before this one was there?  If its metadata do not say how
 * many there were, it may have.
 */
static bool
is_before(const struct fby_offsets *o, const struct fby_offsets_part *op,
    const rd_kafka_topic_partition_t *tp)
{
	const struct fby_topics_id *id = fby_topics_find(&o->mst->topics,
	    tp->topic);
	uint64_t of = fby_metadata_topic_id(tp->metadata, tp->metadata_size);

	if (tp->offset < 0 || strcmp(tp->topic, op->pt->topic) != 0)
		return false;
	/* All partitions of a topic made anew are later ones. */
	if (id && id->id != 0 && of != 0 && of != id->id)
		return true;
	return (uint32_t)op->pt->partition >=
	    fby_metadata_partitions(tp->metadata, tp->metadata_size);
}

static void
on_siblings(void *arg, rd_kafka_topic_partition_list_t *list, int err)
{
	struct fby_offsets *o = arg;

	o->siblings = NULL;
	if (err)
		fby_info("offsets: committed of all partitions: %s",
		    rd_kafka_err2str(err));
	for (size_t i = 0; i < o->nparts; i++) {
		struct fby_offsets_part *op = &o->parts[i];

		if (!is_fresh(o, op))
			continue;
		for (int k = 0; k < list->cnt && op->is_known; k++) {
			if (err || list->elems[k].err)
				op->is_known = false; /* asked anew */
			else
				op->is_later |= is_before(o, op,
				    &list->elems[k]);
		}
	}
	finish_round(o);
}

static void
ask_siblings(struct fby_offsets *o)
{
	rd_kafka_topic_partition_list_t *list = NULL;
	const char *last = NULL;

	for (size_t i = 0; i < o->nparts; i++) {
		const char *topic = o->parts[i].pt->topic;
		bool had = last != NULL && strcmp(last, topic) == 0;

		if (!is_fresh(o, &o->parts[i]) || had)
			continue;
		last = topic;
		if (list == NULL)
			list = rd_kafka_topic_partition_list_new(16);
		if (rd_kafka_topic_partition_list_find(list, topic, 0) == NULL)
			rd_kafka_topic_partition_list_add_range(list, topic, 0,
			    size_of(o, topic) - 1);
	}
	if (list)
		o->siblings = fby_call_committed(&o->mst->ctx.calls,
		    o->mst->group.rk, list, SIBLINGS_MS, on_siblings, o);
	else
		finish_round(o);
}

/* ---- of which topic? -------------------------------------------------- */

static void
on_id(void *arg, const char *topic)
{
	struct fby_offsets *o = arg;

	for (size_t i = 0; i < o->nparts; i++)
		if (strcmp(o->parts[i].pt->topic, topic) == 0)
			o->parts[i].doubt = false;
}

static void
on_ids(void *arg, rd_kafka_event_t *ev)
{
	struct fby_offsets *o = arg;

	if (rd_kafka_event_error(ev))
		fby_info("offsets: topic ids: %s",
		    rd_kafka_event_error_string(ev));
	fby_topics_described(&o->mst->topics, ev, on_id, o);
	ask_siblings(o);
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
		fby_topics_ask(&o->mst->topics, &o->ids);
	else
		ask_siblings(o);
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
			    fby_handoff_believed(&o->mst->handoff,
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
	o->group_call = fby_call_committed(&o->mst->ctx.calls, o->mst->group.rk,
	    list, GROUP_MS, on_group, o);
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
	const char *v = fby_kafka_setting(o->mst->ctx.manifest,
	    "isolation.level");

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
	struct fby_handoff *h = &o->mst->handoff;
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
	if (list->cnt > 0)
		return list;
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

	if (fby_survey_is_under_way(&o->survey) || o->ids.under_way ||
	    o->siblings != NULL) {
		o->again = true;
		return;
	}
	o->again = false;
	o->reset = reset_policy(o->mst->ctx.manifest);
	if (o->mst->group.rk == NULL || (list = gather(o)) == NULL)
		return;
	fby_survey_ask(&o->survey, o->mst->group.rk, o->mst->group.replies,
	    list, WHAT | (wants_stable(o) ? FBY_SURVEY_STABLE : 0));
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
fby_offsets_init(struct fby_offsets *o, struct fby_master *mst)
{
	memset(o, 0, sizeof(*o));
	o->mst = mst;
	o->group_watermark = FBY_NONE;
	fby_survey_init(&o->survey, &mst->ctx.calls, on_survey, o);
	o->ids.fn = on_ids;
	o->ids.arg = o;
	evtimer_assign(&o->ev_retry, mst->ctx.base, on_retry, o);
}

void
fby_offsets_forget(struct fby_offsets *o)
{
	if (o->mst == NULL)
		return;
	drop_round(o);
	fby_survey_forget(&o->survey);
	fby_call_forget(&o->mst->ctx.calls, o->group_call);
	fby_call_forget(&o->mst->ctx.calls, o->siblings);
	o->siblings = o->group_call = NULL;
	o->ids.under_way = false;
	evtimer_del(&o->ev_retry);
}

void
fby_offsets_fini(struct fby_offsets *o)
{
	fby_offsets_forget(o);
}
