/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a manifest to librdkafka's configuration; see kafka.h.
 *
 * Three clients: a row of `settings` says which of them get it, and whether
 * the operator's `config:` lines go before it (forced) or after (default).
 */
#include "shared/fby.h"

#include "shared/kafka/kafka.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/units.h"
#include "shared/kafka/auth.h"
#include "shared/manifest/manifest.h"
#include "shared/settings/property.h"
#include "shared/settings/rules.h"
#include "shared/settings/settings.h"

#define HEARTBEAT_MS 1000
#define PREFETCH_MIN (64 * INT64_C(1024))
#define PREFETCH_MAX (1024 * INT64_C(1024))
#define MESSAGE_MAX INT64_C(1000000)          /* librdkafka's default */
#define FETCH_MAX (50 * 1024 * INT64_C(1024)) /* librdkafka's default */

enum {
	MEMBER = 1 << FBY_KAFKA_MEMBER,
	FETCHER = 1 << FBY_KAFKA_FETCHER,
	PRODUCER = ((1 << FBY_SINK_N) - 1) << FBY_KAFKA_PRODUCER,
	CONSUMER = MEMBER | FETCHER,
	ALL = CONSUMER | PRODUCER,
};

struct setting {
	unsigned clients;
	const char *key, *value;
};

static const struct setting defaults[] = {
	/* A partition added, a topic created: seen within seconds. */
	{ MEMBER, "topic.metadata.refresh.interval.ms", "5000" },
	/* A full queue else stands still for a second. */
	{ FETCHER, "fetch.queue.backoff.ms", "10" },
	/* How long a partition that is granted waits for the fetch under way.
	 */
	{ FETCHER, "fetch.wait.max.ms", "100" }, { PRODUCER, "linger.ms", "5" },
	/* Then it is the retry strategy's turn. */
	{ PRODUCER, "message.timeout.ms", "30000" },
	/* The broker decides what is too large; the budget is the worker's. */
	{ PRODUCER, "message.max.bytes", "1000000000" },
	{ PRODUCER, "queue.buffering.max.messages", "0" },
	/* The Java client's; librdkafka waits for up to 10 s. */
	{ ALL, "reconnect.backoff.max.ms", "1000" }, { 0, NULL, NULL }
};

static const struct setting forced[] = { { CONSUMER, "enable.auto.commit",
					     "false" },
	{ CONSUMER, "enable.auto.offset.store", "false" },
	{ FETCHER, "enable.partition.eof", "true" },
	/* The master resolves offsets; a worker must not jump. */
	{ FETCHER, "auto.offset.reset", "error" },
	{ PRODUCER, "delivery.report.only.error", "false" },
	{ ALL, "log.queue", "true" }, { 0, NULL, NULL } };

/* What concerns the membership means nothing to a client that joins none. */
static const char *const member_only[] = {
	"group.instance.id",
	"group.protocol",
	"group.protocol.type",
	"group.remote.assignor",
	"heartbeat.interval.ms",
	"max.poll.interval.ms",
	"partition.assignment.strategy",
	"session.timeout.ms",
};

struct build {
	const struct fby_manifest *m;
	const struct fby_kafka *k;
	enum fby_kafka_client client;
	bool is_trial, is_elsewhere; /* see fby_kafka_conf_trial */
	const char *path;
	rd_kafka_conf_t *conf;
	struct fby_err *err;
};

static bool
is_producer(enum fby_kafka_client client)
{
	return client >= FBY_KAFKA_PRODUCER;
}

static enum fby_sink_role
role_of(enum fby_kafka_client client)
{
	return (enum fby_sink_role)(client - FBY_KAFKA_PRODUCER);
}

/* The dead letter's is the block itself. */
static const char *
client_path(enum fby_kafka_client client)
{
	static const char *const paths[FBY_SINK_N] = {
#define R(name, word, path) [FBY_SINK_##name] = path ".kafka",
		FBY_SINK_ROLES(R)
#undef R
	};

	if (!is_producer(client))
		return "spec.source.kafka";
	if (role_of(client) == FBY_SINK_DEAD_LETTER)
		return fby_manifest_sink_path(FBY_SINK_DEAD_LETTER);
	return paths[role_of(client)];
}

static const struct fby_kafka *
client_kafka(const struct fby_manifest *m, enum fby_kafka_client client)
{
	return is_producer(client) ? &m->sinks[role_of(client)].kafka :
				     &m->source;
}

const char *
fby_kafka_setting(const struct fby_manifest *m, const char *key)
{
	return fby_kafka_settings_find(&m->source, key);
}

