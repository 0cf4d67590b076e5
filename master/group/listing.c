/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ListOffsets in slices; see listing.h.
 */
#include "shared/fby.h"

#include "master/group/listing.h"

#include "master/group/request.h"

/* Those from `first` on that one request is for. */
static rd_kafka_topic_partition_list_t *
slice(const rd_kafka_topic_partition_list_t *list, int first)
{
	int end = FBY_MIN(list->cnt, first + FBY_LISTING_SLICE);
	rd_kafka_topic_partition_list_t *part;

	part = rd_kafka_topic_partition_list_new(end - first);
	for (int i = first; i < end; i++)
		rd_kafka_topic_partition_list_add(part, list->elems[i].topic,
		    list->elems[i].partition)
		    ->offset = list->elems[i].offset;
	return part;
}

unsigned
fby_listing_ask(struct fby_request *req, rd_kafka_t *rk,
    rd_kafka_queue_t *queue, const rd_kafka_topic_partition_list_t *list,
    rd_kafka_IsolationLevel_t isolation, int timeout_ms)
{
	rd_kafka_AdminOptions_t *opt = rd_kafka_AdminOptions_new(rk,
	    RD_KAFKA_ADMIN_OP_LISTOFFSETS);
	unsigned n = 0;

	rd_kafka_AdminOptions_set_request_timeout(opt, timeout_ms, NULL, 0);
	rd_kafka_AdminOptions_set_opaque(opt, req);
	rd_kafka_error_destroy(
	    rd_kafka_AdminOptions_set_isolation_level(opt, isolation));
	for (int i = 0; i < list->cnt; i += FBY_LISTING_SLICE) {
		rd_kafka_topic_partition_list_t *part = slice(list, i);

		rd_kafka_ListOffsets(rk, part, opt, queue);
		rd_kafka_topic_partition_list_destroy(part);
		n++;
	}
	rd_kafka_AdminOptions_destroy(opt);
	req->under_way += n;
	return n;
}
