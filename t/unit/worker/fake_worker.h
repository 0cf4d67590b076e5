/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker without librdkafka: messages that the test makes, a ledger in plain
 * memory, and an outlet that does what it is told.
 */
#ifndef FBY_UNIT_FAKE_WORKER_H
#define FBY_UNIT_FAKE_WORKER_H

#include "t/unit/unit.h"

#include <event2/event.h>

#include <librdkafka/rdkafka.h>

#include "shared/manifest/manifest.h"

#include "worker/batch.h"
#include "worker/budget.h"
#include "worker/flight.h"
#include "worker/lane.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/run.h"
#include "worker/worker.h"

#define ROWS 4
#define RECORD_BYTES 10

static struct fby_manifest manifest;
static struct fby_ledger_row rows[ROWS];
static struct fby_ledger_slot slot;
static struct fby_budget budget;
static struct fby_flight flight;
static struct fby_pipeline pipeline;
static struct fby_worker w;
static unsigned destroyed; /* messages */

/* ---- messages --------------------------------------------------------- */

void
rd_kafka_message_destroy(rd_kafka_message_t *msg)
{
	destroyed++;
	free(msg);
}

int64_t
rd_kafka_message_timestamp(const rd_kafka_message_t *msg,
    rd_kafka_timestamp_type_t *type)
{
	*type = RD_KAFKA_TIMESTAMP_CREATE_TIME;
	return 1000 + msg->offset;
}

int32_t
rd_kafka_message_leader_epoch(const rd_kafka_message_t *msg)
{
	(void)msg;
	return 3;
}

static char payload[] = "0123456789";
_Static_assert(sizeof(payload) == RECORD_BYTES + 1, "RECORD_BYTES of it");

static inline rd_kafka_message_t *
message(int64_t offset)
{
	rd_kafka_message_t *msg = calloc(1, sizeof(*msg));

	assert_non_null(msg);
	msg->offset = offset;
	msg->payload = payload;
	msg->len = RECORD_BYTES;
	return msg;
}

/* n records from the lane's position on, as the source hands them over. */
static inline void
submit(struct fby_lane *ln, size_t n)
{
	rd_kafka_message_t *msgs[16];
	struct fby_run run = {
		.msgs = msgs,
		.n = n,
		.bytes = n * RECORD_BYTES,
		.limit = INT64_MAX,
		.next = ln->acks.position + (int64_t)n,
		.newest = 999 + ln->acks.position + (int64_t)n,
		.leader_epoch = 3,
		.read_at = 1,
	};

	assert_in_range(n, 1, FBY_NELEM(msgs));
	for (size_t i = 0; i < n; i++)
		msgs[i] = message(ln->acks.position + (int64_t)i);
	fby_pipeline_submit(ln, &run);
}

/* ---- an outlet -------------------------------------------------------- */

struct fake_outlet {
	struct fby_outlet out;
	enum fby_rc rc; /* of each submission */
	size_t room;    /* so many, then FBY_AGAIN */
	struct fby_record *got[64];
	size_t n; /* of those */
	size_t runs, flushes, hurries, forgets;
};

static struct fake_outlet outlets[FBY_OUTLET_N];

static enum fby_rc
fake_record(struct fby_outlet *out, struct fby_record *rec)
{
	struct fake_outlet *fake = (struct fake_outlet *)out;

	if (fake->room == 0)
		return FBY_AGAIN;
	fake->room--;
	assert_in_range(fake->n, 0, FBY_NELEM(fake->got) - 1);
	fake->got[fake->n++] = rec;
	return fake->rc;
}

static void
fake_run(struct fby_outlet *out, const struct fby_run *run)
{
	(void)run;
	((struct fake_outlet *)out)->runs++;
}

static void
fake_flush(struct fby_outlet *out)
{
	((struct fake_outlet *)out)->flushes++;
}

static void
fake_hurry(struct fby_outlet *out)
{
	((struct fake_outlet *)out)->hurries++;
}

static void
fake_forget(struct fby_outlet *out, struct fby_lane *ln)
{
	(void)ln;
	((struct fake_outlet *)out)->forgets++;
}

static const struct fby_outlet_ops record_ops = {
	.name = "fake",
	.record = fake_record,
	.flush = fake_flush,
	.hurry = fake_hurry,
	.forget = fake_forget,
};

static const struct fby_outlet_ops run_ops = {
	.name = "fake",
	.run = fake_run,
	.record = fake_record,
};

/* A sink of that role that takes everything. */
static inline struct fake_outlet *
add_outlet(unsigned role, const struct fby_outlet_ops *ops)
{
	struct fake_outlet *fake = &outlets[role];

	*fake = (struct fake_outlet){
		.out = { .ops = ops, .w = &w, .role = role, .why = "no" },
		.rc = FBY_OK,
		.room = SIZE_MAX,
	};
	w.outs[role] = &fake->out;
	if (fby_is_stage(role))
		manifest.functions[fby_stage_function(role)].present = true;
	else
		manifest.sinks[role].present = true;
	return fake;
}

/* ---- life ------------------------------------------------------------- */

static inline void
worker_init(void)
{
	manifest = (struct fby_manifest){
		.read_batch_size = 100,
		.concurrency = 100,
		.retry = { .interval_ms = 1, .cap_ms = 2, .factor = 1 },
		.host = {
			.drain_timeout_ms = 1000,
			.memory = { .budget_bytes = 2000000,
			    .max_records = 1000 },
		},
	};
	memset(rows, 0, sizeof(rows));
	memset(&slot, 0, sizeof(slot));
	memset(&budget, 0, sizeof(budget));
	memset(&flight, 0, sizeof(flight));
	memset(&pipeline, 0, sizeof(pipeline));
	memset(&w, 0, sizeof(w));
	w.base = event_base_new();
	assert_non_null(w.base);
	event_base_priority_init(w.base, FBY_PRIORITY_N);
	w.m = &manifest;
	w.shm.rows = rows;
	w.shm.nrows = ROWS;
	w.slot = &slot;
	w.budget = &budget;
	w.flight = &flight;
	w.pl = &pipeline;
	TAILQ_INIT(&w.lanes);
	destroyed = 0;
}

static inline void
worker_fini(void)
{
	event_base_free(w.base);
}

/* Partition `row` of "t" from offset 100 on, in epoch 1. */
static inline struct fby_msg_grant
grant_of(uint32_t row)
{
	struct fby_msg_grant msg = {
		.row = row,
		.epoch = 1,
		.start = 100,
		.watermark = FBY_NONE,
		.isolate_until = FBY_NONE,
		.partition = (int32_t)row,
		.leader_epoch = -1,
	};

	msg.topic[0] = 't';
	fby_store(&rows[row].epoch, 1);
	return msg;
}

#endif
