/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a sink's topic the source's?  Where the names are equal and the broker
 * addresses are not, only the clusters themselves can tell, by their ids.
 */
#ifndef FBY_WORKER_CLUSTER_H
#define FBY_WORKER_CLUSTER_H

#include "shared/fby.h"

#include "shared/manifest/manifest.h"

typedef struct rd_kafka_s rd_kafka_t;
struct fby_worker;

struct fby_cluster_check {
	bool is_pending; /* nothing may be written yet */
	bool is_told;    /* that it is the source's */
};

void fby_cluster_check_init(struct fby_cluster_check *cc,
    const struct fby_manifest *m, enum fby_sink_role role);

/*
 * May be asked for each record; never blocks.  false: not yet, or never; the
 * master has been told which.
 */
bool fby_cluster_may_write(struct fby_cluster_check *cc, struct fby_worker *w,
    enum fby_sink_role role, rd_kafka_t *sink);

#endif
