/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A connection to a function that is not there: what is sent stays in a buffer,
 * and the test answers.
 */
#ifndef FBY_UNIT_FAKE_FUNCTION_H
#define FBY_UNIT_FAKE_FUNCTION_H

#include "t/unit/unit.h"

#include <event2/buffer.h>

#include "shared/manifest/manifest.h"

#include "worker/function/function.h"
#include "worker/function/grpc.h"
#include "worker/function/info.h"

struct fby_function_conn {
	const struct fby_function_conn_ops *ops;
	void *arg;
	const char *role;
	const struct fby_service *service;
	struct evbuffer *out;
	struct fby_info info;
	bool is_leaving; /* it takes no calls */
	unsigned sends;
	size_t in_flight, lost;
	char why[200]; /* of the failure; "" */
};

static struct fby_function_conn conn;

const struct fby_service {
	int unused;
} fby_function_sink, fby_function_transformer, fby_function_map;

struct fby_function_conn *
fby_function_conn_new(struct event_base *base,
    const struct fby_function_conf *conf,
    const struct fby_function_conn_ops *ops, void *arg)
{
	(void)base;
	conn = (struct fby_function_conn){
		.ops = ops,
		.arg = arg,
		.role = conf->role,
		.service = conf->service,
		.out = evbuffer_new(),
	};
	return &conn;
}

void
fby_function_conn_free(struct fby_function_conn *c)
{
	evbuffer_free(c->out);
}

struct evbuffer *
fby_function_conn_output(struct fby_function_conn *c)
{
	return c->is_leaving ? NULL : c->out;
}

void
fby_function_conn_send(struct fby_function_conn *c)
{
	c->sends++;
}

void
fby_function_conn_fail(struct fby_function_conn *c, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(c->why, sizeof(c->why), format, ap);
	va_end(ap);
}

const struct fby_info *
fby_function_conn_info(const struct fby_function_conn *c)
{
	return &c->info;
}

void
fby_function_conn_called(struct fby_function_conn *c, size_t n)
{
	c->in_flight += n;
}

void
fby_function_conn_answered(struct fby_function_conn *c, bool is_error,
    int64_t us)
{
	(void)is_error;
	assert_true(us >= 0);
	c->in_flight--;
}

void
fby_function_conn_forgot(struct fby_function_conn *c, size_t n)
{
	c->in_flight -= n;
	c->lost += n;
}

/* The next of what was sent, in the buffer; false: that is all. */
static inline bool
next_sent(const uint8_t **p, size_t *n)
{
	uint8_t prefix[FBY_GRPC_PREFIX];

	if (evbuffer_remove(conn.out, prefix, sizeof(prefix)) <= 0)
		return false;
	*n = (size_t)prefix[3] << 8 | prefix[4];
	*p = evbuffer_pullup(conn.out, (ev_ssize_t)*n);
	return true;
}

/* The manifest's own would bring all of librdkafka along. */
const char *
fby_function_word(enum fby_function_role role)
{
	static const char *const words[] = {
		[FBY_FUNCTION_TRANSFORMER] = "transformer",
		[FBY_FUNCTION_MAP] = "map",
		[FBY_FUNCTION_SINK] = "sink",
	};

	return words[role];
}

const char *
fby_function_socket(enum fby_function_role role)
{
	(void)role;
	return "sink.sock";
}

const char *
fby_function_info(enum fby_function_role role)
{
	(void)role;
	return "sinker-server-info";
}

const char *
fby_manifest_function_dir(const struct fby_manifest *m,
    enum fby_function_role role, uint32_t slot_no, char buf[FBY_FUNCTION_DIR])
{
	(void)m;
	(void)role;
	snprintf(buf, FBY_FUNCTION_DIR, "/functions/%" PRIu32, slot_no);
	return buf;
}

int64_t
fby_manifest_function_instance(const struct fby_manifest *m,
    enum fby_function_role role, uint32_t slot_no)
{
	(void)m;
	(void)role;
	return slot_no;
}

#endif
