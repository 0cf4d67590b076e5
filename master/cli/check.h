/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `forebay status --check`: one line and an exit status, for Nagios, its
 * relatives, and cron.  Pure: from the status as JSON.
 */
#ifndef FBY_CHECK_H
#define FBY_CHECK_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_str;

/* The exit status, as the Monitoring Plugins Development Guidelines have it. */
enum fby_check {
	FBY_CHECK_OK = 0,
	FBY_CHECK_WARNING = 1,  /* an alarm that leaves the master ready */
	FBY_CHECK_CRITICAL = 2, /* it is not ready: records do not flow */
	FBY_CHECK_UNKNOWN = 3,  /* no master, no answer, a wrong option */
};

/*
 * Adds the line, without a line feed, and printable: all alarms, those first
 * that make the master unready; what it is worth in figures behind a "|".
 */
enum fby_check fby_check_status(const json_t *status, struct fby_str *line);

/* The line of FBY_CHECK_UNKNOWN. */
void fby_check_unknown(const char *why, struct fby_str *line);

#endif
