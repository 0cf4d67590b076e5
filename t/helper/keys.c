/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which key went to which partition.
 *
 *	keys -b BOOTSTRAP [-X name=value] write TOPIC FILE [PARTITION]
 *
 * writes a record for each line of the file, which begins with a key in
 * hexadecimal, and
 *
 *	keys -b BOOTSTRAP [-X name=value] read TOPIC
 *
 * prints "PARTITION KEY" for each record that there is; KEY is "-" if there
 * is none.
 */
#include "shared/fby.h"

#include "t/helper/helper.h"

#define LINE 4096

struct keys {
	struct helper_kafka kafka;
	const char *topic;
};

/* ---- write -------------------------------------------------------------- */

static size_t
from_hex(const char *line, unsigned char *key)
{
	size_t n = strcspn(line, "\t\n") / 2;
	unsigned byte;

	for (size_t i = 0; i < n; i++) {
		if (sscanf(line + 2 * i, "%2x", &byte) != 1)
			helper_die("no hexadecimal key: %s", line);
		key[i] = (unsigned char)byte;
	}
	return n;
}

static void
write_keys(struct keys *k, const char *path, int32_t partition)
{
	FILE *in = fopen(path, "re");
	rd_kafka_t *rk = helper_client(&k->kafka, RD_KAFKA_PRODUCER,
	    rd_kafka_conf_new());
	unsigned char key[LINE];
	char value[] = "x";
	rd_kafka_resp_err_t err;
	char line[LINE];
	size_t len;

	if (in == NULL)
		helper_die("%s: %s", path, strerror(errno));
	while (fgets(line, sizeof(line), in)) {
		len = from_hex(line, key);
		err = rd_kafka_producev(rk, RD_KAFKA_V_TOPIC(k->topic),
		    RD_KAFKA_V_PARTITION(partition),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		    RD_KAFKA_V_KEY(key, len), RD_KAFKA_V_VALUE(value, 1),
		    RD_KAFKA_V_END);
		if (err)
			helper_die("%s: %s", k->topic, rd_kafka_err2str(err));
	}
	if (rd_kafka_flush(rk, HELPER_TIMEOUT_MS))
		helper_die("%s: not everything was written", k->topic);
	rd_kafka_destroy(rk);
	fclose(in);
}

/* ---- read --------------------------------------------------------------- */

static void
print_record(const rd_kafka_message_t *msg)
{
	const unsigned char *key = msg->key;

	printf("%d ", (int)msg->partition);
	if (key == NULL)
		putchar('-');
	for (size_t i = 0; key && i < msg->key_len; i++)
		printf("%02x", key[i]);
	putchar('\n');
}

/* All partitions from their beginning; how many there are. */
static int
assign_all(rd_kafka_t *rk, const char *topic)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, topic, NULL);
	rd_kafka_topic_partition_list_t *list;
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;
	int n;

	err = rd_kafka_metadata(rk, 0, rkt, &md, HELPER_TIMEOUT_MS);
	if (err || md->topics[0].err)
		helper_die("%s: cannot be looked up", topic);
	n = md->topics[0].partition_cnt;
	list = rd_kafka_topic_partition_list_new(n);
	for (int i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, topic, i)
		    ->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(rkt);
	return n;
}

static void
read_keys(struct keys *k)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_message_t *msg;
	rd_kafka_t *rk;
	int left;

	helper_conf_set(conf, "group.id", "keys");
	helper_conf_set(conf, "enable.auto.commit", "false");
	helper_conf_set(conf, "enable.partition.eof", "true");
	rk = helper_client(&k->kafka, RD_KAFKA_CONSUMER, conf);
	left = assign_all(rk, k->topic);
	while (left > 0) {
		msg = rd_kafka_consumer_poll(rk, HELPER_TIMEOUT_MS);
		if (msg == NULL)
			helper_die("%s: cannot be read", k->topic);
		if (msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF)
			left--;
		else if (msg->err)
			helper_die("%s: %s", k->topic,
			    rd_kafka_message_errstr(msg));
		else
			print_record(msg);
		rd_kafka_message_destroy(msg);
	}
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
}

int
main(int argc, char **argv)
{
	struct keys k = { 0 };
	int opt;

	while ((opt = getopt(argc, argv, "+b:X:")) != -1) {
		if (opt == 'b')
			k.kafka.bootstrap = optarg;
		else if (opt == 'X')
			helper_kafka_extra(&k.kafka, optarg);
		else
			helper_die("see the head of t/helper/keys.c");
	}
	argc -= optind;
	argv += optind;
	k.topic = argc >= 2 ? argv[1] : NULL;
	if (argc == 2 && strcmp(argv[0], "read") == 0)
		read_keys(&k);
	else if ((argc == 3 || argc == 4) && strcmp(argv[0], "write") == 0)
		write_keys(&k, argv[2],
		    argc == 4 ? (int32_t)helper_number(argv[3], 0, 10000) :
				RD_KAFKA_PARTITION_UA);
	else
		helper_die("see the head of t/helper/keys.c");
	return 0;
}
