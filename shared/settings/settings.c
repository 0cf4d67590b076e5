/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The `config:` block; see settings/settings.h.
 */
#include "shared/fby.h"

#include "shared/settings/settings.h"

#include <ctype.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/confidential.h"
#include "shared/base/mem.h"
#include "shared/base/nearest.h"
#include "shared/settings/names.h"
#include "shared/settings/property.h"
#include "shared/yaml/yaml.h"

#define BLANK " \t\r"
#define MAX_SETTINGS 1000 /* each is looked for among those before it */

/* ---- taking the block apart ------------------------------------------- */

struct line {
	const char *text;   /* without its end */
	size_t len, number; /* from 0 */
};

static const char *
trimmed(struct fby_pool *pool, const char *p, const char *end)
{
	while (p < end && strchr(BLANK, *p))
		p++;
	while (end > p && strchr(BLANK, end[-1]))
		end--;
	return fby_pstrndup(pool, p, (size_t)(end - p));
}

/* librdkafka knows two more words for each end of a partition. */
static const char *
plain_value(const char *key, const char *value)
{
	static const char *const words[][2] = {
		{ "smallest", "earliest" },
		{ "beginning", "earliest" },
		{ "largest", "latest" },
		{ "end", "latest" },
	};

	if (strcmp(key, "auto.offset.reset") == 0)
		for (size_t i = 0; i < FBY_NELEM(words); i++)
			if (strcmp(value, words[i][0]) == 0)
				return words[i][1];
	return value;
}

static void
read_line(struct fby_pool *pool, struct fby_kafka *k,
    struct fby_setting *settings, const struct line *line,
    const struct fby_node *node, const char *path, struct fby_err *err)
{
	const char *end = line->text + line->len;
	const char *first = line->text + strspn(line->text, BLANK);
	const char *colon = memchr(line->text, ':', line->len);
	const char *value = colon ? colon + 1 : end;
	struct fby_setting *s = &settings[k->nsettings];

	if (first >= end || *first == '#')
		return;
	s->pos = fby_yaml_line_pos(node, line->number,
	    (size_t)(first - line->text));
	if (colon == NULL || colon == first) {
		/* Not shown: it may be part of a key or a certificate. */
		fby_err_add(err, s->pos,
		    "%s: found a line that is no "
		    "setting, allowed is \"key: value\"",
		    path);
		return;
	}
	s->key = trimmed(pool, line->text, colon);
	value += strspn(value, BLANK);
	s->value_pos = fby_yaml_line_pos(node, line->number,
	    (size_t)(FBY_MIN(value, end) - line->text));
	s->value = plain_value(s->key, trimmed(pool, colon + 1, end));
	for (size_t i = 0; i < k->nsettings; i++)
		if (strcmp(settings[i].key, s->key) == 0) {
			fby_err_add(err, s->pos,
			    "%s: %s is set twice, first in line %d", path,
			    s->key, settings[i].pos.line);
			return;
		}
	k->nsettings++;
}

int
fby_kafka_settings_read(struct fby_pool *pool, struct fby_kafka *k,
    const struct fby_node *node, const char *path, struct fby_err *err)
{
	struct line line = { k->config, 0, 0 };
	const size_t before = err->total;
	struct fby_setting *settings;
	size_t n = 1;

	for (const char *p = k->config; *p; p++)
		n += *p == '\n';
	settings = fby_pcalloc(pool,
	    FBY_MIN(n, MAX_SETTINGS + 1) * sizeof(*settings));
	k->settings = settings;
	k->nsettings = 0;
	for (; line.number < n; line.number++) {
		if (k->nsettings == MAX_SETTINGS) {
			fby_err_add(err,
			    fby_yaml_line_pos(node, line.number, 0),
			    "%s: more than %d settings", path, MAX_SETTINGS);
			break;
		}
		line.len = strcspn(line.text, "\n");
		read_line(pool, k, settings, &line, node, path, err);
		line.text += line.len + 1;
	}
	return err->total == before ? 0 : -1;
}

