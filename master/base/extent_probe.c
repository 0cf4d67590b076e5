/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking for a batch's end, in a process that does nothing else and so may
 * wait; see extent.h.
 */
#include "shared/fby.h"

#include "master/base/extent.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "shared/base/clock.h"
#include "shared/base/err.h"
#include "shared/kafka/kafka.h"
#include "shared/manifest/manifest.h"

#define END_MS 10000  /* for the end of the log, and to connect */
#define LOOK_MS 10000 /* for what is first from an offset on */

/* ---- the search ------------------------------------------------------- */

static int
is_same(fby_extent_ask_fn ask, void *arg, int64_t offset, int64_t base)
{
	int64_t other;
	int rc = ask(arg, offset, &other);

	return rc == 1 ? other == base : rc;
}

int
fby_extent_find(fby_extent_ask_fn ask, void *arg, int64_t offset, int64_t end,
    int64_t *last)
{
	/* `in` is in the batch, `out` is behind it. */
	int64_t in = offset, out = end, base;
	int rc = ask(arg, offset, &base);

	if (rc != 1)
		return rc;
	for (int64_t step = 1; in + step < out; step *= 2) {
		if ((rc = is_same(ask, arg, in + step, base)) == -1)
			return -1;
		if (rc == 0)
			out = in + step;
		else
			in += step;
	}
	while (out - in > 1) {
		int64_t middle = in + (out - in) / 2;

		if ((rc = is_same(ask, arg, middle, base)) == -1)
			return -1;
		*(rc == 1 ? &in : &out) = middle;
	}
	*last = in;
	return 1;
}

/* ---- a client --------------------------------------------------------- */

/*
 * Uncommitted records and those of aborted transactions are whole, too.  The
 * user's own settings may be others.
 */
static const char *const forced[][2] = {
	{ "check.crcs", "true" },
	{ "isolation.level", "read_uncommitted" },
	{ "enable.partition.eof", "true" },
};

/* NULL: why has been printed. */
static rd_kafka_t *
client(const struct fby_manifest *m)
{
	rd_kafka_t *rk = NULL;
	rd_kafka_conf_t *conf;
	struct fby_err err;
	char *text;

	fby_err_init(&err);
	conf = fby_kafka_conf(m, FBY_KAFKA_FETCHER, &err);
	if (conf != NULL) {
		for (size_t i = 0; i < FBY_NELEM(forced); i++)
			rd_kafka_conf_set(conf, forced[i][0], forced[i][1],
			    NULL, 0);
		rk = fby_kafka_new(m, FBY_KAFKA_FETCHER, conf, &err);
	}
	if (rk != NULL) {
		rd_kafka_poll_set_consumer(rk);
	} else {
		text = fby_err_text(&err);
		fputs(text, stdout);
		free(text);
	}
	fby_err_fini(&err);
	return rk;
}

/* ---- the questions ---------------------------------------------------- */

struct answer;

struct reader {
	const struct fby_manifest *m;
	const char *topic;
	int32_t partition;
	struct answer *answer; /* shared with the children */
};

/* Those that name the batch by its first offset. */
static bool
is_undecodable(rd_kafka_resp_err_t err)
{
	return err == RD_KAFKA_RESP_ERR__BAD_MSG ||
	    err == RD_KAFKA_RESP_ERR__BAD_COMPRESSION ||
	    err == RD_KAFKA_RESP_ERR__NOT_IMPLEMENTED;
}

static void
begin_at(const struct reader *r, rd_kafka_t *rk, int64_t offset)
{
	rd_kafka_topic_partition_list_t *list;

	list = rd_kafka_topic_partition_list_new(1);
	rd_kafka_topic_partition_list_add(list, r->topic, r->partition)
	    ->offset = offset;
	rd_kafka_assign(rk, list);
	rd_kafka_topic_partition_list_destroy(list);
}

/* The first that says what is there; what is wrong with brokers passes. */
static int
first_answer(rd_kafka_t *rk, int64_t *base, char *why, size_t size)
{
	int64_t until = fby_clock_mono() + LOOK_MS, left;
	int rc = -1;

	snprintf(why, size, "neither a record nor an error comes");
	while (rc == -1 && (left = until - fby_clock_mono()) > 0) {
		rd_kafka_message_t *msg = rd_kafka_consumer_poll(rk, (int)left);

		if (msg == NULL)
			continue;
		if (msg->err == 0 ||
		    msg->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			rc = 0;
		} else if (is_undecodable(msg->err)) {
			*base = msg->offset;
			rc = 1;
		} else {
			snprintf(why, size, "%s", rd_kafka_message_errstr(msg));
		}
		rd_kafka_message_destroy(msg);
	}
	return rc;
}

/* What the child of a question leaves; rc is -1 until it has one. */
struct answer {
	int rc;
	int64_t base;
};

static void
ask(const struct reader *r, int64_t offset, struct answer *answer)
{
	rd_kafka_t *rk = client(r->m);
	char why[512];

	if (rk == NULL)
		return;
	begin_at(r, rk, offset);
	answer->rc = first_answer(rk, &answer->base, why, sizeof(why));
	if (answer->rc == -1)
		printf("what is at offset %" PRId64 " cannot be told: %s\n",
		    offset, why);
}

/*
 * Each time with a new client, and in a process of its own, which ends without
 * destroying it.  What librdkafka makes of the bytes behind a wrong checksum is
 * not to be used (2.14 takes a length for a position): it may be an offset that
 * it asks for next.  The answer that this is out of range would stop a client
 * that has begun elsewhere meanwhile; and one that comes while the client is
 * destroyed lets a broker's thread wait for itself (its issue 4514).
 */
static int
look(void *arg, int64_t offset, int64_t *base)
{
	const struct reader *r = arg;
	pid_t pid;

	*r->answer = (struct answer){ .rc = -1 };
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		ask(r, offset, r->answer);
		fflush(stdout);
		_exit(0);
	}
	if (pid == -1 || waitpid(pid, NULL, 0) == -1)
		printf("fork: %s\n", strerror(errno));
	*base = r->answer->base;
	return r->answer->rc;
}

/* Where the log ends; -1: why not has been printed. */
static int64_t
log_end(const struct reader *r)
{
	rd_kafka_t *rk = client(r->m);
	rd_kafka_resp_err_t err;
	int64_t first, end;

	if (rk == NULL)
		return -1;
	err = rd_kafka_query_watermark_offsets(rk, r->topic, r->partition,
	    &first, &end, END_MS);
	rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
	if (err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return end;
	printf("where its log ends cannot be told: %s\n",
	    rd_kafka_err2str(err));
	return -1;
}

static int
print_last(struct reader *r, int64_t offset, int64_t end)
{
	int64_t last;

	switch (fby_extent_find(look, r, offset, end, &last)) {
	case 1:
		printf("%" PRId64 "\n", last);
		return 0;
	case 0:
		printf("what is at offset %" PRId64 " can be decoded now\n",
		    offset);
		return 0;
	default:
		return 1;
	}
}

int
fby_extent_print(const struct fby_manifest *m, const char *topic,
    int32_t partition, int64_t offset)
{
	struct reader r = { m, topic, partition, NULL };
	int64_t end = log_end(&r);
	struct answer *answer;
	int rc;

	if (end == -1)
		return 1;
	answer = mmap(NULL, sizeof(*answer), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (answer == MAP_FAILED) {
		printf("mmap: %s\n", strerror(errno));
		return 1;
	}
	r.answer = answer;
	rc = print_last(&r, offset, end);
	munmap(answer, sizeof(*answer));
	return rc;
}
