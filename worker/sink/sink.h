/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sinks of the manifest: which are opened, for which role.
 */
#ifndef FBY_SINK_H
#define FBY_SINK_H

#include "shared/fby.h"

#include "shared/manifest/manifest.h"

struct fby_msg_group;
struct fby_outlet;
struct fby_worker;

/*
 * All sinks of the manifest; -1: the log says why.  With exactly-once it is
 * one for all roles.
 */
int fby_sink_open(struct fby_worker *w) FBY_MUSTCHECK;
void fby_sink_close(struct fby_worker *w);
void fby_sink_group(struct fby_worker *w, const struct fby_msg_group *msg);
void fby_sink_tick(struct fby_worker *w, int64_t mono);

/* For sink.c, which fills `w` and `role`.  NULL: the log says why. */
struct fby_outlet *fby_sink_log_open(struct fby_worker *w);
struct fby_outlet *fby_sink_blackhole_open(struct fby_worker *w);
struct fby_outlet *fby_sink_kafka_open(struct fby_worker *w,
    enum fby_sink_role role);
struct fby_outlet *fby_sink_function_open(struct fby_worker *w,
    enum fby_sink_role role);
struct fby_outlet *fby_sink_kafka_txn_open(struct fby_worker *w);

#endif
