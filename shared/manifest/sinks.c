/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where records may go: the sink, its fallback, onSuccess, the dead-letter
 * topic, and what the rules of the manifest say about them together.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/units.h"
#include "shared/manifest/tables.h"
#include "shared/settings/property.h"
#include "shared/yaml/yaml.h"

static const struct {
	const char *word, *path;
} roles[FBY_SINK_N] = {
#define R(name, word, path) { word, path },
	FBY_SINK_ROLES(R)
#undef R
};

const char *
fby_manifest_sink_word(enum fby_sink_role role)
{
	return roles[role].word;
}

const char *
fby_manifest_sink_path(enum fby_sink_role role)
{
	return roles[role].path;
}

/* ---- bypass ----------------------------------------------------------- */

static bool
has_tag(const struct fby_strings *tags, const char *value)
{
	for (size_t i = 0; i < tags->n; i++)
		if (strcmp(tags->v[i], value) == 0)
			return true;
	return false;
}

/* As upstream: no values, everybody; no tags, nobody. */
static bool
is_match(const struct fby_tags *want, const struct fby_strings *tags)
{
	size_t found = 0;

	if (!want->present)
		return false;
	if (want->values.n == 0)
		return true;
	if (tags == NULL || tags->n == 0)
		return false;
	for (size_t i = 0; i < want->values.n; i++)
		found += has_tag(tags, want->values.v[i]);
	switch ((enum fby_tag_op)want->op) {
	case FBY_TAG_AND:
		return found == want->values.n;
	case FBY_TAG_NOT:
		return found == 0;
	case FBY_TAG_OR:
	default:
		return found > 0;
	}
}

enum fby_sink_role
fby_manifest_route(const struct fby_manifest *m, const struct fby_strings *tags)
{
	for (int i = FBY_SINK_PRIMARY; i < FBY_SINK_DEAD_LETTER; i++)
		if (is_match(&m->bypass[i], tags))
			return (enum fby_sink_role)i;
	return FBY_SINK_PRIMARY;
}

bool
fby_manifest_is_bypassed(const struct fby_manifest *m,
    const struct fby_strings *tags)
{
	for (int i = FBY_SINK_PRIMARY; i < FBY_SINK_DEAD_LETTER; i++)
		if (is_match(&m->bypass[i], tags))
			return true;
	return false;
}

static void
check_bypass(const struct fby_manifest *m, struct fby_err *err)
{
	static const char *const names[] = { "spec.bypass.sink",
		"spec.bypass.fallback", "spec.bypass.onSuccess" };

	for (int i = FBY_SINK_FALLBACK; i < FBY_SINK_DEAD_LETTER; i++)
		if (m->bypass[i].present && !m->sinks[i].present)
			fby_err_add(err, fby_manifest_pos(m, names[i]),
			    "%s: needs %s", names[i], roles[i].path);
}

/* ---- one sink --------------------------------------------------------- */

/* `blackhole:` with nothing after it looks set, but is null. */
static bool
has_null_sink(const struct fby_node *sink, const char *path,
    struct fby_err *err)
{
	static const char *const empty[] = { "log", "blackhole" };
	const struct fby_item *item;

	for (size_t i = 0; i < FBY_NELEM(empty); i++) {
		item = fby_yaml_item(sink, empty[i]);
		if (item == NULL)
			continue;
		fby_err_add(err, item->key_pos,
		    "%s.%s: found "
		    "nothing, which counts as not set; write `%s: {}`",
		    path, empty[i], empty[i]);
		return true;
	}
	return false;
}

static void
check_sink(const struct fby_manifest *m, const char *path, bool is_c,
    struct fby_err *err)
{
	static const char *const all[] = { "log", "blackhole", "kafka",
		"udsink", "serve", "sqs", "pulsar" };
	const struct fby_node *sink = fby_manifest_node(m->mvtx, path);
	struct fby_str names;
	size_t n;

