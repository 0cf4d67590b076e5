/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `config:` blocks of a manifest: each line against the librdkafka in use,
 * and what only the documents as a whole can show.
 */
#include "shared/fby.h"

#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/manifest/manifest.h"
#include "shared/manifest/tables.h"
#include "shared/settings/rules.h"
#include "shared/settings/settings.h"

static void
note_idempotence(const struct fby_manifest *m, enum fby_sink_role role)
{
	const struct fby_setting *s = fby_kafka_rules_excludes_idempotence(
	    &m->sinks[role].kafka);

	if (s && m->host.delivery != FBY_EXACTLY_ONCE)
		fby_err_add(m->notes, s->pos,
		    "%s.kafka.config: %s: %s excludes idempotence: records can "
		    "be repeated or reordered by the producer's own retries",
		    fby_manifest_sink_path(role), s->key, s->value);
}

/* It would be aborted before it is committed. */
static int
check_transaction(const struct fby_manifest *m, struct fby_err *err)
{
	static const char path[] = "spec.transaction.maxDelay";
	const char *text = fby_kafka_settings_find(&m->sinks[FBY_SINK_PRIMARY]
							.kafka,
	    "transaction.timeout.ms");
	int64_t limit_ms = FBY_KAFKA_TRANSACTION_MS;

	if (m->host.delivery != FBY_EXACTLY_ONCE ||
	    (text && fby_units_int(text, &limit_ms)) ||
	    m->host.transaction.max_delay_ms < limit_ms)
		return 0;
	return fby_err_add(err, fby_manifest_pos(m, path),
	    "%s: found %s, allowed is less than transaction.timeout.ms of "
	    "spec.sink.kafka, which is %s",
	    path,
	    fby_units_duration_text(m->pool, m->host.transaction.max_delay_ms),
	    fby_units_duration_text(m->pool, limit_ms));
}

int
fby_manifest_check_config(const struct fby_manifest *m, struct fby_err *err)
{
	static const char source[] = "spec.source.kafka.config";
	int rc = 0;

	rc |= fby_kafka_settings_check(&m->source, FBY_SETTINGS_SOURCE, source,
	    err);
	rc |= fby_kafka_settings_check(&m->host.kafka, FBY_SETTINGS_HOST,
	    "spec.kafka.config", err);
	for (int i = FBY_SINK_PRIMARY; i < FBY_SINK_DEAD_LETTER; i++)
		rc |= fby_kafka_settings_check(&m->sinks[i].kafka,
		    FBY_SETTINGS_SINK,
		    fby_psprintf(m->pool, "%s.kafka.config",
			fby_manifest_sink_path((enum fby_sink_role)i)),
		    err);
	rc |= check_transaction(m, err);
	for (int i = 0; i < FBY_SINK_N; i++)
		note_idempotence(m, (enum fby_sink_role)i);
	if (rc == 0)
		rc |= fby_kafka_rules_check_member(&m->source, source, err);
	return rc;
}
