/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's file; see log_file.h.
 */
#include "shared/fby.h"

#include "master/log_file.h"

#include <errno.h>
#include <unistd.h>

#include "shared/base/log.h"
#include "shared/boundary/shm.h"
#include "shared/manifest/manifest.h"

#include "master/base/context.h"
#include "master/pool/supervisor.h"

/* -1 with errno. */
static int
reopen(struct fby_log_file *lf)
{
	if (fby_log_reopen(lf->ctx->manifest->host.log_file) == -1) {
		lf->reopen_error = errno;
		return -1;
	}
	lf->reopen_error = 0;
	fby_supervisor_tell(lf->sup, FBY_MSG_REOPEN, STDERR_FILENO);
	return 0;
}

/* A worker that cannot write, or NULL; a dead one writes nothing. */
static const struct fby_proc *
failing(const struct fby_log_file *lf)
{
	for (uint32_t i = 0; i < lf->shm->nslots; i++) {
		const struct fby_proc *pr = &lf->sup->procs[i];

		if (fby_proc_is_alive(pr) &&
		    fby_load(&lf->shm->slots[i].log_error) != 0)
			return pr;
	}
	return NULL;
}

static const char *
where(const struct fby_log_file *lf)
{
	const char *path = lf->ctx->manifest->host.log_file;

	return path ? path : "standard error";
}

static void
look(struct fby_log_file *lf)
{
	struct fby_log_health own = fby_log_health();
	const struct fby_proc *pr = failing(lf);
	struct fby_alarms *alarms = &lf->ctx->alarms;

	if (lf->reopen_error)
		fby_alarm_set(alarms, FBY_ALARM_LOG,
		    "%s: %s; the old one is kept", where(lf),
		    strerror(lf->reopen_error));
	else if (own.error)
		fby_alarm_set(alarms, FBY_ALARM_LOG, "%s: %s; lines are lost",
		    where(lf), own.why);
	else if (pr)
		fby_alarm_set(alarms, FBY_ALARM_LOG,
		    "%s: worker %u cannot write to it: %s; lines are lost",
		    where(lf), pr->slot,
		    fby_log_reason(
			(int)fby_load(&lf->shm->slots[pr->slot].log_error)));
	else
		fby_alarm_clear(alarms, FBY_ALARM_LOG);
}

bool
fby_log_file_reopen(struct fby_log_file *lf, char *text, size_t size)
{
	const char *path = lf->ctx->manifest->host.log_file;

	if (path == NULL) {
		snprintf(text, size,
		    "there is no log.file: the log goes to standard error");
		return false;
	}
	if (reopen(lf) == -1)
		snprintf(text, size, "log %s: %s; the old one is kept", path,
		    strerror(lf->reopen_error));
	else
		snprintf(text, size, "log reopened");
	look(lf);
	return lf->reopen_error == 0;
}

void
fby_log_file_tick(struct fby_log_file *lf)
{
	fby_log_tick();
	if (lf->reopen_error && reopen(lf) == 0)
		fby_notice("log reopened");
	/* It may be that the last descriptor did not reach it. */
	else if (lf->ctx->manifest->host.log_file && failing(lf))
		fby_supervisor_tell(lf->sup, FBY_MSG_REOPEN, STDERR_FILENO);
	look(lf);
}

void
fby_log_file_init(struct fby_log_file *lf, struct fby_context *ctx,
    struct fby_supervisor *sup, const struct fby_shm *shm)
{
	*lf = (struct fby_log_file){ .ctx = ctx, .sup = sup, .shm = shm };
}
