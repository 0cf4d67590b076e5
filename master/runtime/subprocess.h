/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of a program that is not ours, which the master starts, hears and
 * ends: it leads a group, what it writes becomes lines of our log, what it has
 * started ends with it, and the next master finds it if this one is killed.
 *
 * Whether there shall be one, and what follows from its end, is its owner's.
 */
#ifndef FBY_SUBPROCESS_H
#define FBY_SUBPROCESS_H

#include "shared/fby.h"

#include <event2/event.h>
#include <event2/event_struct.h>

#include "master/runtime/helpers.h"

struct fby_account;
struct fby_capture;
struct fby_context;

struct fby_subprocess {
	struct fby_context *ctx;
	int32_t pid;        /* 0: none */
	int64_t spawned_at; /* monotonic */
	int64_t backoff_ms; /* 0: the last one has lived for long */
	struct event ev_again;
	struct fby_helpers helpers;
	struct fby_capture *capture; /* what it says; NULL: no process */
	bool ends;       /* not all of what it had started has exited yet */
	int64_t ends_by; /* monotonic: then that is not waited for */
};

/* What one is started as. */
struct fby_subprocess_start {
	const char *name; /* before its lines in the log */
	const char *const *argv;
	size_t nargv;
	char **envp;                  /* of fby_spawn_env*(); taken */
	const struct fby_account *as; /* runs as that user; NULL: as we do */
	bool is_data; /* standard output is the records', not the log's */
	int (*prepare)(void *arg); /* as fby_spawn has it */
	void *arg;
};

/* `again` is called when the time of a back-off is up. */
void fby_subprocess_init(struct fby_subprocess *sp, struct fby_context *ctx,
    event_callback_fn again, void *arg);
/* SIGKILL, if it is there, and it is waited for. */
void fby_subprocess_fini(struct fby_subprocess *sp);

/* There is none.  -1: said in the log. */
int fby_subprocess_start(struct fby_subprocess *sp,
    const struct fby_subprocess_start *how) FBY_MUSTCHECK;

/* `again` after a back-off, which grows each time; how long, ms. */
int64_t fby_subprocess_later(struct fby_subprocess *sp);

/* To its group, if there is one. */
void fby_subprocess_signal(const struct fby_subprocess *sp, int signo);

/*
 * waitpid(2) has returned it: what it had started is killed, and what it had
 * to say is in the log.  `noun` is what the log calls it; `asked`: its end was
 * asked for.
 */
void fby_subprocess_reaped(struct fby_subprocess *sp, const char *noun,
    int status, bool asked);

/*
 * After that: is any process still there that it had started?  They get
 * SIGKILL again.  false as well when that has been tried for long.
 */
bool fby_subprocess_lingers(struct fby_subprocess *sp);

/* What has survived even SIGKILL is said, and not waited for any longer. */
void fby_subprocess_give_up(struct fby_subprocess *sp, const char *noun);

#endif
