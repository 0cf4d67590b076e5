/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line of the log sink: whatever bytes a record has, they are one line of
 * UTF-8 that no terminal acts on, and can be had back from it.
 *
 * NUL bytes separate topic, payload, key, and names and values of headers.
 */
#include "shared/fby.h"

#include <librdkafka/rdkafka.h>

#include "t/fuzz/fuzz.h"

#define HEADERS 8

struct bytes {
	const char *p; /* NULL: there is none */
	size_t len;
};

static struct header {
	char *name;
	struct bytes value;
} all[HEADERS];
static size_t nall;

static rd_kafka_resp_err_t
headers_of(const rd_kafka_message_t *msg, rd_kafka_headers_t **list)
{
	(void)msg;
	*list = (rd_kafka_headers_t *)all;
	return nall > 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : RD_KAFKA_RESP_ERR__NOENT;
}

static rd_kafka_resp_err_t
header_get(const rd_kafka_headers_t *list, size_t i, const char **name,
    const void **value, size_t *size)
{
	(void)list;
	if (i >= nall)
		return RD_KAFKA_RESP_ERR__NOENT;
	*name = all[i].name;
	*value = all[i].value.p;
	*size = all[i].value.len;
	return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* A message of ours has no more behind it than what the header file shows. */
#define rd_kafka_message_headers headers_of
#define rd_kafka_header_get_all header_get
/* Formatting is behind a static. */
#include "worker/sink/log.c"

/* ---- what is around a sink -------------------------------------------- */

int64_t
fby_run_event_time(const rd_kafka_message_t *msg, int64_t otherwise)
{
	(void)msg;
	(void)otherwise;
	return 7;
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
fby_pipeline_delivered(struct fby_record *rec)
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
fby_pipeline_settle(struct fby_worker *w)
{
	(void)w;
}

void
fby_pipeline_ready(struct fby_worker *w)
{
	(void)w;
}

/* ---- back again ------------------------------------------------------- */

static unsigned
hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *p = strchr(digits, c);

	FBY_BUG_ON(c == '\0' || p == NULL);
	return (unsigned)(p - digits);
}

/* One escape, from its backslash on; its length. */
static size_t
decode_escape(struct fby_str *s, const char *p)
{
	static const char names[] = "nrt\\", bytes[] = "\n\r\t\\";
	const char *name;
	char c;

	if (p[1] == 'x') {
		c = (char)(hex_digit(p[2]) << 4 | hex_digit(p[3]));
		fby_str_add(s, &c, 1);
		return 4;
	}
	name = p[1] ? strchr(names, p[1]) : NULL;
	FBY_BUG_ON(name == NULL);
	fby_str_add(s, &bytes[name - names], 1);
	return 2;
}

static void
decode(struct fby_str *s, const char *line)
{
	while (*line)
		if (*line == '\\') {
			line += decode_escape(s, line);
		} else {
			fby_str_add(s, line, 1);
			line++;
		}
}

/* The bytes that the line is made of, as they are. */
static void
put_together(struct fby_str *s, const struct fby_lane *ln,
    const rd_kafka_message_t *msg)
{
	fby_str_puts(s, "Payload - ");
	fby_str_add(s, msg->payload ? msg->payload : "", msg->len);
	fby_str_puts(s, " Keys - ");
	fby_str_add(s, msg->key ? msg->key : "", msg->key_len);
	fby_str_puts(s, " EventTime - 7 Headers - ");
	for (size_t i = 0; i < nall; i++) {
		const struct bytes *value = &all[i].value;

		fby_str_printf(s, "%s: ", all[i].name);
		fby_str_add(s, value->p ? value->p : "", value->len);
		fby_str_puts(s, ", ");
	}
	fby_str_printf(s, " ID - %s:%d:%" PRId64, ln->topic, ln->partition,
	    msg->offset);
}

static void
check(const struct fby_record *rec)
{
	const struct fby_lane *ln = rec->b->ln;
	const rd_kafka_message_t *msg = rec->msg;
	struct fby_str line, again, bytes;

	fby_str_init(&line);
	fby_str_init(&again);
	fby_str_init(&bytes);
	add_line(&line, rec);
	FBY_BUG_ON(strlen(line.p) != line.len);
	FBY_BUG_ON(strchr(line.p, '\n') != line.p + line.len - 1);
	FBY_BUG_ON(!fuzz_is_printable(line.p) || !fuzz_is_utf8(line.p));
	line.p[--line.len] = '\0';
	decode(&again, line.p);
	put_together(&bytes, ln, msg);
	FBY_BUG_ON(
	    again.len != bytes.len || memcmp(again.p, bytes.p, bytes.len) != 0);
	fby_str_fini(&line);
	fby_str_fini(&again);
	fby_str_fini(&bytes);
}

/* ---- a run ------------------------------------------------------------ */

static struct bytes
next(struct fuzz_texts *t)
{
	struct bytes b;

	b.p = fuzz_next(t, &b.len);
	return b;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_texts t = { .p = (const char *)data, .left = size };
	struct fby_lane ln = { .topic = fuzz_string(&t), .partition = 3 };
	struct fby_str printed;
	const struct bytes payload = next(&t), key = next(&t);
	rd_kafka_message_t msg = {
		.payload = (void *)(uintptr_t)payload.p,
		.len = payload.len,
		.key = (void *)(uintptr_t)key.p,
		.key_len = key.len,
		.offset = 5,
	};
	struct fby_batch b = { .ln = &ln };
	const struct fby_record rec = { .b = &b, .msg = &msg };

	/* As lane.c has it. */
	fby_str_init(&printed);
	fby_str_escape(&printed, ln.topic, strlen(ln.topic));
	fby_str_printf(&printed, ":%d", ln.partition);
	ln.printed = printed.p;
	for (nall = 0; nall < HEADERS && !t.is_over; nall++) {
		all[nall].name = fuzz_string(&t);
		all[nall].value = next(&t);
	}
	check(&rec);
	for (size_t i = 0; i < nall; i++)
		free(all[i].name);
	fby_str_fini(&printed);
	free(ln.topic);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	return 0;
}
