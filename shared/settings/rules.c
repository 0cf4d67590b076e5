/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What settings mean to each other; see settings/rules.h.
 */
#include "shared/fby.h"

#include "shared/settings/rules.h"

#include "shared/base/units.h"

#define SESSION_MS 15000
#define IDEMPOTENT_IN_FLIGHT 5

int64_t
fby_kafka_rules_number(const struct fby_kafka *k, const char *key,
    int64_t unset)
{
	const char *text = fby_kafka_settings_find(k, key);
	int64_t n;

	return text && fby_units_int(text, &n) == NULL ? n : unset;
}

/* ---- membership ------------------------------------------------------- */

bool
fby_kafka_rules_is_new_protocol(const struct fby_kafka *k)
{
	const char *protocol = fby_kafka_settings_find(k, "group.protocol");

	return protocol && strcasecmp(protocol, "consumer") == 0;
}

int64_t
fby_kafka_rules_session_ms(const struct fby_kafka *k)
{
	const int64_t max_poll_ms = fby_kafka_rules_number(k,
	    "max.poll.interval.ms", INT64_MAX);

	return fby_kafka_rules_number(k, "session.timeout.ms",
	    FBY_MIN(SESSION_MS, max_poll_ms));
}

static const struct fby_setting *
setting_find(const struct fby_kafka *k, const char *key)
{
	for (size_t i = 0; i < k->nsettings; i++)
		if (strcmp(k->settings[i].key, key) == 0)
			return &k->settings[i];
	return NULL;
}

int
fby_kafka_rules_check_member(const struct fby_kafka *k, const char *path,
    struct fby_err *err)
{
	static const char *const classic[] = { "session.timeout.ms",
		"heartbeat.interval.ms", "partition.assignment.strategy",
		"group.protocol.type" };
	const struct fby_setting *s;
	int rc = 0;

	for (size_t i = 0;
	     fby_kafka_rules_is_new_protocol(k) && i < FBY_NELEM(classic);
	     i++) {
		s = setting_find(k, classic[i]);
		if (s)
			rc = fby_err_add(err, s->pos,
			    "%s: %s is the "
			    "broker's to say when group.protocol is consumer",
			    path, s->key);
	}
	s = setting_find(k, "session.timeout.ms");
	if (!fby_kafka_rules_is_new_protocol(k) && s &&
	    fby_kafka_rules_session_ms(k) >
		fby_kafka_rules_number(k, "max.poll.interval.ms", 300000))
		rc = fby_err_add(err, s->value_pos,
		    "%s: found session.timeout.ms %s, allowed is no more than "
		    "max.poll.interval.ms",
		    path, s->value);
	s = setting_find(k, "heartbeat.interval.ms");
	if (!fby_kafka_rules_is_new_protocol(k) && s &&
	    fby_kafka_rules_number(k, s->key, 0) >=
		fby_kafka_rules_session_ms(k))
		rc = fby_err_add(err, s->value_pos,
		    "%s: found heartbeat.interval.ms %s, allowed is less than "
		    "session.timeout.ms, which is %" PRId64,
		    path, s->value, fby_kafka_rules_session_ms(k));
	return rc;
}

/* ---- idempotence ------------------------------------------------------ */

static bool
is_one_of(const char *key, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(key, list[i]) == 0)
			return true;
	return false;
}

const struct fby_setting *
fby_kafka_rules_excludes_idempotence(const struct fby_kafka *k)
{
	static const char *const acks[] = { "acks", "request.required.acks" };
	static const char *const retries[] = { "retries",
		"message.send.max.retries" };
	static const char *const in_flight[] = { "max.in.flight",
		"max.in.flight.requests.per.connection" };

	if (fby_kafka_settings_find(k, "enable.idempotence"))
		return NULL;
	for (size_t i = 0; i < k->nsettings; i++) {
		const struct fby_setting *s = &k->settings[i];
		int64_t n = 0;

		if (strcmp(s->key, "queuing.strategy") == 0 &&
		    strcmp(s->value, "fifo") != 0)
			return s;
		if (is_one_of(s->key, acks, FBY_NELEM(acks)) &&
		    strcmp(s->value, "all") != 0 && strcmp(s->value, "-1") != 0)
			return s;
		if (fby_units_int(s->value, &n) != NULL)
			continue;
		if ((is_one_of(s->key, retries, FBY_NELEM(retries)) && n < 1) ||
		    (is_one_of(s->key, in_flight, FBY_NELEM(in_flight)) &&
			n > IDEMPOTENT_IN_FLIGHT) ||
		    (strcmp(s->key, "queue.buffering.backpressure.threshold") ==
			    0 &&
			n > 1))
			return s;
	}
	return NULL;
}
