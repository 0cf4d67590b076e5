/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/kafka/kafka.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/kafka/secret.h"
#include "shared/manifest/manifest.h"

#define SOURCE(more)                                  \
	"apiVersion: numaflow.numaproj.io/v1alpha1\n" \
	"kind: MonoVertex\n"                          \
	"metadata: {name: orders}\n"                  \
	"spec:\n"                                     \
	"  source:\n"                                 \
	"    kafka:\n"                                \
	"      brokers: ['a:1', 'b:2']\n"             \
	"      topic: t\n"                            \
	"      consumerGroup: g\n" more
#define BLACKHOLE "  sink: {blackhole: {}}\n"
#define HOST(dir)                  \
	"---\n"                    \
	"apiVersion: forebay/v1\n" \
	"kind: Host\n"             \
	"spec: {secretsDirectory: " dir ", runDirectory: /run/x}\n"
#define KAFKA_SINK(config)         \
	"  sink:\n"                \
	"    kafka:\n"             \
	"      brokers: ['c:3']\n" \
	"      topic: out\n"       \
	"      config: |\n"        \
	"        " config "\n"

static struct fby_err err;

static struct fby_manifest *
good(const char *yaml)
{
	const struct fby_manifest_text text = { "t", yaml, strlen(yaml), NULL };
	struct fby_manifest *m;

	fby_err_fini(&err);
	m = fby_manifest_parse(&text, 1, &err);
	if (m == NULL)
		fputs(fby_err_text(&err), stderr);
	assert_non_null(m);
	return m;
}

static void
assert_errors(const char *want)
{
	char *text = fby_err_text(&err);

	assert_string_equal(text, want);
	free(text);
	fby_err_fini(&err);
}

/* "" if the setting is not set. */
static void
assert_conf(const rd_kafka_conf_t *conf, const char *key, const char *want)
{
	char value[512] = "";
	size_t size = sizeof(value);

	if (rd_kafka_conf_get(conf, key, value, &size) != RD_KAFKA_CONF_OK)
		value[0] = '\0';
	assert_string_equal(value, want);
}

static rd_kafka_conf_t *
conf_of(const struct fby_manifest *m, enum fby_kafka_client client)
{
	rd_kafka_conf_t *conf = fby_kafka_conf(m, client, &err);

	assert_errors("");
	assert_non_null(conf);
	return conf;
}

/* ---- the three clients ------------------------------------------------ */

static void
the_member_has_a_name_of_its_own_and_never_commits_by_itself(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("") BLACKHOLE HOST("/nonexistent"));
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);
	char id[128] = "";
	size_t size = sizeof(id);

	(void)state;
	assert_conf(conf, "bootstrap.servers", "a:1,b:2");
	assert_conf(conf, "group.id", "g");
	assert_conf(conf, "client.id", "forebay-orders");
	assert_conf(conf, "enable.auto.commit", "false");
	assert_conf(conf, "session.timeout.ms", "15000");
	assert_conf(conf, "heartbeat.interval.ms", "1000");
	assert_conf(conf, "topic.metadata.refresh.interval.ms", "5000");
	assert_conf(conf, "log.queue", "true");
	assert_int_equal(rd_kafka_conf_get(conf, "group.instance.id", id,
			     &size),
	    RD_KAFKA_CONF_OK);
	assert_string_equal(id, "forebay-orders");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "group.instance.id", id);
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
the_master_says_who_the_member_is(void **state)
{
	struct fby_manifest *m = good(SOURCE("") BLACKHOLE);
	rd_kafka_conf_t *conf;

	(void)state;
	m->host_id = "forebay-0123-orders";
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "group.instance.id", "forebay-0123-orders");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

