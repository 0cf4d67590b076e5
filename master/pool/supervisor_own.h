/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make up the supervisor share: supervisor.c,
 * supervisor_lanes.c, supervisor_alarm.c.  Private to them.
 */
#ifndef FBY_SUPERVISOR_OWN_H
#define FBY_SUPERVISOR_OWN_H

#include "shared/fby.h"

#include "master/pool/supervisor.h"

/* The first place of each kind; behind the last of them, the number of all. */
extern const size_t fby_supervisor_first[FBY_PLACE_KINDS + 1];

/* Each second, and whenever a process has come or gone. */
void fby_supervisor_look(struct fby_supervisor *sup);

#endif
