/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directive tables of source.kafka and sink.kafka: brokers, topic, TLS, SASL.
 *
 * What a change takes is said by the block around them: the source belongs to
 * the group member, which cannot be replaced without leaving the group; the
 * sink belongs to the workers.
 */
#include "shared/fby.h"

#include "shared/manifest/manifest.h"

#include "shared/manifest/tables.h"

#define D(n, t, ...)                                        \
	{                                                   \
		.name = (n), .type = FBY_T_##t, __VA_ARGS__ \
	}
#define F(type, field) .offset = offsetof(struct type, field)
#define P(type, field) .present = FBY_PRESENT(struct type, field)

static const struct fby_enum mechanism_names[] = { { "PLAIN", FBY_SASL_PLAIN },
	{ "SCRAM-SHA-256", FBY_SASL_SCRAM_256 },
	{ "SCRAM-SHA-512", FBY_SASL_SCRAM_512 }, { "GSSAPI", FBY_SASL_GSSAPI },
	{ "OAUTHBEARER", FBY_SASL_OAUTH }, { "OAUTH", FBY_SASL_OAUTH }, { 0 } };

static const struct fby_enum gssapi_auth_names[] = { { "KRB5_USER_AUTH", 0 },
	{ "KRB5_KEYTAB_AUTH", 1 }, { 0 } };

/* clang-format off */
const struct fby_directive fby_manifest_secret_table[] = {
	D("name", STR, F(fby_secret, name), .flags = FBY_D_REQUIRED,
	    .help = "Secret: a directory in secretsDirectory."),
	D("key", STR, F(fby_secret, key), .flags = FBY_D_REQUIRED,
	    .help = "Key: a file in that directory."),
	D("optional", BOOL, F(fby_secret, optional), .dflt = "false",
	    .help = "Go on without it if there is no such secret."),
	{ 0 }
};

#define SECRET(n, type, field, ...)                                           \
	D(n, BLOCK, F(type, field), .arg = fby_manifest_secret_table, __VA_ARGS__)

static const struct fby_directive tls_table[] = {
	D("insecureSkipVerify", BOOL, F(fby_tls, insecure_skip_verify),
	    .dflt = "false",
	    .help = "Accept any certificate of the broker."),
	SECRET("caCertSecret", fby_tls, ca, .flags = FBY_D_SECRET,
	    .help = "Certificate authority to trust, PEM; else the "
		"system's."),
	SECRET("certSecret", fby_tls, cert, .flags = FBY_D_SECRET,
	    .help = "Client certificate, PEM; needs keySecret."),
	SECRET("keySecret", fby_tls, key, .flags = FBY_D_SECRET,
	    .help = "Private key of the client certificate, PEM."),
	{ 0 }
};

static const struct fby_directive user_table[] = {
	SECRET("userSecret", fby_sasl_user, user,
	    .flags = FBY_D_SECRET | FBY_D_REQUIRED,
	    .help = "User name."),
	SECRET("passwordSecret", fby_sasl_user, password,
	    .flags = FBY_D_SECRET | FBY_D_REQUIRED,
	    .help = "Password."),
	D("handshake", BOOL, F(fby_sasl_user, handshake), .dflt = "false",
	    .help = "Without effect, as upstream."),
	{ 0 }
};

static const struct fby_directive gssapi_table[] = {	/* base: fby_sasl */
	D("serviceName", STR, F(fby_sasl, gssapi.service_name),
	    .flags = FBY_D_REQUIRED,
	    .help = "Kerberos service name of the brokers."),
	D("realm", STR, F(fby_sasl, gssapi.realm),
	    .help = "Without effect, as upstream."),
	D("authType", ENUM, .flags = FBY_D_K8S, .arg = gssapi_auth_names,
	    .help = "Without effect, as upstream: a key table is used."),
	SECRET("usernameSecret", fby_sasl, gssapi.username,
	    .flags = FBY_D_SECRET | FBY_D_REQUIRED,
	    .help = "Kerberos principal of this client."),
	SECRET("passwordSecret", fby_sasl, gssapi.password,
	    .flags = FBY_D_SECRET,
	    .help = "Without effect, as upstream."),
	SECRET("keytabSecret", fby_sasl, gssapi.keytab,
	    .flags = FBY_D_SECRET,
	    .help = "Path of the key table: the secret holds the path, not "
		"the table."),
	SECRET("kerberosConfigSecret", fby_sasl, gssapi.kerberos_config,
	    .flags = FBY_D_SECRET,
	    .help = "Command that refreshes the ticket "
		"(`sasl.kerberos.kinit.cmd`)."),
	{ 0 }
};