/* They are made again and again, by reloads, checks and lost connections. */
static void
a_client_leaves_nothing_in_the_manifest(void **state)
{
	struct fby_manifest *m = good(SOURCE("") BLACKHOLE);
	uint64_t before = fby_mem_arena(FBY_ARENA_CONFIG);

	(void)state;
	for (int i = 0; i < 500; i++)
		rd_kafka_conf_destroy(conf_of(m, FBY_KAFKA_MEMBER));
	assert_int_equal(fby_mem_arena(FBY_ARENA_CONFIG), before);
	fby_manifest_free(m);
}

static void
the_fetcher_is_no_member(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        auto.offset.reset: earliest\n"
		   "        group.instance.id: mine\n"
		   "        session.timeout.ms: 6000\n"
		   "        queued.max.messages.kbytes: 100\n"
		   "        fetch.min.bytes: 7\n") BLACKHOLE);
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_FETCHER);

	(void)state;
	assert_conf(conf, "group.id", "g");
	assert_conf(conf, "group.instance.id", "");
	assert_conf(conf, "session.timeout.ms", "45000");
	assert_conf(conf, "auto.offset.reset", "error");
	assert_conf(conf, "enable.partition.eof", "true");
	assert_conf(conf, "enable.auto.offset.store", "false");
	assert_conf(conf, "enable.auto.commit", "false");
	assert_conf(conf, "fetch.queue.backoff.ms", "10");
	assert_conf(conf, "queued.max.messages.kbytes", "100");
	assert_conf(conf, "fetch.min.bytes", "7");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "group.instance.id", "mine");
	assert_conf(conf, "session.timeout.ms", "6000");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
an_empty_instance_id_makes_a_dynamic_member(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        group.instance.id:\n") BLACKHOLE);
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);

	(void)state;
	assert_conf(conf, "group.instance.id", "");
	assert_string_equal(fby_kafka_setting(m, "group.instance.id"), "");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
the_session_fits_into_the_poll_interval(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        max.poll.interval.ms: 10000\n") BLACKHOLE
	    "---\n"
	    "apiVersion: forebay/v1\nkind: Host\n"
	    "spec: {drainTimeout: 5s}\n");
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);

	(void)state;
	assert_conf(conf, "session.timeout.ms", "10000");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
the_new_group_protocol_gets_no_timeouts_of_the_old(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        group.protocol: consumer\n") BLACKHOLE);
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);
	rd_kafka_t *rk = fby_kafka_new(m, FBY_KAFKA_MEMBER, conf, &err);

	(void)state;
	assert_errors("");
	assert_non_null(rk);
	rd_kafka_destroy(rk);
	fby_manifest_free(m);
}

static void
the_producer_has_its_own_brokers_and_settings(void **state)
{
	struct fby_manifest *m = good(SOURCE("") KAFKA_SINK("linger.ms: 50"));
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_PRODUCER);

	(void)state;
	assert_conf(conf, "bootstrap.servers", "c:3");
	assert_conf(conf, "linger.ms", "50");
	assert_conf(conf, "enable.idempotence", "true");
	assert_conf(conf, "message.timeout.ms", "30000");
	assert_conf(conf, "compression.codec", "none");
	assert_conf(conf, "group.id", "");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static const char exactly_once[] = SOURCE(
    "      config: 'isolation.level: read_uncommitted'\n") "  sink:\n"
							   "    kafka:\n"
							   "      brokers: ['a:1', 'b:2']\n"
							   "      topic: out\n"
							   "      config: 'transaction.timeout.ms: 7000'\n"
							   "---\n"
							   "apiVersion: forebay/v1\n"
							   "kind: Host\n"
							   "spec: {delivery: exactlyOnce}\n";

static void
exactly_once_sees_stable_offsets_only_and_gives_up_in_time(void **state)
{
	struct fby_manifest *m = good(exactly_once);
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_MEMBER);

	(void)state;
	/* Also against the manifest's will. */
	assert_conf(conf, "isolation.level", "read_committed");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(m, FBY_KAFKA_FETCHER);
	assert_conf(conf, "isolation.level", "read_uncommitted");
	rd_kafka_conf_destroy(conf);
	conf = conf_of(m, FBY_KAFKA_PRODUCER);
	assert_conf(conf, "transaction.timeout.ms", "7000");
	assert_conf(conf, "message.timeout.ms", "7000");
	assert_conf(conf, "retry.backoff.ms", "2");
	assert_conf(conf, "linger.ms", "1");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
