/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See ready.h.
 */
#include "shared/fby.h"

#include "master/ready.h"

#include "shared/manifest/manifest.h"

#include "master/master.h"

const char *
fby_ready_why_not(const struct fby_master *mst)
{
	static char text[512];

	if (mst->ctx.state != FBY_CYCLE_RUNNING)
		return fby_cycle_state_name(mst->ctx.state);
	for (size_t i = 0; i < FBY_ALARM_N; i++) {
		const char *why = fby_alarm_text(&mst->ctx.alarms, i);

		if (why == NULL || !fby_alarm_is_unready(i))
			continue;
		snprintf(text, sizeof(text), "%s: %s", fby_alarm_names[i], why);
		return text;
	}
	if (fby_manifest_foreign_runtime(mst->ctx.manifest) &&
	    fby_foreign_unready(&mst->foreign))
		return fby_foreign_unready(&mst->foreign);
	if (!fby_manifest_has_workers(mst->ctx.manifest))
		return NULL;
	if (mst->group.state == FBY_GROUP_JOINING ||
	    mst->group.state == FBY_GROUP_CLOSED)
		return fby_group_state_name(mst->group.state);
	return NULL;
}
