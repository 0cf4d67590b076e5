/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS and SASL; see kafka/auth.h.  Which block becomes which setting is
 * upstream's: rust/numaflow-core/src/config/components.rs.
 */
#include "shared/fby.h"

#include "shared/kafka/auth.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/mem.h"
#include "shared/kafka/secret.h"
#include "shared/manifest/manifest.h"

struct auth {
	const struct fby_manifest *m;
	struct fby_pool *pool; /* for the paths, which errors do not keep */
	const char *path;      /* of the block at hand */
	rd_kafka_conf_t *conf;
	struct fby_err *err;
};

static int
set(const struct auth *a, const char *key, const char *value)
{
	char why[512];

	if (rd_kafka_conf_set(a->conf, key, value, why, sizeof(why)) ==
	    RD_KAFKA_CONF_OK)
		return 0;
	/* The reason can hold the value, which can be a secret. */
	return fby_err_add(a->err, fby_manifest_pos(a->m, a->path),
	    "%s: this librdkafka does not take %s", a->path, key);
}

static int
set_secret(const struct auth *a, const char *key, const char *name,
    const struct fby_secret *secret)
{
	const char *path = fby_psprintf(a->pool, "%s.%s", a->path, name);
	char *text;
	int rc = 0;

	if (fby_secret_read(a->m, secret, path, &text, a->err) == -1)
		return -1;
	if (text && *text == '\0')
		rc = fby_err_add(a->err, fby_manifest_pos(a->m, path),
		    "%s: the secret is empty", path);
	else if (text)
		rc = set(a, key, text);
	fby_secret_free(text);
	return rc;
}

static int
set_tls(struct auth *a, const struct fby_tls *tls)
{
	int rc = 0;

	if (tls->insecure_skip_verify)
		rc |= set(a, "enable.ssl.certificate.verification", "false");
	rc |= set_secret(a, "ssl.ca.pem", "caCertSecret", &tls->ca);
	rc |= set_secret(a, "ssl.certificate.pem", "certSecret", &tls->cert);
	rc |= set_secret(a, "ssl.key.pem", "keySecret", &tls->key);
	return rc;
}

static int
set_user(struct auth *a, const char *mechanism, const char *block,
    const struct fby_sasl_user *user)
{
	int rc = set(a, "sasl.mechanisms", mechanism);

	a->path = fby_psprintf(a->pool, "%s.%s", a->path, block);
	rc |= set_secret(a, "sasl.username", "userSecret", &user->user);
	rc |= set_secret(a, "sasl.password", "passwordSecret", &user->password);
	return rc;
}

static bool
has_feature(const rd_kafka_conf_t *conf, const char *feature)
{
	char list[512] = "";
	size_t size = sizeof(list);

	return rd_kafka_conf_get(conf, "builtin.features", list, &size) ==
	    RD_KAFKA_CONF_OK &&
	    strstr(list, feature) != NULL;
}

static int
need_feature(const struct auth *a, const char *feature, const char *what)
{
	const char *path = fby_psprintf(a->pool, "%s.mechanism", a->path);

	if (has_feature(a->conf, feature))
		return 0;
	return fby_err_add(a->err, fby_manifest_pos(a->m, path),
	    "%s: this librdkafka was built without %s", path, what);
}

static int
set_keytab(const struct auth *a, const struct fby_secret *secret)
{
	const char *path = fby_psprintf(a->pool, "%s.keytabSecret", a->path);
	char *text;
	int rc = 0;

	if (fby_secret_read(a->m, secret, path, &text, a->err) == -1)
		return -1;
	if (text && *text == '/')
		rc = set(a, "sasl.kerberos.keytab", text);
	else if (text)
		rc = fby_err_add(a->err, fby_manifest_pos(a->m, path),
		    "%s: the secret must hold the absolute path of a key "
		    "table, not the table itself",
		    path);
	fby_secret_free(text);
	return rc;
}

static int
set_gssapi(struct auth *a, const struct fby_sasl *sasl)
{
	int rc = need_feature(a, "sasl_gssapi", "GSSAPI");

	if (rc == -1)
		return -1;
	a->path = fby_psprintf(a->pool, "%s.gssapi", a->path);
	rc |= set(a, "sasl.mechanisms", "GSSAPI");
	rc |= set(a, "sasl.kerberos.service.name", sasl->gssapi.service_name);
	rc |= set_secret(a, "sasl.kerberos.principal", "usernameSecret",
	    &sasl->gssapi.username);
	rc |= set_keytab(a, &sasl->gssapi.keytab);
	rc |= set_secret(a, "sasl.kerberos.kinit.cmd", "kerberosConfigSecret",
	    &sasl->gssapi.kerberos_config);
	return rc;
}

