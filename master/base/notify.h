/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is told, over the datagram socket of sd_notify(3): READY=1,
 * RELOADING=1 with MONOTONIC_USEC, STOPPING=1, STATUS=, WATCHDOG=1.  Without
 * NOTIFY_SOCKET everything here does nothing.
 *
 * The watchdog is fed by the master's loop as it turns, once in half of the
 * time that systemd gives.  It says nothing of the workers: one that hangs is
 * killed by the supervisor and started again.
 */
#ifndef FBY_NOTIFY_H
#define FBY_NOTIFY_H

#include "shared/fby.h"

struct fby_notify {
	int fd;              /* -1: nobody to tell */
	int64_t watchdog_ms; /* 0: none asked for */
	int64_t fed_at;      /* monotonic */
	bool ready;          /* READY=1 has been sent */
	char *status;        /* last STATUS; heap */
};

void fby_notify_init(struct fby_notify *n);
void fby_notify_fini(struct fby_notify *n);
void fby_notify_ready(struct fby_notify *n); /* first time only */
void fby_notify_reloading(struct fby_notify *n);
void fby_notify_reloaded(struct fby_notify *n); /* READY=1 again */
void fby_notify_stopping(struct fby_notify *n);
void fby_notify_status(struct fby_notify *n, const char *fmt, ...)
    FBY_PRINTF(2, 3);                           /* if it changed */
void fby_notify_watchdog(struct fby_notify *n); /* at half its time */

#endif
