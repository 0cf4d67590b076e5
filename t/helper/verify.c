/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Says what became of the records that produce.c wrote.
 *
 *	verify --journal F [--journal F ...] [--topic T] LOG-FILE ...
 *	verify --journal F [...] [--topic T] -b BOOTSTRAP --from TOPIC \
 *	    [--from TOPIC ...] [LOG-FILE ...]
 *
 * It reads the lines of the `log` sink ("-" is standard input) and topics that
 * a `kafka` sink wrote, from their beginning to their end, and prints
 *
 *	produced N delivered N lost N repeated N reordered N corrupt N \
 *	    foreign N torn N early N
 *
 * (in one line), before it up to 20 lines with the first things found wrong.
 * Exit status: 0 if nothing is lost or corrupt, 1 if something is, 2 trouble.
 *
 *	produced	in the journals (of topic T only, if --topic)
 *	delivered	of these, seen at least once
 *	lost		of these, never seen
 *	repeated	seen again
 *	reordered	seen for the first time after a later record of its
 *			partition; a replay after a restart is repeated, not
 *			reordered.  Order is judged within each file, and
 *			within each partition of a topic.
 *	corrupt		bytes, timestamp, key or headers have changed
 *	foreign		not written by produce.c
 *	torn		part of a line, left by a writer that was killed
 *	early		seen, but not (yet) in a journal
 *
 *	--loose		do not look at timestamp, key and headers
 *
 * Headers that forebay adds to dead-lettered records are passed over.
 */
#include "shared/fby.h"

#include <getopt.h>

#include "t/helper/helper.h"
#include "t/helper/record.h"

#define SAY_MAX 20
#define LINE_PAYLOAD "Payload - "
#define BATCH 1000
#define BATCH_MS 50

/* A set of sequence numbers. */
struct set {
	uint64_t *words;
	size_t n;
	int64_t newest;
};

struct part {
	char *topic;
	int32_t partition;
	int64_t first, next; /* produced; equal: nothing */
	struct set seen;     /* anywhere */
	struct set *streams; /* in each stream */
	int nstreams;
};

struct verifier {
	struct helper_kafka kafka;
	const char *only, *from; /* the topic being read */
	bool loose;
	struct part *parts;
	size_t nparts;
	struct part *last; /* the one found last */
	int64_t repeated, reordered, corrupt, foreign, torn;
	int said;
};