const char *
fby_kafka_settings_find(const struct fby_kafka *k, const char *key)
{
	for (size_t i = 0; i < k->nsettings; i++)
		if (strcmp(k->settings[i].key, key) == 0)
			return k->settings[i].value;
	return NULL;
}

/* ---- what must not be named ------------------------------------------- */

static int
check_name(const struct fby_setting *s, enum fby_settings_of of,
    const char *path, struct fby_err *err)
{
	const char *names = fby_kafka_property_names(s->key);

	if (fby_kafka_property_kind(s->key) == FBY_PROPERTY_INTERNAL)
		return fby_err_add(err, s->pos, "%s: %s cannot be used here",
		    path, s->key);
	if (of == FBY_SETTINGS_HOST) {
		if (fby_kafka_property_is_connection(s->key))
			return 0;
		return fby_err_add(err, s->pos,
		    "%s: %s does not concern the connection, allowed is it in "
		    "config of the source or of a sink",
		    path, s->key);
	}
	if (names)
		return fby_err_add(err, s->pos,
		    "%s: %s names %s of this machine, allowed is it in "
		    "spec.kafka.config of the Host document only",
		    path, s->key, names);
	return 0;
}

int
fby_kafka_settings_names(const struct fby_kafka *k, enum fby_settings_of of,
    const char *path, struct fby_err *err)
{
	int rc = 0;

	for (size_t i = 0; i < k->nsettings; i++)
		rc |= check_name(&k->settings[i], of, path, err);
	return rc;
}

/* ---- trying the settings ---------------------------------------------- */

/* What forebay decides.  `value` NULL: nothing is allowed. */
struct forced {
	const char *key, *value, *instead;
};

static const struct forced forced_source[] = { { "enable.auto.commit", "false",
						   NULL },
	{ "enable.auto.offset.store", "false", NULL },
	{ "enable.partition.eof", "true", NULL }, { "log.queue", "true", NULL },
	{ "group.id", NULL, "consumerGroup" },
	{ "bootstrap.servers", NULL, "brokers" },
	{ "metadata.broker.list", NULL, "brokers" }, { 0 } };

static const struct forced forced_sink[] = { { "delivery.report.only.error",
						 "false", NULL },
	{ "log.queue", "true", NULL }, { "bootstrap.servers", NULL, "brokers" },
	{ "metadata.broker.list", NULL, "brokers" },
	{ "transactional.id", NULL, NULL }, { 0 } };

static const struct forced *const forced_of[] = {
	[FBY_SETTINGS_SOURCE] = forced_source,
	[FBY_SETTINGS_SINK] = forced_sink,
	[FBY_SETTINGS_HOST] = NULL,
};

static const struct forced *
forced_find(const struct forced *f, const char *key)
{
	for (; f && f->key; f++)
		if (strcmp(f->key, key) == 0)
			return f;
	return NULL;
}

/* The same as what is forced, in librdkafka's own spelling? */
static bool
is_same(const rd_kafka_conf_t *conf, const struct forced *f)
{
	char value[64] = "";
	size_t size = sizeof(value);

	return f->value &&
	    rd_kafka_conf_get(conf, f->key, value, &size) == RD_KAFKA_CONF_OK &&
	    strcmp(value, f->value) == 0;
}

static int
check_forced(const rd_kafka_conf_t *conf, const struct fby_setting *s,
    const struct forced *f, const char *path, struct fby_err *err)
{
	if (f == NULL || is_same(conf, f))
		return 0;
	if (f->instead)
		return fby_err_add(err, s->pos,
		    "%s: %s is set by `%s` beside config, and nowhere else",
		    path, f->key, f->instead);
	if (f->value)
		return fby_err_add(err, s->value_pos,
		    "%s: %s is always %s here", path, f->key, f->value);
	return fby_err_add(err, s->pos, "%s: %s cannot be used here", path,
	    f->key);
}

