/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListOffsets for any number of partitions.
 *
 * librdkafka looks each partition of a request up in the list of all of them,
 * and does so in the thread that calls it: 5,000 in one request keep the loop
 * from turning for 70 ms.  So they are asked for in slices.
 */
#ifndef FBY_LISTING_H
#define FBY_LISTING_H

#include "shared/fby.h"

#include <librdkafka/rdkafka.h>

struct fby_request;

#define FBY_LISTING_SLICE 256 /* partitions to a request */

/*
 * Ask for all partitions of the list, whose offsets say what of each
 * (rd_kafka_OffsetSpec_t).  The replies come through `queue`, for `req`; how
 * many there will be is returned, and counted in req->under_way.
 */
unsigned fby_listing_ask(struct fby_request *req, rd_kafka_t *rk,
    rd_kafka_queue_t *queue, const rd_kafka_topic_partition_list_t *list,
    rd_kafka_IsolationLevel_t isolation, int timeout_ms);

#endif
