/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another runtime in our place: a command that gets what a Numaflow pod's
 * main container gets (the base64 object and its companions in the
 * environment, volumes), supervised with back-off; as many of them as
 * `replicas` says.
 *
 * A struct fby_child knows by itself which runtime it runs, so there can be
 * several.  It is a group member of its own: what it has done is seen from
 * outside (group/view.h, scrape.h).
 */
#ifndef FBY_RUNTIME_H
#define FBY_RUNTIME_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/base/alarm.h"
#include "master/runtime/probe.h"

struct fby_context;
struct fby_manifest;

#define FBY_REPLICAS_MAX 64

struct fby_child;

/* One process of it. */
struct fby_replica {
	struct fby_child *c;
	int32_t pid;        /* 0: none */
	int64_t spawned_at; /* monotonic */
	int64_t backoff_ms;
	struct event ev_spawn;
};

struct fby_child {
	struct fby_context *ctx;
	enum fby_alarm alarm;    /* what its absence is */
	void (*gone)(void *arg); /* none of its processes is left */
	void *arg;
	char *runtime; /* its name; NULL: never started */
	char *given;   /* what it was started with, as a text */
	bool wanted;
	bool is_private; /* directories of its own, not the machine's */
	bool is_down;    /* the alarm is ours */
	struct fby_replica replicas[FBY_REPLICAS_MAX];
	size_t nreplicas;
	struct event ev_kill;
	struct fby_probe probe;
	uint64_t spawns, deaths;
};

static inline size_t
fby_child_alive(const struct fby_child *c)
{
	size_t n = 0;

	for (size_t i = 0; i < c->nreplicas; i++)
		n += c->replicas[i].pid > 0;
	return n;
}

/*
 * `gone` is called when the last process has exited, or is not waited for any
 * longer; it may start the next one.
 */
void fby_child_init(struct fby_child *c, struct fby_context *ctx,
    enum fby_alarm alarm, void (*gone)(void *arg), void *arg);
void fby_child_fini(struct fby_child *c);

/* One that is known to the manifest in force, and runs as a pod does. */
void fby_child_start(struct fby_child *c, const char *runtime);

/* Would that runtime be started now as this one was? */
bool fby_child_is_same(const struct fby_child *c, const char *runtime);

/*
 * SIGTERM, SIGKILL after drain_ms; `gone` follows when the last one has
 * exited, if one is alive.
 */
void fby_child_stop(struct fby_child *c, int64_t drain_ms);

/* What has survived even SIGKILL is said, and not waited for any longer. */
void fby_child_give_up(struct fby_child *c);

/* One of its processes, which lead a group each. */
bool fby_child_has(const struct fby_child *c, int32_t pid);

/* True if it was ours. */
bool fby_child_reaped(struct fby_child *c, int32_t pid, int status);

/* Every second. */
void fby_child_tick(struct fby_child *c);

/* NULL if all of it runs and says that it is ready; else one sentence. */
const char *fby_child_unready(const struct fby_child *c);

#endif
