/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that make up the cycle share: cycle.c, cycle_stop.c, wiring.c
 * and daemon.c.  Private to them.
 */
#ifndef FBY_CYCLE_OWN_H
#define FBY_CYCLE_OWN_H

#include "shared/fby.h"

#include "master/cycle.h"
#include "master/master.h"

#define FBY_CYCLE_TICK_MS 1000

/* wiring.c */
extern const struct fby_group_ops fby_wiring_group;
extern const struct fby_handoff_ops fby_wiring_handoff;
extern const struct fby_supervisor_ops fby_wiring_supervisor;
extern const struct fby_reload_ops fby_wiring_reload;
void fby_wiring_partitions(void *arg, rd_kafka_topic_partition_list_t *list);
void fby_wiring_foreign_gone(void *arg);
void fby_wiring_function_gone(void *arg);
void fby_wiring_init(struct fby_master *mst);

/* The only writer of the cycle's state. */
void fby_cycle_set_state(struct fby_master *mst, enum fby_cycle_state to,
    const char *why);

/* RUNNING has begun: what moves the records is started. */
void fby_cycle_start_moving(struct fby_master *mst);

/* Lanes are back and committed, or time is up: out of the group. */
void fby_cycle_leave(struct fby_master *mst, const char *why);
/* The same: no partition is ours any more, drained or not. */
void fby_cycle_leave_drained(struct fby_master *mst);

/* Something that had to go has gone: was it the last? */
void fby_cycle_check_out(struct fby_master *mst);

/* Every second: all modules that look at something; the deadlines. */
void fby_cycle_tick(struct fby_master *mst);
void fby_cycle_check_deadline(struct fby_master *mst);

/* To those that wait for the end of the process: what has become of it. */
void fby_cycle_say_end(struct fby_master *mst);

/* This manifest is in force from here on; takes it and its descriptor. */
void fby_cycle_adopt(struct fby_master *mst, struct fby_manifest *m, int fd,
    unsigned generation);

/* What the hand-over does with poison is the manifest's, too. */
void fby_cycle_set_policy(struct fby_master *mst);

/*
 * Go over to another runtime: as a stop, then its start.  Foreign ones that
 * are to be there before and after can be kept.
 */
void fby_cycle_switch(struct fby_master *mst, bool keep_foreign);

/*
 * Foreign runtimes, and what is seen of them, as the manifest in force wants
 * them: those that are missing are started, a canary is replaced or stopped.
 */
void fby_cycle_update_foreign(struct fby_master *mst);

/* The processes of functions, as the manifest in force wants them. */
void fby_cycle_update_functions(struct fby_master *mst);

/*
 * Of the runtimes and functions that were given new settings since then
 * (monotonic): has any not yet run for long enough?  Why is one not running;
 * NULL: all are, and the caller frees.
 */
bool fby_cycle_is_unsettled(const struct fby_master *mst, int64_t since);
char *fby_cycle_fault(const struct fby_master *mst, int64_t since);

/* Lanes, workers or the manifest have changed: plan soon, once. */
void fby_cycle_plan_soon(struct fby_master *mst);

/* Partitions have left, or none had to: go on if it was the last, soon. */
void fby_cycle_left_soon(struct fby_master *mst);

/* Called back by the modules when what they were asked for has happened. */
void fby_cycle_group_closed(struct fby_master *mst);
void fby_cycle_workers_ready(struct fby_master *mst);
void fby_cycle_workers_gone(struct fby_master *mst);
void fby_cycle_foreign_gone(struct fby_master *mst);

#endif
