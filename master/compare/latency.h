/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run for latency: records are sent at a fixed rate, whatever becomes of
 * them, and the line of the `log` sink that each becomes is waited for.  From
 * just before it is handed to the producer until its line can be read: one
 * process, one clock.  That works for every runtime that has a log sink.
 *
 * What is sent in the first second after the first line is not counted:
 * connections are being made.
 */
#ifndef FBY_COMPARE_LATENCY_H
#define FBY_COMPARE_LATENCY_H

#include "shared/fby.h"

struct fby_compare;
struct fby_compare_run;

/* `topic` is ours and nobody else's.  -1: run->why. */
int fby_compare_latency_do(struct fby_compare *c, struct fby_compare_run *run,
    const char *topic) FBY_MUSTCHECK;

#endif