static int
set_oauth(struct auth *a, const struct fby_sasl *sasl)
{
	int rc = need_feature(a, "oidc", "OIDC");

	if (rc == -1)
		return -1;
	a->path = fby_psprintf(a->pool, "%s.oauth", a->path);
	rc |= set(a, "sasl.mechanisms", "OAUTHBEARER");
	rc |= set(a, "sasl.oauthbearer.method", "oidc");
	rc |= set_secret(a, "sasl.oauthbearer.client.id", "clientID",
	    &sasl->oauth.client_id);
	rc |= set_secret(a, "sasl.oauthbearer.client.secret", "clientSecret",
	    &sasl->oauth.client_secret);
	rc |= set(a, "sasl.oauthbearer.token.endpoint.url",
	    sasl->oauth.token_endpoint);
	/* Tokens are fetched by librdkafka's thread: see fby_kafka_new. */
	rd_kafka_conf_enable_sasl_queue(a->conf, 1);
	return rc;
}

static int
set_sasl(struct auth *a, const struct fby_sasl *sasl)
{
	switch ((enum fby_sasl_mechanism)sasl->mechanism) {
	case FBY_SASL_PLAIN:
		return set_user(a, "PLAIN", "plain", &sasl->plain);
	case FBY_SASL_SCRAM_256:
		return set_user(a, "SCRAM-SHA-256", "scramsha256",
		    &sasl->scram256);
	case FBY_SASL_SCRAM_512:
		return set_user(a, "SCRAM-SHA-512", "scramsha512",
		    &sasl->scram512);
	case FBY_SASL_GSSAPI:
		return set_gssapi(a, sasl);
	case FBY_SASL_OAUTH:
		return set_oauth(a, sasl);
	case FBY_SASL_NONE:
		break;
	}
	return 0;
}

int
fby_kafka_auth_set(const struct fby_manifest *m, const struct fby_kafka *k,
    const char *path, rd_kafka_conf_t *conf, struct fby_err *err)
{
	struct auth a = { .m = m, .conf = conf, .err = err, .path = path };
	int rc = 0;

	a.pool = fby_pool_new(FBY_ARENA_CONFIG);

	if (k->sasl.present)
		rc |= set(&a, "security.protocol",
		    k->tls.present ? "sasl_ssl" : "sasl_plaintext");
	else if (k->tls.present)
		rc |= set(&a, "security.protocol", "ssl");
	if (k->tls.present) {
		a.path = fby_psprintf(a.pool, "%s.tls", path);
		rc |= set_tls(&a, &k->tls);
	}
	if (k->sasl.present) {
		a.path = fby_psprintf(a.pool, "%s.sasl", path);
		rc |= set_sasl(&a, &k->sasl);
	}
	fby_pool_free(a.pool);
	return rc ? -1 : 0;
}

/* ---- once more -------------------------------------------------------- */

static const struct fby_sasl_user *
user_of(const struct fby_sasl *sasl)
{
	switch ((enum fby_sasl_mechanism)sasl->mechanism) {
	case FBY_SASL_PLAIN:
		return &sasl->plain;
	case FBY_SASL_SCRAM_256:
		return &sasl->scram256;
	case FBY_SASL_SCRAM_512:
		return &sasl->scram512;
	default:
		return NULL;
	}
}

void
fby_kafka_auth_renew(const struct fby_manifest *m, const struct fby_kafka *k,
    rd_kafka_t *rk)
{
	const struct fby_sasl_user *user = user_of(&k->sasl);
	char *name = NULL, *password = NULL;
	rd_kafka_error_t *error;
	struct fby_err err;

	if (!k->sasl.present || user == NULL)
		return;
	fby_err_init(&err);
	if (fby_secret_read(m, &user->user, "userSecret", &name, &err) == 0 &&
	    fby_secret_read(m, &user->password, "passwordSecret", &password,
		&err) == 0 &&
	    name != NULL && password != NULL) {
		error = rd_kafka_sasl_set_credentials(rk, name, password);
		if (error != NULL)
			rd_kafka_error_destroy(error);
	}
	fby_secret_free(name);
	fby_secret_free(password);
	fby_err_fini(&err);
}
