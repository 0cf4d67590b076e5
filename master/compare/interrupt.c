/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A comparison that is interrupted; see compare/interrupt.h.
 */
#include "shared/fby.h"

#include "master/compare/interrupt.h"

#include <signal.h>

static volatile sig_atomic_t stopped;

bool
fby_compare_interrupt_came(void)
{
	return stopped != 0;
}

int
fby_compare_interrupt_signal(void)
{
	return stopped;
}

static void
on_signal(int signo)
{
	stopped = signo;
}

void
fby_compare_interrupt_catch(void)
{
	static const int all[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct sigaction sa = { .sa_handler = on_signal };

	for (size_t i = 0; i < FBY_NELEM(all); i++)
		sigaction(all[i], &sa, NULL);
	/* What is made has to be taken away, whoever reads no more. */
	signal(SIGPIPE, SIG_IGN);
}
