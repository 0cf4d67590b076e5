/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions before the sinks; see stage.h.
 */
#include "shared/fby.h"

#include "worker/stage/stage.h"

#include "shared/manifest/manifest.h"

#include "worker/outlet.h"
#include "worker/worker.h"

void
fby_stages_open(struct fby_worker *w)
{
	for (unsigned i = FBY_SINK_N; i < FBY_OUTLET_N; i++)
		if (w->m->functions[fby_stage_function(i)].present)
			w->outs[i] = fby_stage_function_open(w, i);
}

void
fby_stages_close(struct fby_worker *w)
{
	for (unsigned i = FBY_SINK_N; i < FBY_OUTLET_N; i++) {
		if (w->outs[i] != NULL)
			w->outs[i]->ops->close(w->outs[i]);
		w->outs[i] = NULL;
	}
}

void
fby_stages_tick(struct fby_worker *w, int64_t mono)
{
	for (unsigned i = FBY_SINK_N; i < FBY_OUTLET_N; i++)
		if (w->outs[i] != NULL)
			w->outs[i]->ops->tick(w->outs[i], mono);
}
