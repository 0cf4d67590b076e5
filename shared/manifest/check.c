/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What no single row of the tables can see: one setting against another, and
 * upstream's validation (pkg/reconciler/validator in numaproj/numaflow).
 *
 * A setting that the tables have refused holds its zero or its default here,
 * so a check must not complain about those a second time.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/base/units.h"
#include "shared/manifest/tables.h"
#include "shared/settings/settings.h"
#include "shared/yaml/yaml.h"

#define MAX_POLL_MS 300000 /* librdkafka's max.poll.interval.ms */
#define TOPIC_MAX 249
#define MAX_TOPICS 10000 /* each is looked for among those before it */

struct check {
	struct fby_manifest *m;
	struct fby_err *err;
	bool is_c, has_workers;
};

static const struct fby_node *
mvtx_node(const struct check *c, const char *path)
{
	return fby_manifest_node(c->m->mvtx, path);
}

static struct fby_pos
place(const struct check *c, const char *path)
{
	return fby_manifest_pos(c->m, path);
}

/* ---- names ------------------------------------------------------------ */

static void
check_name(const struct check *c)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
	static const char all[] = "abcdefghijklmnopqrstuvwxyz0123456789-";
	const char *name = c->m->name;
	const size_t len = name ? strlen(name) : 0;

	if (len == 0)
		return;
	if (len > 63 || strspn(name, all) != len ||
	    strspn(name, letters) == 0 || name[len - 1] == '-')
		fby_err_add(c->err, place(c, "metadata.name"),
		    "metadata.name: found \"%s\", allowed are up to 63 of "
		    "a-z, 0-9 and -, a letter first, no - last",
		    name);
}

static const char *
topic_fault(const char *topic)
{
	static const char all[] = "abcdefghijklmnopqrstuvwxyz"
				  "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

	if (*topic == '\0')
		return "an empty topic name";
	if (*topic == '^')
		return "a pattern";
	if (strlen(topic) > TOPIC_MAX || strspn(topic, all) != strlen(topic) ||
	    strcmp(topic, ".") == 0 || strcmp(topic, "..") == 0)
		return "a name that no topic can have";
	return NULL;
}

static void
add_topic(const struct check *c, const char *topic, size_t len)
{
	static const char path[] = "spec.source.kafka.topic";
	struct fby_strings *topics = &c->m->topics;
	const char *fault;

	while (len > 0 && (topic[len - 1] == ' ' || topic[len - 1] == '\n'))
		len--;
	topic = fby_pstrndup(c->m->pool, topic, len);
	fault = topic_fault(topic);
	if (fault) {
		fby_err_add(c->err, place(c, path),
		    "%s: found \"%s\", %s; "
		    "allowed are up to %d of A-Z, a-z, 0-9, dot, _ and -",
		    path, topic, fault, TOPIC_MAX);
		return;
	}
	for (size_t i = 0; i < topics->n; i++)
		if (strcmp(topics->v[i], topic) == 0)
			return;
	topics->v[topics->n++] = topic;
}

static void
read_topics(const struct check *c)
{
	const char *p = c->m->source.topic;
	size_t n = 1;

	if (p == NULL || *p == '\0')
		return;
	for (const char *q = p; *q; q++)
		n += *q == ',';
	if (n > MAX_TOPICS) {
		fby_err_add(c->err, place(c, "spec.source.kafka.topic"),
		    "spec.source.kafka.topic: found %zu topics, allowed are "
		    "%d",
		    n, MAX_TOPICS);
		return;
	}
	c->m->topics.v = fby_pcalloc(c->m->pool, n * sizeof(*c->m->topics.v));
	for (; n > 0; n--) {
		const size_t len = strcspn(p, ",");
		const size_t blank = strspn(p, " \n");

		add_topic(c, p + FBY_MIN(blank, len),
		    len - FBY_MIN(blank, len));
		p += len + 1;
	}
}

