/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the librdkafka clients of a worker are made; see rdkafka.h.
 */
#include "shared/fby.h"

#include "worker/rdkafka.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/err.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/manifest/manifest.h"

#include "worker/worker.h"

/* ---- making one ------------------------------------------------------- */

/* The one function of ours that librdkafka's threads run. */
static rd_kafka_resp_err_t
on_thread_start(rd_kafka_t *rk, rd_kafka_thread_type_t type, const char *name,
    void *arg)
{
	(void)rk;
	(void)type;
	(void)name;
	(void)arg;
	fby_mem_thread_arena(FBY_ARENA_KAFKA);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *arg, char *err,
    size_t err_size)
{
	(void)conf;
	(void)arg;
	(void)err;
	(void)err_size;
	return rd_kafka_interceptor_add_on_thread_start(rk, "forebay",
	    on_thread_start, NULL);
}

static rd_kafka_t *
client(const struct fby_manifest *m, enum fby_kafka_client kind,
    const char *transactional_id)
{
	rd_kafka_t *rk = NULL;
	rd_kafka_conf_t *conf;
	struct fby_err err;

	fby_err_init(&err);
	conf = fby_kafka_conf(m, kind, &err);
	if (conf != NULL) {
		/* It takes any text. */
		if (transactional_id != NULL)
			rd_kafka_conf_set(conf, "transactional.id",
			    transactional_id, NULL, 0);
		rd_kafka_conf_interceptor_add_on_new(conf, "forebay", on_new,
		    NULL);
		rk = fby_kafka_new(m, kind, conf, &err);
	}
	if (rk == NULL)
		fby_worker_say(&err);
	fby_err_fini(&err);
	return rk;
}

rd_kafka_t *
fby_rdkafka_new(const struct fby_manifest *m, enum fby_kafka_client kind)
{
	return client(m, kind, NULL);
}

rd_kafka_t *
fby_rdkafka_new_transactional(const struct fby_manifest *m, const char *id)
{
	return client(m, FBY_KAFKA_PRODUCER, id);
}

/* ---- what they say ---------------------------------------------------- */

void
fby_rdkafka_on_log(const char *whose, rd_kafka_event_t *ev)
{
	const char *facility, *text;
	int level;

	if (rd_kafka_event_log(ev, &facility, &text, &level))
		return;
	/* A broken connection also comes as an error, which is said once. */
	if (strcmp(facility, "FAIL") == 0)
		level = FBY_LOG_DEBUG;
	fby_log((enum fby_log_level)FBY_MAX(level, (int)FBY_LOG_INFO),
	    "%s: %s: %s", whose, facility, text);
}
