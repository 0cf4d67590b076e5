/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sink the manifest asks for.
 */
#include "shared/fby.h"

#include "worker/sink/sink.h"

#include "shared/base/log.h"
#include "shared/manifest/manifest.h"

#include "worker/outlet.h"
#include "worker/worker.h"

/*
 * Standard output is one, so all that goes there goes through one outlet:
 * else one role's line would be glued behind the fragment of another's.
 */
static struct fby_outlet *
open_log(struct fby_worker *w)
{
	for (int i = 0; i < FBY_SINK_N; i++)
		if (w->outs[i] != NULL && w->m->sinks[i].log)
			return w->outs[i];
	return fby_sink_log_open(w);
}

/* If several are set, the first one counts, as with numaflow-rs. */
static struct fby_outlet *
open_one(struct fby_worker *w, enum fby_sink_role role)
{
	const struct fby_sink *sink = &w->m->sinks[role];

	if (sink->function)
		return fby_sink_function_open(w, role);
	if (sink->log)
		return open_log(w);
	if (sink->blackhole)
		return fby_sink_blackhole_open(w);
	if (sink->kafka.present)
		return fby_sink_kafka_open(w, role);
	fby_error("%s: there is none that a C worker knows",
	    fby_manifest_sink_path(role));
	return NULL;
}

/*
 * What is bound for onSuccess goes there in the transaction of its record,
 * and so is not the pipeline's business.
 */
static int
open_transactional(struct fby_worker *w)
{
	struct fby_outlet *out = fby_sink_kafka_txn_open(w);

	if (out == NULL)
		return -1;
	for (int i = 0; i < FBY_SINK_N; i++)
		if (w->m->sinks[i].present && i != FBY_SINK_SUCCESS)
			w->outs[i] = out;
	return 0;
}

/* One outlet may be there for several roles; it has the first one's name. */
static bool
is_first(const struct fby_worker *w, int role)
{
	for (int i = 0; i < role; i++)
		if (w->outs[i] == w->outs[role])
			return false;
	return true;
}

int
fby_sink_open(struct fby_worker *w)
{
	if (w->m->host.delivery == FBY_EXACTLY_ONCE)
		return open_transactional(w);
	for (int i = 0; i < FBY_SINK_N; i++) {
		enum fby_sink_role role = (enum fby_sink_role)i;

		if (!w->m->sinks[i].present)
			continue;
		if ((w->outs[i] = open_one(w, role)) == NULL)
			return -1;
		w->outs[i]->w = w;
		if (is_first(w, i))
			w->outs[i]->role = role;
	}
	return 0;
}

void
fby_sink_close(struct fby_worker *w)
{
	for (int i = 0; i < FBY_SINK_N; i++) {
		struct fby_outlet *out = w->outs[i];

		if (out == NULL)
			continue;
		for (int j = i; j < FBY_SINK_N; j++)
			if (w->outs[j] == out)
				w->outs[j] = NULL;
		out->ops->close(out);
	}
}

void
fby_sink_group(struct fby_worker *w, const struct fby_msg_group *msg)
{
	struct fby_outlet *out = w->outs[FBY_SINK_PRIMARY];

	if (out->ops->group != NULL)
		out->ops->group(out, msg);
}

void
fby_sink_tick(struct fby_worker *w, int64_t mono)
{
	for (int i = 0; i < FBY_SINK_N; i++) {
		struct fby_outlet *out = w->outs[i];

		if (out != NULL && out->ops->tick != NULL && is_first(w, i))
			out->ops->tick(out, mono);
	}
}