/* Names are the first column of the tables that librdkafka can print. */
static void
try_names(struct fby_nearest *nearest, char *table)
{
	char *next;

	for (char *line = table; line; line = next) {
		const size_t len = strcspn(line, " \n");

		next = strchr(line, '\n');
		if (next)
			next++;
		if (!islower((unsigned char)*line) || line[len] != ' ')
			continue;
		line[len] = '\0';
		fby_nearest_try(nearest, line);
	}
}

static int
unknown_setting(const struct fby_setting *s, const char *path,
    struct fby_err *err)
{
	struct fby_nearest nearest;
	char *table = NULL;
	size_t size = 0;
	FILE *f = open_memstream(&table, &size);

	fby_nearest_init(&nearest, s->key);
	if (f) {
		rd_kafka_conf_properties_show(f);
		fclose(f);
		try_names(&nearest, table);
	}
	if (nearest.best)
		fby_err_add(err, s->pos,
		    "%s: librdkafka has no setting `%s`, did you mean `%s`?",
		    path, s->key, nearest.best);
	else
		fby_err_add(err, s->pos, "%s: librdkafka has no setting `%s`",
		    path, s->key);
	free(table);
	return -1;
}

/* librdkafka can be built so that it loads nothing. */
static int
check_library(const rd_kafka_conf_t *conf, const struct fby_setting *s,
    const char *path, struct fby_err *err)
{
	char features[512] = "";
	size_t size = sizeof(features);

	if (strncmp(s->key, "plugin.", strlen("plugin.")) != 0 ||
	    (rd_kafka_conf_get(conf, "builtin.features", features, &size) ==
		    RD_KAFKA_CONF_OK &&
		strstr(features, "plugins")))
		return 0;
	return fby_err_add(err, s->pos,
	    "%s: this librdkafka was built without plugins, so there is no %s",
	    path, s->key);
}

static int
check_setting(rd_kafka_conf_t *conf, const struct fby_setting *s,
    const struct forced *forced, const char *path, struct fby_err *err)
{
	const char *foreign = fby_kafka_names_foreign(s->key);
	char why[512];

	if (foreign)
		return fby_err_add(err, s->pos, "%s: `%s` %s", path, s->key,
		    foreign);
	foreign = fby_kafka_names_value(s->key, s->value);
	if (foreign)
		return fby_err_add(err, s->value_pos, "%s: %s: %s %s", path,
		    s->key, s->value, foreign);
	switch (fby_kafka_property_kind(s->key)) {
	case FBY_PROPERTY_LIBRARY: /* setting it can load it */
		/* In the other document it is refused already. */
		return forced ? 0 : check_library(conf, s, path, err);
	case FBY_PROPERTY_INTERNAL:
		return 0;
	default:
		break;
	}
	/* Empty means dynamic membership, which is librdkafka's unset. */
	if (*s->value == '\0' && strcmp(s->key, "group.instance.id") == 0)
		return 0;
	switch (rd_kafka_conf_set(conf, s->key, s->value, why, sizeof(why))) {
	case RD_KAFKA_CONF_OK:
		return check_forced(conf, s, forced_find(forced, s->key), path,
		    err);
	case RD_KAFKA_CONF_UNKNOWN:
		return unknown_setting(s, path, err);
	default:
		break;
	}
	if (fby_confidential_is(s->key))
		return fby_err_add(err, s->value_pos,
		    "%s: librdkafka refuses this value of %s", path, s->key);
	why[strcspn(why, "\n")] = '\0';
	return fby_err_add(err, s->value_pos, "%s: librdkafka refuses %s: %s",
	    path, s->key, why);
}

int
fby_kafka_settings_check(const struct fby_kafka *k, enum fby_settings_of of,
    const char *path, struct fby_err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	int rc = 0;

	for (size_t i = 0; i < k->nsettings; i++)
		rc |= check_setting(conf, &k->settings[i], forced_of[of], path,
		    err);
	rd_kafka_conf_destroy(conf);
	return rc ? -1 : 0;
}
