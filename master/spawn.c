/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fork, then exec; see spawn.h.
 */
#include "shared/fby.h"

#include "master/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/mem.h"

extern char **environ;

/* Above all numbers that the child's descriptors shall have. */
#define HIGH_FD 16

static const char *const masters_own[] = {
	"NOTIFY_SOCKET",
	"WATCHDOG_PID",
	"WATCHDOG_USEC",
	"LISTEN_PID",
	"LISTEN_FDS",
	"LISTEN_FDNAMES",
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

char **
fby_spawn_env(const char *const *add, size_t nadd)
{
	size_t n = 0, k = 0;
	char **envp;

	while (environ[n])
		n++;
	envp = fby_calloc(n + nadd + 1, sizeof(*envp));
	for (size_t i = 0; i < n; i++)
		if (!is_dropped(environ[i], add, nadd))
			envp[k++] = fby_strdup(environ[i]);
	for (size_t i = 0; i < nadd; i++)
		if (!is_dropped(add[i], add + i + 1, nadd - i - 1))
			envp[k++] = fby_strdup(add[i]);
	return envp;
}

void
fby_spawn_env_free(char **envp)
{
	for (size_t i = 0; envp && envp[i]; i++)
		free(envp[i]);
	free(envp);
}

/* From here to the exec: async-signal-safe calls only. */
static void
become(const struct fby_spawn *sp, const int *high)
{
	sigset_t none;

	for (size_t i = 0; i < sp->nfds; i++)
		if (dup2(high[i], (int)i) == -1)
			_exit(FBY_SPAWN_FAILED);
	if (sp->own_group)
		setpgid(0, 0);
	if (sp->on_orphan)
		prctl(PR_SET_PDEATHSIG, (unsigned long)sp->on_orphan);
	if (sp->cpu >= 0) {
		cpu_set_t set;

		CPU_ZERO(&set);
		CPU_SET((size_t)sp->cpu, &set);
		sched_setaffinity(0, sizeof(set), &set);
	}
	if (sp->prepare && sp->prepare(sp->arg) == -1)
		_exit(FBY_SPAWN_UNPREPARED);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	/* Handlers are reset by the exec, but what is ignored stays so. */
	signal(SIGPIPE, SIG_DFL);
	if (sp->exec_fd != -1)
		execveat(sp->exec_fd, "", sp->argv, sp->envp, AT_EMPTY_PATH);
	else
		execvpe(sp->argv[0], sp->argv, sp->envp);
	_exit(FBY_SPAWN_FAILED);
}

pid_t
fby_spawn(const struct fby_spawn *sp)
{
	int high[FBY_NELEM(sp->fds)], null = -1, saved;
	pid_t pid = -1;
	size_t n = 0;

	FBY_BUG_ON(sp->nfds < 3 || sp->nfds > FBY_NELEM(sp->fds));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (null == -1)
		return -1;
	/* Out of the way first, so that no dup2 hits one still needed. */
	for (; n < sp->nfds; n++) {
		high[n] = fcntl(sp->fds[n] == -1 ? null : sp->fds[n],
		    F_DUPFD_CLOEXEC, HIGH_FD);
		if (high[n] == -1)
			goto out;
	}
	pid = fork();
	if (pid == 0)
		become(sp, high);
out:
	saved = errno;
	while (n-- > 0)
		close(high[n]);
	close(null);
	errno = saved;
	return pid;
}
