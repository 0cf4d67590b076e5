/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker does with the group's metadata that its master sends along:
 * any bytes become the offsets' group in librdkafka, or end the process in
 * order.  What librdkafka has understood is the same when it is read again.
 *
 * The first byte is added to the size that the message says, if it is above
 * 127: what is behind the bytes in use, or behind the message.
 */
#include "shared/fby.h"

/* The state of a transaction is behind a static. */
#include "worker/sink/txn.c"
#include "t/fuzz/fuzz.h"

static struct event_base *base;
static rd_kafka_t *client;
static int exit_code;

/* ---- what is around a transaction ------------------------------------- */

void
fby_worker_exit(struct fby_worker *w, int code)
{
	(void)w;
	exit_code = code;
}

static void *
bytes_of(const rd_kafka_consumer_group_metadata_t *group, size_t *size)
{
	void *p;

	FBY_BUG_ON(
	    rd_kafka_consumer_group_metadata_write(group, &p, size) != NULL);
	return p;
}

static void
check(const rd_kafka_consumer_group_metadata_t *group)
{
	rd_kafka_consumer_group_metadata_t *again;
	size_t n[2];
	void *p[2];

	p[0] = bytes_of(group, &n[0]);
	FBY_BUG_ON(
	    rd_kafka_consumer_group_metadata_read(&again, p[0], n[0]) != NULL);
	p[1] = bytes_of(again, &n[1]);
	FBY_BUG_ON(n[0] != n[1] || memcmp(p[0], p[1], n[0]) != 0);
	rd_kafka_consumer_group_metadata_destroy(again);
	rd_kafka_mem_free(NULL, p[0]);
	rd_kafka_mem_free(NULL, p[1]);
}

void
fby_txn_call_start(struct fby_txn_call *c, enum fby_txn_verb verb,
    rd_kafka_topic_partition_list_t *offsets,
    rd_kafka_consumer_group_metadata_t *group)
{
	(void)c;
	FBY_BUG_ON(verb != FBY_TXN_CALL_OFFSETS || group == NULL);
	check(group);
	rd_kafka_consumer_group_metadata_destroy(group);
	rd_kafka_topic_partition_list_destroy(offsets);
}

void
fby_worker_failed(struct fby_worker *w, enum fby_failure_role role, int code,
    const char *text)
{
	(void)w;
	(void)role;
	(void)code;
	(void)text;
}

void
fby_pipeline_again(struct fby_record *rec)
{
	(void)rec;
}

void
fby_pipeline_delivered(struct fby_record *rec)
{
	(void)rec;
}

void
fby_pipeline_dropped(struct fby_record *rec)
{
	(void)rec;
}

void
fby_pipeline_failed(struct fby_record *rec, const char *why, bool permanent)
{
	(void)rec;
	(void)why;
	(void)permanent;
}

void
fby_pipeline_ready(struct fby_worker *w)
{
	(void)w;
}

void
fby_pipeline_settle(struct fby_worker *w)
{
	(void)w;
}

/* ---- a run ------------------------------------------------------------ */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fby_manifest m = { .name = "fuzz" };
	struct fby_worker w = { .m = &m, .base = base };
	struct fby_txn s = { .out.w = &w, .rk = client, .is_clean = true };
	struct fby_msg_group msg = { .size = 0 };

	if (size == 0 || size - 1 > sizeof(msg.bytes))
		return 0;
	TAILQ_INIT(&w.lanes);
	memcpy(msg.bytes, data + 1, size - 1);
	msg.size = (uint32_t)size - 1;
	if (data[0] > 127)
		msg.size += 1u << (data[0] - 128u) % 32;
	exit_code = -1;
	fby_txn_init(&s);
	s.state = FBY_TXN_FLUSHING;
	fby_txn_group(&s, &msg);
	if (msg.size > sizeof(msg.bytes))
		FBY_BUG_ON(s.group.size != 0);
	if (msg.size == 0 || msg.size > sizeof(msg.bytes))
		FBY_BUG_ON(s.state != FBY_TXN_FLUSHING);
	else
		FBY_BUG_ON(s.state != FBY_TXN_OFFSETS &&
		    (s.state != FBY_TXN_DEAD || exit_code != FBY_EXIT_KAFKA));
	fby_txn_fini(&s);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	base = event_base_new();
	client = rd_kafka_new(RD_KAFKA_PRODUCER, NULL, NULL, 0);
	if (base == NULL || client == NULL)
		abort();
	return 0;
}
