/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Records of our own; see compare/produce.h.
 */
#include "shared/fby.h"

#include "master/compare/produce.h"

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/base/mem.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#include "master/compare/cases.h"
#include "master/compare/interrupt.h"
#include "master/compare/manifest.h"

#define STEP_MS 100
#define STALL_MS 60000
#define QUEUED 20000 /* records on their way, and bytes */
#define QUEUED_BYTES (64 << 20)
#define FILLER "forebay compare "

struct fby_compare_produce {
	struct fby_compare *c;
	rd_kafka_t *rk;
	rd_kafka_topic_t *rkt;
	int32_t partitions, next;
	int64_t acked, failed;
	char *value;
	size_t size;
};

static int
fail(struct fby_compare_produce *p, const char *what, const char *why)
{
	snprintf(p->c->k.why, sizeof(p->c->k.why), "%s: %s", what, why);
	return -1;
}

/* ---- life ------------------------------------------------------------- */

static rd_kafka_t *
open_client(struct fby_compare *c, const struct fby_manifest *m)
{
	rd_kafka_t *rk = NULL;
	rd_kafka_conf_t *conf;
	struct fby_err err;
	char *text, why[256];

	fby_err_init(&err);
	conf = fby_kafka_conf(m, FBY_KAFKA_PRODUCER, &err);
	if (conf) {
		/* The time that is measured begins when it is sent. */
		(void)rd_kafka_conf_set(conf, "linger.ms", "0", why,
		    sizeof(why));
		rk = fby_kafka_new(m, FBY_KAFKA_PRODUCER, conf, &err);
	}
	if (rk == NULL) {
		text = fby_err_text(&err);
		snprintf(c->k.why, sizeof(c->k.why), "%.*s",
		    (int)strcspn(text, "\n"), text);
		free(text);
	}
	fby_err_fini(&err);
	return rk;
}

struct fby_compare_produce *
fby_compare_produce_open(struct fby_compare *c, const char *topic,
    size_t partitions)
{
	const struct fby_compare_change change = { c->runtimes[0], "none",
		topic, c->dir, FBY_COMPARE_WRITER, false };
	struct fby_compare_produce *p;
	struct fby_manifest *m;
	rd_kafka_t *rk = NULL;
	char *why = NULL;

	m = fby_compare_manifest_make(c->m, &change, &why);
	if (m)
		rk = open_client(c, m);
	else
		snprintf(c->k.why, sizeof(c->k.why), "%.*s",
		    (int)strcspn(why, "\n"), why);
	free(why);
	fby_manifest_free(m);
	if (rk == NULL)
		return NULL;
	p = fby_calloc(1, sizeof(*p));
	p->c = c;
	p->rk = rk;
	p->rkt = rd_kafka_topic_new(rk, topic, NULL);
	p->partitions = (int32_t)partitions;
	return p;
}

void
fby_compare_produce_close(struct fby_compare_produce *p)
{
	if (p == NULL)
		return;
	rd_kafka_purge(p->rk,
	    RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	if (p->rkt)
		rd_kafka_topic_destroy(p->rkt);
	rd_kafka_destroy(p->rk);
	free(p->value);
	free(p);
}

/* ---- sending ---------------------------------------------------------- */

static void
make_value(struct fby_compare_produce *p, size_t size)
{
	if (p->size == size)
		return;
	p->value = fby_realloc(p->value, size);
	p->size = size;
	for (size_t i = 0; i < size; i++)
		p->value[i] = FILLER[i % (sizeof(FILLER) - 1)];
}

/* Of what was sent: how much the brokers have, and how much not. */
static void
count_reports(struct fby_compare_produce *p, int wait_ms)
{
	rd_kafka_queue_t *queue = rd_kafka_queue_get_main(p->rk);
	rd_kafka_event_t *ev;

	while ((ev = rd_kafka_queue_poll(queue, wait_ms)) != NULL) {
		const rd_kafka_message_t *msg;

		wait_ms = 0;
		if (rd_kafka_event_type(ev) == RD_KAFKA_EVENT_DR)
			while (
			    (msg = rd_kafka_event_message_next(ev)) != NULL) {
				p->acked += msg->err == 0;
				p->failed += msg->err != 0;
			}
		rd_kafka_event_destroy(ev);
	}
	rd_kafka_queue_destroy(queue);
}

static rd_kafka_resp_err_t
put(struct fby_compare_produce *p)
{
	int32_t to = p->next;

	if (rd_kafka_produce(p->rkt, to, RD_KAFKA_MSG_F_COPY, p->value, p->size,
		NULL, 0, NULL) == -1)
		return rd_kafka_last_error();
	p->next = (to + 1) % p->partitions;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

int
fby_compare_produce_send(struct fby_compare_produce *p, const char *text,
    int64_t size)
{
	const size_t len = strlen(text);
	rd_kafka_resp_err_t err;

	make_value(p, FBY_MAX((size_t)size, len));
	memcpy(p->value, text, len);
	count_reports(p, 0);
	if (p->failed > 0)
		return fail(p, "produce", "a record was not taken");
	err = put(p);
	return err ? fail(p, "produce", rd_kafka_err2str(err)) : 0;
}

int
fby_compare_produce_fill(struct fby_compare_produce *p, int64_t records,
    int64_t size)
{
	const int64_t most = FBY_MAX(FBY_MIN(QUEUED, QUEUED_BYTES / size), 1);
	int64_t sent = 0, seen = -1, since = fby_clock_mono();
	rd_kafka_resp_err_t err;

	make_value(p, (size_t)size);
	while (p->acked < records) {
		while (sent < records && sent - p->acked < most) {
			err = put(p);
			if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL)
				break;
			if (err)
				return fail(p, "produce",
				    rd_kafka_err2str(err));
			sent++;
		}
		count_reports(p, STEP_MS);
		if (p->failed > 0)
			return fail(p, "produce", "a record was not taken");
		if (fby_compare_interrupt_came())
			return fail(p, "produce", "interrupted");
		if (p->acked != seen) {
			seen = p->acked;
			since = fby_clock_mono();
			fby_compare_progress_part(&p->c->progress,
			    (double)seen / (double)records);
		} else if (fby_clock_mono() - since >= STALL_MS) {
			return fail(p, "produce",
			    "the brokers do not acknowledge");
		}
	}
	return 0;
}
