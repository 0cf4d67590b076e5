/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of a program that is not ours; see subprocess.h.
 */
#include "shared/fby.h"

#include "master/runtime/subprocess.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"

#include "master/base/context.h"
#include "master/base/spawn.h"
#include "master/runtime/capture.h"
#include "master/runtime/leftover.h"

#define BACKOFF_MIN_MS 1000
#define BACKOFF_MAX_MS 60000
#define HELPERS_MS 5000 /* after SIGKILL, for processes of a process */
#define OLD_MS 60000    /* alive for so long: back-off forgotten */

/* ---- starting --------------------------------------------------------- */

/* The rest of what it has said is logged. */
static void
silence(struct fby_subprocess *sp)
{
	fby_capture_end(sp->capture);
	sp->capture = NULL;
}

/* -1 with errno. */
static pid_t
spawn(const struct fby_subprocess *sp, const struct fby_subprocess_start *how,
    char **envp)
{
	const int said = fby_capture_fd(sp->capture);
	struct fby_spawn s = {
		.exec_fd = -1,
		.fds = { -1, how->is_data ? STDOUT_FILENO : said, said },
		.nfds = 3,
		.cpu = -1,
		.own_group = true,
		/* Else two of them would run when the next master starts. */
		.on_orphan = SIGTERM,
		.oom_above = FBY_SPAWN_OOM_ABOVE,
		.foreign = true,
		.as = how->as,
		.prepare = how->prepare,
		.arg = how->arg,
		.envp = envp,
	};
	pid_t pid;

	s.argv = fby_calloc(how->nargv + 1, sizeof(*s.argv));
	for (size_t i = 0; i < how->nargv; i++)
		s.argv[i] = fby_strdup(how->argv[i]);
	pid = fby_spawn(&s);
	for (size_t i = 0; i < how->nargv; i++)
		free(s.argv[i]);
	free(s.argv);
	return pid;
}

int
fby_subprocess_start(struct fby_subprocess *sp,
    const struct fby_subprocess_start *how)
{
	char **envp;
	pid_t pid;

	/* They were killed a second ago; it may be that one was just born. */
	fby_helpers_kill(&sp->helpers);
	fby_helpers_mark(&sp->helpers);
	envp = fby_spawn_env_with(how->envp, sp->helpers.mark);
	sp->capture = fby_capture_new(sp->ctx->base, how->name, how->as);
	pid = sp->capture ? spawn(sp, how, envp) : -1;
	if (pid == -1)
		fby_error("%s: %s: %s", how->name,
		    sp->capture ? "fork" : "a pipe for what it says",
		    strerror(errno));
	fby_spawn_env_free(envp);
	if (pid == -1) {
		silence(sp);
		return -1;
	}
	fby_capture_started(sp->capture, pid);
	fby_helpers_started(&sp->helpers, pid);
	fby_leftover_note(sp->ctx->run_dir, pid, sp->helpers.mark);
	sp->pid = pid;
	sp->spawned_at = fby_clock_mono();
	fby_notice("%s started: %s (pid %d)", how->name, how->argv[0], pid);
	return 0;
}

int64_t
fby_subprocess_later(struct fby_subprocess *sp)
{
	struct timeval tv;

	sp->backoff_ms = sp->backoff_ms == 0 ?
	    BACKOFF_MIN_MS :
	    FBY_MIN(sp->backoff_ms * 2, BACKOFF_MAX_MS);
	tv = fby_clock_tv(sp->backoff_ms);
	evtimer_add(&sp->ev_again, &tv);
	return sp->backoff_ms;
}

/* ---- ending ----------------------------------------------------------- */

void
fby_subprocess_signal(const struct fby_subprocess *sp, int signo)
{
	if (sp->pid > 0)
		kill(-sp->pid, signo);
}

static void
say(const char *noun, int32_t pid, int status, bool asked)
{
	const enum fby_log_level level = asked ? FBY_LOG_NOTICE : FBY_LOG_ERR;

	if (WIFSIGNALED(status))
		fby_log(level, "%s (pid %d) was ended by signal %d", noun, pid,
		    WTERMSIG(status));
	else if (WEXITSTATUS(status) == FBY_SPAWN_FAILED)
		fby_error("%s (pid %d) could not be executed", noun, pid);
	else if (WEXITSTATUS(status) == FBY_SPAWN_UNPREPARED)
		fby_error("%s (pid %d) could not be given directories "
			  "or a user of its own; standard error says why",
		    noun, pid);
	else
		fby_log(level, "%s (pid %d) exited with code %d%s", noun, pid,
		    WEXITSTATUS(status),
		    !asked && WEXITSTATUS(status) == 0 ?
			"; nobody had asked it to" :
			"");
}

void
fby_subprocess_reaped(struct fby_subprocess *sp, const char *noun, int status,
    bool asked)
{
	const int32_t pid = sp->pid;
	const int64_t now = fby_clock_mono();
	size_t n;

	sp->pid = 0;
	fby_leftover_forget(sp->ctx->run_dir, pid);
	n = fby_helpers_kill(&sp->helpers);
	silence(sp);
	say(noun, pid, status, asked);
	if (n > 0)
		fby_warn("%s (pid %d) had left %zu process%s of its own; "
			 "killed",
		    noun, pid, n, n == 1 ? "" : "es");
	if (now - sp->spawned_at >= OLD_MS)
		sp->backoff_ms = 0;
	sp->ends = asked && n > 0;
	sp->ends_by = now + HELPERS_MS;
}

bool
fby_subprocess_lingers(struct fby_subprocess *sp)
{
	sp->ends = sp->ends && fby_helpers_kill(&sp->helpers) > 0 &&
	    fby_clock_mono() < sp->ends_by;
	return sp->ends;
}

void
fby_subprocess_give_up(struct fby_subprocess *sp, const char *noun)
{
	sp->ends = false;
	if (sp->pid == 0)
		return;
	fby_error("%s (pid %d) was killed and has not exited; going on without",
	    noun, sp->pid);
	kill(-sp->pid, SIGKILL);
	fby_helpers_kill(&sp->helpers);
	silence(sp);
	sp->pid = 0;
}

/* ---- life ------------------------------------------------------------- */

void
fby_subprocess_init(struct fby_subprocess *sp, struct fby_context *ctx,
    event_callback_fn again, void *arg)
{
	*sp = (struct fby_subprocess){ .ctx = ctx };
	evtimer_assign(&sp->ev_again, ctx->base, again, arg);
}

void
fby_subprocess_fini(struct fby_subprocess *sp)
{
	evtimer_del(&sp->ev_again);
	if (sp->pid > 0) {
		fby_spawn_end(sp->pid, true);
		fby_leftover_forget(sp->ctx->run_dir, sp->pid);
		sp->pid = 0;
	}
	fby_helpers_kill(&sp->helpers);
	silence(sp);
}
