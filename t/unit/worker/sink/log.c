/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log sink on an output that fails: at every byte, in every way, twice in
 * a row.  A record that was reported as delivered has a line of its own.
 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <librdkafka/rdkafka.h>

#include "worker/batch.h"
#include "worker/lane.h"
#include "worker/outlet.h"
#include "worker/pipeline.h"
#include "worker/run.h"
#include "worker/sink/sink.h"
#include "worker/worker.h"

#define RECORDS 4 /* for each worker */
#define LONG_BYTES 5000

/* ---- the output that fails ------------------------------------------- */

struct fault {
	size_t at; /* bytes after the one before it */
	int error; /* 0: only a short write */
};

static struct fault faults[2];
static size_t nfaults, fault_no, passed; /* since the last fault */
static bool faulty;
static int first_fd; /* of sinks; 0: nothing is ours */

static ssize_t
really(int fd, const void *buf, size_t n)
{
	return syscall(SYS_write, fd, buf, n);
}

static void
next_fault(void)
{
	fault_no++;
	passed = 0;
}

static ssize_t
fail_or_write(int fd, const void *buf, size_t n)
{
	const struct fault *f = &faults[fault_no];
	size_t most;

	if (!faulty || fault_no == nfaults || passed + n <= f->at) {
		passed += n;
		return really(fd, buf, n);
	}
	most = f->at - passed;
	if (most > 0) {
		passed = f->at;
		if (f->error == 0)
			next_fault();
		return really(fd, buf, most);
	}
	next_fault();
	if (f->error == 0)
		return really(fd, buf, n);
	errno = f->error;
	return -1;
}

/* In place of the C library's. */
ssize_t
write(int fd, const void *buf, size_t n)
{
	return first_fd > 0 && fd >= first_fd ? fail_or_write(fd, buf, n) :
						really(fd, buf, n);
}

ssize_t
send(int fd, const void *buf, size_t n, int flags)
{
	(void)flags;
	return fail_or_write(fd, buf, n);
}

/* Locks as if each sink were a process; for files, which have no others. */
static int holder; /* 0: none */

int
fcntl(int fd, int cmd, ...)
{
	const struct flock *l;
	va_list ap;
	long arg;

	va_start(ap, cmd);
	arg = va_arg(ap, long);
	va_end(ap);
	if (cmd != F_SETLK || !faulty)
		return (int)syscall(SYS_fcntl, fd, cmd, arg);
	l = (const struct flock *)arg;
	if (holder != 0 && holder != fd) {
		errno = EAGAIN;
		return -1;
	}
	holder = l->l_type == F_UNLCK ? 0 : fd;
	return 0;
}

/* ---- the pipeline ----------------------------------------------------- */

struct job {
	struct fby_worker w;
	struct fby_lane ln;
	struct fby_batch *b;
	rd_kafka_message_t msgs[RECORDS];
	bool delivered[RECORDS], waits[RECORDS];
	char key;
};

static struct event_base *base;
static struct job jobs[2];
static char payload[LONG_BYTES];

static struct job *
job_of(const struct fby_record *rec)
{
	return (struct job *)((char *)rec->b->ln - offsetof(struct job, ln));
}

