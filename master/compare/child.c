/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One `forebay run` on a derived manifest; see compare/child.h.
 */
#include "shared/fby.h"

#include "master/compare/child.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <jansson.h>

#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/base/control_socket.h"
#include "master/base/rundir.h"
#include "master/base/spawn.h"
#include "master/compare/cases.h"

#define STATUS_MS 1000 /* how often it is asked how its runtime is */
#define FIRST_MS 50    /* and how often in the beginning */
#define GRACE_MS 5000  /* on top of its drain timeout */
#define CONNECT_MS 1000
#define ANSWER_MS 2000
#define NAP_US 10000
#define TAIL 1500 /* bytes of its log that are shown */

int
fby_compare_child_fail(struct fby_compare_child *ch, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (ch->why == NULL)
		ch->why = fby_vasprintf(fmt, ap);
	va_end(ap);
	return -1;
}

/* ---- files ------------------------------------------------------------ */

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	remove(path);
	return 0;
}

void
fby_compare_child_remove(const char *dir)
{
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	size_t len = strlen(text);
	ssize_t n;

	while (fd != -1 && len > 0) {
		n = write(fd, text, len);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			close(fd);
			return -1;
		}
		text += n;
		len -= (size_t)n;
	}
	return fd == -1 ? -1 : close(fd);
}

/*
 * The end of its log, whole lines.  Whatever a runtime writes there goes to a
 * terminal, and into JSON, which takes UTF-8 only.
 */
static char *
log_tail(const struct fby_compare_child *ch)
{
	char *path = fby_asprintf("%s/log", ch->dir), buf[TAIL + 1], *line;
	struct fby_str tail;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const off_t size = fd == -1 ? 0 : lseek(fd, 0, SEEK_END);
	ssize_t n = size;

	fby_str_init(&tail);
	if (size > 0)
		n = pread(fd, buf, TAIL, FBY_MAX(size - TAIL, 0));
	if (fd == -1 || n == -1)
		fby_str_printf(&tail, "(%s: %s)", path, strerror(errno));
	if (fd != -1)
		close(fd);
	free(path);
	buf[n > 0 ? n : 0] = '\0';
	line = size > TAIL ? strchr(buf, '\n') : NULL;
	fby_str_printable_lines(&tail, line ? line + 1 : buf);
	return fby_str_take(&tail);
}

/* ---- start ------------------------------------------------------------ */

int
fby_compare_child_prepare(struct fby_compare_child *ch, struct fby_compare *c,
    const struct fby_compare_start *s)
{
	const int number = ++c->groups;
	struct fby_compare_change change = { 0 };
	char *text, *file, *why = NULL;
	int rc;

	*ch = (struct fby_compare_child){ .c = c, .runtime = s->runtime };
	ch->group = fby_asprintf("%s-compare-%d-%d", c->m->source.group,
	    (int)getpid(), number);
	ch->dir = fby_asprintf("%s/%d", c->dir, number);
	ch->run_dir = fby_asprintf("%s/run", ch->dir);
	change = (struct fby_compare_change){ s->runtime, ch->group, s->topic,
		ch->run_dir, s->sink, s->single };
	text = fby_compare_manifest_text(c->m, &change, &why);
	if (text == NULL) {
		fby_compare_child_fail(ch,
		    "runtime %s cannot run this manifest: %s", s->runtime, why);
		free(why);
		return -1;
	}
	file = fby_asprintf("%s/forebay.yaml", ch->dir);
	rc = mkdir(ch->dir, 0700);
	if (rc == 0)
		rc = write_file(file, text);
	if (rc == -1)
		fby_compare_child_fail(ch, "%s: %s", file, strerror(errno));
	free(file);
	free(text);
	return rc;
}

static int
open_log(const struct fby_compare_child *ch)
{
	char *path = fby_asprintf("%s/log", ch->dir);
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	free(path);
	return fd;
}

