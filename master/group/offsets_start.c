/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where one partition starts, by what was answered; see offsets_own.h.
 */
#include "shared/fby.h"

#include "master/group/offsets_own.h"

#include "shared/base/log.h"
#include "shared/base/units.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/group/recover.h"
#include "master/group/topics.h"
#include "master/handoff/handoff.h"

#define OF_RESET ", and auto.offset.reset is error"

/* ---- what is known beyond what is committed ------------------------- */

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

/* ---- of another topic, or of a log that was cut --------------------- */

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
		fby_offsets_resolve_later(o);
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

/* ---- what is decided ------------------------------------------------ */

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

/*
 * What is committed in a log that was cut is void.  Nothing might come to be
 * acked for a long time, and what takes it for a start meanwhile, another
 * runtime say, is out of range.
 */
static bool
is_void(const struct fby_offsets_part *op, int64_t there)
{
	return there > op->committed;
}

void
fby_offsets_choose(struct fby_offsets *o, struct fby_offsets_part *op)
{
	struct fby_part *pt = op->pt;
	const struct fby_topics_id *id;
	int64_t start, watermark = op->watermark, committed, there;
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
	there = op->committed;
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
		fby_offsets_resolve_later(o);
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
	if (is_void(op, there) ||
	    (committed == FBY_NONE && reset == FBY_RESET_LATEST))
		fby_offsets_commit_first(o, op, topic_id, start, epoch,
		    watermark);
	else
		fby_offsets_resolved(o, op, topic_id,
		    committed == FBY_NONE ? FBY_NONE : op->committed, start,
		    epoch, watermark);
}
