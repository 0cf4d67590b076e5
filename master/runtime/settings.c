/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A manifest as a worker in another language wants it; see settings.h.
 */
#include "shared/fby.h"

#include "master/runtime/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/err.h"
#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/boundary/proto.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/base/json.h"

/* A password may be any bytes; what JSON cannot hold is left out and said. */
static void
set_text(json_t *o, const char *key, const char *text)
{
	json_t *value = text ? json_string(text) : json_null();

	if (value == NULL) {
		fby_error("setting %s is not UTF-8; a worker of another "
			  "program cannot be told",
		    key);
		value = json_null();
	}
	fby_json_set(o, key, value);
}

/* ---- librdkafka's ----------------------------------------------------- */

/* Addresses in this process, and how *we* want to hear of events. */
static bool
is_process_bound(const char *key)
{
	static const char *const names[] = { "enabled_events", "log.queue",
		"opaque", "interceptors", "default_topic_conf" };
	size_t len = strlen(key);

	if (len > 3 && strcmp(key + len - 3, "_cb") == 0)
		return true;
	for (size_t i = 0; i < FBY_NELEM(names); i++)
		if (strcmp(key, names[i]) == 0)
			return true;
	return false;
}

static const char *
value_of(const char **list, size_t n, const char *key)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		if (strcmp(list[i], key) == 0)
			return list[i + 1];
	return NULL;
}

/* Names and values follow each other in both lists. */
static void
add_changed(json_t *o, const char **list, size_t n, const char **dflt,
    size_t ndflt)
{
	for (size_t i = 0; i + 1 < n; i += 2) {
		const char *was = value_of(dflt, ndflt, list[i]);

		if (is_process_bound(list[i]) ||
		    (was && strcmp(was, list[i + 1]) == 0))
			continue;
		set_text(o, list[i], list[i + 1]);
	}
}

/* Those of topics (acks, message.timeout.ms, ...) are kept apart in it. */
static void
add_topic_settings(json_t *o, rd_kafka_conf_t *conf)
{
	rd_kafka_topic_conf_t *dflt = rd_kafka_topic_conf_new(), *own;
	const char **list, **was;
	size_t n, nwas;

	own = rd_kafka_conf_get_default_topic_conf(conf);
	if (own) {
		list = rd_kafka_topic_conf_dump(own, &n);
		was = rd_kafka_topic_conf_dump(dflt, &nwas);
		add_changed(o, list, n, was, nwas);
		rd_kafka_conf_dump_free(list, n);
		rd_kafka_conf_dump_free(was, nwas);
	}
	rd_kafka_topic_conf_destroy(dflt);
}

/* NULL: said in the log. */
static json_t *
client_settings(const struct fby_manifest *m, enum fby_kafka_client client)
{
	rd_kafka_conf_t *conf, *dflt;
	const char **list, **was;
	json_t *o = json_object();
	struct fby_err err;
	size_t n, nwas;
	char *text;

	fby_err_init(&err);
	conf = fby_kafka_conf(m, client, &err);
	if (conf == NULL) {
		text = fby_err_text(&err);
		fby_error("settings: %s", text);
		free(text);
		fby_err_fini(&err);
		json_decref(o);
		return NULL;
	}
	fby_err_fini(&err);
	dflt = rd_kafka_conf_new();
	list = rd_kafka_conf_dump(conf, &n);
	was = rd_kafka_conf_dump(dflt, &nwas);
	add_changed(o, list, n, was, nwas);
	rd_kafka_conf_dump_free(list, n);
	rd_kafka_conf_dump_free(was, nwas);
	add_topic_settings(o, conf);
	rd_kafka_conf_destroy(conf);
	rd_kafka_conf_destroy(dflt);
	return o;
}

/* ---- ours ------------------------------------------------------------- */

/* "other": what the C workers do not write to; it is in `monoVertex`. */
static json_t *
sink(const struct fby_manifest *m, enum fby_sink_role role)
{
	const struct fby_sink *s = &m->sinks[role];
	json_t *o, *settings;

	if (!s->present && !s->kafka.present)
		return json_null();
	o = json_object();
	set_text(o, "type",
	    s->kafka.present ? "kafka" :
		s->log       ? "log" :
		s->blackhole ? "blackhole" :
			       "other");
	if (!s->kafka.present)
		return o;
	settings = client_settings(m,
	    (enum fby_kafka_client)(FBY_KAFKA_PRODUCER + role));
	if (settings == NULL) {
		json_decref(o);
		return NULL;
	}
	set_text(o, "topic", s->kafka.topic);
	fby_json_set(o, "setKey", json_boolean(s->kafka.set_key));
	fby_json_set(o, "settings", settings);
	return o;
}

