/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a manifest to librdkafka's configuration: our defaults, then the
 * `config:` lines, then what is forced (brokers, group, no auto-commit), then
 * TLS and SASL with their secrets.  The order is upstream's.
 *
 * Secrets are read here, at the moment a client is made, from
 * <secretsDirectory>/<name>/<key> or, if that does not exist, from the
 * systemd credential "<name>.<key>" ($CREDENTIALS_DIRECTORY); white space at
 * both ends is cut.
 */
#ifndef FBY_KAFKA_H
#define FBY_KAFKA_H

#include "shared/fby.h"

#include "shared/base/err.h"
#include "shared/manifest/manifest.h"

typedef struct rd_kafka_s rd_kafka_t;
typedef struct rd_kafka_conf_s rd_kafka_conf_t;

enum fby_kafka_client {
	FBY_KAFKA_MEMBER,   /* the master: group member, fetches nothing */
	FBY_KAFKA_FETCHER,  /* a worker's consumer: rd_kafka_assign() only */
	FBY_KAFKA_PRODUCER, /* a worker's, for FBY_SINK_PRIMARY */
	/* and those for the other roles: FBY_KAFKA_PRODUCER + role */
	FBY_KAFKA_CLIENTS = FBY_KAFKA_PRODUCER + FBY_SINK_N
};

/*
 * A configuration for a client, to be passed to fby_kafka_new().  NULL: `err`
 * has file:line:column of the setting or secret that was refused.
 */
rd_kafka_conf_t *fby_kafka_conf(const struct fby_manifest *m,
    enum fby_kafka_client client, struct fby_err *err) FBY_MUSTCHECK;

/*
 * The same for a client that is made to see whether it can be: what names a
 * library is left out, since to set it can be to load it.  `is_elsewhere`: so
 * are secrets, programs and files, and the client speaks plaintext.
 */
rd_kafka_conf_t *fby_kafka_conf_trial(const struct fby_manifest *m,
    enum fby_kafka_client client, bool is_elsewhere,
    struct fby_err *err) FBY_MUSTCHECK;

/*
 * The client itself.  `conf` is gone in either case.  NULL: `err` has what
 * librdkafka says of the settings as a whole, at the config block.  (OAuth
 * tokens are fetched on a thread of librdkafka's, which is why clients are
 * made here and not by rd_kafka_new().)
 */
rd_kafka_t *fby_kafka_new(const struct fby_manifest *m,
    enum fby_kafka_client client, rd_kafka_conf_t *conf,
    struct fby_err *err) FBY_MUSTCHECK;

/* Both in one, for a client whose configuration is not looked at. */
rd_kafka_t *fby_kafka_open(const struct fby_manifest *m,
    enum fby_kafka_client client, struct fby_err *err) FBY_MUSTCHECK;

/*
 * Its log-in was refused: user name and password are read once more, for the
 * next attempt.  So mended secrets are taken without a restart.
 */
void fby_kafka_login_anew(rd_kafka_t *rk, const struct fby_manifest *m,
    enum fby_kafka_client client);

/* Is it a refusal that other secrets could turn? */
bool fby_kafka_is_login_error(int code);

/*
 * A name that no other master has, the same after a crash: for what the
 * broker is to know again.  The master makes it (master/group/identity.h).
 */
const char *fby_kafka_host_id(const struct fby_manifest *m);

/*
 * Makes all clients that a run would make, for each role, and throws them
 * away: are the secrets there, do the settings go together?  Nothing is
 * connected to, run or loaded.  For `forebay test`, and before a reload.
 */
int fby_kafka_try(const struct fby_manifest *m,
    struct fby_err *err) FBY_MUSTCHECK;

/*
 * The same without TLS, log-in and what names things of a machine: for a
 * machine that has none of these.
 */
int fby_kafka_try_settings(const struct fby_manifest *m,
    struct fby_err *err) FBY_MUSTCHECK;

/*
 * Value of a `config:` line of the source, or NULL: for what forebay itself
 * obeys (auto.offset.reset, group.instance.id, max.poll.interval.ms).  The
 * string is borrowed from the manifest's pool.  auto.offset.reset comes as
 * "earliest", "latest" or "error", whatever the operator's word for it.
 */
const char *fby_kafka_setting(const struct fby_manifest *m, const char *key);

#endif
