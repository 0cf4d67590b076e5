/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another runtime in our place: a command that gets what a Numaflow pod's
 * main container gets (the base64 object and its companions in the
 * environment), supervised with back-off.
 */
#ifndef FBY_RUNTIME_H
#define FBY_RUNTIME_H

#include "shared/fby.h"

#include <event2/event_struct.h>

struct fby_manifest;
struct fby_master;

struct fby_child {
	struct fby_master *mst;
	int32_t pid; /* 0: none */
	bool wanted;
	bool killed;
	int64_t spawned_at; /* monotonic */
	int64_t backoff_ms;
	struct event ev_spawn, ev_kill;
	uint64_t spawns, deaths;
};

void fby_child_init(struct fby_child *c, struct fby_master *mst);
void fby_child_fini(struct fby_child *c);
void fby_child_start(struct fby_child *c);

/* SIGTERM, SIGKILL after drain_ms; fby_cycle_child_gone() follows. */
void fby_child_stop(struct fby_child *c, int64_t drain_ms);

/* True if it was ours. */
bool fby_child_reaped(struct fby_child *c, int32_t pid, int status);

/* True if the manifest names a runtime other than our own workers. */
bool fby_runtime_is_foreign(const struct fby_manifest *m);

#endif