static json_t *
retry(const struct fby_manifest *m)
{
	static const char *const words[] = {
		[FBY_ON_FAILURE_RETRY] = "retry",
		[FBY_ON_FAILURE_FALLBACK] = "fallback",
		[FBY_ON_FAILURE_DROP] = "drop",
	};
	json_t *o = json_object();

	fby_json_set(o, "intervalMs", json_integer(m->retry.interval_ms));
	fby_json_set(o, "capMs", json_integer(m->retry.cap_ms));
	fby_json_set(o, "factor", json_real(m->retry.factor));
	fby_json_set(o, "jitter", json_real(m->retry.jitter));
	fby_json_set(o, "steps", json_integer(m->retry.steps));
	set_text(o, "onFailure", words[m->retry.on_failure]);
	return o;
}

static json_t *
watermark(const struct fby_host *h)
{
	json_t *o = json_object(), *idle = json_null();

	if (h->watermark.idle.present) {
		idle = json_object();
		fby_json_set(idle, "thresholdMs",
		    json_integer(h->watermark.idle.threshold_ms));
		fby_json_set(idle, "incrementByMs",
		    json_integer(h->watermark.idle.increment_by_ms));
		fby_json_set(idle, "stepIntervalMs",
		    json_integer(h->watermark.idle.step_interval_ms));
		fby_json_set(idle, "initSourceDelayMs",
		    json_integer(h->watermark.idle.init_source_delay_ms));
	}
	fby_json_set(o, "maxDelayMs", json_integer(h->watermark.max_delay_ms));
	fby_json_set(o, "maxFutureMs",
	    json_integer(h->watermark.max_future_ms));
	fby_json_set(o, "idle", idle);
	return o;
}

static json_t *
limits(const struct fby_manifest *m)
{
	json_t *o = json_object();

	fby_json_set(o, "streaming", json_boolean(m->streaming));
	fby_json_set(o, "readBatchSize",
	    json_integer(fby_manifest_batch_size(m)));
	fby_json_set(o, "readTimeoutMs", json_integer(m->read_timeout_ms));
	fby_json_set(o, "concurrency", json_integer(m->concurrency));
	return o;
}

static void
add_host(json_t *o, const struct fby_host *h)
{
	json_t *memory = json_object();

	fby_json_set(memory, "budgetBytes",
	    json_integer(h->memory.budget_bytes));
	fby_json_set(memory, "maxRecords", json_integer(h->memory.max_records));
	fby_json_set(o, "memory", memory);
	fby_json_set(o, "watermark", watermark(h));
	fby_json_set(o, "drainTimeoutMs", json_integer(h->drain_timeout_ms));
	fby_json_set(o, "workerTimeoutMs", json_integer(h->worker_timeout_ms));
	fby_json_set(o, "logLevel", json_integer(h->log_level));
}

/* NULL: said in the log. */
static json_t *
build(const struct fby_manifest *m, const char *runtime)
{
	json_t *o = json_object(), *sinks = json_object(), *part;
	char *object = fby_manifest_object(m);
	bool is_whole = true;

	fby_json_set(o, "abi", json_integer(FBY_ABI));
	set_text(o, "name", m->name);
	set_text(o, "namespace", m->namespace_);
	set_text(o, "runtime", runtime);
	part = client_settings(m, FBY_KAFKA_FETCHER);
	is_whole = part != NULL;
	fby_json_set(o, "consumer", part ? part : json_null());
	for (int i = 0; i < FBY_SINK_N; i++) {
		part = sink(m, (enum fby_sink_role)i);
		is_whole = is_whole && part != NULL;
		fby_json_set(sinks,
		    fby_manifest_sink_word((enum fby_sink_role)i),
		    part ? part : json_null());
	}
	fby_json_set(o, "sinks", sinks);
	set_text(o, "first",
	    fby_manifest_sink_word(fby_manifest_route(m, NULL)));
	fby_json_set(o, "retry", retry(m));
	fby_json_set(o, "limits", limits(m));
	add_host(o, &m->host);
	part = json_loads(object, 0, NULL);
	fby_json_set(o, "monoVertex", part ? part : json_null());
	free(object);
	if (is_whole)
		return o;
	json_decref(o);
	return NULL;
}

static int
write_to(const char *buf, size_t len, void *arg)
{
	return fby_file_write(*(const int *)arg, buf, len);
}

int
fby_settings_pack(const struct fby_manifest *m, const char *runtime)
{
	json_t *o = build(m, runtime);
	int fd, rc = -1;

	if (o == NULL)
		return -1;
	fd = memfd_create("forebay-settings", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd != -1 && json_dump_callback(o, write_to, &fd, JSON_COMPACT) == 0)
		rc = fby_file_seal(fd);
	json_decref(o);
	if (rc == 0)
		return fd;
	fby_error("settings: memfd: %s", strerror(errno));
	if (fd != -1)
		close(fd);
	return -1;
}
