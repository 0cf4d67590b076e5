/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's file; see log_file.h.
 */
#include "shared/fby.h"

#include "master/log_file.h"

#include <errno.h>
#include <unistd.h>

#include "shared/log.h"
#include "shared/manifest.h"

#include "master/master.h"

/* -1 with errno. */
static int
reopen(struct fby_master *mst)
{
	struct fby_log_file *lf = &mst->log_file;

	if (fby_log_reopen(mst->ctx.manifest->host.log_file) == -1) {
		lf->reopen_error = errno;
		return -1;
	}
	lf->reopen_error = 0;
	fby_supervisor_tell(&mst->sup, FBY_MSG_REOPEN, STDERR_FILENO);
	return 0;
}

/* A worker that cannot write, or NULL; a dead one writes nothing. */
static const struct fby_proc *
failing(const struct fby_master *mst)
{
	for (uint32_t i = 0; i < mst->shm.nslots; i++) {
		const struct fby_proc *pr = &mst->sup.procs[i];

		if (fby_proc_is_alive(pr) &&
		    fby_load(&mst->shm.slots[i].log_error) != 0)
			return pr;
	}
	return NULL;
}

static const char *
where(const struct fby_master *mst)
{
	const char *path = mst->ctx.manifest->host.log_file;

	return path ? path : "standard error";
}

static void
look(struct fby_master *mst)
{
	struct fby_log_health own = fby_log_health();
	const struct fby_proc *pr = failing(mst);
	struct fby_alarms *alarms = &mst->ctx.alarms;

	if (mst->log_file.reopen_error)
		fby_alarm_set(alarms, FBY_ALARM_LOG,
		    "%s: %s; the old one is kept", where(mst),
		    strerror(mst->log_file.reopen_error));
	else if (own.error)
		fby_alarm_set(alarms, FBY_ALARM_LOG, "%s: %s; lines are lost",
		    where(mst), own.why);
	else if (pr)
		fby_alarm_set(alarms, FBY_ALARM_LOG,
		    "%s: worker %u cannot write to it: %s; lines are lost",
		    where(mst), pr->slot,
		    fby_log_reason(
			(int)fby_load(&mst->shm.slots[pr->slot].log_error)));
	else
		fby_alarm_clear(alarms, FBY_ALARM_LOG);
}

bool
fby_log_file_reopen(struct fby_master *mst, char *text, size_t size)
{
	const char *path = mst->ctx.manifest->host.log_file;

	if (path == NULL) {
		snprintf(text, size,
		    "there is no log.file: the log goes to standard error");
		return false;
	}
	if (reopen(mst) == -1)
		snprintf(text, size, "log %s: %s; the old one is kept", path,
		    strerror(mst->log_file.reopen_error));
	else
		snprintf(text, size, "log reopened");
	look(mst);
	return mst->log_file.reopen_error == 0;
}

void
fby_log_file_tick(struct fby_master *mst)
{
	fby_log_tick();
	if (mst->log_file.reopen_error && reopen(mst) == 0)
		fby_notice("log reopened");
	/* It may be that the last descriptor did not reach it. */
	else if (mst->ctx.manifest->host.log_file && failing(mst))
		fby_supervisor_tell(&mst->sup, FBY_MSG_REOPEN, STDERR_FILENO);
	look(mst);
}
