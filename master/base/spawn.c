/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork, then exec; see spawn.h.
 */
#include "shared/fby.h"

#include "master/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/mem.h"

#include "master/base/account.h"

/* Above all numbers that the child's descriptors shall have. */
#define HIGH_FD 16

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC (1u << 2)
#endif

#define OOM_MAX 1000
#define END_MS 2000

static const char *const masters_own[] = {
	"NOTIFY_SOCKET",
	"WATCHDOG_PID",
	"WATCHDOG_USEC",
	"LISTEN_PID",
	"LISTEN_FDS",
	"LISTEN_FDNAMES",
};

/*
 * Names of variables, NULL at the end; a * stands for any end of a name.  This
 * is what any program wants.  Secrets are in none of them.
 */
static const char *const anybodys[] = {
	"HOME",
	"HOSTNAME",
	"LANG",
	"LANGUAGE",
	"LC_*",
	"LOGNAME",
	"PATH",
	"SHELL",
	"SSL_CERT_DIR",
	"SSL_CERT_FILE",
	"TMPDIR",
	"TZ",
	"USER",
	NULL,
};

/* What forebay-worker and its libraries read beside those. */
static const char *const workers[] = {
	"ALL_PROXY",
	"ASAN_OPTIONS",
	"CREDENTIALS_DIRECTORY",
	"FOREBAY_*",
	"GCOV_*",
	"HTTPS_PROXY",
	"HTTP_PROXY",
	"JOURNAL_STREAM",
	"KRB5*",
	"LD_*",
	"LLVM_PROFILE_FILE",
	"LOCALDOMAIN",
	"LSAN_OPTIONS",
	"MALLOC_CONF",
	"NO_PROXY",
	"OPENSSL_*",
	"RES_OPTIONS",
	"SASL_*",
	"TSAN_OPTIONS",
	"UBSAN_OPTIONS",
	"all_proxy",
	"http_proxy",
	"https_proxy",
	"no_proxy",
	NULL,
};

static bool
same_name(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && (b[n] == '=' || b[n] == '\0');
}

static bool
is_dropped(const char *var, const char *const *add, size_t nadd)
{
	for (size_t i = 0; i < FBY_NELEM(masters_own); i++)
		if (same_name(var, masters_own[i]))
			return true;
	for (size_t i = 0; i < nadd; i++)
		if (same_name(var, add[i]))
			return true;
	return false;
}

static bool
is_among(const char *var, const char *const *list)
{
	for (size_t i = 0; list && list[i]; i++) {
		size_t n = strcspn(list[i], "*");

		if (strncmp(var, list[i], n) == 0 &&
		    (list[i][n] == '*' || var[n] == '='))
			return true;
	}
	return false;
}

/* What is in one of the lists; of all, if there is no first one. */
static char **
make_env(const char *const *add, size_t nadd, const char *const *any,
    const char *const *more)
{
	size_t n = 0, k = 0;
	char **envp;

	while (environ[n])
		n++;
	envp = fby_calloc(n + nadd + 1, sizeof(*envp));
	for (size_t i = 0; i < n; i++)
		if (!is_dropped(environ[i], add, nadd) &&
		    (any == NULL || is_among(environ[i], any) ||
			is_among(environ[i], more)))
			envp[k++] = fby_strdup(environ[i]);
	for (size_t i = 0; i < nadd; i++)
		if (!is_dropped(add[i], add + i + 1, nadd - i - 1))
			envp[k++] = fby_strdup(add[i]);
	return envp;
}

char **
fby_spawn_env(const char *const *add, size_t nadd)
{
	return make_env(add, nadd, NULL, NULL);
}

char **
fby_spawn_env_worker(const char *const *add, size_t nadd)
{
	return make_env(add, nadd, anybodys, workers);
}

char **
fby_spawn_env_foreign(const char *const *add, size_t nadd)
{
	return make_env(add, nadd, anybodys, NULL);
}

char **
fby_spawn_env_with(char **envp, const char *var)
{
	size_t n = 0;

	if (*var == '\0')
		return envp;
	while (envp[n])
		n++;
	envp = fby_realloc(envp, (n + 2) * sizeof(*envp));
	envp[n] = fby_strdup(var);
	envp[n + 1] = NULL;
	return envp;
}

void
fby_spawn_env_free(char **envp)
{
	for (size_t i = 0; envp && envp[i]; i++)
		free(envp[i]);
	free(envp);
}

/* ---- in the child ----------------------------------------------------- */

/* What the child needs and has no time to find out. */
struct prepared {
	const struct fby_spawn *sp;
	int high[FBY_NELEM(((struct fby_spawn *)0)->fds)];
	pid_t parent;
	char oom[16]; /* "": it stays */
};

/* strerror() may allocate; the log has the place, errno is in no hurry. */
static void
fail(const char *what, int code)
{
	static const char head[] = "forebay: a program could not be ";
	ssize_t n = 0;

	n += write(STDERR_FILENO, head, sizeof(head) - 1);
	n += write(STDERR_FILENO, what, strlen(what));
	(void)n;
	_exit(code);
}

