/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the master knows of partitions, in its own memory; see handoff.h.
 */
#include "shared/fby.h"

#include "master/handoff/handoff.h"

#include <errno.h>
#include <sys/mman.h>

#include "shared/base/mem.h"

#include "master/handoff/handoff_own.h"

/* Far more than a group has; so many bytes of a number are 2^20. */
#define PARTS_MAX (UINT32_C(1) << 20)
#define INDEX_MIN 64

/*
 * No holder reads so many records between two looks: a wild store to the
 * ledger shall not pass for one that did.
 */
#define LEAP_MAX (INT64_C(1) << 40)

/* ---- the table -------------------------------------------------------- */

/*
 * Others point into it, so it must not move.  Pages come when they are
 * touched; where memory is not to be promised that is not there, less.
 */
void
fby_handoff_open_parts(struct fby_handoff *h)
{
	void *p = MAP_FAILED;

	for (h->parts_max = PARTS_MAX; h->parts_max > INDEX_MIN;
	     h->parts_max /= 2) {
		p = mmap(NULL, h->parts_max * sizeof(*h->parts),
		    PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (p != MAP_FAILED)
			break;
	}
	if (p == MAP_FAILED)
		fby_mem_fatal();
	h->parts = p;
	h->nowhere = aligned_alloc(FBY_CACHELINE, sizeof(*h->nowhere));
	if (h->nowhere == NULL)
		fby_mem_fatal();
	memset(h->nowhere, 0, sizeof(*h->nowhere));
	h->index_size = INDEX_MIN;
	h->index = fby_calloc(h->index_size, sizeof(*h->index));
}

void
fby_handoff_close_parts(struct fby_handoff *h)
{
	for (uint32_t i = 0; i < h->nparts; i++)
		free(h->parts[i].topic);
	if (h->parts)
		munmap(h->parts, h->parts_max * sizeof(*h->parts));
	free(h->index);
	free(h->nowhere);
}

/* FNV-1a. */
static uint32_t
hash(const char *topic, int32_t partition)
{
	uint32_t x = 2166136261u;

	for (const char *s = topic; *s; s++)
		x = (x ^ (unsigned char)*s) * 16777619u;
	x = (x ^ (uint32_t)partition) * 16777619u;
	return x ^ x >> 15;
}

/* Its place in the index, or the empty one where it belongs. */
static uint32_t *
place(const struct fby_handoff *h, const char *topic, int32_t partition)
{
	uint32_t mask = h->index_size - 1;

	for (uint32_t i = hash(topic, partition) & mask;; i = (i + 1) & mask) {
		const struct fby_part *pt;

		if (h->index[i] == 0)
			return &h->index[i];
		pt = &h->parts[h->index[i] - 1];
		if (pt->partition == partition && strcmp(pt->topic, topic) == 0)
			return &h->index[i];
	}
}

static void
grow_index(struct fby_handoff *h)
{
	free(h->index);
	h->index_size *= 2;
	h->index = fby_calloc(h->index_size, sizeof(*h->index));
	for (uint32_t i = 0; i < h->nparts; i++)
		*place(h, h->parts[i].topic, h->parts[i].partition) = i + 1;
}

uint32_t
fby_handoff_find(const struct fby_handoff *h, const char *topic,
    int32_t partition)
{
	uint32_t at = h->index_size ? *place(h, topic, partition) : 0;

	return at == 0 ? FBY_NOROW : at - 1;
}

/* Partitions of one topic mostly come together, and share its name. */
static uint32_t
name_of(const struct fby_handoff *h, const struct fby_part *pt)
{
	const struct fby_part *last = pt->row > 0 ? pt - 1 : NULL;

	if (last && last->name_off && strcmp(last->topic, pt->topic) == 0)
		return last->name_off;
	return fby_shm_add_name(h->shm, pt->topic);
}

/*
 * Its row is made with it, if there is room.  What has none is known and
 * counted, and nobody can hold it: what is to be in its row goes nowhere.
 */
static void
make_row(struct fby_handoff *h, struct fby_part *pt)
{
	bool fits = pt->row < h->shm->nrows;

	if (fits && pt->name_off == 0)
		pt->name_off = name_of(h, pt);
	pt->has_row = fits && pt->name_off != 0 &&
	    fby_shm_make_row(h->shm, pt->row, pt->name_off, pt->partition) == 0;
	if (fits && !pt->has_row)
		h->row_error = errno;
}

uint32_t
fby_handoff_add(struct fby_handoff *h, const char *topic, int32_t partition)
{
	uint32_t *at = place(h, topic, partition);
	struct fby_part *pt;

	if (*at != 0)
		return *at - 1;
	if (h->nparts == h->parts_max)
		return FBY_NOROW;
	pt = &h->parts[h->nparts];
	*pt = (struct fby_part){
		.row = h->nparts,
		.topic = fby_strdup(topic),
		.partition = partition,
		.slot = FBY_NOSLOT,
		.moving_to = FBY_NOSLOT,
		.resume = FBY_NONE,
		.skip = FBY_NONE,
		.acked = FBY_NONE,
		.epoch_before = -1,
		.cut_at = FBY_NONE,
		.cut_from = FBY_NONE,
		.watermark = FBY_NONE,
		.high = FBY_NONE,
		.committed = FBY_NONE,
		.committed_watermark = FBY_NONE,
	};
	fby_poison_clear(&pt->poison);
	make_row(h, pt);
	*at = ++h->nparts;
	if (h->nparts > h->index_size / 2)
		grow_index(h);
	return pt->row;
}

/* ---- one of them ------------------------------------------------------ */

bool
fby_handoff_is_held(const struct fby_part *pt)
{
	return pt->state == FBY_ROW_HELD || pt->state == FBY_ROW_REVOKING;
}

struct fby_ledger_row *
fby_handoff_row(const struct fby_handoff *h, const struct fby_part *pt)
{
	return pt->has_row ? &h->shm->rows[pt->row] : h->nowhere;
}

void
fby_handoff_write(struct fby_handoff *h, const struct fby_part *pt)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);

	fby_store(&row->committed, pt->committed);
	fby_store(&row->committed_watermark, pt->committed_watermark);
	fby_store(&row->log_start, pt->log_start);
	fby_store(&row->topic_id, pt->topic_id);
	fby_store(&row->high, pt->high);
	fby_store(&row->position, pt->acked);
	fby_store(&row->in_flight, 0);
	fby_store(&row->oldest_at, 0);
	fby_store(&row->leader_epoch, pt->epoch_before);
	fby_release(&row->acked, pt->acked);
	fby_release(&row->watermark, pt->watermark);
}