static void FBY_PRINTF(2, 3) say(struct verifier *v, const char *fmt, ...)
{
	va_list ap;

	if (v->said++ >= SAY_MAX)
		return;
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* ---- sets ------------------------------------------------------------- */

static bool
set_has(const struct set *s, int64_t seq)
{
	size_t word = (size_t)seq / 64;

	return word < s->n && (s->words[word] >> (seq % 64) & 1);
}

static void
set_add(struct set *s, int64_t seq)
{
	size_t word = (size_t)seq / 64;

	if (word >= s->n) {
		size_t n = FBY_MAX(word + 1, s->n * 2);

		s->words = helper_alloc(s->words, n * sizeof(*s->words));
		memset(s->words + s->n, 0, (n - s->n) * sizeof(*s->words));
		s->n = n;
	}
	s->words[word] |= UINT64_C(1) << (seq % 64);
	s->newest = FBY_MAX(s->newest, seq);
}

/* ---- partitions ------------------------------------------------------- */

static struct part *
find_part(struct verifier *v, const char *topic, int32_t partition)
{
	struct part *p = v->last;

	if (p && p->partition == partition && strcmp(p->topic, topic) == 0)
		return p;
	for (size_t i = 0; i < v->nparts; i++) {
		p = &v->parts[i];
		if (p->partition == partition && strcmp(p->topic, topic) == 0)
			return v->last = p;
	}
	v->parts = helper_alloc(v->parts, (v->nparts + 1) * sizeof(*p));
	p = &v->parts[v->nparts++];
	*p = (struct part){ .topic = strdup(topic), .partition = partition };
	return v->last = p;
}

static struct set *
find_stream(struct part *p, int stream)
{
	if (stream >= p->nstreams) {
		size_t n = (size_t)stream + 1, had = (size_t)p->nstreams;

		p->streams = helper_alloc(p->streams, n * sizeof(*p->streams));
		memset(p->streams + had, 0, (n - had) * sizeof(*p->streams));
		p->nstreams = (int)n;
	}
	return &p->streams[stream];
}

static void
read_journal(struct verifier *v, const char *path)
{
	char topic[RECORD_TOPIC_MAX];
	long long first, count;
	int partition;
	FILE *f = fopen(path, "r");

	if (!f)
		helper_die("%s: %s", path, strerror(errno));
	while (fscanf(f, "%249s %d %lld %lld", topic, &partition, &first,
		   &count) == 4) {
		struct part *p;

		if (v->only && strcmp(v->only, topic) != 0)
			continue;
		p = find_part(v, topic, partition);
		if (p->next == p->first)
			p->first = p->next = first;
		if (p->next != first)
			helper_die("%s: %s/%d goes on at %lld after %lld", path,
			    topic, partition, first, (long long)p->next);
		p->next += count;
	}
	fclose(f);
}

/* ---- what has been seen ----------------------------------------------- */

static void
see(struct verifier *v, const struct record *r, int stream)
{
	struct part *p = find_part(v, r->topic, r->partition);
	struct set *s = find_stream(p, stream);

	if (set_has(&p->seen, r->seq))
		v->repeated++;
	else
		set_add(&p->seen, r->seq);
	if (set_has(s, r->seq))
		return;
	if (r->seq < s->newest) {
		v->reordered++;
		say(v, "reordered %s/%d %lld after %lld", r->topic,
		    (int)r->partition, (long long)r->seq, (long long)s->newest);
	}
	set_add(s, r->seq);
}

/* Find text between p and end; end if it is not there. */
static const char *
find(const char *p, const char *end, const char *text)
{
	const char *hit = memmem(p, (size_t)(end - p), text, strlen(text));

	return hit ? hit : end;
}

/*
 * "KEY EventTime - MS Headers - ... ID - TOPIC:PARTITION:OFFSET"; torn: it
 * agrees as far as it goes, and ends within its ID.
 */
static bool
line_agrees(const struct record *r, const char *key_end, const char *end,
    bool *torn)
{
	char want[RECORD_TOPIC_MAX + 64];
	const char *id = key_end, *next;
	int n;

	n = snprintf(want, sizeof(want), " EventTime - %lld ",
	    (long long)r->time_ms);
	if (end - key_end < n || memcmp(key_end, want, (size_t)n) != 0)
		return false;
	/* The last one: a header's value may hold the same words. */
	while ((next = find(id + 1, end, "ID - ")) != end)
		id = next;
	n = snprintf(want, sizeof(want), "ID - %s:%d:", r->topic,
	    (int)r->partition);
	*torn = end - id <= n && memcmp(id, want, (size_t)(end - id)) == 0;
	return end - id > n && memcmp(id, want, (size_t)n) == 0;
}

/* So short that it could begin any line. */
static bool
is_fragment(const char *line, const char *end)
{
	size_t n = (size_t)(end - line);

	return n < strlen(LINE_PAYLOAD) && memcmp(line, LINE_PAYLOAD, n) == 0;
}

static void
see_torn(struct verifier *v, const char *line)
{
	v->torn++;
	say(v, "torn line: %.60s...", line);
}

static void
see_line(struct verifier *v, const char *line, const char *end, int stream)
{
	const char *value = line + strlen(LINE_PAYLOAD), *key, *key_end;
	enum record_verdict verdict;
	bool agrees = true, torn = false;
	struct record r;

	key = find(value, end, " Keys - ");
	key_end = find(key, end, " EventTime - ");
	if (key_end == end || find(key_end, end, "ID - ") == end) {
		see_torn(v, line);
		return;
	}
	if (key > value)
		verdict = record_parse(&r, value, (size_t)(key - value));
	else
		verdict = record_parse(&r, key + 8,
		    (size_t)(key_end - key - 8));
	if (verdict == RECORD_FOREIGN) {
		v->foreign++;
		return;
	}
	if (verdict != RECORD_CORRUPT && !v->loose)
		agrees = line_agrees(&r, key_end, end, &torn);
	if (torn) {
		see_torn(v, line);
		return;
	}
	if (verdict == RECORD_CORRUPT || !agrees) {
		v->corrupt++;
		say(v, "corrupt line: %.*s", (int)FBY_MIN(end - line, 300),
		    line);
		return;
	}
	see(v, &r, stream);
}

static void
read_log(struct verifier *v, const char *path, int stream)
{
	FILE *f = strcmp(path, "-") ? fopen(path, "r") : stdin;
	char *line = NULL;
	size_t cap = 0;
	ssize_t len;

	if (!f)
		helper_die("%s: %s", path, strerror(errno));
	while ((len = getline(&line, &cap, f)) > 0) {
		const char *p = line, *end = line + len, *next;

		if (end[-1] != '\n') {
			v->torn++;
			continue;
		}
		end--;
		p = find(p, end, LINE_PAYLOAD);
		/* The end of a fragment that another writer found. */
		if (end == line)
			continue;
		if (p != line && is_fragment(line, p)) {
			v->torn++;
			if (p == end)
				continue;
		} else if (p != line) {
			v->foreign++;
			say(v, "foreign line: %.100s", line);
			if (p == end)
				continue;
		}
		/* A killed writer's half line has another's glued to it. */
		while ((next = find(p + 1, end, LINE_PAYLOAD)) != end) {
			v->torn++;
			p = next;
		}
		see_line(v, p, end, stream);
	}
	free(line);
	if (f != stdin)
		fclose(f);
}

/* ---- a topic ---------------------------------------------------------- */

static uint32_t
envelope_of(const rd_kafka_message_t *msg)
{
	rd_kafka_headers_t *headers;
	int64_t time_ms = rd_kafka_message_timestamp(msg, NULL);
	uint32_t crc = record_envelope(0, &time_ms, sizeof(time_ms));
	const char *name;
	const void *value;
	size_t len;

	if (msg->payload)
		crc = record_envelope(crc, msg->key, msg->key_len);
	if (rd_kafka_message_headers(msg, &headers))
		return crc;
	for (size_t i = 0;
	     !rd_kafka_header_get_all(headers, i, &name, &value, &len); i++) {
		if (strncmp(name, "forebay.", 8) == 0)
			continue;
		crc = record_envelope(crc, name, strlen(name));
		crc = record_envelope(crc, value, len);
	}
	return crc;
}

static void
see_message(struct verifier *v, const rd_kafka_message_t *msg, int stream)
{
	enum record_verdict verdict;
	struct record r;

	if (msg->payload)
		verdict = record_parse(&r, msg->payload, msg->len);
	else
		verdict = msg->key ? record_parse(&r, msg->key, msg->key_len) :
				     RECORD_FOREIGN;
	if (verdict == RECORD_FOREIGN) {
		v->foreign++;
	} else if (verdict == RECORD_CORRUPT ||
	    (!v->loose && envelope_of(msg) != r.envelope)) {
		v->corrupt++;
		say(v, "corrupt record at %s/%d %lld%s", v->from,
		    (int)msg->partition, (long long)msg->offset,
		    verdict == RECORD_GOOD ? ": key, headers or timestamp" :
					     "");
	} else {
		see(v, &r, stream + msg->partition);
	}
}

static int
assign_all(struct verifier *v, rd_kafka_t *rk)
{
	rd_kafka_topic_t *rkt = rd_kafka_topic_new(rk, v->from, NULL);
	rd_kafka_topic_partition_list_t *list;
	const struct rd_kafka_metadata *md;
	rd_kafka_resp_err_t err;
	int n;

	err = rd_kafka_metadata(rk, 0, rkt, &md, HELPER_TIMEOUT_MS);
	if (!err)
		err = md->topics[0].err;
	if (err)
		helper_die("topic %s: %s", v->from, rd_kafka_err2str(err));
	n = md->topics[0].partition_cnt;
	list = rd_kafka_topic_partition_list_new(n);
	for (int i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, v->from, i)
		    ->offset = RD_KAFKA_OFFSET_BEGINNING;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	rd_kafka_metadata_destroy(md);
	rd_kafka_topic_destroy(rkt);
	return n;
}

/* Its partitions are streams from this one on; returns the next. */
static int
read_topic(struct verifier *v, int stream)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	rd_kafka_message_t *batch[BATCH];
	rd_kafka_queue_t *queue;
	rd_kafka_t *rk;
	int open, n_streams, quiet_ms = 0;

	helper_conf_set(conf, "group.id", "verify");
	helper_conf_set(conf, "enable.partition.eof", "true");
	helper_conf_set(conf, "enable.auto.commit", "false");
	helper_conf_set(conf, "fetch.message.max.bytes", "33554432");
	helper_conf_set(conf, "fetch.max.bytes", "67108864");
	rk = helper_client(&v->kafka, RD_KAFKA_CONSUMER, conf);
	open = n_streams = assign_all(v, rk);
	queue = rd_kafka_queue_get_consumer(rk);
	while (open > 0) {
		/* It waits that long for a full batch. */
		ssize_t n = rd_kafka_consume_batch_queue(queue, BATCH_MS, batch,
		    BATCH);

		quiet_ms = n > 0 ? 0 : quiet_ms + BATCH_MS;
		if (quiet_ms > HELPER_TIMEOUT_MS)
			helper_die("%s: no record and no end for %d s", v->from,
			    HELPER_TIMEOUT_MS / 1000);
		for (ssize_t i = 0; i < n; i++) {
			if (!batch[i]->err)
				see_message(v, batch[i], stream);
			else if (batch[i]->err ==
			    RD_KAFKA_RESP_ERR__PARTITION_EOF)
				open--;
			rd_kafka_message_destroy(batch[i]);
		}
	}
	rd_kafka_queue_destroy(queue);
	rd_kafka_consumer_close(rk);
	rd_kafka_destroy(rk);
	return stream + n_streams;
}