static const struct fby_directive oauth_table[] = {	/* base: fby_sasl */
	SECRET("clientID", fby_sasl, oauth.client_id,
	    .flags = FBY_D_SECRET | FBY_D_REQUIRED,
	    .help = "Client id for the token endpoint."),
	SECRET("clientSecret", fby_sasl, oauth.client_secret,
	    .flags = FBY_D_SECRET | FBY_D_REQUIRED,
	    .help = "Client secret for the token endpoint."),
	D("tokenEndpoint", STR, F(fby_sasl, oauth.token_endpoint),
	    .flags = FBY_D_REQUIRED,
	    .help = "URL that hands out tokens (OIDC client credentials)."),
	{ 0 }
};

static const struct fby_directive sasl_table[] = {
	D("mechanism", ENUM, F(fby_sasl, mechanism),
	    .flags = FBY_D_REQUIRED | FBY_D_NOCASE, .arg = mechanism_names,
	    .help = "Which of the blocks below is used."),
	D("plain", BLOCK, F(fby_sasl, plain), P(fby_sasl, plain.present),
	    .arg = user_table, .help = "For PLAIN."),
	D("scramsha256", BLOCK, F(fby_sasl, scram256),
	    P(fby_sasl, scram256.present), .arg = user_table,
	    .help = "For SCRAM-SHA-256."),
	D("scramsha512", BLOCK, F(fby_sasl, scram512),
	    P(fby_sasl, scram512.present), .arg = user_table,
	    .help = "For SCRAM-SHA-512."),
	D("gssapi", BLOCK, P(fby_sasl, gssapi.present), .arg = gssapi_table,
	    .help = "For GSSAPI (Kerberos)."),
	D("oauth", BLOCK, P(fby_sasl, oauth.present), .arg = oauth_table,
	    .help = "For OAUTH, which is the same as OAUTHBEARER."),
	{ 0 }
};

#define BROKERS                                                          \
	D("brokers", STRS, F(fby_kafka, brokers), .flags = FBY_D_REQUIRED,    \
	    .min = 1,                                                         \
	    .help = "Addresses (host:port) to learn the cluster from.")
#define CONFIG                                                                \
	D("config", STR, F(fby_kafka, config),                                \
	    .help = "Settings of librdkafka, one \"key: value\" in each "     \
		"line; `#` begins a comment line. A value may hold colons.")
#define TLS                                                                   \
	D("tls", BLOCK, F(fby_kafka, tls), P(fby_kafka, tls.present),         \
	    .arg = tls_table,                                                 \
	    .help = "TLS to the brokers; even `{}` turns it on.")
#define SASL                                                                  \
	D("sasl", BLOCK, F(fby_kafka, sasl), P(fby_kafka, sasl.present),      \
	    .arg = sasl_table, .help = "Login to the brokers.")
#define VERSION                                                               \
	D("kafkaVersion", STR, .flags = FBY_D_K8S | FBY_D_RAW,                \
	    .help = "Without effect: the client and the broker agree on it.")

const struct fby_directive fby_manifest_kafka_source[] = {
	BROKERS,
	D("topic", STR, F(fby_kafka, topic), .flags = FBY_D_REQUIRED,
	    .help = "Topic to read, or several with commas between them."),
	D("consumerGroup", STR, F(fby_kafka, group), .flags = FBY_D_REQUIRED,
	    .help = "Consumer group; its committed offsets are where reading "
		"goes on."),
	TLS,
	CONFIG,
	SASL,
	VERSION,
	{ 0 }
};

const struct fby_directive fby_manifest_kafka_sink[] = {
	BROKERS,
	D("topic", STR, F(fby_kafka, topic), .flags = FBY_D_REQUIRED,
	    .help = "Topic to write."),
	D("setKey", BOOL, F(fby_kafka, set_key), .dflt = "false",
	    .help = "true: each record is written with its key. Otherwise, as "
		"in Numaflow, no record has a key, and librdkafka takes any "
		"partition."),
	TLS,
	CONFIG,
	SASL,
	VERSION,
	{ 0 }
};
/* clang-format on */