/* Names that Numaflow gives to containers of its own. */
static void
check_containers(const struct check *c, const char *path)
{
	static const char *const reserved[] = { "numa", "init", "udsource",
		"transformer", "udf", "udsink", "fb-udsink", "ons-udsink" };
	const struct fby_node *list = mvtx_node(c, path), *name;

	for (size_t i = 0; list && list->kind == FBY_NODE_LIST && i < list->n;
	     i++) {
		name = fby_yaml_find(list->items[i].node, "name");
		if (name == NULL || name->kind != FBY_NODE_SCALAR)
			continue;
		for (size_t j = 0; j < FBY_NELEM(reserved); j++)
			if (strcmp(name->text, reserved[j]) == 0)
				fby_err_add(c->err, name->pos,
				    "%s[%zu]."
				    "name: found %s, which Numaflow keeps "
				    "for itself",
				    path, i, name->text);
	}
}

/* ---- source and sink -------------------------------------------------- */

static void
check_source(const struct check *c)
{
	static const char *const all[] = { "kafka", "generator", "http", "nats",
		"udsource", "jetstream", "serving", "pulsar", "sqs" };
	const struct fby_node *source = mvtx_node(c, "spec.source");
	const struct fby_item *serving = fby_yaml_item(source, "serving");
	struct fby_str names;
	size_t n;

	if (source == NULL || source->kind != FBY_NODE_MAP)
		return;
	fby_str_init(&names);
	n = fby_manifest_count_keys(source, all, FBY_NELEM(all), &names);
	if (n == 0)
		fby_err_add(c->err, source->pos,
		    "spec.source: found none, required is kafka%s",
		    c->has_workers ? "" : ", or what the runtime reads from");
	else if (c->has_workers && !c->is_c && !c->m->source.present)
		fby_err_add(c->err, source->pos,
		    "spec.source: found %s, allowed is kafka with the runtime "
		    "\"%s\", whose partitions are given to it",
		    names.p, c->m->runtime);
	if (n > 1 && !c->is_c)
		fby_err_add(c->err, source->pos,
		    "spec.source: found %s, allowed is one of them", names.p);
	if (serving && !c->is_c)
		fby_err_add(c->err, serving->key_pos,
		    "spec.source.serving: not a source for a MonoVertex");
	fby_str_fini(&names);
}

/*
 * Numaflow commits the highest offset that was acknowledged, so what streams
 * out of order would be lost.  A worker's acks are a contiguous prefix.
 */
static void
check_streaming(const struct check *c)
{
	const char *runtime = fby_manifest_foreign_runtime(c->m);

	if (runtime == NULL)
		runtime = fby_manifest_foreign_canary(c->m);
	if (c->m->streaming && c->m->source.present && runtime)
		fby_err_add(c->err, place(c, "spec.streaming"),
		    "spec.streaming: found true, which Numaflow refuses with "
		    "a Kafka source, so the runtime \"%s\" cannot; c and "
		    "runtimes of protocol worker can",
		    runtime);
}

/* ---- Kafka ------------------------------------------------------------ */

void
fby_manifest_check_secret(struct fby_pos pos, const char *path,
    const struct fby_secret *secret, struct fby_err *err)
{
	const char *words[] = { secret->name, secret->key };

	for (size_t i = 0; i < FBY_NELEM(words); i++)
		if (words[i] && (strchr(words[i], '/') || words[i][0] == '.'))
			fby_err_add(err, pos,
			    "%s: found \"%s\", "
			    "allowed is a file name: no slash, no dot first",
			    path, words[i]);
}

static void
check_secret(const struct check *c, const char *path, const char *name,
    const struct fby_secret *secret)
{
	const char *at = fby_psprintf(c->m->pool, "%s.%s", path, name);

	fby_manifest_check_secret(place(c, at), at, secret, c->err);
}

static void
check_tls(const struct check *c, const char *path, const struct fby_tls *tls)
{
	path = fby_psprintf(c->m->pool, "%s.tls", path);
	check_secret(c, path, "caCertSecret", &tls->ca);
	check_secret(c, path, "certSecret", &tls->cert);
	check_secret(c, path, "keySecret", &tls->key);
	if (tls->cert.name && !tls->key.name)
		fby_err_add(c->err, place(c, path),
		    "%s: certSecret needs keySecret", path);
	if (tls->key.name && !tls->cert.name)
		fby_err_add(c->err, place(c, path),
		    "%s: keySecret needs certSecret", path);
}

static void
check_user(const struct check *c, const char *path, const char *block,
    const struct fby_sasl_user *user)
{
	path = fby_psprintf(c->m->pool, "%s.%s", path, block);
	check_secret(c, path, "userSecret", &user->user);
	check_secret(c, path, "passwordSecret", &user->password);
}