/* ---- setting ---------------------------------------------------------- */

static int
set(const struct build *b, const char *key, const char *value,
    struct fby_pos pos)
{
	char why[512];

	if (rd_kafka_conf_set(b->conf, key, value, why, sizeof(why)) ==
	    RD_KAFKA_CONF_OK)
		return 0;
	return fby_err_add(b->err, pos, "%s: librdkafka refuses %s: %s",
	    b->path, key, why);
}

/* false: it is not set. */
static bool
get(const struct build *b, const char *key, char *value, size_t size)
{
	return rd_kafka_conf_get(b->conf, key, value, &size) ==
	    RD_KAFKA_CONF_OK;
}

static int
set_table(const struct build *b, const struct setting *s)
{
	const struct fby_pos pos = fby_manifest_pos(b->m, b->path);
	int rc = 0;

	for (; s->key; s++)
		if (s->clients & (1u << b->client))
			rc |= set(b, s->key, s->value, pos);
	return rc;
}

static bool
is_one_of(const char *key, const char *const *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(key, list[i]) == 0)
			return true;
	return false;
}

static bool
is_left_out(const struct build *b, const char *key)
{
	const enum fby_property_kind kind = fby_kafka_property_kind(key);

	return (b->is_trial && kind == FBY_PROPERTY_LIBRARY) ||
	    (b->is_elsewhere && kind != FBY_PROPERTY_VALUE);
}

static int
set_config(const struct build *b, const struct fby_kafka *k)
{
	int rc = 0;

	for (size_t i = 0; i < k->nsettings; i++) {
		const struct fby_setting *s = &k->settings[i];

		if (b->client == FBY_KAFKA_FETCHER &&
		    is_one_of(s->key, member_only, FBY_NELEM(member_only)))
			continue;
		if (*s->value == '\0' &&
		    strcmp(s->key, "group.instance.id") == 0)
			continue;
		if (is_left_out(b, s->key))
			continue;
		rc |= set(b, s->key, s->value, s->value_pos);
	}
	return rc;
}

/* ---- membership ------------------------------------------------------- */

/* Without a master nothing is joined by it: a check, a client that asks. */
const char *
fby_kafka_host_id(const struct fby_manifest *m)
{
	if (m->host_id)
		return m->host_id;
	return m->name;
}

static int
set_member_defaults(const struct build *b)
{
	const struct fby_pos pos = fby_manifest_pos(b->m, b->path);
	const int64_t session = fby_kafka_rules_session_ms(&b->m->source);
	char text[32], *id;
	int rc = 0;

	if (fby_kafka_setting(b->m, "group.instance.id") == NULL) {
		id = b->m->host_id ? fby_strdup(b->m->host_id) :
				     fby_asprintf("forebay-%s", b->m->name);
		rc |= set(b, "group.instance.id", id, pos);
		free(id);
	}
	if (fby_kafka_rules_is_new_protocol(&b->m->source))
		return rc; /* the broker says how long */
	snprintf(text, sizeof(text), "%" PRId64, session);
	rc |= set(b, "session.timeout.ms", text, pos);
	snprintf(text, sizeof(text), "%" PRId64,
	    FBY_MAX(FBY_MIN(HEARTBEAT_MS, session / 3), 1));
	rc |= set(b, "heartbeat.interval.ms", text, pos);
	return rc;
}

/* ---- Kerberos --------------------------------------------------------- */

/*
 * librdkafka hands sasl.kerberos.kinit.cmd to a shell, with each %{property}
 * replaced by that property's value and nothing quoted.  So a value that is
 * put there, by default the principal and the key table, must be one that a
 * shell takes as it is.
 */
static int
check_kinit(const struct build *b)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_-./@:+,=%";
	char mechanism[64], key[128], value[4096];
	char command[4096];

	if (!get(b, "sasl.mechanisms", mechanism, sizeof(mechanism)) ||
	    strcmp(mechanism, "GSSAPI") != 0 ||
	    !get(b, "sasl.kerberos.kinit.cmd", command, sizeof(command)))
		return 0;
	for (const char *p = command; (p = strstr(p, "%{")) != NULL;) {
		const size_t len = strcspn(p += 2, "}");

		snprintf(key, sizeof(key), "%.*s", (int)len, p);
		if (get(b, key, value, sizeof(value)) &&
		    value[strspn(value, plain)] != '\0')
			return fby_err_add(b->err,
			    fby_manifest_pos(b->m, b->path),
			    "%s: the value of %s goes into a command for the "
			    "shell, allowed are letters, digits and _-./@:+,=%%",
			    b->path, key);
	}
	return 0;
}