all_clients_can_be_made(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("") KAFKA_SINK("compression.type: lz4"));

	(void)state;
	for (int i = FBY_KAFKA_MEMBER; i <= FBY_KAFKA_PRODUCER; i++) {
		const enum fby_kafka_client client = (enum fby_kafka_client)i;
		rd_kafka_t *rk = fby_kafka_new(m, client, conf_of(m, client),
		    &err);

		assert_errors("");
		assert_non_null(rk);
		rd_kafka_destroy(rk);
	}
	fby_manifest_free(m);
}

static void
settings_that_exclude_idempotence_turn_it_off(void **state)
{
	static const char *const sinks[] = {
		SOURCE("") KAFKA_SINK("acks: 0"),
		SOURCE("") KAFKA_SINK("acks: 1"),
		SOURCE("") KAFKA_SINK("retries: 0"),
		SOURCE("") KAFKA_SINK("max.in.flight: 6"),
		SOURCE("") KAFKA_SINK("queuing.strategy: lifo"),
		SOURCE("")
		    KAFKA_SINK("queue.buffering.backpressure.threshold: 2"),
	};

	(void)state;
	for (size_t i = 0; i < FBY_NELEM(sinks); i++) {
		struct fby_manifest *m = good(sinks[i]);
		rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_PRODUCER);

		assert_conf(conf, "enable.idempotence", "false");
		rd_kafka_conf_destroy(conf);
		/* And that there is no setKey. */
		assert_int_equal(m->notes->total, 2);
		assert_int_equal(fby_kafka_try(m, &err), 0);
		fby_manifest_free(m);
	}
}

static void
what_librdkafka_refuses_as_a_whole_is_said(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("") KAFKA_SINK("acks: 1\n        enable.idempotence: true"));
	rd_kafka_conf_t *conf = conf_of(m, FBY_KAFKA_PRODUCER);

	(void)state;
	assert_null(fby_kafka_new(m, FBY_KAFKA_PRODUCER, conf, &err));
	assert_int_equal(err.n, 1);
	assert_int_equal(err.items[0].pos.line, 14);
	assert_non_null(strstr(err.items[0].text, "acks"));
	fby_err_fini(&err);
	fby_manifest_free(m);
}

/* ---- settings --------------------------------------------------------- */

static void
settings_are_split_at_the_first_colon(void **state)
{
	struct fby_manifest *m = good(
	    SOURCE("      config: |\n"
		   "        # fetch.min.bytes: 1\n"
		   "\n"
		   "        client.rack :  a:b c  \n"
		   "        auto.offset.reset: smallest\n"
		   "        debug: generic\n") BLACKHOLE);

	(void)state;
	assert_int_equal(m->source.nsettings, 3);
	assert_string_equal(fby_kafka_setting(m, "client.rack"), "a:b c");
	assert_string_equal(fby_kafka_setting(m, "auto.offset.reset"),
	    "earliest");
	assert_null(fby_kafka_setting(m, "fetch.min.bytes"));
	assert_int_equal(m->source.settings[0].pos.line, 13);
	assert_int_equal(m->source.settings[0].pos.col, 9);
	assert_int_equal(m->source.settings[0].value_pos.col, 24);
	fby_manifest_free(m);
}

/* ---- TLS, SASL and their secrets -------------------------------------- */

static char dir[] = "/tmp/forebay-unit-XXXXXX";

static void
put(const char *name, const char *text)
{
	char *path = fby_asprintf("%s/%s", dir, name);
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	free(path);
}