int
fby_compare_child_start(struct fby_compare_child *ch,
    const struct fby_compare_start *s)
{
	char *file = fby_asprintf("%s/forebay.yaml", ch->dir);
	char *argv[] = { (char[]){ "forebay" }, (char[]){ "run" },
		(char[]){ "-c" }, file, NULL, NULL, NULL };
	struct fby_spawn sp = {
		.argv = argv,
		.fds = { -1, s->out, open_log(ch) },
		.nfds = 3,
		.cpu = -1,
		.own_group = true,
		.on_orphan = SIGQUIT,
	};
	char libexec[] = "--libexec";
	pid_t pid = -1;

	if (ch->c->libexec) {
		argv[4] = libexec;
		argv[5] = (char *)(uintptr_t)ch->c->libexec;
	}
	ch->started_us = fby_clock_mono_us();
	if (sp.fds[2] != -1)
		pid = fby_spawn_self(sp);
	if (pid == -1)
		fby_compare_child_fail(ch, "it cannot be started: %s",
		    strerror(errno));
	else
		ch->pid = pid;
	if (sp.fds[2] != -1)
		close(sp.fds[2]);
	free(file);
	return pid == -1 ? -1 : 0;
}

/* ---- how it is -------------------------------------------------------- */

static void
end_asking(struct fby_compare_child *ch)
{
	if (!ch->is_asking)
		return;
	close(ch->ask_fd);
	fby_str_fini(&ch->answer);
	ch->is_asking = false;
}

/* It may not be there yet. */
static int
connect_to(const char *run_dir)
{
	struct fby_str why;
	int dir, fd = -1;

	fby_str_init(&why);
	if ((dir = fby_rundir_open(run_dir, true, &why)) != -1) {
		fd = fby_control_socket_connect(dir, CONNECT_MS);
		close(dir);
	}
	fby_str_fini(&why);
	return fd;
}

static void
begin_asking(struct fby_compare_child *ch)
{
	static const char ask[] = "status\n";

	if ((ch->ask_fd = connect_to(ch->run_dir)) == -1)
		return;
	ch->is_asking = true;
	fby_str_init(&ch->answer);
	if (fcntl(ch->ask_fd, F_SETFL, O_NONBLOCK) == -1 ||
	    send(ch->ask_fd, ask, strlen(ask), MSG_NOSIGNAL) == -1)
		end_asking(ch);
}

/* One that died has been started again, or will be: its figures are none. */
static int
fail_of(struct fby_compare_child *ch, const char *what)
{
	char *tail = log_tail(ch);

	fby_compare_child_fail(ch, "%s; the last of its log:\n%s", what, tail);
	free(tail);
	return -1;
}

static void
add_end(struct fby_str *s, const json_t *foreign)
{
	const json_t *code = json_object_get(foreign, "exit_code");
	const json_t *signo = json_object_get(foreign, "exit_signal");

	if (json_is_integer(code))
		fby_str_printf(s, " (exit code %d)",
		    (int)json_integer_value(code));
	else if (json_is_integer(signo))
		fby_str_printf(s, " (signal %d)",
		    (int)json_integer_value(signo));
}

static int64_t
deaths_in(const json_t *o)
{
	return json_integer_value(json_object_get(o, "deaths"));
}

/* Has the process of another runtime, or a worker, died? */
static int
judge_answer(struct fby_compare_child *ch)
{
	json_t *o = json_loadb(ch->answer.p, ch->answer.len, 0, NULL);
	const json_t *foreign = json_object_get(o, "foreign");
	struct fby_str what;
	int rc = 0;

	fby_str_init(&what);
	if (deaths_in(foreign) > 0) {
		fby_str_printf(&what, "the program of runtime %s has ended",
		    ch->runtime);
		add_end(&what, foreign);
		rc = fail_of(ch, what.p);
	} else if (deaths_in(json_object_get(o, "counters")) > 0) {
		fby_str_printf(&what, "a worker of runtime %s has died",
		    ch->runtime);
		rc = fail_of(ch, what.p);
	}
	fby_str_fini(&what);
	json_decref(o);
	return rc;
}

