/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions of ours of which it cannot be said where they begin, with
 * auto.offset.reset: error: the one owner of alarm OFFSETS.  What is given back
 * to the group meanwhile is nobody's alarm here any more.
 */
#ifndef FBY_UNSTARTED_H
#define FBY_UNSTARTED_H

#include "shared/fby.h"

struct fby_alarms;
struct fby_handoff;

/* Every second, and when the broker has answered. */
void fby_unstarted_look(const struct fby_handoff *h, struct fby_alarms *alarms);

#endif
