/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker's loop: the master's messages, the heartbeat, the timers that
 * belong to the worker as a whole, and its end.
 */
#ifndef FBY_LOOP_H
#define FBY_LOOP_H

#include "shared/fby.h"

struct fby_worker;

/* Everything in *w before `base` is set up by main.c, and stays its. */
void fby_loop_init(struct fby_worker *w);
void fby_loop_fini(struct fby_worker *w);

/* Until drained or broken; returns the exit code. */
int fby_loop_run(struct fby_worker *w);

/* Take over what is live in the manifest. */
void fby_loop_apply(struct fby_worker *w);

#endif
