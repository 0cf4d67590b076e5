/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Produces records that verify.c knows again; record.h has their format.
 *
 *	produce -b BOOTSTRAP --topic T --records N [options]
 *
 *	--partitions P	spread over the first P; all of the topic's if unset
 *	--only P	into this partition only
 *	--size B	bytes of the value, padding included (100)
 *	--key KIND	none, text (default) or binary
 *	--headers	a repeated, a null, an empty and a binary header
 *	--tombstones N	every Nth record has no value
 *	--event-time MS	timestamp of sequence 0; else the wall clock
 *	--step MS	added to it for each sequence number (1)
 *	--rate R	records per second, over all partitions
 *	--open		go on until end of file on standard input (--records 0:
 *			without limit); a line there is answered "acked N"
 *	--journal F	append what was acknowledged; sequences go on from what
 *			is in there already
 *	--group G --ahead N
 *			stay at most N records of a partition ahead of what
 *			this consumer group has committed: the mock cluster
 *			forgets what is not read in time
 *	-X name=value	librdkafka property
 *
 * At the end it prints the journal's lines of this run.  Exit status 2 if any
 * record was not acknowledged.
 */
#include "shared/fby.h"

#include <fcntl.h>
#include <getopt.h>
#include <poll.h>

#include "t/helper/helper.h"
#include "t/helper/record.h"

#define PADDING_BYTES (32 * 1024 * 1024)
#define PACE_MS 2
#define JOURNAL_LINE 320
#define KEYS 1000

enum key_kind { KEY_NONE, KEY_TEXT, KEY_BINARY };

struct lane {
	int64_t first, next, acked;
};

struct producer {
	struct helper_kafka kafka;
	const char *topic, *journal, *group;
	int64_t records, rate, ahead, event_time, step, tombstones;
	int partitions, only;
	size_t size;
	enum key_kind key;
	bool headers, open, has_event_time;

	rd_kafka_t *rk, *group_rk;
	rd_kafka_topic_t *rkt;
	struct lane *lanes;
	char *padding;
	char *value;
	int64_t acked, failed;
};

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *msg, void *opaque)
{
	struct producer *p = opaque;

	(void)rk;
	if (msg->err) {
		if (!p->failed++)
			fprintf(stderr, "produce: partition %d: %s\n",
			    (int)msg->partition, rd_kafka_err2str(msg->err));
		return;
	}
	p->acked++;
	p->lanes[msg->partition].acked++;
}

static void
open_client(struct producer *p)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();

	helper_conf_set(conf, "enable.idempotence", "true");
	/* At once if slow; else in batches, which a mock serves one by one. */
	helper_conf_set(conf, "linger.ms",
	    p->rate && p->rate < 1000 ? "0" : "20");
	helper_conf_set(conf, "message.max.bytes", "33554432");
	helper_conf_set(conf, "message.timeout.ms", "120000");
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	rd_kafka_conf_set_opaque(conf, p);
	p->rk = helper_client(&p->kafka, RD_KAFKA_PRODUCER, conf);
	p->rkt = rd_kafka_topic_new(p->rk, p->topic, NULL);

	if (p->group) {
		conf = rd_kafka_conf_new();
		helper_conf_set(conf, "group.id", p->group);
		p->group_rk = helper_client(&p->kafka, RD_KAFKA_CONSUMER, conf);
	}
}

static void
count_partitions(struct producer *p)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;

	err = rd_kafka_metadata(p->rk, 0, p->rkt, &md, HELPER_TIMEOUT_MS);
	if (err)
		helper_die("metadata: %s", rd_kafka_err2str(err));
	if (md->topics[0].err)
		helper_die("topic %s: %s", p->topic,
		    rd_kafka_err2str(md->topics[0].err));
	p->partitions = md->topics[0].partition_cnt;
	rd_kafka_metadata_destroy(md);
}

static void
read_journal(struct producer *p)
{
	char topic[RECORD_TOPIC_MAX];
	long long first, count;
	int partition;
	FILE *f = p->journal ? fopen(p->journal, "r") : NULL;

	if (!f)
		return;
	while (fscanf(f, "%249s %d %lld %lld", topic, &partition, &first,
		   &count) == 4)
		if (strcmp(topic, p->topic) == 0 && partition < p->partitions)
			p->lanes[partition].first = first + count;
	fclose(f);
}