static void
check_sasl(const struct check *c, const char *path, const struct fby_sasl *sasl)
{
	const struct {
		const char *name, *block;
		bool present;
	} blocks[] = {
		[FBY_SASL_PLAIN] = { "PLAIN", "plain", sasl->plain.present },
		[FBY_SASL_SCRAM_256] = { "SCRAM-SHA-256", "scramsha256",
		    sasl->scram256.present },
		[FBY_SASL_SCRAM_512] = { "SCRAM-SHA-512", "scramsha512",
		    sasl->scram512.present },
		[FBY_SASL_GSSAPI] = { "GSSAPI", "gssapi",
		    sasl->gssapi.present },
		[FBY_SASL_OAUTH] = { "OAUTHBEARER", "oauth",
		    sasl->oauth.present },
	};

	path = fby_psprintf(c->m->pool, "%s.sasl", path);
	check_user(c, path, "plain", &sasl->plain);
	check_user(c, path, "scramsha256", &sasl->scram256);
	check_user(c, path, "scramsha512", &sasl->scram512);
	check_secret(c, path, "gssapi.usernameSecret", &sasl->gssapi.username);
	check_secret(c, path, "gssapi.keytabSecret", &sasl->gssapi.keytab);
	check_secret(c, path, "gssapi.kerberosConfigSecret",
	    &sasl->gssapi.kerberos_config);
	check_secret(c, path, "oauth.clientID", &sasl->oauth.client_id);
	check_secret(c, path, "oauth.clientSecret", &sasl->oauth.client_secret);
	if (sasl->mechanism != FBY_SASL_NONE &&
	    !blocks[sasl->mechanism].present)
		fby_err_add(c->err, place(c, path),
		    "%s: mechanism %s needs the block `%s`", path,
		    blocks[sasl->mechanism].name,
		    blocks[sasl->mechanism].block);
}

static void
check_brokers(const struct check *c, const char *path,
    const struct fby_kafka *k)
{
	const char *fault;

	path = fby_psprintf(c->m->pool, "%s.brokers", path);
	for (size_t i = 0; i < k->brokers.n; i++) {
		const char *at = fby_psprintf(c->m->pool, "%s[%zu]", path, i);

		if ((fault = fby_manifest_broker_fault(k->brokers.v[i])))
			fby_err_add(c->err, place(c, at),
			    "%s: found \"%s\", %s, allowed is HOST:PORT", at,
			    k->brokers.v[i], fault);
	}
}

static void
check_kafka(const struct check *c, const char *path, struct fby_kafka *k)
{
	const char *config = fby_psprintf(c->m->pool, "%s.config", path);

	if (!k->present)
		return;
	check_brokers(c, path, k);
	check_tls(c, path, &k->tls);
	check_sasl(c, path, &k->sasl);
	if (k->config == NULL)
		return;
	fby_kafka_settings_read(c->m->pool, k, mvtx_node(c, config), config,
	    c->err);
	fby_kafka_settings_names(k, FBY_SETTINGS_SOURCE, config, c->err);
}

static void
check_host_kafka(const struct check *c)
{
	static const char path[] = "spec.kafka.config";
	struct fby_kafka *k = &c->m->host.kafka;

	if (k->config == NULL)
		return;
	fby_kafka_settings_read(c->m->pool, k,
	    fby_manifest_node(c->m->hostdoc, path), path, c->err);
	fby_kafka_settings_names(k, FBY_SETTINGS_HOST, path, c->err);
}

/* ---- Host ------------------------------------------------------------- */

/* A partition must be drained before the group gives up on this member. */
static void
check_drain(const struct check *c)
{
	static const char key[] = "max.poll.interval.ms";
	const struct fby_kafka *k = &c->m->source;
	const char *text = fby_kafka_settings_find(k, key);
	struct fby_pos pos = place(c, "spec.drainTimeout");
	int64_t max_ms = MAX_POLL_MS;

	if (text && fby_units_int(text, &max_ms) != NULL)
		return; /* librdkafka complains about it */
	if (c->m->host.drain_timeout_ms < max_ms)
		return;
	/* Whichever of the two the operator has written. */
	for (size_t i = 0; i < k->nsettings; i++)
		if (strcmp(k->settings[i].key, key) == 0 &&
		    !fby_manifest_node(c->m->hostdoc, "spec.drainTimeout"))
			pos = k->settings[i].value_pos;
	fby_err_add(c->err, pos,
	    "spec.drainTimeout: found %s, allowed is less than %s, which is %s",
	    fby_units_duration_text(c->m->pool, c->m->host.drain_timeout_ms),
	    key, fby_units_duration_text(c->m->pool, max_ms));
}