/* ---- the verdict ------------------------------------------------------ */

/* Adds what is lost of p, and says which in ranges. */
static int64_t
count_lost(struct verifier *v, const struct part *p)
{
	int64_t lost = 0;

	for (int64_t seq = p->first; seq < p->next; seq++) {
		int64_t from = seq;

		while (seq < p->next && !set_has(&p->seen, seq))
			seq++;
		if (seq == from)
			continue;
		lost += seq - from;
		say(v, "lost %s/%d %lld-%lld", p->topic, (int)p->partition,
		    (long long)from, (long long)seq - 1);
	}
	return lost;
}

static int
print_verdict(struct verifier *v)
{
	int64_t produced = 0, lost = 0, seen = 0;

	for (size_t i = 0; i < v->nparts; i++) {
		const struct part *p = &v->parts[i];

		if (v->only && strcmp(v->only, p->topic) != 0)
			continue;
		produced += p->next - p->first;
		lost += count_lost(v, p);
		for (size_t w = 0; w < p->seen.n; w++)
			seen += __builtin_popcountll(p->seen.words[w]);
	}
	if (v->said > SAY_MAX)
		printf("... and %d more\n", v->said - SAY_MAX);
	printf("produced %lld delivered %lld lost %lld repeated %lld "
	       "reordered %lld corrupt %lld foreign %lld torn %lld "
	       "early %lld\n",
	    (long long)produced, (long long)(produced - lost), (long long)lost,
	    (long long)v->repeated, (long long)v->reordered,
	    (long long)v->corrupt, (long long)v->foreign, (long long)v->torn,
	    (long long)(seen - (produced - lost)));
	return lost || v->corrupt ? HELPER_EXIT_VERDICT : 0;
}

