/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An embedded broker: librdkafka's mock cluster as a program.
 *
 *	mockkafka [-b brokers] [-d delay-ms] [topic:partitions ...]
 *
 * It prints its bootstrap address on standard output and lives until end of
 * file on standard input, so it can never outlive the test that started it.
 * Each line on standard input is a command; the answer is one line, "ok" or
 * "error: why".
 *
 *	topic NAME:PARTITIONS	make a topic (the mock knows no CreateTopics)
 *	down BROKER		refuse and drop connections; -1 is all brokers
 *	up BROKER		and serve again
 *	rtt BROKER MS		answer that much later
 *	error API N CODE	fail the next N requests of that API key
 *	leader NAME:PARTITION BROKER
 *	coordinator GROUP BROKER
 *
 * Its limits: about 5 MB and 100,000 batches are kept for each partition,
 * older records are dropped without a word; one stored batch is served per
 * Fetch; partitions cannot be added and topics not deleted; offsets by time are
 *not known.
 */
#include "shared/fby.h"

#include <signal.h>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "t/helper/helper.h"

#define COMMAND_BYTES 1024

struct mock {
	rd_kafka_t *rk;
	rd_kafka_mock_cluster_t *cluster;
	int brokers;
};

/* Cut "name:number" in two; -1 if it is not of that form. */
static int
split(char *spec, int *number)
{
	char *colon = strrchr(spec, ':');
	char *end;

	if (!colon || colon == spec)
		return -1;
	*number = (int)strtol(colon + 1, &end, 10);
	if (end == colon + 1 || *end)
		return -1;
	*colon = '\0';
	return 0;
}

static rd_kafka_resp_err_t
make_topic(struct mock *mock, char *spec)
{
	int partitions;

	if (split(spec, &partitions) || partitions < 1)
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	return rd_kafka_mock_topic_create(mock->cluster, spec, partitions,
	    FBY_MIN(mock->brokers, 3));
}

static rd_kafka_resp_err_t
push_errors(struct mock *mock, int api, int n, int code)
{
	rd_kafka_resp_err_t *errors;

	if (n < 1 || n > 100000 || api < 0)
		return RD_KAFKA_RESP_ERR__INVALID_ARG;
	errors = helper_alloc(NULL, (size_t)n * sizeof(*errors));
	for (int i = 0; i < n; i++)
		errors[i] = (rd_kafka_resp_err_t)code;
	rd_kafka_mock_push_request_errors_array(mock->cluster, (int16_t)api,
	    (size_t)n, errors);
	free(errors);
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t
obey(struct mock *mock, char *line)
{
	rd_kafka_mock_cluster_t *mc = mock->cluster;
	char name[256];
	int a, b, c;

	if (sscanf(line, "topic %255s", name) == 1)
		return make_topic(mock, name);
	if (sscanf(line, "down %d", &a) == 1)
		return rd_kafka_mock_broker_set_down(mc, a);
	if (sscanf(line, "up %d", &a) == 1)
		return rd_kafka_mock_broker_set_up(mc, a);
	if (sscanf(line, "rtt %d %d", &a, &b) == 2)
		return rd_kafka_mock_broker_set_rtt(mc, a, b);
	if (sscanf(line, "error %d %d %d", &a, &b, &c) == 3)
		return push_errors(mock, a, b, c);
	if (sscanf(line, "leader %255s %d", name, &a) == 2 && !split(name, &b))
		return rd_kafka_mock_partition_set_leader(mc, name, b, a);
	if (sscanf(line, "coordinator %255s %d", name, &a) == 2)
		return rd_kafka_mock_coordinator_set(mc, "group", name, a);
	return RD_KAFKA_RESP_ERR__INVALID_ARG;
}

static void
open_cluster(struct mock *mock, int delay_ms)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char err[512];

	rd_kafka_conf_set_log_cb(conf, helper_on_log);
	if (getenv("HELPER_DEBUG"))
		helper_conf_set(conf, "debug", "mock");
	/*
	 * The client that carries the cluster never sends anything; without
	 * a bootstrap address it would say so at start.
	 */
	mock->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, err, sizeof(err));
	if (!mock->rk)
		helper_die("client: %s", err);
	mock->cluster = rd_kafka_mock_cluster_new(mock->rk, mock->brokers);
	if (!mock->cluster)
		helper_die("cannot start a cluster of %d", mock->brokers);
	rd_kafka_mock_group_initial_rebalance_delay_ms(mock->cluster, delay_ms);
}

int
main(int argc, char **argv)
{
	struct mock mock = { .brokers = 1 };
	char line[COMMAND_BYTES];
	int delay_ms = 50, opt;

	while ((opt = getopt(argc, argv, "b:d:")) != -1) {
		if (opt == 'b')
			mock.brokers = (int)helper_number(optarg, 1, 16);
		else if (opt == 'd')
			delay_ms = (int)helper_number(optarg, 0, 60000);
		else
			helper_die("usage: mockkafka [-b brokers] "
				   "[-d delay-ms] [topic:partitions ...]");
	}
	/* A terminal's ^C is for the one who holds our standard input. */
	signal(SIGINT, SIG_IGN);
	setvbuf(stdout, NULL, _IOLBF, 0);
	open_cluster(&mock, delay_ms);
	for (int i = optind; i < argc; i++)
		if (make_topic(&mock, argv[i]))
			helper_die("'%s' is not topic:partitions", argv[i]);
	puts(rd_kafka_mock_cluster_bootstraps(mock.cluster));

	while (fgets(line, sizeof(line), stdin)) {
		rd_kafka_resp_err_t err = obey(&mock, line);

		if (err)
			printf("error: %s\n", rd_kafka_err2str(err));
		else
			puts("ok");
	}
	rd_kafka_mock_cluster_destroy(mock.cluster);
	rd_kafka_destroy(mock.rk);
	return 0;
}