/* It says that already, or not: then it does now, and that is a change. */
#define RESTORE(field, value)               \
	(fby_load(&row->field) == (value) ? \
		false :                     \
		(fby_store(&row->field, (value)), true))

/* What does not change; the name is looked at with the first that has it. */
static bool
restore_place(struct fby_handoff *h, const struct fby_part *pt)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);
	bool first = pt->row == 0 || pt[-1].name_off != pt->name_off;
	bool changed = first &&
	    fby_shm_restore_name(h->shm, pt->name_off, pt->topic);

	changed |= row->topic_off != pt->name_off ||
	    row->partition != pt->partition;
	row->topic_off = pt->name_off;
	row->partition = pt->partition;
	return changed;
}

/* The rest of the master's line. */
static bool
restore_line(struct fby_handoff *h, const struct fby_part *pt)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);
	bool held = fby_handoff_is_held(pt), changed = false;

	changed |= RESTORE(epoch, pt->epoch);
	changed |= RESTORE(slot, held ? pt->slot : FBY_NOSLOT);
	if (pt->carried)
		return changed;
	changed |= RESTORE(state, pt->state);
	changed |= RESTORE(committed, pt->committed);
	changed |= RESTORE(committed_watermark, pt->committed_watermark);
	changed |= RESTORE(log_start, pt->log_start);
	changed |= RESTORE(topic_id, pt->topic_id);
	changed |= RESTORE(partitions, pt->partitions);
	return changed;
}

uint32_t
fby_handoff_restore(struct fby_handoff *h, bool cut)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < h->nparts; i++) {
		struct fby_part *pt = &h->parts[i];
		bool changed;

		if (!pt->has_row)
			continue;
		changed = restore_place(h, pt);
		changed |= restore_line(h, pt);
		n += changed;
		/* What it has acked only its holder knows, and says. */
		if (cut && !fby_handoff_is_held(pt))
			fby_handoff_write(h, pt);
	}
	fby_store(&h->shm->head->epoch, h->epoch);
	return n;
}

void
fby_handoff_seek_rows(struct fby_handoff *h)
{
	bool found = false;

	for (uint32_t i = 0; i < FBY_MIN(h->nparts, h->shm->nrows); i++) {
		struct fby_part *pt = &h->parts[i];

		if (pt->has_row)
			continue;
		make_row(h, pt);
		if (!pt->has_row)
			return;
		fby_handoff_write(h, pt);
		restore_line(h, pt);
		found = true;
	}
	h->row_error = 0;
	if (found)
		h->ops->plan(h->arg);
}

int64_t
fby_handoff_acked(const struct fby_handoff *h, const struct fby_part *pt)
{
	return fby_handoff_is_held(pt) ?
	    fby_acquire(&fby_handoff_row(h, pt)->acked) :
	    pt->acked;
}

