/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sink's topic that has the name of a source's; see cluster.h.
 *
 * Both clients learn the id of their cluster with the first metadata, which
 * the sink's producer asks for when its topic is opened.
 */
#include "shared/fby.h"

#include "worker/sink/cluster.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/log.h"

#include "worker/source.h"
#include "worker/worker.h"

void
fby_cluster_check_init(struct fby_cluster_check *cc,
    const struct fby_manifest *m, enum fby_sink_role role)
{
	cc->is_told = false;
	cc->is_pending = fby_manifest_is_read(m, m->sinks[role].kafka.topic);
}

/* Nothing that was taken is lost: the partitions stand still. */
static void
tell(struct fby_cluster_check *cc, struct fby_worker *w,
    enum fby_sink_role role)
{
	static const char text[] = "the topic is one that the source reads, "
				   "under another address of the same "
				   "cluster; nothing is written";

	if (!cc->is_told)
		fby_error("%s: %s", fby_manifest_sink_path(role), text);
	cc->is_told = true;
	fby_worker_failed(w, fby_failure_role(role), 0, text);
}

bool
fby_cluster_may_write(struct fby_cluster_check *cc, struct fby_worker *w,
    enum fby_sink_role role, rd_kafka_t *sink)
{
	char *read, *written;

	if (!cc->is_pending)
		return true;
	read = rd_kafka_clusterid(w->src->rk, 0);
	written = rd_kafka_clusterid(sink, 0);
	if (read == NULL || written == NULL)
		fby_worker_failed(w, fby_failure_role(role), 0,
		    "the clusters of source and sink have not said yet "
		    "whether they are the same");
	else if (strcmp(read, written) == 0)
		tell(cc, w, role);
	else
		cc->is_pending = false;
	free(read);
	free(written);
	return !cc->is_pending;
}
