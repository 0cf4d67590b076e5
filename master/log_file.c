/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log's file; see log_file.h.
 */
#include "shared/fby.h"

#include "master/log_file.h"

#include <errno.h>
#include <event2/event.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/str.h"
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
	fby_supervisor_reopen(lf->sup, STDERR_FILENO);
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

/* ---- what came of it --------------------------------------------------- */

#define WAIT_MS 3000 /* a worker answers in a turn of its loop */

static void
finish(struct fby_log_file *lf, bool ok, const char *text)
{
	evtimer_del(&lf->ev_wait);
	look(lf);
	if (ok)
		fby_notice("%s", text);
	else
		fby_error("%s", text);
	fby_waiters_tell(&lf->waiters, ok, text);
}

static bool
all_have_answered(const struct fby_log_file *lf)
{
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++)
		if (fby_proc_is_alive(&lf->sup->procs[i]) &&
		    lf->sup->procs[i].reopening)
			return false;
	return true;
}

/* All workers that go on in the old file, by name. */
static void
finish_with_workers(struct fby_log_file *lf)
{
	struct fby_str s;
	size_t n = 0, refused = 0;

	fby_str_init(&s);
	fby_str_puts(&s, "log reopened");
	for (uint32_t i = 0; i < FBY_SLOTS_MAX; i++) {
		const struct fby_proc *pr = &lf->sup->procs[i];

		if (!fby_proc_is_alive(pr) ||
		    (!pr->reopening && pr->reopen_error == 0))
			continue;
		fby_str_printf(&s, "%sworker %u (pid %d): %s",
		    n++ ? ", " : ", but not by all: ", pr->slot, (int)pr->pid,
		    pr->reopening ? "no answer yet" :
				    fby_log_reason(pr->reopen_error));
		refused += !pr->reopening;
	}
	/* What has no answer is in the channel: it is obeyed when it is read.
	 */
	if (refused > 0)
		fby_str_puts(&s, "; tried again every second");
	finish(lf, n == 0, s.p);
	fby_str_fini(&s);
}

void
fby_log_file_answered(struct fby_log_file *lf)
{
	if (lf->ctx && evtimer_pending(&lf->ev_wait, NULL) &&
	    all_have_answered(lf))
		finish_with_workers(lf);
}

/* It has been waited for long enough. */
static void
on_wait(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	finish_with_workers(arg);
}

void
fby_log_file_forget(struct fby_log_file *lf, const void *arg)
{
	fby_waiters_forget(&lf->waiters, arg);
}

void
fby_log_file_reopen(struct fby_log_file *lf, fby_waiter_fn *fn, void *arg)
{
	const char *path = lf->ctx->manifest->host.log_file;
	const struct timeval tv = fby_clock_tv(WAIT_MS);
	char text[512];

	fby_waiters_add(&lf->waiters, fn, arg);
	if (path == NULL) {
		finish(lf, false,
		    "there is no log.file: the log goes to standard error");
	} else if (reopen(lf) == -1) {
		snprintf(text, sizeof(text), "log %s: %s; the old one is kept",
		    path, strerror(lf->reopen_error));
		finish(lf, false, text);
	} else if (all_have_answered(lf)) {
		finish_with_workers(lf);
	} else {
		evtimer_add(&lf->ev_wait, &tv);
	}
}

/* ---- every second ------------------------------------------------------ */

void
fby_log_file_tick(struct fby_log_file *lf)
{
	fby_log_tick();
	if (lf->reopen_error && reopen(lf) == 0)
		fby_notice("log reopened");
	/* It may be that the last descriptor did not reach it. */
	else if (lf->ctx->manifest->host.log_file && failing(lf))
		fby_supervisor_reopen(lf->sup, STDERR_FILENO);
	look(lf);
}

void
fby_log_file_init(struct fby_log_file *lf, struct fby_context *ctx,
    struct fby_supervisor *sup, const struct fby_shm *shm)
{
	*lf = (struct fby_log_file){ .ctx = ctx, .sup = sup, .shm = shm };
	evtimer_assign(&lf->ev_wait, ctx->base, on_wait, lf);
}

void
fby_log_file_fini(struct fby_log_file *lf)
{
	if (lf->ctx == NULL)
		return;
	evtimer_del(&lf->ev_wait);
	fby_log_file_forget(lf, NULL);
}