/* One write, so that producers may share a journal. */
static void
write_journal(const struct producer *p)
{
	char *text = helper_alloc(NULL, (size_t)p->partitions * JOURNAL_LINE);
	size_t len = 0;
	ssize_t n;
	int fd;

	for (int i = 0; i < p->partitions; i++)
		if (p->lanes[i].acked)
			len += (size_t)snprintf(text + len, JOURNAL_LINE,
			    "%s %d %lld %lld\n", p->topic, i,
			    (long long)p->lanes[i].first,
			    (long long)p->lanes[i].acked);
	fwrite(text, 1, len, stdout);
	if (p->journal) {
		fd = open(p->journal, O_WRONLY | O_APPEND | O_CREAT, 0666);
		n = fd == -1 ? -1 : write(fd, text, len);
		if (n != (ssize_t)len)
			helper_die("%s: %s", p->journal, strerror(errno));
		close(fd);
	}
	free(text);
}

static size_t
make_key(const struct producer *p, const struct record *r, char *key)
{
	if (p->key == KEY_TEXT)
		return (size_t)snprintf(key, RECORD_TEXT_MAX, "key-%lld",
		    (long long)(r->seq % KEYS));
	/* Not UTF-8, with NUL, newline and our own separators in it. */
	memcpy(key, "\0\xff\xc3\n:\r\x80", 7);
	key[7] = (char)(r->seq % 256);
	key[8] = (char)r->partition;
	return 9;
}

struct header {
	const char *name, *value;
	size_t len;
};

static rd_kafka_headers_t *
make_headers(const struct record *r, uint32_t *envelope)
{
	char trace[32];
	const struct header list[] = {
		{ "trace", trace, 0 },
		{ "trace", "again", 5 },
		{ "null", NULL, 0 },
		{ "empty", "", 0 },
		{ "binary", "\xff\0\xfe: ,", 6 },
		{ "trace", "", 0 },
	};
	rd_kafka_headers_t *headers = rd_kafka_headers_new(FBY_NELEM(list));

	snprintf(trace, sizeof(trace), "%lld", (long long)r->seq);
	for (size_t i = 0; i < FBY_NELEM(list); i++) {
		size_t len = i ? list[i].len : strlen(trace);

		rd_kafka_header_add(headers, list[i].name, -1, list[i].value,
		    (ssize_t)len);
		*envelope = record_envelope(*envelope, list[i].name,
		    strlen(list[i].name));
		*envelope = record_envelope(*envelope, list[i].value, len);
	}
	return headers;
}

static rd_kafka_resp_err_t
send_record(struct producer *p, const struct record *r, const void *key,
    size_t key_len, const void *value, size_t len, rd_kafka_headers_t *headers)
{
	rd_kafka_vu_t args[] = {
		{ .vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = p->rkt },
		{ .vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = r->partition },
		{ .vtype = RD_KAFKA_VTYPE_MSGFLAGS,
		    .u.i = RD_KAFKA_MSG_F_COPY },
		{ .vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = r->time_ms },
		{ .vtype = RD_KAFKA_VTYPE_KEY,
		    .u.mem = { (void *)(uintptr_t)key, key_len } },
		{ .vtype = RD_KAFKA_VTYPE_VALUE,
		    .u.mem = { (void *)(uintptr_t)value, len } },
		{ .vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers },
	};
	size_t n = FBY_NELEM(args) - (headers ? 0 : 1);
	rd_kafka_error_t *error;
	rd_kafka_resp_err_t err;

	error = rd_kafka_produceva(p->rk, args, n);
	err = rd_kafka_error_code(error);
	rd_kafka_error_destroy(error);
	return err;
}