int32_t
fby_handoff_epoch_before(const struct fby_handoff *h, const struct fby_part *pt)
{
	int32_t epoch = fby_handoff_is_held(pt) ?
	    fby_load(&fby_handoff_row(h, pt)->leader_epoch) :
	    pt->epoch_before;

	/* Until its holder has acked something it is what it was granted with:
	 * a holder that dies before must not make it unknown. */
	if (epoch < 0 && fby_handoff_acked(h, pt) == pt->acked)
		epoch = pt->epoch_before;
	return FBY_MAX(epoch, -1);
}

int64_t
fby_handoff_believed(const struct fby_handoff *h, int64_t watermark)
{
	return h->watermark_limit > 0 ? FBY_MIN(watermark, h->watermark_limit) :
					watermark;
}

int64_t
fby_handoff_watermark(const struct fby_handoff *h, const struct fby_part *pt)
{
	if (pt->no_watermark)
		return FBY_NONE;
	return fby_handoff_believed(h,
	    fby_handoff_is_held(pt) ?
		fby_acquire(&fby_handoff_row(h, pt)->watermark) :
		pt->watermark);
}

int64_t
fby_handoff_high(const struct fby_handoff *h, const struct fby_part *pt)
{
	return fby_handoff_is_held(pt) ?
	    fby_load(&fby_handoff_row(h, pt)->high) :
	    pt->high;
}

bool
fby_handoff_is_credible(const struct fby_handoff *h, const struct fby_part *pt,
    int64_t acked)
{
	int64_t from = FBY_MAX(pt->acked, pt->committed);

	return acked >= from && acked - FBY_MAX(from, 0) <= LEAP_MAX &&
	    acked <= fby_handoff_high(h, pt);
}

void
fby_handoff_view(const struct fby_handoff *h, const struct fby_part *pt,
    struct fby_ledger_row *view)
{
	bool held = fby_handoff_is_held(pt);

	memset(view, 0, sizeof(*view));
	if (pt->has_row)
		fby_shm_copy_row(view, fby_handoff_row(h, pt));
	fby_store(&view->epoch, pt->epoch);
	fby_store(&view->slot, held ? pt->slot : FBY_NOSLOT);
	fby_store(&view->state, pt->state);
	view->partition = pt->partition;
	fby_store(&view->committed, pt->committed);
	fby_store(&view->committed_watermark, pt->committed_watermark);
	fby_store(&view->log_start, pt->log_start);
	fby_store(&view->topic_id, pt->topic_id);
	if (held)
		return;
	fby_store(&view->acked, pt->acked);
	fby_store(&view->leader_epoch, pt->epoch_before);
	fby_store(&view->position, pt->acked);
	fby_store(&view->watermark, pt->watermark);
	fby_store(&view->high, pt->high);
	fby_store(&view->in_flight, 0);
	fby_store(&view->oldest_at, 0);
}

void
fby_handoff_set_committed(struct fby_handoff *h, struct fby_part *pt,
    int64_t committed, int64_t watermark)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);

	pt->committed = committed;
	pt->committed_watermark = watermark;
	fby_store(&row->committed, committed);
	fby_store(&row->committed_watermark, watermark);
}

void
fby_handoff_set_log(struct fby_handoff *h, struct fby_part *pt,
    int64_t log_start, int64_t high, uint64_t topic_id)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);

	/*
	 * A kill between these stores must not leave acks of one topic under
	 * the id of another.  The row is asked, since it may be of a master
	 * before; nobody holds it.
	 */
	if (fby_load(&row->topic_id) != topic_id)
		fby_release(&row->acked, FBY_NONE);
	pt->log_start = log_start;
	pt->high = high;
	pt->topic_id = topic_id;
	fby_store(&row->log_start, log_start);
	fby_store(&row->high, high);
	fby_release(&row->topic_id, topic_id);
}

/*
 * Nobody holds it: leave out what it was read for.  How many records a batch
 * has that cannot be decoded nobody knows, so its offsets are counted.
 */
void
fby_handoff_leave_out(struct fby_handoff *h, struct fby_part *pt, int64_t first,
    int64_t last)
{
	struct fby_ledger_row *row = fby_handoff_row(h, pt);
	uint64_t n = (uint64_t)(last - first) + 1;

	fby_bump(&row->read, n);
	fby_release(&row->dropped, fby_load(&row->dropped) + n);
	pt->acked = last + 1;
	pt->epoch_before = -1;
	fby_handoff_write(h, pt);
	fby_poison_moved(&pt->poison, last + 1);
	h->skipped += n;
}