/* ---- memory ----------------------------------------------------------- */

/*
 * Half of the worker's budget is for what is prefetched: 16 busy partitions
 * with a full queue and a fetch under way fill it.  What many partitions make
 * of it is watched by the worker (prefetch.c), which knows how many it has.
 * librdkafka's own default is 64 MB for each partition.
 */
static int
set_prefetch(const struct build *b)
{
	const struct fby_pos pos = fby_manifest_pos(b->m, b->path);
	int64_t bytes = b->m->host.memory.budget_bytes / 64;
	char text[32];
	int rc = 0;

	bytes = FBY_MAX(FBY_MIN(bytes, PREFETCH_MAX), PREFETCH_MIN);
	snprintf(text, sizeof(text), "%" PRId64, bytes / 1024);
	rc |= set(b, "queued.max.messages.kbytes", text, pos);
	snprintf(text, sizeof(text), "%" PRId64, bytes);
	rc |= set(b, "fetch.message.max.bytes", text, pos);
	snprintf(text, sizeof(text), "%" PRId64,
	    FBY_MIN(b->m->host.memory.budget_bytes / 4, FETCH_MAX));
	rc |= set(b, "fetch.max.bytes", text, pos);
	/* librdkafka wants it no larger; a fetcher's requests are small. */
	snprintf(text, sizeof(text), "%" PRId64,
	    FBY_MIN(b->m->host.memory.budget_bytes / 4, MESSAGE_MAX));
	rc |= set(b, "message.max.bytes", text, pos);
	return rc;
}

/* ---- transactions ----------------------------------------------------- */

static bool
is_exactly_once(const struct fby_manifest *m)
{
	return m->host.delivery == FBY_EXACTLY_ONCE;
}

/*
 * What was committed by a transaction that is not decided yet must not be
 * skipped by who asks where to start, and read_uncommitted would.
 */
static const struct setting stable_offsets[] = {
	{ MEMBER, "isolation.level", "read_committed" }, { 0, NULL, NULL }
};

/*
 * The first request of a transaction is refused until the markers of the one
 * before are written, mostly for a millisecond or two.  (That and `linger.ms`
 * made ten times the throughput with small transactions.)
 *
 * transaction.timeout.ms: how long a worker that is no more, and has no
 * successor of its name, holds up the topic's readers.
 */
static int
set_transaction(const struct build *b)
{
	const struct fby_pos pos = fby_manifest_pos(b->m, b->path);
	const char *own = fby_kafka_settings_find(b->k,
	    "transaction.timeout.ms");
	char text[32];
	int rc = 0;

	snprintf(text, sizeof(text), "%d", FBY_KAFKA_TRANSACTION_MS);
	rc |= set(b, "transaction.timeout.ms", text, pos);
	rc |= set(b, "message.timeout.ms", own ? own : text, pos);
	rc |= set(b, "linger.ms", "1", pos);
	rc |= set(b, "retry.backoff.ms", "2", pos);
	return rc;
}

/* ---- idempotence ------------------------------------------------------ */

static int
set_idempotence(const struct build *b)
{
	const bool is_on = is_exactly_once(b->m) ||
	    fby_kafka_rules_excludes_idempotence(b->k) == NULL;

	return set(b, "enable.idempotence", is_on ? "true" : "false",
	    fby_manifest_pos(b->m, b->path));
}

/* ---- the whole -------------------------------------------------------- */

static int
set_brokers(const struct build *b)
{
	char *path = fby_asprintf("%s.brokers", b->path);
	struct fby_str s;
	int rc;

	fby_str_init(&s);
	for (size_t i = 0; i < b->k->brokers.n; i++)
		fby_str_printf(&s, "%s%s", i ? "," : "", b->k->brokers.v[i]);
	rc = set(b, "bootstrap.servers", s.p, fby_manifest_pos(b->m, path));
	free(path);
	fby_str_fini(&s);
	return rc;
}

static void
set_events(const struct build *b)
{
	int events = RD_KAFKA_EVENT_ERROR | RD_KAFKA_EVENT_LOG |
	    RD_KAFKA_EVENT_STATS;

	if (b->client == FBY_KAFKA_MEMBER)
		events |= RD_KAFKA_EVENT_REBALANCE |
		    RD_KAFKA_EVENT_OFFSET_COMMIT;
	if (is_producer(b->client))
		events |= RD_KAFKA_EVENT_DR;
	rd_kafka_conf_set_events(b->conf, events);
}

