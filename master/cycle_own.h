/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make up the cycle share: cycle.c, cycle_stop.c, wiring.c.
 * Private to them.
 */
#ifndef FBY_CYCLE_OWN_H
#define FBY_CYCLE_OWN_H

#include "shared/fby.h"

#include "master/master.h"

/* wiring.c */
extern const struct fby_group_ops fby_wiring_group;
extern const struct fby_handoff_ops fby_wiring_handoff;
extern const struct fby_supervisor_ops fby_wiring_supervisor;
void fby_wiring_partitions(void *arg, rd_kafka_topic_partition_list_t *list);
void fby_wiring_init(struct fby_master *mst);

/* The only writer of the cycle's state. */
void fby_cycle_set_state(struct fby_master *mst, enum fby_cycle_state to,
    const char *why);

/* RUNNING has begun: whoever moves the records is started. */
void fby_cycle_start_moving(struct fby_master *mst);

/* Lanes are back and committed, or time is up: out of the group. */
void fby_cycle_leave(struct fby_master *mst, const char *why);

/* Something that had to go has gone: was it the last? */
void fby_cycle_check_out(struct fby_master *mst);

/* Every second. */
void fby_cycle_check_deadline(struct fby_master *mst);

/* To those that wait for the end of the process: what has become of it. */
void fby_cycle_say_end(struct fby_master *mst);

#endif
