/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Would the clients come into being?  librdkafka says much only when a client
 * is made: settings that exclude each other, a key that is not the
 * certificate's, a certificate authority that is no PEM.  So each client of
 * each role is made as a run would make it, and thrown away.
 *
 * Checking runs no program, loads no library and speaks to nobody: no socket
 * is opened, no name is looked up, kinit is not started and no token fetched.
 */
#include "shared/fby.h"

#include "shared/kafka/kafka.h"

#include <errno.h>
#include <netdb.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"
#include "shared/settings/property.h"

/* ---- nobody is spoken to ---------------------------------------------- */

static int
no_socket(int domain, int type, int protocol, void *opaque)
{
	(void)domain;
	(void)type;
	(void)protocol;
	(void)opaque;
	errno = ENETDOWN;
	return -1;
}

static int
no_address(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **res, void *opaque)
{
	(void)node;
	(void)service;
	(void)hints;
	(void)opaque;
	/* Without a node the list that was handed out is to be freed. */
	if (res)
		*res = NULL;
	return node ? EAI_FAIL : 0;
}

static void
no_token(rd_kafka_t *rk, const char *config, void *opaque)
{
	(void)rk;
	(void)config;
	(void)opaque;
}

/* What is set here cannot be refused: these are librdkafka's own words. */
static void
keep_quiet(rd_kafka_conf_t *conf)
{
	char why[128];

	rd_kafka_conf_set_socket_cb(conf, no_socket);
	rd_kafka_conf_set_resolve_cb(conf, no_address);
	/* One of ours keeps librdkafka from starting its own. */
	rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, no_token);
	/* 0 means that kinit is not ours to run. */
	(void)rd_kafka_conf_set(conf, "sasl.kerberos.min.time.before.relogin",
	    "0", why, sizeof(why));
}

/* ---- one client ------------------------------------------------------- */

/*
 * Without the library that the host names it would be another client, and
 * with it the library's code would run here.
 */
static bool
needs_library(const struct fby_manifest *m)
{
	const struct fby_kafka *k = &m->host.kafka;

	for (size_t i = 0; i < k->nsettings; i++)
		if (fby_kafka_property_kind(k->settings[i].key) ==
		    FBY_PROPERTY_LIBRARY)
			return true;
	return false;
}

static int
try_client(const struct fby_manifest *m, enum fby_kafka_client client,
    bool is_elsewhere, struct fby_err *err)
{
	rd_kafka_conf_t *conf = fby_kafka_conf_trial(m, client, is_elsewhere,
	    err);
	rd_kafka_t *rk;

	if (conf == NULL)
		return -1;
	if (needs_library(m)) {
		rd_kafka_conf_destroy(conf);
		return 0;
	}
	keep_quiet(conf);
	if (client == FBY_KAFKA_PRODUCER &&
	    m->host.delivery == FBY_EXACTLY_ONCE)
		(void)rd_kafka_conf_set(conf, "transactional.id", "trial", NULL,
		    0);
	rk = fby_kafka_new(m, client, conf, err);
	if (rk == NULL)
		return -1;
	rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	return 0;
}

static int
try_all(const struct fby_manifest *m, bool is_elsewhere, struct fby_err *err)
{
	int rc = 0;

	if (m->source.present) {
		rc = try_client(m, FBY_KAFKA_MEMBER, is_elsewhere, err);
		/* What is wrong with the member is not said twice. */
		if (rc == 0)
			rc = try_client(m, FBY_KAFKA_FETCHER, is_elsewhere,
			    err);
	}
	for (int i = 0; i < FBY_SINK_N; i++)
		if (m->sinks[i].kafka.present)
			rc |= try_client(m,
			    (enum fby_kafka_client)(FBY_KAFKA_PRODUCER + i),
			    is_elsewhere, err);
	return rc ? -1 : 0;
}

int
fby_kafka_try(const struct fby_manifest *m, struct fby_err *err)
{
	return try_all(m, false, err);
}

int
fby_kafka_try_settings(const struct fby_manifest *m, struct fby_err *err)
{
	return try_all(m, true, err);
}
