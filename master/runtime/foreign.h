/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Another runtime in our place: a command that gets what a Numaflow pod's
 * main container gets (the base64 object and its companions in the
 * environment, volumes), supervised with back-off; as many of them as
 * `replicas` says.
 *
 * A struct fby_foreign knows by itself which runtime it runs, so there can be
 * several.  It is a group member of its own: what it has done is seen from
 * outside (group/view.h, scrape.h).
 */
#ifndef FBY_FOREIGN_H
#define FBY_FOREIGN_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/base/alarm.h"
#include "master/runtime/probe.h"
#include "master/runtime/subprocess.h"

struct fby_context;
struct fby_manifest;

#define FBY_REPLICAS_MAX 64
#define FBY_SURVIVE_MS 1000 /* what runs for so long can be started */

struct fby_foreign;

/* One process of it. */
struct fby_replica {
	struct fby_foreign *f;
	struct fby_subprocess process;
};

struct fby_foreign {
	struct fby_context *ctx;
	enum fby_alarm alarm;    /* what its absence is */
	void (*gone)(void *arg); /* none of its processes is left */
	void *arg;
	char *runtime;    /* its name; NULL: never started */
	char *given;      /* what it was started with, as a text */
	int64_t begun_at; /* monotonic: with these settings */
	bool wanted;
	bool is_private; /* directories of its own, not the machine's */
	bool is_down;    /* the alarm is ours */
	struct fby_replica replicas[FBY_REPLICAS_MAX];
	size_t nreplicas;
	struct event ev_kill;
	struct event ev_look; /* has what they had started exited? */
	struct fby_probe probe;
	uint64_t spawns, deaths;
	int died_of; /* the last death's, as wait(2) has it */
};

static inline size_t
fby_foreign_alive(const struct fby_foreign *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->nreplicas; i++)
		n += f->replicas[i].process.pid > 0 ||
		    f->replicas[i].process.ends;
	return n;
}

/*
 * `gone` is called when the last process has exited, or is not waited for any
 * longer; it may start the next one.
 */
void fby_foreign_init(struct fby_foreign *f, struct fby_context *ctx,
    enum fby_alarm alarm, void (*gone)(void *arg), void *arg);
void fby_foreign_fini(struct fby_foreign *f);

/* One that is known to the manifest in force, and runs as a pod does. */
void fby_foreign_start(struct fby_foreign *f, const char *runtime);

/* Would that runtime be started now as this one was? */
bool fby_foreign_is_same(const struct fby_foreign *f, const char *runtime);

/*
 * SIGTERM, SIGKILL after drain_ms; `gone` follows when the last one has
 * exited, if one is alive.
 */
void fby_foreign_stop(struct fby_foreign *f, int64_t drain_ms);

/* What has survived even SIGKILL is said, and not waited for any longer. */
void fby_foreign_give_up(struct fby_foreign *f);

/* One of its processes, which lead a group each. */
bool fby_foreign_has(const struct fby_foreign *f, int32_t pid);

/* True if it was ours. */
bool fby_foreign_reaped(struct fby_foreign *f, int32_t pid, int status);

/* Every second. */
void fby_foreign_tick(struct fby_foreign *f);

/* NULL if all of it runs and says that it is ready; else one sentence. */
const char *fby_foreign_unready(const struct fby_foreign *f);

#endif
