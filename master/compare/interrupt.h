/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGINT and its like: the run under way ends, what was made is taken away,
 * and what has been measured is shown.
 */
#ifndef FBY_COMPARE_INTERRUPT_H
#define FBY_COMPARE_INTERRUPT_H

#include "shared/fby.h"

void fby_compare_interrupt_catch(void);

/* SIGINT, SIGTERM, SIGHUP or SIGQUIT has come. */
bool fby_compare_interrupt_came(void);

/* Which one; 0: none. */
int fby_compare_interrupt_signal(void);

#endif
