/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run for latency; see compare/latency.h.
 */
#include "shared/fby.h"

#include "master/compare/latency.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/conf.h"

#include "master/compare/cases.h"
#include "master/compare/child.h"
#include "master/compare/interrupt.h"
#include "master/compare/produce.h"

#define MARK "forebay-compare "
#define MARK_FORMAT MARK "%d %lld %lld ." /* run, number, sent at */
#define WARM_US INT64_C(1000000)
#define FIRST_US INT64_C(60000000) /* until the first line */
#define LAST_US INT64_C(15000000)  /* from the last record until its line */
#define OWN_SIZE 100               /* of a record, if no size is asked for */
#define LINE_MAX_BYTES (64 << 20)

struct probe {
	struct fby_compare *c;
	struct fby_compare_run *run;
	struct fby_compare_child child;
	struct fby_compare_produce *out;
	struct fby_str text; /* what is read and has no end of line yet */
	int in;
	int64_t begin_us;  /* of sending */
	int64_t sent;      /* records */
	int64_t count_us;  /* what is sent from here on counts; FBY_NONE */
	int64_t first;     /* the first that counts; FBY_NONE */
	int64_t last_us;   /* the last was sent; FBY_NONE: not yet */
	double *ms;        /* by number from `first` on; negative: none yet */
	size_t want, have; /* of them */
};

/* ---- lines ------------------------------------------------------------ */

/* A runtime may print anything else, NUL bytes, too. */
static void
on_line(struct probe *p, const char *line, size_t len, int64_t now)
{
	const char *mark = memmem(line, len, MARK, strlen(MARK));
	long long number, sent;
	int id;

	if (mark == NULL ||
	    sscanf(mark, MARK_FORMAT, &id, &number, &sent) != 3 ||
	    id != p->c->groups || sent < 0 || sent > now)
		return;
	if (p->count_us == FBY_NONE)
		p->count_us = now + WARM_US;
	if (p->first == FBY_NONE || number < p->first ||
	    (size_t)(number - p->first) >= p->want ||
	    p->ms[number - p->first] >= 0)
		return;
	p->ms[number - p->first] = (double)(now - sent) / 1e3;
	p->have++;
}

static int
read_lines(struct probe *p)
{
	char buf[65536], *line, *end;
	ssize_t n = read(p->in, buf, sizeof(buf));
	int64_t now = fby_clock_mono_us();

	if (n == -1 && (errno == EAGAIN || errno == EINTR))
		return 0;
	/* End of file: who has it open has gone, and that is seen elsewhere. */
	if (n <= 0)
		return 0;
	fby_str_add(&p->text, buf, (size_t)n);
	for (line = p->text.p; (end = memchr(line, '\n', p->text.len)) != NULL;
	     line = end + 1) {
		*end = '\0';
		on_line(p, line, (size_t)(end - line), now);
		p->text.len -= (size_t)(end - line) + 1;
	}
	memmove(p->text.p, line, p->text.len + 1);
	if (p->text.len > LINE_MAX_BYTES)
		return fby_compare_child_fail(&p->child,
		    "a line of its output does not end");
	return 0;
}

/* ---- sending ---------------------------------------------------------- */

static int64_t
next_us(const struct probe *p)
{
	return p->begin_us + p->sent * 1000000 / p->c->rate;
}

static int
send_one(struct probe *p)
{
	const int64_t size = p->c->cases[p->run->kase].size;
	const int64_t now = fby_clock_mono_us();
	char text[128];

	if (p->first == FBY_NONE && p->count_us != FBY_NONE &&
	    now >= p->count_us)
		p->first = p->sent;
	snprintf(text, sizeof(text), MARK_FORMAT, p->c->groups,
	    (long long)p->sent, (long long)now);
	if (fby_compare_produce_send(p->out, text,
		size > 0 ? size : OWN_SIZE) == -1)
		return fby_compare_child_fail(&p->child, "%s", p->c->k.why);
	p->sent++;
	if (p->first != FBY_NONE && p->sent == p->first + (int64_t)p->want)
		p->last_us = now;
	return 0;
}

/* Sleeps until a line comes or the next record is due. */
static void
sleep_for(struct probe *p, int64_t us)
{
	struct pollfd fd = { .fd = p->in, .events = POLLIN };
	struct timespec ts;

	us = FBY_MIN(FBY_MAX(us, 0), 100000);
	ts = (struct timespec){ us / 1000000, us % 1000000 * 1000 };
	/* Hung up: no worker runs at the moment. */
	if (ppoll(&fd, 1, &ts, NULL) == 1 && !(fd.revents & POLLIN))
		usleep(1000);
}

