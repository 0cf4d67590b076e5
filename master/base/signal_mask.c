/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals before there is a handler; see signal_mask.h.
 */
#include "shared/fby.h"

#include "master/base/signal_mask.h"

#include <signal.h>

/* What would end a process that has no handler for it, and must not. */
static void
mask_early(int how)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGHUP);
	sigaddset(&set, SIGUSR1);
	sigaddset(&set, SIGUSR2);
	sigprocmask(how, &set, NULL);
}

void
fby_signal_mask_hold(void)
{
	mask_early(SIG_BLOCK);
}

void
fby_signal_mask_release(void)
{
	mask_early(SIG_UNBLOCK);
}
