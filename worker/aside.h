/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of a lane that are set aside, to be handed over again: after a
 * delay, or when there is room.  As long as there is a suspect, later records
 * of its lane are not handed over; it is one until it is complete, or a
 * function wants to have it later.
 */
#ifndef FBY_ASIDE_H
#define FBY_ASIDE_H

#include "shared/fby.h"

struct fby_lane;
struct fby_record;

void fby_aside_suspect(struct fby_record *rec);

/* Those behind it may pass. */
void fby_aside_acquit(struct fby_record *rec);

/* It is a suspect from now on. */
void fby_aside_add(struct fby_record *rec);

/* The lane's timer for retries is to go off by then. */
void fby_aside_wait(struct fby_lane *ln, int64_t ms);
bool fby_aside_is_waiting(const struct fby_lane *ln);

/*
 * One that is handed over again at rec->due; it becomes no suspect.  It may be
 * taken before that, and is then put back by this.
 */
void fby_aside_until_due(struct fby_record *rec);

/*
 * Can no record of the lane complete by that time?  Of each that is left
 * something is to be handed over, or sent to a function, after it; or it stands
 * behind one of those in the order of a function.
 */
bool fby_aside_is_all(const struct fby_lane *ln, int64_t after);

/*
 * All of them in the order of their offsets, and the list is empty: those
 * that fail again go to a new one.  The caller frees it.
 */
struct fby_record **fby_aside_take(struct fby_lane *ln, size_t *n);

#endif
