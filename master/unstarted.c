/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that have no start; see unstarted.h.
 */
#include "shared/fby.h"

#include "master/unstarted.h"

#include "master/master.h"

void
fby_unstarted_look(struct fby_master *mst)
{
	const struct fby_handoff *h = &mst->handoff;
	const struct fby_part *first = NULL;

	for (uint32_t i = 0; first == NULL && i < h->nparts; i++)
		if (h->parts[i].state == FBY_ROW_RESOLVING &&
		    h->parts[i].no_start)
			first = &h->parts[i];
	if (first == NULL)
		fby_alarm_clear(&mst->ctx.alarms, FBY_ALARM_OFFSETS);
	else
		fby_alarm_set(&mst->ctx.alarms, FBY_ALARM_OFFSETS,
		    "%s/%d: %s, and auto.offset.reset is error", first->topic,
		    first->partition, first->no_start);
}
