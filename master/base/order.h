/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of partitions wherever they are sorted, searched or shown: by the
 * topic's name, then by number.  As for qsort(3): below 0, 0, above 0.
 */
#ifndef FBY_ORDER_H
#define FBY_ORDER_H

#include "shared/fby.h"

static inline int
fby_order(const char *topic, int32_t partition, const char *other_topic,
    int32_t other)
{
	int order = strcmp(topic, other_topic);

	return order ? order : (partition > other) - (partition < other);
}

#endif
