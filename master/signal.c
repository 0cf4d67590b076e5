/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals: one table of number, word and action, which also serves the
 * control socket, so that `forebay reload` and SIGHUP cannot differ.
 */
#include "shared/fby.h"

#include "master/signal.h"

#include <event2/event.h>
#include <signal.h>

#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

#include "master/base/signal_mask.h"
#include "master/log_file.h"
#include "master/cycle.h"
#include "master/master.h"

/* A fast stop waits this long at most for what is in flight. */
#define FAST_MS 10000

static void
act_reload(struct fby_master *mst)
{
	fby_reload_request(&mst->reload, NULL, NULL);
}

static void
act_drain(struct fby_master *mst)
{
	fby_cycle_stop(mst, mst->ctx.manifest->host.drain_timeout_ms);
}

static void
act_stop(struct fby_master *mst)
{
	fby_cycle_stop(mst,
	    FBY_MIN(mst->ctx.manifest->host.drain_timeout_ms, FAST_MS));
}

static void
act_reopen(struct fby_master *mst)
{
	fby_log_file_reopen(&mst->log_file, NULL, NULL);
}

/* nginx's signal for it; without a handler it would kill us. */
static void
act_upgrade(struct fby_master *mst)
{
	(void)mst;
	fby_warn("this version cannot be upgraded in place: restart it");
}

static const struct {
	int signo;
	const char *name;
	const char *word;
	void (*fn)(struct fby_master *mst);
} actions[] = {
	{ SIGHUP, "SIGHUP", "reload", act_reload },
	{ SIGQUIT, "SIGQUIT", "drain", act_drain },
	{ SIGTERM, "SIGTERM", "stop", act_stop },
	{ SIGINT, "SIGINT", NULL, act_stop },
	{ SIGUSR1, "SIGUSR1", NULL, act_reopen },
	{ SIGUSR2, "SIGUSR2", NULL, act_upgrade },
	{ SIGCHLD, NULL, NULL, fby_cycle_reap },
};

bool
fby_signal_act(struct fby_master *mst, const char *word)
{
	for (size_t i = 0; i < FBY_NELEM(actions); i++) {
		if (actions[i].word == NULL ||
		    strcmp(actions[i].word, word) != 0)
			continue;
		actions[i].fn(mst);
		return true;
	}
	return false;
}

static void
on_signal(evutil_socket_t signo, short what, void *arg)
{
	(void)what;
	for (size_t i = 0; i < FBY_NELEM(actions); i++) {
		if (actions[i].signo != signo)
			continue;
		if (actions[i].name)
			fby_notice("%s", actions[i].name);
		actions[i].fn(arg);
	}
}

/* ---- before the loop, and after it -------------------------------------- */

void
fby_signal_init(struct fby_master *mst)
{
	FBY_BUG_ON(FBY_NELEM(actions) > FBY_NELEM(mst->ev_sigs));
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < FBY_NELEM(actions); i++) {
		evsignal_assign(&mst->ev_sigs[i], mst->ctx.base,
		    actions[i].signo, on_signal, mst);
		evsignal_add(&mst->ev_sigs[i], NULL);
		mst->nsigs++;
	}
	/* What came since the start of the program is acted upon now. */
	fby_signal_mask_release();
}

void
fby_signal_fini(struct fby_master *mst)
{
	sigset_t set;

	/* The rest of the way out is short, and not to be cut shorter. */
	sigemptyset(&set);
	for (size_t i = 0; i < mst->nsigs; i++)
		sigaddset(&set, actions[i].signo);
	sigprocmask(SIG_BLOCK, &set, NULL);
	while (mst->nsigs > 0)
		evsignal_del(&mst->ev_sigs[--mst->nsigs]);
}
