/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between group.c, which knows what the member has and is to do next,
 * group_client.c, which makes and ends its client, and group_events.c, which
 * judges what that client says.
 */
#ifndef FBY_GROUP_OWN_H
#define FBY_GROUP_OWN_H

#include "master/group/group.h"

/* ---- group.c ---------------------------------------------------------- */

void fby_group_set_state(struct fby_group *g, enum fby_group_state to);

/* Takes the event. */
void fby_group_on_rebalance(struct fby_group *g, rd_kafka_event_t *ev);

/* Something is in the queues: all of it. */
void fby_group_serve(struct fby_group *g);

/* Each second while there is a client, more often while it leaves. */
void fby_group_on_poll(struct fby_group *g);

/* ---- group_client.c --------------------------------------------------- */

/* To the topics of the manifest; -1: refused, which is said. */
int fby_group_subscribe(struct fby_group *g) FBY_MUSTCHECK;

/* With a back-off that doubles until a broker answers. */
void fby_group_open_later(struct fby_group *g);

/* Whatever the state; CLOSED follows.  The client ends on a thread. */
void fby_group_close(struct fby_group *g);

/* ---- group_events.c --------------------------------------------------- */

/* Takes the event; the client may be gone afterwards. */
void fby_group_dispatch(struct fby_group *g, rd_kafka_event_t *ev);

/* There is no membership, and this is why. */
void fby_group_refused(struct fby_group *g, const char *fmt, ...)
    FBY_PRINTF(2, 3);

#endif
