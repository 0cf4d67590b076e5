/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The manifest of one run; see compare/manifest.h.
 */
#include "shared/fby.h"

#include "master/compare/manifest.h"

#include <ctype.h>
#include <jansson.h>

#include "shared/base/err.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"
#include "shared/yaml/json.h"

#define MVTX_API "numaflow.numaproj.io/v1alpha1"
#define HOST_API "forebay/v1"
#define RUNTIME_ENV "NUMAFLOW_RUNTIME"
#define COMMIT_INTERVAL "100ms"

/* The member of an object, made if it is not there or is something else. */
static json_t *
object_at(json_t *parent, const char *key)
{
	json_t *o = json_object_get(parent, key);

	if (!json_is_object(o)) {
		o = json_object();
		json_object_set_new(parent, key, o);
	}
	return o;
}

static void
set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_string(text));
}

/* ---- the config block ------------------------------------------------- */

/* What is ours to say in a run. */
static bool
is_set_here(const char *key, size_t len)
{
	static const char *const ours[] = { "auto.offset.reset",
		"group.instance.id" };

	for (size_t i = 0; i < FBY_NELEM(ours); i++)
		if (strlen(ours[i]) == len && memcmp(ours[i], key, len) == 0)
			return true;
	return false;
}

/* What a producer has no use for. */
static bool
is_consumers(const char *key, size_t len)
{
	static const char *const begin[] = { "group.", "auto.", "enable.auto.",
		"enable.partition.eof", "session.", "heartbeat.", "max.poll.",
		"partition.assignment.", "fetch.", "queued.", "isolation.",
		"check.crcs", "offset.", "coordinator.", "consume." };

	for (size_t i = 0; i < FBY_NELEM(begin); i++)
		if (strlen(begin[i]) <= len &&
		    memcmp(begin[i], key, strlen(begin[i])) == 0)
			return true;
	return false;
}

static void
add_config(struct fby_str *s, const char *config, bool writer)
{
	while (config && *config) {
		size_t line = strcspn(config, "\n");
		size_t blank = strspn(config, " \t");
		const char *key = config + FBY_MIN(blank, line);
		size_t len = 0;

		while (key + len < config + line && key[len] != ':' &&
		    !isspace((unsigned char)key[len]))
			len++;
		if (!is_set_here(key, len) &&
		    !(writer && is_consumers(key, len)))
			fby_str_printf(s, "%.*s\n", (int)line, config);
		config += line + (config[line] == '\n');
	}
}

/*
 * `dynamic`: our own master is made a dynamic member by an empty id.  Other
 * runtimes are dynamic without, and may take an empty one literally.
 */
static void
set_config(const struct fby_manifest *m, json_t *kafka, bool writer,
    bool dynamic)
{
	struct fby_str s;

	fby_str_init(&s);
	add_config(&s, m->source.config, writer);
	if (!writer)
		fby_str_puts(&s, "auto.offset.reset: earliest\n");
	if (dynamic)
		fby_str_puts(&s, "group.instance.id:\n");
	if (s.len > 0)
		set_text(kafka, "config", s.p);
	else
		json_object_del(kafka, "config");
	fby_str_fini(&s);
}

/* ---- the MonoVertex --------------------------------------------------- */

static void
set_runtime(json_t *spec, const char *runtime)
{
	json_t *template = object_at(spec, "containerTemplate");
	json_t *env = json_object_get(template, "env");
	json_t *entry = json_object();

	if (!json_is_array(env)) {
		env = json_array();
		json_object_set_new(template, "env", env);
	}
	for (size_t i = json_array_size(env); i-- > 0;) {
		const char *name = json_string_value(
		    json_object_get(json_array_get(env, i), "name"));

		if (name && strcmp(name, RUNTIME_ENV) == 0)
			json_array_remove(env, i);
	}
	set_text(entry, "name", RUNTIME_ENV);
	set_text(entry, "value", runtime);
	json_array_append_new(env, entry);
}

static json_t *
writer_sink(const struct fby_manifest *m, json_t *source,
    const struct fby_compare_change *change)
{
	static const char *const shared[] = { "brokers", "tls", "sasl" };
	json_t *sink = json_object(), *kafka = object_at(sink, "kafka");

	for (size_t i = 0; i < FBY_NELEM(shared); i++)
		if (json_object_get(source, shared[i]))
			json_object_set(kafka, shared[i],
			    json_object_get(source, shared[i]));
	set_text(kafka, "topic", change->topic);
	/* Nothing reads by this manifest, and what is written is refused as
	 * a topic of the source. */
	set_text(source, "topic", "none");
	set_config(m, kafka, true, false);
	return sink;
}

