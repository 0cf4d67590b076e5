/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What librdkafka says of a log that was cut; see cut.h.
 */
#include "shared/fby.h"

#include "worker/cut.h"

#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>

#define POINT "broker end offset is "

bool
fby_cut_parse(const char *text, int64_t *at)
{
	const char *point = strstr(text, POINT);
	const char *why = rd_kafka_err2str(RD_KAFKA_RESP_ERR__LOG_TRUNCATION);
	long long offset;
	char *end;

	if (strstr(text, why) == NULL)
		return false;
	*at = FBY_NONE;
	if (point == NULL)
		return true;
	point += strlen(POINT);
	offset = strtoll(point, &end, 10);
	if (end != point && offset >= 0)
		*at = offset;
	return true;
}

bool
fby_cut_is(const rd_kafka_message_t *msg, int64_t *at)
{
	return (msg->err == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET ||
		   msg->err == RD_KAFKA_RESP_ERR__LOG_TRUNCATION) &&
	    fby_cut_parse(rd_kafka_message_errstr(msg), at);
}