static int
step(struct probe *p)
{
	int64_t now = fby_clock_mono_us();

	if (fby_compare_interrupt_came())
		return fby_compare_child_fail(&p->child, "interrupted");
	if (p->last_us == FBY_NONE && now >= next_us(p)) {
		if (send_one(p) == -1)
			return -1;
	} else {
		sleep_for(p,
		    p->last_us == FBY_NONE ? next_us(p) - now : 100000);
	}
	if (read_lines(p) == -1 || fby_compare_child_check(&p->child) == -1)
		return -1;
	if (p->count_us == FBY_NONE && now - p->begin_us >= FIRST_US)
		return fby_compare_child_fail(&p->child,
		    "no record came to its log sink in %d s",
		    (int)(FIRST_US / 1000000));
	if (p->last_us != FBY_NONE && now - p->last_us >= LAST_US)
		return fby_compare_child_fail(&p->child,
		    "%zu of %zu records had not come to its log sink %d s "
		    "after the last was sent",
		    p->want - p->have, p->want, (int)(LAST_US / 1000000));
	fby_compare_progress_part(&p->c->progress,
	    (double)p->have / (double)p->want);
	return 0;
}

/* ---- the figures ------------------------------------------------------ */

static int
by_ms(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
set_percentiles(struct probe *p)
{
	struct fby_compare_run *run = p->run;
	const size_t n = p->want;

	qsort(p->ms, n, sizeof(*p->ms), by_ms);
	run->value[FBY_COMPARE_P50] = p->ms[n / 2];
	run->value[FBY_COMPARE_P99] = p->ms[n * 99 / 100];
	run->value[FBY_COMPARE_P999] = p->ms[n * 999 / 1000];
	run->latency = p->ms;
	run->nlatency = n;
	p->ms = NULL;
}

/* ---- all -------------------------------------------------------------- */

static int
start(struct probe *p, const char *topic)
{
	struct fby_compare *c = p->c;
	struct fby_compare_start s = {
		.runtime = c->runtimes[p->run->runtime],
		.topic = topic,
		.sink = FBY_COMPARE_LOG,
		.single = c->cases[p->run->kase].single,
		.out = -1,
	};
	const char *names[] = { topic };
	const struct fby_strings topics = { names, 1 };
	struct fby_compare_log log = { 0 };
	int fds[2] = { -1, -1 }, rc;

	rc = fby_compare_child_prepare(&p->child, c, &s);
	if (rc == 0 &&
	    (fby_compare_kafka_read(&c->k, &topics, &log) == -1 ||
		fby_compare_kafka_place(&c->k, p->child.group, &log, true) ==
		    -1))
		rc = fby_compare_child_fail(&p->child, "%s", c->k.why);
	if (rc == 0 &&
	    (pipe2(fds, O_CLOEXEC) == -1 ||
		fcntl(fds[0], F_SETFL, O_NONBLOCK) == -1))
		rc = fby_compare_child_fail(&p->child, "pipe: %s",
		    strerror(errno));
	s.out = fds[1];
	p->in = fds[0];
	if (rc == 0 &&
	    (p->out = fby_compare_produce_open(c, topic, log.n)) == NULL)
		rc = fby_compare_child_fail(&p->child, "%s", c->k.why);
	if (rc == 0)
		rc = fby_compare_child_start(&p->child, &s);
	if (fds[1] != -1)
		close(fds[1]);
	fby_compare_kafka_free(&log);
	return rc;
}

int
fby_compare_latency_do(struct fby_compare *c, struct fby_compare_run *run,
    const char *topic)
{
	struct probe p = { .c = c,
		.run = run,
		.in = -1,
		.count_us = FBY_NONE,
		.first = FBY_NONE,
		.last_us = FBY_NONE };
	int rc;

	fby_str_init(&p.text);
	p.want = (size_t)FBY_MAX(c->rate * c->latency_ms / 1000, 1);
	p.ms = fby_malloc(p.want * sizeof(*p.ms));
	for (size_t i = 0; i < p.want; i++)
		p.ms[i] = -1;
	rc = start(&p, topic);
	p.begin_us = fby_clock_mono_us();
	while (rc == 0 && p.have < p.want)
		rc = step(&p);
	if (rc == 0)
		set_percentiles(&p);
	fby_compare_produce_close(p.out);
	run->why = fby_compare_child_end(&p.child);
	if (p.in != -1)
		close(p.in);
	fby_str_fini(&p.text);
	free(p.ms);
	return rc;
}