	if (sink == NULL || sink->kind != FBY_NODE_MAP)
		return;
	fby_str_init(&names);
	n = fby_manifest_count_keys(sink, all, FBY_NELEM(all), &names);
	if (n == 0 && !has_null_sink(sink, path, err))
		fby_err_add(err, sink->pos,
		    "%s: found none, "
		    "required is log, blackhole, kafka or udsink%s",
		    path, is_c ? "" : ", or what the runtime writes to");
	/* Upstream takes the first of them, in an order of its own. */
	if (n > 1)
		fby_err_add(err, sink->pos,
		    "%s: found %s, allowed is one of them", path, names.p);
	fby_str_fini(&names);
}

void
fby_manifest_check_retry(const struct fby_manifest *m,
    const struct fby_retry_strategy *retry, const char *path,
    struct fby_err *err)
{
	const char *cap = fby_psprintf(m->pool, "%s.backoff.cap", path);
	const char *jitter = fby_psprintf(m->pool, "%s.backoff.jitter", path);

	if (retry->cap_ms < retry->interval_ms)
		fby_err_add(err, fby_manifest_pos(m, cap),
		    "%s: found %s, allowed is no less than "
		    "interval, %s",
		    cap, fby_units_duration_text(m->pool, retry->cap_ms),
		    fby_units_duration_text(m->pool, retry->interval_ms));
	if (!(retry->jitter < 1))
		fby_err_add(err, fby_manifest_pos(m, jitter),
		    "%s: found %g, allowed is less than 1", jitter,
		    retry->jitter);
}

static void
check_fallback(const struct fby_manifest *m, struct fby_err *err)
{
	static const char path[] = "spec.sink.retryStrategy.onFailure";

	if (m->retry.on_failure == FBY_ON_FAILURE_FALLBACK &&
	    fby_manifest_node(m->mvtx, "spec.sink.fallback") == NULL)
		fby_err_add(err, fby_manifest_pos(m, path),
		    "%s: fallback needs sink.fallback", path);
}

/* ---- dead-letter topic ------------------------------------------------ */

static void
complete_dead_letter(struct fby_manifest *m)
{
	struct fby_sink *sink = &m->sinks[FBY_SINK_DEAD_LETTER];
	struct fby_kafka *k = &sink->kafka;
	struct fby_setting *settings;

	k->present = sink->present;
	k->set_key = true;
	if (!k->present)
		return;
	if (k->brokers.n == 0)
		k->brokers = m->source.brokers;
	k->tls = m->source.tls;
	k->sasl = m->source.sasl;
	settings = fby_pcalloc(m->pool,
	    (m->source.nsettings + 1) * sizeof(*settings));
	for (size_t i = 0; i < m->source.nsettings; i++)
		if (fby_kafka_property_is_connection(m->source.settings[i].key))
			settings[k->nsettings++] = m->source.settings[i];
	k->settings = settings;
}

/* ---- what is written must not be read --------------------------------- */

bool
fby_manifest_is_read(const struct fby_manifest *m, const char *topic)
{
	for (size_t i = 0; topic && i < m->topics.n; i++)
		if (strcmp(m->topics.v[i], topic) == 0)
			return true;
	return false;
}

/*
 * Each record would come back as the next one, without end.  Lists that have
 * no address in common can still be of one cluster: the workers compare what
 * the clusters call themselves (worker/sink/cluster.c).
 */
static void
check_loop(const struct fby_manifest *m, enum fby_sink_role role,
    struct fby_err *err)
{
	const struct fby_kafka *k = &m->sinks[role].kafka;
	const char *path = fby_psprintf(m->pool, "%s%s.topic", roles[role].path,
	    role == FBY_SINK_DEAD_LETTER ? "" : ".kafka");

	if (k->present && fby_manifest_is_read(m, k->topic) &&
	    fby_manifest_share_broker(&m->source, k))
		fby_err_add(err, fby_manifest_pos(m, path),
		    "%s: found \"%s\", which the source reads on the same "
		    "cluster: each record would come back without end",
		    path, k->topic);
}

