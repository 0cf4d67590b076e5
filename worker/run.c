/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records that were read at once; see run.h.
 */
#include "shared/fby.h"

#include "worker/run.h"

#include <librdkafka/rdkafka.h>

int64_t
fby_run_event_time(const rd_kafka_message_t *msg, int64_t otherwise)
{
	rd_kafka_timestamp_type_t type;
	int64_t ms = rd_kafka_message_timestamp(msg, &type);

	return type == RD_KAFKA_TIMESTAMP_NOT_AVAILABLE || ms < 0 ? otherwise :
								    ms;
}
