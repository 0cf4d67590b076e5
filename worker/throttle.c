/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors that repeat; see throttle.h.
 */
#include "shared/fby.h"

#include "worker/throttle.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"

#define REPEAT_AFTER_MS 60000

/* Librdkafka retries by itself: these are for the operator's information. */
static enum fby_log_level
level(int code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR__SSL:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR__FATAL:
		return FBY_LOG_ERR;
	default:
		return FBY_LOG_WARN;
	}
}

/* Its own entry, else the one that was not needed for longest. */
static struct fby_throttle_kind *
entry(struct fby_throttle *t, int code)
{
	struct fby_throttle_kind *oldest = &t->kinds[0];

	for (size_t i = 0; i < FBY_THROTTLE_KINDS; i++) {
		struct fby_throttle_kind *k = &t->kinds[i];

		if (k->said_at && k->code == code)
			return k;
		if (k->said_at < oldest->said_at)
			oldest = k;
	}
	return oldest;
}

void
fby_throttle_log(struct fby_throttle *t, const char *whose, int code,
    const char *text)
{
	struct fby_throttle_kind *k = entry(t, code);
	int64_t now = fby_clock_mono();

	if (k->said_at && k->code == code &&
	    now - k->said_at < REPEAT_AFTER_MS) {
		k->unsaid++;
		fby_debug("%s: %s", whose, text);
		return;
	}
	if (k->code == code && k->unsaid)
		fby_log(level(code),
		    "%s: %s (and %" PRIu64 " of the kind since the last line)",
		    whose, text, k->unsaid);
	else
		fby_log(level(code), "%s: %s", whose, text);
	*k = (struct fby_throttle_kind){ .code = code, .said_at = now };
}

void
fby_throttle_reset(struct fby_throttle *t, int code)
{
	for (size_t i = 0; i < FBY_THROTTLE_KINDS; i++)
		if (t->kinds[i].code == code)
			t->kinds[i].said_at = 0;
}
