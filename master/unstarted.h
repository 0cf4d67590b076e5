/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions of ours of which it cannot be said where they begin, with
 * auto.offset.reset: error: the one owner of alarm OFFSETS.  What is given back
 * to the group meanwhile is nobody's alarm here any more.
 */
#ifndef FBY_UNSTARTED_H
#define FBY_UNSTARTED_H

#include "shared/fby.h"

struct fby_master;

/* Every second, and when the broker has answered. */
void fby_unstarted_look(struct fby_master *mst);

#endif
