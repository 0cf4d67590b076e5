/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the test programs have in common: how they die, how they read options
 * that are numbers, and how they come by a client.
 *
 * All of it is static, so that every t/helper/NAME.c is a program by itself;
 * and nothing of forebay's own code is linked: what verifies the product
 * must not share its mistakes.
 */
#ifndef FBY_HELPER_H
#define FBY_HELPER_H

#include "shared/fby.h"

#include <errno.h>
#include <stdarg.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#define HELPER_TIMEOUT_MS 30000
#define HELPER_EXTRA_MAX 32

/* Exit status: 1 is a verdict (lost, not found), 2 is trouble. */
enum {
	HELPER_EXIT_VERDICT = 1,
	HELPER_EXIT_TROUBLE = 2,
};

struct helper_kafka {
	const char *bootstrap;               /* -b */
	const char *extra[HELPER_EXTRA_MAX]; /* -X name=value */
	int nextra;
};

static inline void FBY_NORETURN FBY_PRINTF(1, 2)
    helper_die(const char *fmt, ...)
{
	va_list ap;

	fflush(stdout);
	fprintf(stderr, "%s: ", program_invocation_short_name);
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
	exit(HELPER_EXIT_TROUBLE);
}

static inline void *
helper_alloc(void *old, size_t bytes)
{
	void *p = realloc(old, bytes ? bytes : 1);

	if (!p)
		helper_die("out of memory (%zu bytes)", bytes);
	return p;
}

static inline long long
helper_number(const char *text, long long min, long long max)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || end == text || *end || n < min || n > max)
		helper_die("'%s' is not a number from %lld to %lld", text, min,
		    max);
	return n;
}

static inline int64_t
helper_now_us(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static inline void
helper_kafka_extra(struct helper_kafka *k, const char *line)
{
	if (!strchr(line, '='))
		helper_die("-X %s: name=value wanted", line);
	if (k->nextra == HELPER_EXTRA_MAX)
		helper_die("too many -X");
	k->extra[k->nextra++] = line;
}

static inline void
helper_conf_set(rd_kafka_conf_t *conf, const char *name, const char *value)
{
	char err[512];

	if (rd_kafka_conf_set(conf, name, value, err, sizeof(err)) !=
	    RD_KAFKA_CONF_OK)
		helper_die("%s=%s: %s", name, value, err);
}

/* Connection errors are librdkafka's to retry; say them on demand only. */
static inline void
helper_on_log(const rd_kafka_t *rk, int level, const char *fac,
    const char *text)
{
	(void)rk;
	if (getenv("HELPER_DEBUG"))
		fprintf(stderr, "%s: %d %s %s\n", program_invocation_short_name,
		    level, fac, text);
}

/* Takes conf, applies -b and -X to it last. */
static inline rd_kafka_t *
helper_client(const struct helper_kafka *k, rd_kafka_type_t type,
    rd_kafka_conf_t *conf)
{
	char err[512];
	rd_kafka_t *rk;

	if (!k->bootstrap)
		helper_die("-b BOOTSTRAP is missing");
	helper_conf_set(conf, "bootstrap.servers", k->bootstrap);
	helper_conf_set(conf, "reconnect.backoff.max.ms", "500");
	rd_kafka_conf_set_log_cb(conf, helper_on_log);
	for (int i = 0; i < k->nextra; i++) {
		char *name = strdup(k->extra[i]);
		char *eq = strchr(name, '=');

		*eq = '\0';
		helper_conf_set(conf, name, eq + 1);
		free(name);
	}
	rk = rd_kafka_new(type, conf, err, sizeof(err));
	if (!rk)
		helper_die("client: %s", err);
	return rk;
}

#endif
