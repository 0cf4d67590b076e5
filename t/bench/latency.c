/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long a record takes from produce to the `log` sink's line.
 *
 *	latency -b BOOTSTRAP [-k] [-r rate] [-n records] TOPIC PARTITIONS
 *
 * A thread produces `rate` records per second (100), by turns into all
 * partitions, each with the time it was given to librdkafka.  Standard input
 * is what forebay prints; the time at which a line can be read is its end.
 * With -k the time is in the key, too, for lines that show no values.
 * One process, one clock.  The first second is not counted: connections are
 * being made.  It ends when all records (1000) have come, and prints
 *
 *	median MS p99 MS max MS records N
 */
#include "shared/fby.h"

#include <pthread.h>

#include "t/helper/helper.h"

#define MARK "latency "
#define QUIET_S 60

struct bench {
	struct helper_kafka kafka;
	const char *topic;
	int partitions;
	int64_t rate, records, skip;
	bool with_key;
	rd_kafka_t *rk;
};

static void
sleep_until(int64_t us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL))
		;
}

static void *
produce(void *arg)
{
	struct bench *b = arg;
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(b->rk, b->topic, NULL);
	int64_t start = helper_now_us(CLOCK_MONOTONIC);

	for (int64_t i = 0; i < b->records; i++) {
		char text[100];
		int len;

		sleep_until(start + i * 1000000 / b->rate);
		len = snprintf(text, sizeof(text), MARK "%lld %lld .",
		    (long long)i, (long long)helper_now_us(CLOCK_MONOTONIC));
		if (rd_kafka_produce(rkt, (int32_t)(i % b->partitions),
			RD_KAFKA_MSG_F_COPY, text, (size_t)len,
			b->with_key ? text : NULL,
			b->with_key ? (size_t)len : 0, NULL))
			helper_die("produce: %s",
			    rd_kafka_err2str(rd_kafka_last_error()));
		rd_kafka_poll(b->rk, 0);
	}
	rd_kafka_flush(b->rk, HELPER_TIMEOUT_MS);
	rd_kafka_topic_destroy(rkt);
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static void
collect(const struct bench *b)
{
	int64_t *us = helper_alloc(NULL, (size_t)b->records * sizeof(*us));
	int64_t seen = 0, n = 0;
	char *line = NULL;
	size_t cap = 0;

	alarm((unsigned)(b->records / b->rate) + QUIET_S);
	while (seen < b->records && getline(&line, &cap, stdin) > 0) {
		const char *mark = strstr(line, MARK);
		long long i, sent;

		if (!mark || sscanf(mark, MARK "%lld %lld", &i, &sent) != 2)
			continue;
		seen++;
		if (i >= b->skip)
			us[n++] = helper_now_us(CLOCK_MONOTONIC) - sent;
	}
	if (seen < b->records || n == 0)
		helper_die("%lld of %lld records came", (long long)seen,
		    (long long)b->records);
	qsort(us, (size_t)n, sizeof(*us), compare);
	printf("median %.2f p99 %.2f max %.2f records %lld\n",
	    (double)us[n / 2] / 1e3, (double)us[n * 99 / 100] / 1e3,
	    (double)us[n - 1] / 1e3, (long long)n);
	free(line);
	free(us);
}

int
main(int argc, char **argv)
{
	struct bench b = { .rate = 100, .records = 1000 };
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	pthread_t thread;
	int opt;

	while ((opt = getopt(argc, argv, "b:X:r:n:k")) != -1) {
		if (opt == 'b')
			b.kafka.bootstrap = optarg;
		else if (opt == 'X')
			helper_kafka_extra(&b.kafka, optarg);
		else if (opt == 'r')
			b.rate = helper_number(optarg, 1, 1000000);
		else if (opt == 'n')
			b.records = helper_number(optarg, 1, 100000000);
		else if (opt == 'k')
			b.with_key = true;
		else
			helper_die("see the head of t/bench/latency.c");
	}
	if (argc - optind != 2)
		helper_die("see the head of t/bench/latency.c");
	b.topic = argv[optind];
	b.partitions = (int)helper_number(argv[optind + 1], 1, 10000);
	b.skip = FBY_MIN(b.rate, b.records / 2);
	helper_conf_set(conf, "linger.ms", "0");
	b.rk = helper_client(&b.kafka, RD_KAFKA_PRODUCER, conf);
	if (pthread_create(&thread, NULL, produce, &b))
		helper_die("no thread");
	collect(&b);
	pthread_join(thread, NULL);
	rd_kafka_destroy(b.rk);
	return 0;
}
