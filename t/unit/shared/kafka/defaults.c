/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What REFERENCE.md and MIGRATION.md say of defaults is what clients get.
 */
#include "t/unit/unit.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "t/unit/shared/kafka/clients.h"

static char *
read_page(const char *path)
{
	FILE *in = fopen(path, "re");
	struct fby_str s;
	char buf[4096];
	size_t n;

	assert_non_null(in);
	fby_str_init(&s);
	while ((n = fread(buf, 1, sizeof(buf), in)) > 0)
		fby_str_add(&s, buf, n);
	fclose(in);
	return s.p; /* the heap's, for as long as the test runs */
}

/* Settings that a page says elsewhere, or that are no settings. */
static bool
is_not_in_the_table(const char *key)
{
	static const char *const names[] = { "bootstrap.servers",
		"metadata.broker.list", "group.id", "enabled_events",
		"log.queue", "enable.auto.commit", "enable.auto.offset.store",
		"enable.partition.eof", "auto.offset.reset",
		"delivery.report.only.error", "default_topic_conf", "opaque",
		"interceptors" };
	const size_t len = strlen(key);

	for (size_t i = 0; i < FBY_NELEM(names); i++)
		if (strcmp(names[i], key) == 0)
			return true;
	return len > 3 && strcmp(key + len - 3, "_cb") == 0;
}

/* The row of `key` in a table, NULL if there is none; its length. */
static const char *
row_of(const char *page, const char *key, size_t *len)
{
	char *head = fby_asprintf("\n| `%s` |", key);
	const char *row = strstr(page, head);

	free(head);
	if (row == NULL)
		return NULL;
	row++;
	*len = strcspn(row, "\n");
	return row;
}

static size_t complaints;

/* "forebay-orders" is forebay-NAME on the pages. */
static void
check_row(const char *page, const char *name, const char *key,
    const char *value)
{
	size_t len = 0;
	const char *row = row_of(page, key, &len);
	char *line = NULL;

	if (strcmp(key, "client.id") == 0)
		value = "forebay-NAME";
	if (strcmp(key, "group.instance.id") == 0)
		value = "forebay-HASH-NAME";
	if (row != NULL)
		line = strndup(row, len);
	if (line == NULL || strstr(line + strlen(key), value) == NULL) {
		printf("# %s: %s is %s; found: %s\n", name, key, value,
		    line ? line : "no row");
		complaints++;
	}
	free(line);
}

static size_t
compare_with_pages(const char **list, size_t n, const char **dflt, size_t ndflt,
    const char *reference, const char *migration)
{
	size_t found = 0;

	for (size_t i = 0; i + 1 < n; i += 2) {
		const char *was = NULL;

		for (size_t j = 0; j + 1 < ndflt; j += 2)
			if (strcmp(dflt[j], list[i]) == 0)
				was = dflt[j + 1];
		if (is_not_in_the_table(list[i]) ||
		    (was && strcmp(was, list[i + 1]) == 0))
			continue;
		check_row(reference, "REFERENCE.md", list[i], list[i + 1]);
		check_row(migration, "MIGRATION.md", list[i], list[i + 1]);
		found++;
	}
	return found;
}

static size_t
compare_client(const struct fby_manifest *m, enum fby_kafka_client client,
    const char *reference, const char *migration)
{
	rd_kafka_conf_t *conf = conf_of(m, client);
	rd_kafka_conf_t *plain = rd_kafka_conf_new();
	rd_kafka_topic_conf_t *topic = rd_kafka_topic_conf_new();
	size_t n, ndflt, found;
	const char **list = rd_kafka_conf_dump(conf, &n);
	const char **dflt = rd_kafka_conf_dump(plain, &ndflt);

	found = compare_with_pages(list, n, dflt, ndflt, reference, migration);
	rd_kafka_conf_dump_free(list, n);
	rd_kafka_conf_dump_free(dflt, ndflt);
	if (rd_kafka_conf_get_default_topic_conf(conf) != NULL) {
		list = rd_kafka_topic_conf_dump(
		    rd_kafka_conf_get_default_topic_conf(conf), &n);
		dflt = rd_kafka_topic_conf_dump(topic, &ndflt);
		found += compare_with_pages(list, n, dflt, ndflt, reference,
		    migration);
		rd_kafka_conf_dump_free(list, n);
		rd_kafka_conf_dump_free(dflt, ndflt);
	}
	rd_kafka_topic_conf_destroy(topic);
	rd_kafka_conf_destroy(plain);
	rd_kafka_conf_destroy(conf);
	return found;
}

/* Whatever differs from librdkafka's default has its row on both pages. */
static void
the_pages_have_all_defaults(void **state)
{
	struct fby_manifest *m = good(SOURCE("") KAFKA_SINK("# none"));
	char *reference = read_page("conf/REFERENCE.md");
	char *migration = read_page("conf/MIGRATION.md");

	(void)state;
	assert_true(
	    compare_client(m, FBY_KAFKA_MEMBER, reference, migration) >= 5);
	assert_true(
	    compare_client(m, FBY_KAFKA_FETCHER, reference, migration) >= 6);
	assert_true(
	    compare_client(m, FBY_KAFKA_PRODUCER, reference, migration) >= 6);
	assert_int_equal(complaints, 0);
	free(reference);
	free(migration);
	fby_manifest_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_pages_have_all_defaults),
	};

	fby_mem_init();
	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("RUNTIME_DIRECTORY");
	return UNIT_RUN(tests);
}
