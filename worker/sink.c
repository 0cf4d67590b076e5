/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sink the manifest asks for.
 */
#include "shared/fby.h"

#include "worker/sink.h"

#include "shared/log.h"
#include "shared/manifest.h"

#include "worker/worker.h"

/* If several are set, the first one counts, as with numaflow-rs. */
struct fby_outlet *
fby_sink_open(struct fby_worker *w)
{
	if (w->m->sink.log)
		return fby_sink_log_open(w);
	if (w->m->sink.blackhole)
		return fby_sink_blackhole_open(w);
	if (w->m->sink.kafka.present)
		return fby_sink_kafka_open(w);
	fby_error("the manifest has no sink that a C worker knows");
	return NULL;
}

void
fby_sink_close(struct fby_outlet *out)
{
	if (out != NULL)
		out->ops->close(out);
}
