/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others find this master by; see presence.h.
 */
#include "shared/fby.h"

#include "master/admin/presence.h"

#include <errno.h>

#include "shared/base/log.h"
#include "shared/base/str.h"

#include "master/admin/control.h"
#include "master/base/claim.h"
#include "master/group/identity.h"
#include "master/master.h"

/* The directory and `pid`; false: `why` says why not. */
static bool
keep_directory(struct fby_master *mst, struct fby_str *why)
{
	struct fby_rundir *rd = &mst->rundir;

	if (fby_rundir_is_there(rd))
		return true;
	if (fby_rundir_again(rd, why) == -1)
		return false;
	if (fby_identity_again(rd->fd) == -1)
		fby_warn("%s/identity: %s", mst->ctx.run_dir, strerror(errno));
	fby_warn("run directory: %s, or `pid` in it, was removed or replaced; "
		 "made anew",
	    mst->ctx.run_dir);
	return true;
}

static bool
keep_control(struct fby_master *mst, struct fby_str *why)
{
	if (mst->control == NULL || fby_control_is_there(mst->control))
		return true;
	if (fby_control_again(mst->control) == -1) {
		fby_str_printf(why, "%s/control: %s", mst->ctx.run_dir,
		    strerror(errno));
		return false;
	}
	fby_notice("control socket: made anew");
	return true;
}

static bool
has_ledger(const struct fby_master *mst)
{
	return mst->ctx.state == FBY_CYCLE_RECOVERING || mst->shm.fd == -1 ||
	    fby_rundir_has(&mst->rundir, "ledger", mst->shm.fd);
}

void
fby_presence_tick(struct fby_master *mst)
{
	struct fby_alarms *alarms = &mst->ctx.alarms;
	struct fby_str why;

	fby_claim_tick(mst->rundir.claim_fd);
	fby_str_init(&why);
	if (!keep_directory(mst, &why) || !keep_control(mst, &why))
		fby_alarm_set(alarms, FBY_ALARM_RUN_DIR,
		    "%s was removed or replaced, and cannot be made anew: %s",
		    mst->ctx.run_dir, why.p);
	else if (!has_ledger(mst))
		fby_alarm_set(alarms, FBY_ALARM_RUN_DIR,
		    "the ledger was removed from %s: if this master is killed "
		    "the next one cannot know what was acked and not "
		    "committed, and repeats it; a restart mends that",
		    mst->ctx.run_dir);
	else
		fby_alarm_clear(alarms, FBY_ALARM_RUN_DIR);
	fby_str_fini(&why);
}
