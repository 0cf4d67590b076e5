/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals before there is a master, and its handlers (signal.h).
 *
 * Until a handler is there HUP, USR1 and USR2 end a process, and a service
 * manager takes death by HUP for a clean exit.  So main() holds them first of
 * all; fby_signal_init() lets those through that have come meanwhile.
 */
#ifndef FBY_SIGNAL_MASK_H
#define FBY_SIGNAL_MASK_H

void fby_signal_mask_hold(void);

/* For commands that have no handler: a terminal that is closed ends them. */
void fby_signal_mask_release(void);

#endif
