/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hand-over with recorded calls instead of workers and brokers.
 */
#ifndef FBY_UNIT_HANDOFF_WORLD_H
#define FBY_UNIT_HANDOFF_WORLD_H

#include "t/unit/unit.h"

#include "master/handoff/handoff.h"
#include "master/handoff/handoff_own.h"
#include "master/handoff/plan.h"
#include "master/handoff/skip.h"
#include "master/handoff/suspicion.h"

#include <errno.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/str.h"

#define ISOLATION 3

static const uint32_t isolation[] = { ISOLATION, ISOLATION + 1 };
static size_t nisolation;

struct world {
	struct fby_shm shm;
	struct fby_handoff h;
	unsigned grants, revokes, resolves, commits, lefts, alarms;
	struct fby_part last; /* granted or revoked */
	int64_t drain_ms, release_by;
	unsigned skips, skipped;
	uint64_t unfinished; /* records that were in flight at the end */
	bool left_soon;
	bool mirrors; /* a commit is done at once, as with exactly-once */
};

static inline void
on_grant(void *arg, const struct fby_part *pt)
{
	struct world *w = arg;

	w->grants++;
	w->last = *pt;
}

static inline void
on_revoke(void *arg, struct fby_part *pt, int64_t drain_ms)
{
	struct world *w = arg;

	w->revokes++;
	pt->release_by = w->release_by;
	w->last = *pt;
	w->drain_ms = drain_ms;
}

static inline void
on_resolve(void *arg, bool soon)
{
	(void)soon;
	((struct world *)arg)->resolves++;
}

static inline void
on_commit(void *arg)
{
	struct world *w = arg;

	w->commits++;
	if (!w->mirrors)
		return;
	for (uint32_t i = 0; i < w->h.nparts; i++)
		fby_handoff_set_committed(&w->h, &w->h.parts[i],
		    fby_handoff_acked(&w->h, &w->h.parts[i]), FBY_NONE);
	fby_handoff_committed(&w->h);
}

static inline void
on_left(void *arg)
{
	((struct world *)arg)->left_soon = true;
}

/* The loop turns; how often was the last one FREE? */
static inline unsigned
lefts(struct world *w)
{
	w->lefts += w->left_soon && fby_handoff_leaving(&w->h) == 0;
	w->left_soon = false;
	return w->lefts;
}

static inline void
on_plan(void *arg)
{
	(void)arg;
}

static inline void
on_alarm(void *arg)
{
	((struct world *)arg)->alarms++;
}

static inline void
on_skipped(void *arg, const struct fby_part *pt, int64_t offset, bool done)
{
	struct world *w = arg;

	(void)pt;
	(void)offset;
	w->skips++;
	w->skipped += done;
}

static inline void
on_unfinished(void *arg, const struct fby_part *pt, uint64_t nrecords)
{
	struct world *w = arg;

	(void)pt;
	w->unfinished += nrecords;
}

static const struct fby_handoff_ops ops = {
	on_grant,
	on_revoke,
	on_resolve,
	on_commit,
	on_left,
	on_plan,
	on_alarm,
	on_skipped,
	on_unfinished,
};

static inline int
setup(void **state)
{
	static struct world w;
	char path[] = "/tmp/forebay-handoff-XXXXXX";
	int fd = mkstemp(path);

	if (fd == -1)
		return -1;
	close(fd);
	memset(&w, 0, sizeof(w));
	nisolation = 1;
	if (fby_shm_create(&w.shm, path, 4, 8, "orders", "g") == -1)
		return -1;
	unlink(path);
	fby_handoff_init(&w.h, &w.shm, &ops, &w);
	*state = &w;
	return 0;
}

static inline int
teardown(void **state)
{
	struct world *w = *state;

	fby_handoff_fini(&w->h);
	fby_shm_close(&w->shm);
	return 0;
}

static inline struct fby_ledger_row *
row(struct world *w, uint32_t i)
{
	return &w->shm.rows[i];
}

static const uint32_t slot2[] = { 2 };
static const bool yes[] = { true };

/* Grants of ordinary partitions go to these, of suspects to the isolation
 * worker. */
static inline void
plan(struct world *w, const uint32_t *slots, const bool *ready, size_t n)
{
	const struct fby_handoff_plan pl = {
		.slots = slots,
		.ready = ready,
		.nslots = n,
		.isolation = isolation,
		.nisolation = nisolation,
		.drain_ms = 30000,
	};

	fby_plan_make(&w->h, &pl);
}

/* Partition 0 of "t", start 100, granted to slot 2. */
static inline void
hold(struct world *w)
{
	const uint32_t slots[] = { 2 };
	const bool ready[] = { true };

	assert_int_equal(fby_handoff_assign(&w->h, "t", 0), 0);
	fby_handoff_set_committed(&w->h, &w->h.parts[0], 100, FBY_NONE);
	fby_handoff_set_log(&w->h, &w->h.parts[0], 0, 1000, 0);
	w->h.parts[0].epoch_before = 3;
	fby_handoff_resolved(&w->h, &w->h.parts[0], 100, FBY_NONE);
	plan(w, slots, ready, 1);
	assert_int_equal(w->grants, 1);
	assert_int_equal(w->h.parts[0].state, FBY_ROW_HELD);
}

/* Partition `p` is read up to `position` and acked up to `acked`. */
static inline void
in_flight(struct world *w, uint32_t p, int64_t acked, int64_t position)
{
	fby_release(&row(w, p)->acked, acked);
	fby_store(&row(w, p)->position, position);
	fby_store(&row(w, p)->in_flight, (uint64_t)(position - acked));
	fby_store(&row(w, p)->high, 1000);
}

static inline void
die_at(struct world *w, uint32_t slot, int64_t acked, int64_t position)
{
	in_flight(w, 0, acked, position);
	fby_suspicion_died(&w->h, slot, FBY_NOROW, FBY_NONE);
	plan(w, slot2, yes, 1);
}

/* As `hold`, and it has killed its worker so often alone, at offset 140. */
static inline void
kill_alone(struct world *w, unsigned kills)
{
	hold(w);
	w->h.poison_kills = 3;
	die_at(w, 2, 140, 200);
	die_at(w, 2, 140, 250);
	for (unsigned i = 0; i < kills; i++)
		die_at(w, ISOLATION, 140, 141);
}

/* The sentence that refuses it, or NULL. */
static inline const char *
try_skip_batch(struct world *w, int64_t offset, int64_t last, enum fby_rc want)
{
	static char text[200];
	struct fby_str why;

	fby_str_init(&why);
	assert_int_equal(fby_skip_records(&w->h, &w->h.parts[0], offset, last,
			     &why),
	    want);
	snprintf(text, sizeof(text), "%s", why.p);
	fby_str_fini(&why);
	return text;
}

static inline const char *
try_skip(struct world *w, int64_t offset, enum fby_rc want)
{
	return try_skip_batch(w, offset, offset, want);
}

#endif
