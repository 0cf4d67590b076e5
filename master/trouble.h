/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between the operator and a good night: at most one sentence of
 * each kind, said once in the log when it appears or changes and once when it
 * is over, and shown by `forebay status`, /readyz and systemctl meanwhile.
 *
 * POISON and CANARY do not make us unready: some partitions are held back, or
 * are not tried on another runtime; all others go on, and nobody would be
 * helped by taking us out.
 */
#ifndef FBY_TROUBLE_H
#define FBY_TROUBLE_H

#include "shared/fby.h"

struct fby_master;

#define FBY_TROUBLES(T)          \
	T(BROKER, "broker")      \
	T(AUTH, "authorization") \
	T(TOPIC, "topic")        \
	T(GROUP, "group")        \
	T(OFFSETS, "offsets")    \
	T(COMMIT, "commit")      \
	T(WORKERS, "workers")    \
	T(RUNTIME, "runtime")    \
	T(RELOAD, "reload")      \
	T(POISON, "poison")      \
	T(CANARY, "canary")

enum fby_trouble {
#define T(name, word) FBY_TROUBLE_##name,
	FBY_TROUBLES(T)
#undef T
	    FBY_TROUBLE_N
};

extern const char *const fby_trouble_names[FBY_TROUBLE_N];

void fby_trouble_set(struct fby_master *mst, enum fby_trouble t,
    const char *fmt, ...) FBY_PRINTF(3, 4);
void fby_trouble_over(struct fby_master *mst, enum fby_trouble t);

#endif