static void
gone(const char *name)
{
	char *path = fby_asprintf("%s/%s", dir, name);

	unlink(path);
	free(path);
}

static struct fby_manifest *
good_with_secrets(const char *kafka)
{
	char *yaml = fby_asprintf(SOURCE("%s") BLACKHOLE HOST("%s"), kafka,
	    dir);
	struct fby_manifest *m = good(yaml);

	free(yaml);
	return m;
}

static void
tls_takes_the_contents_of_secrets(void **state)
{
	struct fby_manifest *m = good_with_secrets(
	    "      tls:\n"
	    "        insecureSkipVerify: true\n"
	    "        caCertSecret: {name: s, key: ca}\n");
	rd_kafka_conf_t *conf;

	(void)state;
	put("s/ca", "\n -----CERT----- \n\n");
	conf = conf_of(m, FBY_KAFKA_FETCHER);
	assert_conf(conf, "security.protocol", "ssl");
	assert_conf(conf, "enable.ssl.certificate.verification", "false");
	assert_conf(conf, "ssl.ca.pem", "-----CERT-----");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
user_and_password_go_to_the_mechanism(void **state)
{
	struct fby_manifest *m = good_with_secrets(
	    "      tls: {}\n"
	    "      sasl:\n"
	    "        mechanism: SCRAM-SHA-512\n"
	    "        scramsha512:\n"
	    "          userSecret: {name: s, key: user}\n"
	    "          passwordSecret: {name: s, key: password}\n");
	rd_kafka_conf_t *conf;

	(void)state;
	put("s/user", "alice\n");
	put("s/password", "pass word\n");
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "security.protocol", "sasl_ssl");
	assert_conf(conf, "sasl.mechanisms", "SCRAM-SHA-512");
	assert_conf(conf, "sasl.username", "alice");
	assert_conf(conf, "sasl.password", "pass word");
	rd_kafka_conf_destroy(conf);
	fby_manifest_free(m);
}

static void
a_systemd_credential_stands_in_for_a_file(void **state)
{
	struct fby_manifest *m = good_with_secrets(
	    "      sasl:\n"
	    "        mechanism: PLAIN\n"
	    "        plain:\n"
	    "          userSecret: {name: cred, key: user}\n"
	    "          passwordSecret: {name: cred, key: password}\n");
	rd_kafka_conf_t *conf;
	char *want;

	(void)state;
	unsetenv("CREDENTIALS_DIRECTORY");
	assert_null(fby_kafka_conf(m, FBY_KAFKA_MEMBER, &err));
	want = fby_asprintf(
	    "t:13:23: spec.source.kafka.sasl.plain."
	    "userSecret: there is no such secret, looked for %s/cred/user "
	    "and $CREDENTIALS_DIRECTORY/cred.user\nt:14:27: spec.source."
	    "kafka.sasl.plain.passwordSecret: there is no such secret, "
	    "looked for %s/cred/password and $CREDENTIALS_DIRECTORY/"
	    "cred.password\n",
	    dir, dir);
	assert_errors(want);
	free(want);
	put("cred.user", "bob");
	put("cred.password", "secret");
	setenv("CREDENTIALS_DIRECTORY", dir, 1);
	assert_int_equal(fby_kafka_try(m, &err), 0);
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "security.protocol", "sasl_plaintext");
	assert_conf(conf, "sasl.username", "bob");
	rd_kafka_conf_destroy(conf);
	unsetenv("CREDENTIALS_DIRECTORY");
	fby_manifest_free(m);
}