/* As much of the answer as has come; a probe of the latency must not wait. */
static int
read_answer(struct fby_compare_child *ch, int64_t now)
{
	char buf[16384];
	ssize_t n;
	int rc = 0;

	while ((n = read(ch->ask_fd, buf, sizeof(buf))) > 0)
		fby_str_add(&ch->answer, buf, (size_t)n);
	if (n == -1 && (errno == EAGAIN || errno == EINTR) &&
	    now - ch->looked_at < ANSWER_MS)
		return 0;
	if (n == 0)
		rc = judge_answer(ch);
	end_asking(ch);
	return rc;
}

/*
 * What cannot run ends at once, and shall not be waited for; what has run for
 * a while costs no more by being asked than it must.
 */
static bool
is_time_to_ask(const struct fby_compare_child *ch, int64_t now)
{
	int64_t age = ch->looked_at - ch->started_us / 1000;

	return now - ch->looked_at >=
	    FBY_MAX(FBY_MIN(age, STATUS_MS), FIRST_MS);
}

int
fby_compare_child_check(struct fby_compare_child *ch)
{
	int64_t now = fby_clock_mono();
	char what[64];
	int status;

	if (waitpid(ch->pid, &status, WNOHANG) == ch->pid) {
		ch->pid = 0;
		snprintf(what, sizeof(what), "forebay has ended (%s %d)",
		    WIFSIGNALED(status) ? "signal" : "exit code",
		    WIFSIGNALED(status) ? WTERMSIG(status) :
					  WEXITSTATUS(status));
		return fail_of(ch, what);
	}
	if (ch->is_asking)
		return read_answer(ch, now);
	if (is_time_to_ask(ch, now)) {
		ch->looked_at = now;
		begin_asking(ch);
	}
	return 0;
}

/* ---- end -------------------------------------------------------------- */

static bool
await_exit(struct fby_compare_child *ch, int64_t ms)
{
	const int64_t deadline = fby_clock_mono() + ms;

	while (waitpid(ch->pid, NULL, WNOHANG) == 0) {
		if (fby_clock_mono() >= deadline)
			return false;
		usleep(NAP_US);
	}
	return true;
}

/*
 * A master that stops in order leaves no process.  From one that was killed,
 * workers that drain and runtimes are ours to end: we are the subreaper.
 */
static void
reap_orphans(void)
{
	char path[64], text[4096], *p;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children",
	    (int)getpid());
	fby_file_read(path, text, sizeof(text));
	/* A number that has no blank behind it was cut: it is another's. */
	for (p = text; *p; p++) {
		pid_t pid = (pid_t)strtol(p, &p, 10);

		if (pid <= 0 || *p != ' ')
			break;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

static void
stop(struct fby_compare_child *ch)
{
	if (ch->pid > 0) {
		kill(ch->pid, SIGQUIT);
		if (!await_exit(ch,
			ch->c->m->host.drain_timeout_ms + GRACE_MS)) {
			kill(ch->pid, SIGKILL);
			waitpid(ch->pid, NULL, 0);
		}
		ch->pid = 0;
	}
	reap_orphans();
}

char *
fby_compare_child_end(struct fby_compare_child *ch)
{
	end_asking(ch);
	stop(ch);
	if (ch->group && fby_compare_kafka_forget(&ch->c->k, ch->group) == -1) {
		fby_compare_progress_clear(&ch->c->progress);
		fprintf(stderr,
		    "forebay: the consumer group %s could not be deleted: "
		    "%s\n",
		    ch->group, ch->c->k.why);
	}
	if (ch->dir)
		fby_compare_child_remove(ch->dir);
	free(ch->group);
	free(ch->dir);
	free(ch->run_dir);
	ch->group = ch->dir = ch->run_dir = NULL;
	return ch->why;
}