/* False: the queue is full, try the same record again. */
static bool
produce_one(struct producer *p, int partition)
{
	struct lane *ln = &p->lanes[partition];
	struct record r = { .partition = partition, .seq = ln->next };
	bool tombstone = p->tombstones && ln->next % p->tombstones == 0;
	rd_kafka_headers_t *headers = NULL;
	char key[RECORD_TEXT_MAX], head[RECORD_TEXT_MAX];
	size_t key_len = 0, len, room, padding;
	bool has_key = tombstone || p->key != KEY_NONE;
	rd_kafka_resp_err_t err;

	snprintf(r.topic, sizeof(r.topic), "%s", p->topic);
	r.time_ms = p->has_event_time ? p->event_time + ln->next * p->step :
					helper_now_us(CLOCK_REALTIME) / 1000;
	r.envelope = record_envelope(0, &r.time_ms, sizeof(r.time_ms));
	if (!tombstone) {
		if (has_key)
			key_len = make_key(p, &r, key);
		r.envelope = record_envelope(r.envelope, has_key ? key : NULL,
		    key_len);
	}
	if (p->headers)
		headers = make_headers(&r, &r.envelope);

	if (tombstone) {
		key_len = record_print(&r, key, "", 0);
		err = send_record(p, &r, key, key_len, NULL, 0, headers);
	} else {
		/* The head's length does not depend on the padding. */
		len = record_print(&r, head, "", 0);
		room = FBY_MAX(p->size, len);
		padding = room - len;
		record_print(&r, head, p->padding + ln->next % 26, padding);
		memcpy(p->value, head, len);
		memcpy(p->value + len, p->padding + ln->next % 26, padding);
		err = send_record(p, &r, has_key ? key : NULL, key_len,
		    p->value, room, headers);
	}
	if (err && headers)
		rd_kafka_headers_destroy(headers);
	if (err && err != RD_KAFKA_RESP_ERR__QUEUE_FULL)
		helper_die("produce to %s/%d: %s", p->topic, partition,
		    rd_kafka_err2str(err));
	if (!err)
		ln->next++;
	return !err;
}

/* Is any partition too far ahead of the group? */
static bool
is_ahead(struct producer *p)
{
	rd_kafka_topic_partition_list_t *list;
	bool ahead = false;

	list = rd_kafka_topic_partition_list_new(p->partitions);
	for (int i = 0; i < p->partitions; i++)
		rd_kafka_topic_partition_list_add(list, p->topic, i);
	if (rd_kafka_committed(p->group_rk, list, HELPER_TIMEOUT_MS))
		ahead = true;
	for (int i = 0; !ahead && i < list->cnt; i++) {
		int64_t done = FBY_MAX(list->elems[i].offset, 0);

		/* Offset and sequence differ only by what was retried. */
		ahead = p->lanes[i].next - done > p->ahead;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return ahead;
}

/* Answer what is asked on standard input; false at its end. */
static bool
is_wanted(const struct producer *p)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };
	char buf[256];
	ssize_t n;

	if (!p->open || poll(&pfd, 1, 0) <= 0)
		return true;
	n = read(STDIN_FILENO, buf, sizeof(buf));
	if (n <= 0)
		return false;
	for (ssize_t i = 0; i < n; i++)
		if (buf[i] == '\n')
			printf("acked %lld\n", (long long)p->acked);
	fflush(stdout);
	return true;
}

static void
produce_all(struct producer *p)
{
	int64_t started = helper_now_us(CLOCK_MONOTONIC), sent = 0;
	int64_t check = p->ahead ? FBY_MAX(p->ahead / 4, 1) * p->partitions : 0;
	int64_t next_check = check;

	while (is_wanted(p) && !p->failed) {
		int64_t due = p->records ? p->records : INT64_MAX;

		if (sent >= due) {
			if (!p->open)
				break;
			rd_kafka_poll(p->rk, 50);
			continue;
		}
		if (p->rate)
			due = FBY_MIN(due,
			    (helper_now_us(CLOCK_MONOTONIC) - started) *
				    p->rate / 1000000 +
				1);
		if (check && sent >= next_check) {
			while (is_ahead(p) && is_wanted(p) && !p->failed)
				rd_kafka_poll(p->rk, 20);
			next_check = sent + check;
		}
		due = FBY_MIN(due, sent + 1000);
		if (check)
			due = FBY_MIN(due, next_check);
		if (sent >= due)
			rd_kafka_poll(p->rk, PACE_MS);
		while (sent < due) {
			int partition = p->only >= 0 ?
			    p->only :
			    (int)(sent % p->partitions);

			if (produce_one(p, partition))
				sent++;
			else
				rd_kafka_poll(p->rk, 10);
		}
		rd_kafka_poll(p->rk, 0);
	}
	while (rd_kafka_outq_len(p->rk) > 0 && !p->failed)
		rd_kafka_flush(p->rk, 1000);
}