static void
check_idle(const struct check *c)
{
	static const char path[] = "spec.watermark.idleSource";
	const int64_t threshold = c->m->host.watermark.idle.threshold_ms;
	const int64_t step = c->m->host.watermark.idle.increment_by_ms;
	const int64_t delay = c->m->host.watermark.idle.init_source_delay_ms;

	if (threshold == 0)
		return;
	if (step > threshold)
		fby_err_add(c->err,
		    place(c, "spec.watermark.idleSource.incrementBy"),
		    "%s.incrementBy: found %s, allowed is no more than "
		    "threshold, %s",
		    path, fby_units_duration_text(c->m->pool, step),
		    fby_units_duration_text(c->m->pool, threshold));
	if (delay > 0 && delay < threshold)
		fby_err_add(c->err,
		    place(c, "spec.watermark.idleSource.initSourceDelay"),
		    "%s.initSourceDelay: found %s, allowed is no less than "
		    "threshold, %s",
		    path, fby_units_duration_text(c->m->pool, delay),
		    fby_units_duration_text(c->m->pool, threshold));
}

/* ---- the rest --------------------------------------------------------- */

static void
check_update(const struct check *c)
{
	static const char path[] =
	    "spec.updateStrategy.rollingUpdate.maxUnavailable";
	const struct fby_node *node = mvtx_node(c, path);
	size_t digits;

	if (node == NULL || node->kind != FBY_NODE_SCALAR)
		return;
	digits = strspn(node->text, "0123456789");
	if (digits == 0 ||
	    (node->text[digits] != '\0' &&
		strcmp(node->text + digits, "%") != 0))
		fby_err_add(c->err, node->pos,
		    "%s: found %s, allowed is a number or a percentage", path,
		    fby_yaml_describe(c->m->pool, node));
}

static void
check_phase(const struct check *c)
{
	const struct fby_node *node = mvtx_node(c,
	    "spec.lifecycle.desiredPhase");

	if (node && node->kind == FBY_NODE_SCALAR && *node->text &&
	    strcmp(node->text, "Running") != 0)
		fby_err_add(c->err, node->pos,
		    "spec.lifecycle.desiredPhase: "
		    "found %s, allowed is Running; to pause, stop the service",
		    node->text);
}

void
fby_manifest_check(struct fby_manifest *m, struct fby_err *err)
{
	const struct check c = {
		.m = m,
		.err = err,
		.is_c = fby_manifest_uses(m, "c"),
		.has_workers = fby_manifest_has_workers(m),
	};

	check_name(&c);
	check_source(&c);
	check_streaming(&c);
	check_containers(&c, "spec.sidecars");
	check_containers(&c, "spec.initContainers");
	check_update(&c);
	check_phase(&c);
	read_topics(&c);
	check_kafka(&c, "spec.source.kafka", &m->source);
	for (int i = FBY_SINK_PRIMARY; i < FBY_SINK_DEAD_LETTER; i++)
		check_kafka(&c,
		    fby_psprintf(m->pool, "%s.kafka",
			fby_manifest_sink_path((enum fby_sink_role)i)),
		    &m->sinks[i].kafka);
	/* Before the source's are filled in where it has none of its own. */
	check_brokers(&c, "spec.deadLetter",
	    &m->sinks[FBY_SINK_DEAD_LETTER].kafka);
	check_host_kafka(&c);
	fby_manifest_check_functions(m, err);
	fby_manifest_check_sinks(m, err);
	check_drain(&c);
	check_idle(&c);
	if (m->concurrency == 0)
		m->concurrency = m->read_batch_size;
	if (c.has_workers && m->source.present &&
	    fby_manifest_check_config(m, err) == -1)
		return;
}
