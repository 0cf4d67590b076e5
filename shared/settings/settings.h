/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Kafka source or sink as the manifest has it, and its `config:` block:
 * "key: value" lines, taken apart with their places, and tried one by one
 * against the librdkafka in use.
 *
 * A line is split at its first colon, so that a value may hold colons; `#`
 * begins a comment line.  (Upstream drops lines with a second colon.)
 */
#ifndef FBY_KAFKA_SETTINGS_H
#define FBY_KAFKA_SETTINGS_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/base/str.h"

struct fby_node;
struct fby_pool;

/* ---- what the manifest says of a source or sink ----------------------- */

struct fby_secret {       /* SecretKeySelector */
	const char *name; /* NULL: no secret is referred to */
	const char *key;
	bool optional;
};

struct fby_tls {
	bool present; /* even `tls: {}` turns it on */
	bool insecure_skip_verify;
	struct fby_secret ca, cert, key;
};

enum fby_sasl_mechanism {
	FBY_SASL_NONE,
	FBY_SASL_PLAIN,
	FBY_SASL_SCRAM_256,
	FBY_SASL_SCRAM_512,
	FBY_SASL_GSSAPI,
	FBY_SASL_OAUTH
};

struct fby_sasl_user { /* plain, scramsha256, scramsha512 */
	bool present;
	struct fby_secret user, password;
	bool handshake; /* accepted, ignored, as upstream */
};

struct fby_sasl {
	bool present;
	int mechanism; /* enum fby_sasl_mechanism */
	struct fby_sasl_user plain, scram256, scram512;
	struct {
		bool present;
		const char *service_name;
		const char *realm;
		const char *auth_type;
		struct fby_secret username, password, keytab, kerberos_config;
	} gssapi;
	struct {
		bool present;
		struct fby_secret client_id, client_secret;
		const char *token_endpoint;
	} oauth;
};

/* One line of a `config:` block: a setting of librdkafka. */
struct fby_setting {
	const char *key, *value;
	struct fby_pos pos; /* of the key, in the block */
	struct fby_pos value_pos;
};

/* What source.kafka and sink.kafka have in common and not. */
struct fby_kafka {
	bool present;
	struct fby_strings brokers;
	const char *topic;  /* source: list separated by commas */
	const char *group;  /* source only */
	const char *config; /* librdkafka settings, "key: value" lines */
	const struct fby_setting *settings; /* the same, taken apart */
	size_t nsettings;
	bool set_key;  /* sink only; false unless set to true */
	bool truncate; /* dead letters only: without value if too large */
	struct fby_tls tls;
	struct fby_sasl sasl;
};

/* ---- its settings ----------------------------------------------------- */

/* Fills k->settings from k->config; `node` is that scalar. */
int fby_kafka_settings_read(struct fby_pool *pool, struct fby_kafka *k,
    const struct fby_node *node, const char *path, struct fby_err *err);

/* Value of the key, or NULL. */
const char *fby_kafka_settings_find(const struct fby_kafka *k, const char *key);

enum fby_settings_of {
	FBY_SETTINGS_SOURCE,
	FBY_SETTINGS_SINK,
	FBY_SETTINGS_HOST /* spec.kafka.config: the connection alone */
};

/*
 * Refuses what must not be named in this document: see settings/property.h.
 * Nothing is handed to librdkafka, which would load some of it at once.
 */
int fby_kafka_settings_names(const struct fby_kafka *k, enum fby_settings_of of,
    const char *path, struct fby_err *err);

/*
 * Tries all the others; `of` decides what forebay forces.  What names a
 * library is not tried.
 */
int fby_kafka_settings_check(const struct fby_kafka *k, enum fby_settings_of of,
    const char *path, struct fby_err *err) FBY_MUSTCHECK;

#endif