/* ---- exactly once ----------------------------------------------------- */

static bool
is_same_cluster(const struct fby_kafka *a, const struct fby_kafka *b)
{
	size_t same = 0;

	for (size_t i = 0; i < a->brokers.n; i++)
		same += has_tag(&b->brokers, a->brokers.v[i]);
	return same == a->brokers.n && a->brokers.n == b->brokers.n;
}

static void
check_exactly_once(const struct fby_manifest *m, struct fby_err *err)
{
	static const char path[] = "spec.delivery";
	const struct fby_pos pos = fby_manifest_pos(m, path);

	if (strcmp(m->runtime, "c") != 0 || m->host.canary.runtime)
		fby_err_add(err, pos,
		    "%s: exactlyOnce is what the C workers can do; the "
		    "runtime is %s%s%s",
		    path, m->runtime, m->host.canary.runtime ? ", beside " : "",
		    m->host.canary.runtime ? m->host.canary.runtime : "");
	for (int i = 0; i < FBY_SINK_N; i++) {
		const struct fby_sink *sink = &m->sinks[i];

		if (!sink->present && i != FBY_SINK_PRIMARY)
			continue;
		if (sink->function)
			fby_err_add(err, pos,
			    "%s: exactlyOnce cannot take back what a "
			    "user-defined function has done; %s.udsink is one",
			    path, roles[i].path);
		else if (!sink->kafka.present ||
		    !is_same_cluster(&m->source, &sink->kafka))
			fby_err_add(err, pos,
			    "%s: exactlyOnce needs a Kafka sink with the very "
			    "brokers of the source; %s is none",
			    path, roles[i].path);
		else if (i != FBY_SINK_PRIMARY && sink->kafka.config)
			fby_err_add(err, pos,
			    "%s: with exactlyOnce one producer writes to all "
			    "sinks, with the config of spec.sink.kafka; %s."
			    "kafka.config has no place",
			    path, roles[i].path);
	}
}

/* Numaflow's default, which is seldom what somebody has in mind. */
static void
note_keys(const struct fby_manifest *m, enum fby_sink_role role)
{
	const char *path = fby_psprintf(m->pool, "%s.kafka", roles[role].path);

	if (!m->sinks[role].kafka.present ||
	    fby_manifest_node(m->mvtx,
		fby_psprintf(m->pool, "%s.setKey", path)) != NULL)
		return;
	fby_err_add(m->notes, fby_manifest_pos(m, path),
	    "%s: without setKey: true records are written without their keys, "
	    "to any partition",
	    path);
}

void
fby_manifest_check_sinks(struct fby_manifest *m, struct fby_err *err)
{
	static const enum fby_function_role functions[] = {
		[FBY_SINK_PRIMARY] = FBY_FUNCTION_SINK,
		[FBY_SINK_FALLBACK] = FBY_FUNCTION_FALLBACK,
		[FBY_SINK_SUCCESS] = FBY_FUNCTION_SUCCESS,
	};
	const bool is_c = fby_manifest_uses(m, "c");

	m->sinks[FBY_SINK_PRIMARY].present = true;
	for (size_t i = 0; i < FBY_NELEM(functions); i++)
		m->sinks[i].function = m->functions[functions[i]].present;
	for (int i = FBY_SINK_PRIMARY; i < FBY_SINK_DEAD_LETTER; i++)
		check_sink(m, roles[i].path, is_c, err);
	for (int i = FBY_SINK_PRIMARY; i < FBY_SINK_DEAD_LETTER; i++)
		note_keys(m, (enum fby_sink_role)i);
	fby_manifest_check_retry(m, &m->retry, "spec.sink.retryStrategy", err);
	check_fallback(m, err);
	check_bypass(m, err);
	complete_dead_letter(m);
	for (int i = 0; i < FBY_SINK_N; i++)
		check_loop(m, (enum fby_sink_role)i, err);
	if (m->host.delivery == FBY_EXACTLY_ONCE)
		check_exactly_once(m, err);
}