static void
oauth_gets_its_tokens_on_another_thread(void **state)
{
	struct fby_manifest *m = good_with_secrets(
	    "      sasl:\n"
	    "        mechanism: oauth\n"
	    "        oauth:\n"
	    "          clientID: {name: s, key: user}\n"
	    "          clientSecret: {name: s, key: password}\n"
	    "          tokenEndpoint: http://127.0.0.1:1/token\n");
	rd_kafka_conf_t *conf;
	rd_kafka_t *rk;

	(void)state;
	put("s/user", "alice\n");
	put("s/password", "pass word\n");
	conf = conf_of(m, FBY_KAFKA_MEMBER);
	assert_conf(conf, "sasl.mechanisms", "OAUTHBEARER");
	assert_conf(conf, "sasl.oauthbearer.method", "oidc");
	assert_conf(conf, "sasl.oauthbearer.client.id", "alice");
	rk = fby_kafka_new(m, FBY_KAFKA_MEMBER, conf, &err);
	assert_errors("");
	assert_non_null(rk);
	rd_kafka_destroy(rk);
	fby_manifest_free(m);
}

static void
an_optional_secret_may_be_missing_and_nothing_else(void **state)
{
	struct fby_manifest *m = good_with_secrets("");
	const struct fby_secret may = { "s", "none", true };
	const struct fby_secret loop = { "s", "loop", true };
	const struct fby_secret none = { NULL, NULL, false };
	char *text, *path = fby_asprintf("%s/s/loop", dir);

	(void)state;
	assert_int_equal(fby_secret_read(m, &may, "spec", &text, &err), 0);
	assert_null(text);
	assert_int_equal(fby_secret_read(m, &none, "spec", &text, &err), 0);
	assert_null(text);
	assert_int_equal(symlink("loop", path), 0);
	assert_int_equal(fby_secret_read(m, &loop, "spec", &text, &err), -1);
	assert_int_equal(err.n, 1);
	unlink(path);
	free(path);
	fby_err_fini(&err);
	fby_manifest_free(m);
}

static int
make_dir(void **state)
{
	char *path;

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	path = fby_asprintf("%s/s", dir);
	mkdir(path, 0700);
	free(path);
	return 0;
}

static int
remove_dir(void **state)
{
	char *path = fby_asprintf("%s/s", dir);

	(void)state;
	gone("s/ca");
	gone("s/user");
	gone("s/password");
	gone("s/loop");
	gone("cred.user");
	gone("cred.password");
	rmdir(path);
	free(path);
	return rmdir(dir);
}

/* ---- what the pages say of defaults ----------------------------------- */

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
		cmocka_unit_test(
		    the_member_has_a_name_of_its_own_and_never_commits_by_itself),
		cmocka_unit_test(the_pages_have_all_defaults),
		cmocka_unit_test(the_master_says_who_the_member_is),
		cmocka_unit_test(a_client_leaves_nothing_in_the_manifest),
		cmocka_unit_test(the_fetcher_is_no_member),
		cmocka_unit_test(an_empty_instance_id_makes_a_dynamic_member),
		cmocka_unit_test(the_session_fits_into_the_poll_interval),
		cmocka_unit_test(
		    the_new_group_protocol_gets_no_timeouts_of_the_old),
		cmocka_unit_test(the_producer_has_its_own_brokers_and_settings),
		cmocka_unit_test(
		    exactly_once_sees_stable_offsets_only_and_gives_up_in_time),
		cmocka_unit_test(all_clients_can_be_made),
		cmocka_unit_test(settings_that_exclude_idempotence_turn_it_off),
		cmocka_unit_test(what_librdkafka_refuses_as_a_whole_is_said),
		cmocka_unit_test(settings_are_split_at_the_first_colon),
		cmocka_unit_test(tls_takes_the_contents_of_secrets),
		cmocka_unit_test(user_and_password_go_to_the_mechanism),
		cmocka_unit_test(a_systemd_credential_stands_in_for_a_file),
		cmocka_unit_test(oauth_gets_its_tokens_on_another_thread),
		cmocka_unit_test(
		    an_optional_secret_may_be_missing_and_nothing_else),
	};

	fby_mem_init();
	unsetenv("NUMAFLOW_RUNTIME");
	unsetenv("RUNTIME_DIRECTORY");
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