static void
free_parts(struct verifier *v)
{
	for (size_t i = 0; i < v->nparts; i++) {
		struct part *p = &v->parts[i];

		for (int s = 0; s < p->nstreams; s++)
			free(p->streams[s].words);
		free(p->streams);
		free(p->seen.words);
		free(p->topic);
	}
	free(v->parts);
}

int
main(int argc, char **argv)
{
	enum { JOURNAL = 256, TOPIC, FROM, LOOSE };
	static const struct option options[] = {
		{ "journal", required_argument, NULL, JOURNAL },
		{ "topic", required_argument, NULL, TOPIC },
		{ "from", required_argument, NULL, FROM },
		{ "loose", no_argument, NULL, LOOSE },
		{ 0 },
	};
	const char *journals[16], *from[16];
	struct verifier v = { 0 };
	int opt, njournals = 0, nfrom = 0, stream = 0, status;

	while ((opt = getopt_long(argc, argv, "b:X:", options, NULL)) != -1) {
		if (opt == 'b')
			v.kafka.bootstrap = optarg;
		else if (opt == 'X')
			helper_kafka_extra(&v.kafka, optarg);
		else if (opt == JOURNAL && njournals < (int)FBY_NELEM(journals))
			journals[njournals++] = optarg;
		else if (opt == TOPIC)
			v.only = optarg;
		else if (opt == FROM && nfrom < (int)FBY_NELEM(from))
			from[nfrom++] = optarg;
		else if (opt == LOOSE)
			v.loose = true;
		else
			helper_die("see the head of t/helper/verify.c");
	}
	if (!njournals || (nfrom == 0 && optind == argc))
		helper_die("--journal is needed, and files or --from");
	for (int i = 0; i < njournals; i++)
		read_journal(&v, journals[i]);
	for (int i = optind; i < argc; i++)
		read_log(&v, argv[i], stream++);
	for (int i = 0; i < nfrom; i++) {
		v.from = from[i];
		stream = read_topic(&v, stream);
	}
	status = print_verdict(&v);
	free_parts(&v);
	return status;
}
