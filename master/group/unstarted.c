/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions that have no start; see unstarted.h.
 */
#include "shared/fby.h"

#include "master/group/unstarted.h"

#include "master/base/alarm.h"
#include "master/handoff/handoff.h"

void
fby_unstarted_look(const struct fby_handoff *h, struct fby_alarms *alarms)
{
	const struct fby_part *first = NULL;

	for (uint32_t i = 0; first == NULL && i < h->nparts; i++)
		if (h->parts[i].state == FBY_ROW_RESOLVING &&
		    h->parts[i].no_start)
			first = &h->parts[i];
	if (first == NULL)
		fby_alarm_clear(alarms, FBY_ALARM_OFFSETS);
	else
		fby_alarm_set(alarms, FBY_ALARM_OFFSETS, "%s/%d: %s",
		    first->topic, first->partition, first->no_start);
}
