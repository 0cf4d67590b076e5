/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floor: a librdkafka consumer that does nothing with its records.
 *
 *	bare -b BOOTSTRAP [-X name=value] TOPIC RECORDS
 *
 * It assigns itself all partitions from their beginning, takes records in
 * batches from one queue, frees them, and ends after RECORDS of them.  What
 * forebay costs is measured beside it by t/bench/run; both have the same
 * librdkafka, the same consumer settings (shared/kafka/kafka.c), and the same
 * allocator with the same options (shared/base/mem.c).
 *
 * It prints "RECORDS BYTES SECONDS".
 */
#include "shared/fby.h"

#include "shared/base/mem.h"

#include "t/helper/helper.h"

#define BATCH 1000
#define BATCH_MS 50
#define QUIET_MS 60000

static rd_kafka_topic_partition_list_t *
all_partitions(rd_kafka_t *rk, const char *topic)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	rd_kafka_topic_partition_list_t *list;
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;

	err = rd_kafka_metadata(rk, 0, rkt, &md, HELPER_TIMEOUT_MS);
	if (!err)
		err = md->topics[0].err;
	if (err)
		helper_die("topic %s: %s", topic, rd_kafka_err2str(err));
	list = rd_kafka_topic_partition_list_new(md->topics[0].partition_cnt);
	for (int i = 0; i < md->topics[0].partition_cnt; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)->offset = 0;
	rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(rkt);
	return list;
}

static void
consume(rd_kafka_t *rk, int64_t records)
{
	rd_kafka_message_t **batch = fby_calloc(BATCH, sizeof(*batch));
	rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(rk);
	int64_t started = helper_now_us(CLOCK_MONOTONIC), seen = 0, bytes = 0;
	int quiet_ms = 0;

	while (seen < records) {
		ssize_t n = rd_kafka_consume_batch_queue(queue, BATCH_MS, batch,
		    BATCH);

		quiet_ms = n > 0 ? 0 : quiet_ms + BATCH_MS;
		if (quiet_ms > QUIET_MS)
			helper_die("no record for %d s", QUIET_MS / 1000);
		for (ssize_t i = 0; i < n; i++) {
			if (!batch[i]->err) {
				seen++;
				bytes += (int64_t)batch[i]->len;
			}
			rd_kafka_message_destroy(batch[i]);
		}
	}
	printf("%lld %lld %.3f\n", (long long)seen, (long long)bytes,
	    (double)(helper_now_us(CLOCK_MONOTONIC) - started) / 1e6);
	rd_kafka_queue_destroy(queue);
	free(batch);
}

int
main(int argc, char **argv)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_topic_partition_list_t *list;
	struct helper_kafka k = { 0 };
	rd_kafka_t *rk;
	int opt;

	while ((opt = getopt(argc, argv, "b:X:")) != -1) {
		if (opt == 'b')
			k.bootstrap = optarg;
		else if (opt == 'X')
			helper_kafka_extra(&k, optarg);
		else
			helper_die("see the head of t/bench/bare.c");
	}
	if (argc - optind != 2)
		helper_die("see the head of t/bench/bare.c");
	helper_conf_set(conf, "group.id", "bare");
	helper_conf_set(conf, "enable.auto.commit", "false");
	helper_conf_set(conf, "enable.auto.offset.store", "false");
	helper_conf_set(conf, "enable.partition.eof", "true");
	helper_conf_set(conf, "fetch.queue.backoff.ms", "10");
	helper_conf_set(conf, "queued.max.messages.kbytes", "4096");
	rk = helper_client(&k, RD_KAFKA_CONSUMER, conf);
	list = all_partitions(rk, argv[optind]);
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	consume(rk, helper_number(argv[optind + 1], 1, INT64_MAX));
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return 0;
}
