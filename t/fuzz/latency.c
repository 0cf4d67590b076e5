/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lines of a log sink that `compare` measures: a runtime may print anything
 * among them.  A figure is counted once and is none that cannot be, and the
 * line of a record counts whatever was printed before it.
 *
 * NUL bytes and all else are written as they are; 0xff ends what is read at
 * once.
 */
#include "shared/fby.h"

/* Reading is behind a static. */
#include "master/compare/latency.c"
#include "t/fuzz/fuzz.h"

#define WANT 16
#define FIRST 100 /* the first that counts */
#define RUN 7

static int pipe_in, pipe_out;

/* ---- what a probe is made of ------------------------------------------ */

int
fby_compare_child_fail(struct fby_compare_child *ch, const char *fmt, ...)
{
	(void)ch;
	(void)fmt;
	return -1;
}

int
fby_compare_child_prepare(struct fby_compare_child *ch, struct fby_compare *c,
    const struct fby_compare_start *s)
{
	(void)ch;
	(void)c;
	(void)s;
	return -1;
}

int
fby_compare_child_start(struct fby_compare_child *ch,
    const struct fby_compare_start *s)
{
	(void)ch;
	(void)s;
	return -1;
}

int
fby_compare_child_check(struct fby_compare_child *ch)
{
	(void)ch;
	return -1;
}

char *
fby_compare_child_end(struct fby_compare_child *ch)
{
	(void)ch;
	return NULL;
}

bool
fby_compare_interrupt_came(void)
{
	return false;
}

int
fby_compare_kafka_read(struct fby_compare_kafka *k,
    const struct fby_strings *topics, struct fby_compare_log *log)
{
	(void)k;
	(void)topics;
	(void)log;
	return -1;
}

int
fby_compare_kafka_place(struct fby_compare_kafka *k, const char *group,
    const struct fby_compare_log *log, bool at_end)
{
	(void)k;
	(void)group;
	(void)log;
	(void)at_end;
	return -1;
}

void
fby_compare_kafka_free(struct fby_compare_log *log)
{
	(void)log;
}

struct fby_compare_produce *
fby_compare_produce_open(struct fby_compare *c, const char *topic, size_t n)
{
	(void)c;
	(void)topic;
	(void)n;
	return NULL;
}

int
fby_compare_produce_send(struct fby_compare_produce *p, const char *text,
    int64_t size)
{
	(void)p;
	(void)text;
	(void)size;
	return -1;
}

void
fby_compare_produce_close(struct fby_compare_produce *p)
{
	(void)p;
}

void
fby_compare_progress_part(struct fby_compare_progress *p, double part)
{
	(void)p;
	(void)part;
}

/* ---- a run ------------------------------------------------------------ */

static void
print(struct probe *p, const void *text, size_t len)
{
	FBY_BUG_ON(write(pipe_out, text, len) != (ssize_t)len);
	FBY_BUG_ON(read_lines(p) == -1);
}

static void
check(const struct probe *p)
{
	const double most = (double)fby_clock_mono_us() / 1e3;
	size_t n = 0;

	for (size_t i = 0; i < p->want; i++) {
		FBY_BUG_ON(
		    !(p->ms[i] == -1 || (p->ms[i] >= 0 && p->ms[i] <= most)));
		n += p->ms[i] >= 0;
	}
	FBY_BUG_ON(p->have != n);
}

/* Each of them has its line, whatever was printed before. */
static void
print_all(struct probe *p)
{
	char line[128];

	print(p, "\n", 1);
	for (int i = 0; i < WANT; i++) {
		const int n = snprintf(line, sizeof(line),
		    "Payload - " MARK_FORMAT " Keys - \n", RUN,
		    (long long)FIRST + i, (long long)fby_clock_mono_us());

		print(p, line, (size_t)n);
	}
	check(p);
	FBY_BUG_ON(p->have != p->want);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fby_compare c = { .groups = RUN };
	struct probe p = {
		.c = &c,
		.in = pipe_in,
		.count_us = FBY_NONE,
		.first = FIRST,
		.last_us = FBY_NONE,
		.want = WANT,
	};
	double ms[WANT];
	size_t from = 0;

	fby_str_init(&p.text);
	p.ms = ms;
	for (size_t i = 0; i < WANT; i++)
		ms[i] = -1;
	for (size_t i = 0; i < size; i++)
		if (data[i] == 0xff) {
			print(&p, data + from, i - from);
			from = i + 1;
		}
	print(&p, data + from, size - from);
	check(&p);
	print_all(&p);
	fby_str_fini(&p.text);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int fds[2];

	(void)argc;
	(void)argv;
	fuzz_quiet();
	if (pipe2(fds, O_CLOEXEC | O_NONBLOCK) == -1)
		abort();
	pipe_in = fds[0];
	pipe_out = fds[1];
	return 0;
}