/* Nothing but 0 to n - 1 is open in the program. */
static void
close_others(size_t n)
{
	if (syscall(SYS_close_range, (unsigned)n, ~0u, CLOSE_RANGE_CLOEXEC) ==
	    0)
		return;
	/* Linux before 5.11. */
	for (int fd = (int)n; fd < 65536; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void
set_oom(const char *text)
{
	int fd;

	if (*text == '\0')
		return;
	/* What cannot be dumped is root's in /proc; the exec sets it anew. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	if (fd == -1)
		return;
	if (write(fd, text, strlen(text)) == -1)
		errno = 0; /* It is as likely as the master, then. */
	close(fd);
}

static void
pin(int cpu)
{
	cpu_set_t set;

	if (cpu < 0)
		return;
	CPU_ZERO(&set);
	CPU_SET((size_t)cpu, &set);
	sched_setaffinity(0, sizeof(set), &set);
}

/*
 * All signals are blocked since before the fork: a handler of the master must
 * not run here, it would speak to the master's own loop.
 */
static void
reset_signals(void)
{
	sigset_t none;

	for (int signo = 1; signo < NSIG; signo++)
		signal(signo, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* From here to the exec: async-signal-safe calls only. */
static void
become(const struct prepared *p)
{
	const struct fby_spawn *sp = p->sp;

	for (size_t i = 0; i < sp->nfds; i++)
		if (dup2(p->high[i], (int)i) == -1)
			_exit(FBY_SPAWN_FAILED);
	close_others(sp->nfds);
	if (sp->own_group)
		setpgid(0, 0);
	set_oom(p->oom);
	pin(sp->cpu);
	if (sp->prepare && sp->prepare(sp->arg) == -1)
		_exit(FBY_SPAWN_UNPREPARED);
	if (sp->foreign && fby_account_enter(sp->as) == -1)
		fail("started without privileges, or as that user\n",
		    FBY_SPAWN_UNPREPARED);
	/* A change of the user takes it back. */
	if (sp->on_orphan) {
		prctl(PR_SET_PDEATHSIG, (unsigned long)sp->on_orphan);
		if (getppid() != p->parent)
			_exit(FBY_SPAWN_FAILED);
	}
	reset_signals();
	if (sp->exec_fd != -1)
		execveat(sp->exec_fd, "", sp->argv, sp->envp, AT_EMPTY_PATH);
	else
		execvpe(sp->argv[0], sp->argv, sp->envp);
	_exit(FBY_SPAWN_FAILED);
}

/* ---- in the master ---------------------------------------------------- */

static void
prepare_oom(struct prepared *p)
{
	FILE *f;
	int score;

	if (p->sp->oom_above == 0 ||
	    (f = fopen("/proc/self/oom_score_adj", "re")) == NULL)
		return;
	if (fscanf(f, "%d", &score) == 1)
		snprintf(p->oom, sizeof(p->oom), "%d",
		    FBY_MIN(score + p->sp->oom_above, OOM_MAX));
	fclose(f);
}

static pid_t
fork_blocked(const struct prepared *p)
{
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid = fork();
	if (pid == 0)
		become(p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	/* Here as well: whoever is first, the group is there from now on. */
	if (pid > 0 && p->sp->own_group)
		setpgid(pid, pid);
	return pid;
}

pid_t
fby_spawn(const struct fby_spawn *sp)
{
	struct prepared p = { .sp = sp, .parent = getpid() };
	int null = -1, saved;
	pid_t pid = -1;
	size_t n = 0;

	FBY_BUG_ON(sp->nfds < 3 || sp->nfds > FBY_NELEM(sp->fds));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		return -1;
	prepare_oom(&p);
	/* Out of the way first, so that no dup2 hits one still needed. */
	for (; n < sp->nfds; n++) {
		p.high[n] = fcntl(sp->fds[n] == -1 ? null : sp->fds[n],
		    F_DUPFD_CLOEXEC, HIGH_FD);
		if (p.high[n] == -1)
			goto out;
	}
	pid = fork_blocked(&p);
out:
	saved = errno;
	while (n-- > 0)
		close(p.high[n]);
	close(null);
	errno = saved;
	return pid;
}

pid_t
fby_spawn_self(struct fby_spawn sp)
{
	int fd = open("/proc/self/exe", O_PATH | O_CLOEXEC), saved;
	pid_t pid;

	if (fd == -1)
		return -1;
	sp.exec_fd = fd;
	sp.envp = fby_spawn_env(NULL, 0);
	pid = fby_spawn(&sp);
	saved = errno;
	fby_spawn_env_free(sp.envp);
	close(fd);
	errno = saved;
	return pid;
}

void
fby_spawn_end(pid_t pid, bool own_group)
{
	const struct timespec nap = { .tv_nsec = 10 * 1000 * 1000 };
	int64_t until = fby_clock_mono() + END_MS;

	kill(own_group ? -pid : pid, SIGKILL);
	while (waitpid(pid, NULL, WNOHANG) == 0 && fby_clock_mono() < until)
		nanosleep(&nap, NULL);
}
