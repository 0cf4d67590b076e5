/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the workers have written into the ledger of a function: the calls of all
 * of them to one instance, added up, and how their connections are.
 */
#ifndef FBY_TRAFFIC_H
#define FBY_TRAFFIC_H

#include "shared/fby.h"

#include "shared/boundary/ledger.h"
#include "shared/manifest/function.h"

struct fby_manifest;
struct fby_shm;
struct fby_str;

#define FBY_TRAFFIC_INSTANCES 128

/* One instance. */
struct fby_traffic {
	size_t connections, ready; /* of live workers */
	enum fby_conn_state state; /* of the one that is furthest from READY */
	uint64_t calls, answers, errors, connects, failures, in_flight;
	uint64_t buckets[FBY_HIST_BOUNDS + 1], sum; /* microseconds */
	char language[16], version[32];             /* ""; ended by NUL */
	char why[144];                              /* it is not ready */
};

/* By those that are gone, too: a slot outlives its processes. */
void fby_traffic_of(struct fby_traffic *t, const struct fby_shm *shm,
    enum fby_function_role role, size_t instance);

/* Below that many microseconds was so much of it; NAN: there were no answers.
 */
double fby_traffic_quantile(const struct fby_traffic *t, double q);

/* Instances that the workers speak to. */
size_t fby_traffic_instances(const struct fby_manifest *m,
    enum fby_function_role role);

/* What has to be remembered from one look to the next; all 0 at first. */
struct fby_traffic_watch {
	int64_t at; /* monotonic */
	uint64_t calls[FBY_FUNCTION_N][FBY_TRAFFIC_INSTANCES];
	double rate[FBY_FUNCTION_N][FBY_TRAFFIC_INSTANCES]; /* calls/s */
	/* Monotonic: since when a worker waits for it; 0: none does. */
	int64_t waits_since[FBY_FUNCTION_N][FBY_TRAFFIC_INSTANCES];
};

/* Every second. */
void fby_traffic_look(struct fby_traffic_watch *w, const struct fby_shm *shm,
    const struct fby_manifest *m, int64_t now);

/*
 * The first that workers wait for: for a while, or that none of them has ever
 * spoken to.  One sentence, with what it waits for; nothing: all is well.
 */
void fby_traffic_print_waiting(const struct fby_traffic_watch *w,
    const struct fby_shm *shm, const struct fby_manifest *m, int64_t now,
    struct fby_str *s);

#endif