void
fby_pipeline_delivered(struct fby_record *rec)
{
	assert_false(job_of(rec)->delivered[rec->index]);
	job_of(rec)->delivered[rec->index] = true;
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
fby_pipeline_failed(struct fby_record *rec, const char *why, bool permanent)
{
	assert_non_null(why);
	assert_false(permanent);
	job_of(rec)->waits[rec->index] = true;
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

int64_t
fby_run_event_time(const rd_kafka_message_t *msg, int64_t otherwise)
{
	(void)msg;
	(void)otherwise;
	return 7;
}

/* Ours are not librdkafka's, which has more behind them. */
rd_kafka_resp_err_t
rd_kafka_message_headers(const rd_kafka_message_t *msg,
    rd_kafka_headers_t **headers)
{
	(void)msg;
	(void)headers;
	return RD_KAFKA_RESP_ERR__NOENT;
}

static void
open_job(struct job *j, char key)
{
	static char name[] = "t:0";

	memset(j, 0, sizeof(*j));
	j->key = key;
	j->w.base = base;
	j->ln.printed = name;
	j->ln.w = &j->w;
	j->b = calloc(1, sizeof(*j->b) + RECORDS * sizeof(struct fby_record));
	j->b->ln = &j->ln;
	for (uint32_t i = 0; i < RECORDS; i++) {
		j->msgs[i] = (rd_kafka_message_t){
			.payload = payload,
			.len = 3,
			.key = &j->key,
			.key_len = 1,
			.offset = i,
		};
		j->b->rec[i].b = j->b;
		j->b->rec[i].msg = &j->msgs[i];
		j->b->rec[i].index = i;
		j->waits[i] = true;
	}
	j->w.outs[FBY_SINK_PRIMARY] = fby_sink_log_open(&j->w);
	assert_non_null(j->w.outs[FBY_SINK_PRIMARY]);
}

static void
close_job(struct job *j)
{
	j->w.outs[FBY_SINK_PRIMARY]->ops->close(j->w.outs[FBY_SINK_PRIMARY]);
	free(j->b);
}

/* One burst: all that is to be tried.  How many that were. */
static size_t
submit(struct job *j)
{
	struct fby_outlet *out = j->w.outs[FBY_SINK_PRIMARY];
	size_t n = 0;

	for (int i = 0; i < RECORDS; i++) {
		if (!j->waits[i])
			continue;
		j->waits[i] = false;
		assert_int_equal(out->ops->record(out, &j->b->rec[i]), FBY_OK);
		n++;
	}
	out->ops->flush(out);
	return n;
}

static bool
is_done(const struct job *j)
{
	for (int i = 0; i < RECORDS; i++)
		if (!j->delivered[i])
			return false;
	return true;
}

/* ---- what is on the output -------------------------------------------- */

static char text[16 * LONG_BYTES];
static size_t text_len;

static void
collect(int fd, bool is_file)
{
	ssize_t n;

	text_len = 0;
	while (
	    (n = is_file ?
		    pread(fd, text + text_len, sizeof(text) - text_len - 1,
			(off_t)text_len) :
		    read(fd, text + text_len, sizeof(text) - text_len - 1)) > 0)
		text_len += (size_t)n;
	text[text_len] = '\0';
}

static size_t
lines_like(const char *want)
{
	size_t n = 0, len = strlen(want);

	for (const char *p = text; *p != '\0';) {
		const char *end = strchrnul(p, '\n');

		n += (size_t)(end - p) == len && memcmp(p, want, len) == 0 &&
		    *end == '\n';
		p = *end ? end + 1 : end;
	}
	return n;
}

static void
check(const struct job *j)
{
	static char want[2 * LONG_BYTES];

	for (int i = 0; i < RECORDS; i++) {
		snprintf(want, sizeof(want),
		    "Payload - %.*s Keys - %c EventTime - 7 Headers -  ID - "
		    "t:0:%d",
		    (int)j->msgs[i].len, payload, j->key, i);
		if (lines_like(want) > 0)
			continue;
		fail_msg("faults at %zu (%s), %zu (%s): record %c %d has no "
			 "line:\n%.2000s",
		    faults[0].at, strerrorname_np(faults[0].error),
		    faults[1].at, strerrorname_np(faults[1].error), j->key, i,
		    text);
	}
}

/* ---- media ------------------------------------------------------------ */

enum medium { FILE_SHARED, FILE_APPEND, PIPE, SOCKET };

/* out[0] is where it can be read. */
static void
open_medium(enum medium medium, int out[2])
{
	char path[64];

	switch (medium) {
	case FILE_SHARED:
	case FILE_APPEND:
		out[0] = memfd_create("out", 0);
		snprintf(path, sizeof(path), "/proc/self/fd/%d", out[0]);
		out[1] = open(path,
		    O_WRONLY | (medium == FILE_APPEND ? O_APPEND : 0));
		break;
	case PIPE:
		assert_int_equal(pipe2(out, O_NONBLOCK), 0);
		break;
	case SOCKET:
		assert_int_equal(socketpair(AF_UNIX,
				     SOCK_STREAM | SOCK_NONBLOCK, 0, out),
		    0);
		break;
	}
}

/* All records of `njobs` workers that have one standard output. */
static void
run(enum medium medium, size_t njobs, uint32_t long_one)
{
	int keep = dup(STDOUT_FILENO), out[2];

	open_medium(medium, out);
	dup2(out[1], STDOUT_FILENO);
	first_fd = out[1] + 1;
	for (size_t i = 0; i < njobs; i++) {
		open_job(&jobs[i], (char)('a' + i));
		if (long_one < RECORDS)
			jobs[i].msgs[long_one].len = LONG_BYTES;
	}
	dup2(keep, STDOUT_FILENO);
	faulty = true;
	fault_no = passed = 0;
	holder = 0;
	while (!is_done(&jobs[0]) || (njobs == 2 && !is_done(&jobs[1]))) {
		size_t n = 0;

		for (size_t i = 0; i < njobs; i++)
			n += submit(&jobs[i]);
		event_base_loop(base, n > 0 ? EVLOOP_NONBLOCK : EVLOOP_ONCE);
	}
	assert_int_equal(holder, 0);
	faulty = false;
	collect(out[0], medium <= FILE_APPEND);
	for (size_t i = 0; i < njobs; i++) {
		check(&jobs[i]);
		close_job(&jobs[i]);
	}
	first_fd = 0;
	close(out[0]);
	close(out[1]);
	close(keep);
}

static void
two_faults(enum medium medium, size_t njobs, size_t at, int first, int second)
{
	/* In a row, or so that a byte, or more, comes through between. */
	static const size_t gaps[] = { 0, 1, 60 };

	for (size_t i = 0; i < FBY_NELEM(gaps); i++) {
		faults[0] = (struct fault){ at, first };
		faults[1] = (struct fault){ gaps[i], second };
		run(medium, njobs, RECORDS);
	}
}

/* EAGAIN, which no file says, costs some milliseconds there. */
static void
at_every_byte(enum medium medium, size_t njobs)
{
	static const int errors[] = { 0, ENOSPC, EPIPE, EAGAIN };
	size_t end = njobs * RECORDS * 60 + 10;

	nfaults = 2;
	for (size_t at = 0; at < end; at++) {
		size_t n = FBY_NELEM(errors);

		if (medium <= FILE_APPEND && at % 241 != 0)
			n--;
		for (size_t i = 0; i < n * n; i++)
			two_faults(medium, njobs, at, errors[i % n],
			    errors[i / n]);
	}
}

static void
a_pipe_fails_at_every_byte(void **state)
{
	(void)state;
	at_every_byte(PIPE, 1);
}

static void
a_socket_fails_at_every_byte(void **state)
{
	(void)state;
	at_every_byte(SOCKET, 1);
}

/* Another worker's record follows on the fragment of the first. */
static void
a_file_of_two_fails_at_every_byte(void **state)
{
	(void)state;
	at_every_byte(FILE_SHARED, 2);
}

static void
an_appended_file_of_two_fails_at_every_byte(void **state)
{
	(void)state;
	at_every_byte(FILE_APPEND, 2);
}

static void
long_lines_fail_everywhere(void **state)
{
	(void)state;
	nfaults = 2;
	for (size_t at = 0; at < 6000; at += 97) {
		faults[0] = (struct fault){ at, ENOSPC };
		faults[1] = (struct fault){ at % 5, EPIPE };
		run(PIPE, 1, 1);
		run(SOCKET, 1, 1);
		run(FILE_SHARED, 2, 1);
	}
}

/* ---- who writes at the same time -------------------------------------- */

/* Writes its records again and again into a pipe that is often full. */
static void
write_for_ever(int out, char key, int rounds)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	dup2(out, STDOUT_FILENO);
	event_reinit(base);
	open_job(&jobs[0], key);
	jobs[0].msgs[1].len = LONG_BYTES;
	for (int i = 0; i < rounds; i++) {
		for (int r = 0; r < RECORDS; r++) {
			jobs[0].delivered[r] = false;
			jobs[0].waits[r] = true;
		}
		submit(&jobs[0]);
		while (!is_done(&jobs[0]))
			event_base_loop(base, EVLOOP_ONCE);
	}
	_exit(0);
}

static bool
is_whole(const char *line, size_t len)
{
	return len > 8 && memcmp(line, "Payload ", 8) == 0 &&
	    memmem(line + 8, len - 8, "Payload ", 8) == NULL &&
	    memcmp(line + len - 8, " - t:0:", 7) == 0;
}

static void
lines_of_two_processes_do_not_mix(void **state)
{
	enum { ROUNDS = 200 };
	char *line = NULL;
	size_t cap = 0, n = 0;
	ssize_t len;
	int out[2];
	FILE *in;

	(void)state;
	assert_int_equal(pipe(out), 0);
	fcntl(out[1], F_SETPIPE_SZ, 4096);
	for (int i = 0; i < 2; i++)
		if (fork() == 0)
			write_for_ever(out[1], (char)('a' + i), ROUNDS);
	close(out[1]);
	in = fdopen(out[0], "r");
	while ((len = getline(&line, &cap, in)) != -1) {
		if (!is_whole(line, (size_t)len - 1))
			fail_msg("two lines in one: %.200s ...", line);
		n++;
	}
	assert_int_equal(n, 2 * ROUNDS * RECORDS);
	fclose(in);
	free(line);
	while (wait(NULL) != -1)
		;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_pipe_fails_at_every_byte),
		cmocka_unit_test(a_socket_fails_at_every_byte),
		cmocka_unit_test(a_file_of_two_fails_at_every_byte),
		cmocka_unit_test(an_appended_file_of_two_fails_at_every_byte),
		cmocka_unit_test(long_lines_fail_everywhere),
		cmocka_unit_test(lines_of_two_processes_do_not_mix),
	};

	memset(payload, 'x', sizeof(payload));
	base = event_base_new();
	return UNIT_RUN(tests);
}
