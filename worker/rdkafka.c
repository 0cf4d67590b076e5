/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all librdkafka clients of a worker have in common; see rdkafka.h.
 */
#include "shared/fby.h"

#include "worker/rdkafka.h"

#include <librdkafka/rdkafka.h>

#include "shared/clock.h"
#include "shared/err.h"
#include "shared/log.h"
#include "shared/manifest.h"
#include "shared/mem.h"

#include "worker/loop.h"
#include "worker/sink.h"
#include "worker/worker.h"

#define REPEAT_AFTER_MS 60000
#define LOGIN_MS 60000

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
		fby_loop_say(&err);
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

/* Librdkafka retries by itself: these are for the operator's information. */
static enum fby_log_level
trouble_level(int code)
{
	switch (code) {
	case RD_KAFKA_RESP_ERR__AUTHENTICATION:
	case RD_KAFKA_RESP_ERR__SSL:
	case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
	case RD_KAFKA_RESP_ERR__FATAL:
		return FBY_LOG_ERR;
	default:
		return FBY_LOG_WARN;
	}
}

void
fby_rdkafka_on_trouble(struct fby_worker *w, const char *whose, int code,
    const char *text)
{
	struct fby_rdkafka_trouble *t = &w->troubles[0];
	int64_t now = fby_clock_mono();

	/* Its own entry, else the one that was not needed for longest. */
	for (size_t i = 0; i < FBY_RDKAFKA_TROUBLES; i++) {
		if (w->troubles[i].said_at && w->troubles[i].code == code) {
			t = &w->troubles[i];
			break;
		}
		if (w->troubles[i].said_at < t->said_at)
			t = &w->troubles[i];
	}
	if (t->said_at && t->code == code &&
	    now - t->said_at < REPEAT_AFTER_MS) {
		t->unsaid++;
		fby_debug("%s: %s", whose, text);
		return;
	}
	if (t->code == code && t->unsaid)
		fby_log(trouble_level(code),
		    "%s: %s (and %" PRIu64 " of the kind since the last line)",
		    whose, text, t->unsaid);
	else
		fby_log(trouble_level(code), "%s: %s", whose, text);
	*t = (struct fby_rdkafka_trouble){ .code = code, .said_at = now };
}

void
fby_rdkafka_is_over(struct fby_worker *w, int code)
{
	for (size_t i = 0; i < FBY_RDKAFKA_TROUBLES; i++)
		if (w->troubles[i].code == code)
			w->troubles[i].said_at = 0;
}

/* ---- logging in ------------------------------------------------------- */

void
fby_rdkafka_on_login_error(struct fby_worker *w, int code)
{
	/* librdkafka repeats an error that goes on every 30 s. */
	if (fby_kafka_is_login_error(code))
		w->login_until = fby_clock_mono() + LOGIN_MS;
}

void
fby_rdkafka_login(struct fby_worker *w, int64_t mono)
{
	if (mono >= w->login_until)
		return;
	fby_kafka_login_anew(w->src.rk, w->m, FBY_KAFKA_FETCHER);
	for (size_t i = 0; i < FBY_SINK_N; i++)
		if (w->outs[i] != NULL && w->outs[i]->ops->login != NULL)
			w->outs[i]->ops->login(w->outs[i]);
}