static int
build(const struct build *b)
{
	const struct fby_pos pos = fby_manifest_pos(b->m, b->path);
	char *client_id = fby_asprintf("forebay-%s", b->m->name);
	int rc = 0;

	rc |= set(b, "client.id", client_id, pos);
	free(client_id);
	rc |= set_table(b, defaults);
	if (b->client == FBY_KAFKA_MEMBER)
		rc |= set_member_defaults(b);
	if (b->client == FBY_KAFKA_FETCHER)
		rc |= set_prefetch(b);
	if (is_producer(b->client) && is_exactly_once(b->m))
		rc |= set_transaction(b);
	if (is_producer(b->client))
		rc |= set_idempotence(b);
	rc |= set_config(b, b->k);
	rc |= set_brokers(b);
	if (!is_producer(b->client))
		rc |= set(b, "group.id", b->k->group, pos);
	rc |= set_table(b, forced);
	if (is_exactly_once(b->m))
		rc |= set_table(b, stable_offsets);
	set_events(b);
	if (!b->is_elsewhere)
		rc |= fby_kafka_auth_set(b->m, b->k, b->path, b->conf, b->err);
	rc |= set_config(b, &b->m->host.kafka);
	if (b->is_elsewhere)
		rc |= set(b, "security.protocol", "plaintext", pos);
	rc |= check_kinit(b);
	return rc;
}

static rd_kafka_conf_t *
make_conf(const struct fby_manifest *m, enum fby_kafka_client client,
    bool is_trial, bool is_elsewhere, struct fby_err *err)
{
	const struct build b = {
		.m = m,
		.k = client_kafka(m, client),
		.client = client,
		.is_trial = is_trial,
		.is_elsewhere = is_elsewhere,
		.path = client_path(client),
		.conf = rd_kafka_conf_new(),
		.err = err,
	};

	FBY_BUG_ON(!b.k->present);
	if (build(&b) == 0)
		return b.conf;
	rd_kafka_conf_destroy(b.conf);
	return NULL;
}

rd_kafka_conf_t *
fby_kafka_conf(const struct fby_manifest *m, enum fby_kafka_client client,
    struct fby_err *err)
{
	return make_conf(m, client, false, false, err);
}

rd_kafka_conf_t *
fby_kafka_conf_trial(const struct fby_manifest *m, enum fby_kafka_client client,
    bool is_elsewhere, struct fby_err *err)
{
	return make_conf(m, client, true, is_elsewhere, err);
}

/* The block that librdkafka speaks of. */
static struct fby_pos
fault_pos(const struct fby_manifest *m, enum fby_kafka_client client,
    const char *why)
{
	const bool is_tls = client_kafka(m, client)->tls.present &&
	    (strstr(why, "ssl") || strstr(why, "SSL"));

	char *path = fby_asprintf("%s.%s", client_path(client),
	    is_tls ? "tls" : "config");
	struct fby_pos pos = fby_manifest_pos(m, path);

	free(path);
	return pos;
}

rd_kafka_t *
fby_kafka_new(const struct fby_manifest *m, enum fby_kafka_client client,
    rd_kafka_conf_t *conf, struct fby_err *err)
{
	const char *path = client_path(client);
	rd_kafka_error_t *error;
	rd_kafka_t *rk;
	char why[512];

	rk = rd_kafka_new(is_producer(client) ? RD_KAFKA_PRODUCER :
						RD_KAFKA_CONSUMER,
	    conf, why, sizeof(why));
	if (rk == NULL) {
		rd_kafka_conf_destroy(conf);
		fby_err_add(err, fault_pos(m, client, why),
		    "%s: librdkafka makes no client of it: %s", path, why);
		return NULL;
	}
	if (client_kafka(m, client)->sasl.mechanism == FBY_SASL_OAUTH) {
		error = rd_kafka_sasl_background_callbacks_enable(rk);
		if (error)
			rd_kafka_error_destroy(error);
	}
	return rk;
}

rd_kafka_t *
fby_kafka_open(const struct fby_manifest *m, enum fby_kafka_client client,
    struct fby_err *err)
{
	rd_kafka_conf_t *conf = fby_kafka_conf(m, client, err);

	return conf ? fby_kafka_new(m, client, conf, err) : NULL;
}

void
fby_kafka_login_anew(rd_kafka_t *rk, const struct fby_manifest *m,
    enum fby_kafka_client client)
{
	fby_kafka_auth_renew(m, client_kafka(m, client), rk);
}

bool
fby_kafka_is_login_error(int code)
{
	return code == RD_KAFKA_RESP_ERR__AUTHENTICATION ||
	    code == RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED;
}