static void
read_options(struct producer *p, int argc, char **argv)
{
	enum {
		TOPIC = 256,
		RECORDS,
		PARTITIONS,
		ONLY,
		SIZE,
		KEY,
		HEADERS,
		TOMBSTONES,
		EVENT_TIME,
		STEP,
		RATE,
		OPEN,
		JOURNAL,
		GROUP,
		AHEAD
	};
	static const struct option options[] = {
		{ "topic", required_argument, NULL, TOPIC },
		{ "records", required_argument, NULL, RECORDS },
		{ "partitions", required_argument, NULL, PARTITIONS },
		{ "only", required_argument, NULL, ONLY },
		{ "size", required_argument, NULL, SIZE },
		{ "key", required_argument, NULL, KEY },
		{ "headers", no_argument, NULL, HEADERS },
		{ "tombstones", required_argument, NULL, TOMBSTONES },
		{ "event-time", required_argument, NULL, EVENT_TIME },
		{ "step", required_argument, NULL, STEP },
		{ "rate", required_argument, NULL, RATE },
		{ "open", no_argument, NULL, OPEN },
		{ "journal", required_argument, NULL, JOURNAL },
		{ "group", required_argument, NULL, GROUP },
		{ "ahead", required_argument, NULL, AHEAD },
		{ 0 },
	};
	int opt;

	while ((opt = getopt_long(argc, argv, "b:X:", options, NULL)) != -1) {
		switch (opt) {
		case 'b':
			p->kafka.bootstrap = optarg;
			break;
		case 'X':
			helper_kafka_extra(&p->kafka, optarg);
			break;
		case TOPIC:
			p->topic = optarg;
			break;
		case RECORDS:
			p->records = helper_number(optarg, 0, INT64_MAX);
			break;
		case PARTITIONS:
			p->partitions = (int)helper_number(optarg, 1, 10000);
			break;
		case ONLY:
			p->only = (int)helper_number(optarg, 0, 9999);
			break;
		case SIZE:
			p->size = (size_t)helper_number(optarg, 1,
			    PADDING_BYTES - 26);
			break;
		case KEY:
			p->key = strcmp(optarg, "none") == 0 ? KEY_NONE :
			    strcmp(optarg, "binary") == 0    ? KEY_BINARY :
							       KEY_TEXT;
			break;
		case HEADERS:
			p->headers = true;
			break;
		case TOMBSTONES:
			p->tombstones = helper_number(optarg, 0, INT32_MAX);
			break;
		case EVENT_TIME:
			p->event_time = helper_number(optarg, INT64_MIN,
			    INT64_MAX);
			p->has_event_time = true;
			break;
		case STEP:
			p->step = helper_number(optarg, 0, INT32_MAX);
			break;
		case RATE:
			p->rate = helper_number(optarg, 0, 100000000);
			break;
		case OPEN:
			p->open = true;
			break;
		case JOURNAL:
			p->journal = optarg;
			break;
		case GROUP:
			p->group = optarg;
			break;
		case AHEAD:
			p->ahead = helper_number(optarg, 1, INT32_MAX);
			break;
		default:
			helper_die("see the head of t/helper/produce.c");
		}
	}
	if (!p->topic || (!p->records && !p->open))
		helper_die("--topic and --records (or --open) are needed");
	if (!p->group != !p->ahead)
		helper_die("--group and --ahead belong together");
}

int
main(int argc, char **argv)
{
	struct producer p = {
		.size = 100,
		.key = KEY_TEXT,
		.only = -1,
		.step = 1,
	};

	read_options(&p, argc, argv);
	open_client(&p);
	if (!p.partitions)
		count_partitions(&p);
	if (p.only >= p.partitions)
		helper_die("%s has no partition %d", p.topic, p.only);
	p.lanes = helper_alloc(NULL, (size_t)p.partitions * sizeof(*p.lanes));
	memset(p.lanes, 0, (size_t)p.partitions * sizeof(*p.lanes));
	read_journal(&p);
	for (int i = 0; i < p.partitions; i++)
		p.lanes[i].next = p.lanes[i].first;
	p.value = helper_alloc(NULL, p.size + RECORD_TEXT_MAX);
	p.padding = helper_alloc(NULL, p.size + 26);
	for (size_t i = 0; i < p.size + 26; i++)
		p.padding[i] = (char)('a' + i % 26);

	produce_all(&p);
	write_journal(&p);
	fflush(stdout);
	if (p.failed)
		helper_die("%lld records were not acknowledged",
		    (long long)p.failed);

	if (p.group_rk)
		rd_kafka_destroy(p.group_rk);
	rd_kafka_topic_destroy(p.rkt);
	rd_kafka_destroy(p.rk);
	free(p.padding);
	free(p.value);
	free(p.lanes);
	return 0;
}
