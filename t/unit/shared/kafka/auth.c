/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS, SASL and their secrets.
 */
#include "t/unit/unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/mem.h"
#include "shared/kafka/secret.h"
#include "t/unit/shared/kafka/clients.h"

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
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