static void
set_sink(const struct fby_manifest *m, json_t *spec, json_t *source,
    const struct fby_compare_change *change)
{
	json_t *sink;

	if (change->sink == FBY_COMPARE_AS_IS)
		return;
	if (change->sink == FBY_COMPARE_WRITER) {
		sink = writer_sink(m, source, change);
	} else {
		sink = json_object();
		object_at(sink,
		    change->sink == FBY_COMPARE_LOG ? "log" : "blackhole");
	}
	json_object_set_new(spec, "sink", sink);
	/* It names sinks that are gone. */
	json_object_del(spec, "bypass");
}

static json_t *
make_mvtx(const struct fby_manifest *m, const struct fby_compare_change *change,
    bool dynamic)
{
	json_t *doc = fby_yaml_json_value(m->mvtx);
	json_t *spec = object_at(doc, "spec");
	json_t *source = object_at(object_at(spec, "source"), "kafka");

	/* Numaflow's controller leaves both out of its object. */
	set_text(doc, "apiVersion", MVTX_API);
	set_text(doc, "kind", "MonoVertex");
	set_text(source, "consumerGroup", change->group);
	if (change->topic)
		set_text(source, "topic", change->topic);
	set_runtime(spec, change->runtime);
	set_sink(m, spec, source, change);
	set_config(m, source, false, dynamic);
	if (change->single) {
		json_t *limits = object_at(spec, "limits");

		json_object_set_new(limits, "readBatchSize", json_integer(1));
		json_object_set_new(limits, "concurrency", json_integer(1));
	}
	return doc;
}

/* ---- the Host --------------------------------------------------------- */

/* How functions are run that write; the sinks that they were are gone. */
static void
drop_sinks_functions(json_t *spec)
{
	static const enum fby_function_role roles[] = { FBY_FUNCTION_SINK,
		FBY_FUNCTION_FALLBACK, FBY_FUNCTION_SUCCESS };
	json_t *functions = json_object_get(spec, "functions");

	for (size_t i = 0; i < FBY_NELEM(roles); i++)
		json_object_del(functions, fby_function_word(roles[i]));
}

static json_t *
make_host(const struct fby_manifest *m, const struct fby_compare_change *change)
{
	json_t *doc = m->hostdoc ? fby_yaml_json_value(m->hostdoc) :
				   json_object();
	json_t *spec = object_at(doc, "spec");

	set_text(doc, "apiVersion", HOST_API);
	set_text(doc, "kind", "Host");
	set_text(object_at(spec, "http"), "listen", "127.0.0.1:0");
	set_text(spec, "runDirectory", change->run_dir);
	set_text(spec, "commitInterval", COMMIT_INTERVAL);
	/* All of it is one runtime's. */
	json_object_del(spec, "canary");
	/* The run's log is ours. */
	json_object_del(object_at(spec, "log"), "file");
	if (change->sink != FBY_COMPARE_AS_IS) {
		json_object_del(spec, "deadLetter");
		json_object_del(spec, "delivery");
		drop_sinks_functions(spec);
	}
	return doc;
}

/* ---- both ------------------------------------------------------------- */

static char *
make_text(const struct fby_manifest *m, const struct fby_compare_change *change,
    bool dynamic)
{
	json_t *mvtx = make_mvtx(m, change, dynamic);
	json_t *host = make_host(m, change);
	char *a = json_dumps(mvtx, JSON_INDENT(2));
	char *b = json_dumps(host, JSON_INDENT(2));
	char *text;

	if (a == NULL || b == NULL)
		fby_mem_fatal();
	text = fby_asprintf("%s\n---\n%s\n", a, b);
	free(a);
	free(b);
	json_decref(mvtx);
	json_decref(host);
	return text;
}

static struct fby_manifest *
parse(const char *text, char **why)
{
	const struct fby_manifest_text t = { "(derived)", text, strlen(text),
		NULL };
	struct fby_manifest *m;
	struct fby_err err;

	fby_err_init(&err);
	m = fby_manifest_parse(&t, 1, &err);
	if (m == NULL)
		*why = fby_err_text(&err);
	fby_err_fini(&err);
	return m;
}

char *
fby_compare_manifest_text(const struct fby_manifest *m,
    const struct fby_compare_change *change, char **why)
{
	char *text = make_text(m, change, true);
	struct fby_manifest *made = parse(text, why);

	if (made && !fby_manifest_has_workers(made)) {
		free(text);
		text = make_text(m, change, false);
	}
	if (made == NULL) {
		free(text);
		text = NULL;
	}
	fby_manifest_free(made);
	return text;
}

struct fby_manifest *
fby_compare_manifest_make(const struct fby_manifest *m,
    const struct fby_compare_change *change, char **why)
{
	char *text = fby_compare_manifest_text(m, change, why);
	struct fby_manifest *made = text ? parse(text, why) : NULL;

	free(text);
	return made;
}
