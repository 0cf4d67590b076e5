/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's upkeep; see upkeep.h.
 */
#include "shared/fby.h"

#include "master/upkeep.h"

#include <errno.h>
#include <unistd.h>

#include "shared/base/crash.h"
#include "shared/base/log.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/master.h"

/* The file as a whole; false: `why` says what is the matter with it. */
static bool
keep_file(struct fby_master *mst, bool *cut, struct fby_str *why)
{
	struct fby_shm *shm = &mst->shm;

	*cut = fby_crash_is_torn() || !fby_shm_is_whole(shm);
	if (!*cut)
		return true;
	if (fby_shm_restore(shm) == -1) {
		fby_str_printf(why,
		    "%s/ledger was cut short by another process and cannot be "
		    "made good: %s; what is read now may be repeated",
		    mst->ctx.run_dir, strerror(errno));
		return false;
	}
	fby_crash_guard(shm->head, shm->size);
	fby_error("%s/ledger was cut short by another process; made good",
	    mst->ctx.run_dir);
	return true;
}

/* What the master knows, in the file. */
static void
keep_text(struct fby_master *mst, bool cut)
{
	const struct fby_manifest *m = mst->ctx.manifest;
	struct fby_shm *shm = &mst->shm;
	bool head;
	uint32_t rows;

	head = fby_shm_restore_head(shm);
	head |= fby_shm_restore_name(shm, shm->own.name_off, m->name);
	head |= fby_shm_restore_name(shm, shm->own.group_off, m->source.group);
	fby_store(&shm->head->master_pid, (uint32_t)getpid());
	rows = fby_handoff_restore(&mst->handoff, cut);
	if (cut)
		fby_recover_carry_again(&mst->recover, &mst->handoff);
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (fby_proc_is_alive(&mst->sup.procs[i]))
			fby_proc_show(&mst->sup.procs[i]);
	if (!cut && (head || rows > 0))
		fby_error("%s/ledger: another process has written over %s%s"
			  "%" PRIu32 " row%s of it; made good",
		    mst->ctx.run_dir, head ? "the head" : "",
		    head ? " and " : "", rows, rows == 1 ? "" : "s");
}

/* Partitions that are ours and that nobody can read: `why` says so. */
static void
look_at_rows(struct fby_master *mst, struct fby_str *why)
{
	const struct fby_handoff *h = &mst->handoff;
	size_t n;

	fby_handoff_seek_rows(&mst->handoff);
	if ((n = fby_handoff_rowless(h)) == 0)
		return;
	fby_str_printf(why,
	    "%zu partition%s no row in the ledger and %s not read; ", n,
	    n == 1 ? " has" : "s have", n == 1 ? "is" : "are");
	if (h->row_error)
		fby_str_printf(why, "%s/ledger: %s", mst->ctx.run_dir,
		    strerror(h->row_error));
	else
		fby_str_printf(why,
		    "there are %u: raise spec.maxPartitions and restart",
		    mst->shm.nrows);
}

void
fby_upkeep_tick(struct fby_master *mst)
{
	struct fby_str why;
	bool cut;

	fby_str_init(&why);
	if (keep_file(mst, &cut, &why)) {
		keep_text(mst, cut);
		look_at_rows(mst, &why);
	}
	if (why.len > 0)
		fby_alarm_set(&mst->ctx.alarms, FBY_ALARM_LEDGER, "%s", why.p);
	else
		fby_alarm_clear(&mst->ctx.alarms, FBY_ALARM_LEDGER);
	fby_str_fini(&why);
}
