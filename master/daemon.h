/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The daemon, from taking the run directory to leaving it: makes every module,
 * runs the loop until the cycle ends it, and closes all again.
 */
#ifndef FBY_DAEMON_H
#define FBY_DAEMON_H

#include "shared/fby.h"

struct fby_master;

/* Runs until stopped; the exit code. */
int fby_daemon_run(struct fby_master *mst);

#endif
