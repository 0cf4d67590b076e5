/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One process of a user's function, which serves it on a socket: a role and an
 * instance of it.
 *
 *	none ─▶ RUNNING ─exited─▶ BACKOFF ─▶ RUNNING …
 *	           │ not wanted, or replaced
 *	           ▼
 *	         ENDING ─exited─▶ none (wanted: started anew at once)
 *
 * It is there before the workers that speak to it are ready, and after they
 * have drained.  Which there shall be is of all of them: servers.h.
 */
#ifndef FBY_SERVER_H
#define FBY_SERVER_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "shared/manifest/function.h"

#include "master/runtime/subprocess.h"

struct fby_context;
struct fby_limits;
struct fby_manifest;

/* SIGTERM to SIGKILL: what is left to do is small, the workers have gone. */
#define FBY_SERVER_END_MS 10000

enum fby_server_state {
	FBY_SERVER_NONE,
	FBY_SERVER_RUNNING,
	FBY_SERVER_ENDING,
	FBY_SERVER_BACKOFF,
};

struct fby_server;

struct fby_server_ops {
	/* What it is started from; NULL: it is not to be started now. */
	const struct fby_manifest *(*manifest)(void *arg);
	/* Nothing of it is left, and it is not wanted: may free it. */
	void (*gone)(void *arg, struct fby_server *sv);
};

/* Where it belongs. */
struct fby_server_place {
	enum fby_function_role role;
	size_t number;      /* of the instance; of a pod: of its replica */
	const char *pod;    /* of a runtime's replica; NULL: our workers' */
	const char *dir;    /* of its socket */
	const char *errors; /* where it writes down what it failed of */
	bool is_private;    /* it is to be where it has its fixed name */
	bool is_exclusive;  /* nothing else has that directory */
};

struct fby_server {
	struct fby_context *ctx;
	const struct fby_server_ops *ops;
	void *arg;
	enum fby_function_role role;
	size_t number;
	char *pod;          /* heap; NULL */
	char *dir, *errors; /* heap */
	bool is_private, is_exclusive;
	char *name;       /* "function sink-0", for the log; heap */
	char *given;      /* what it was started with; heap; NULL: never */
	int64_t begun_at; /* monotonic: the first time with that */
	enum fby_server_state state;
	bool wanted;
	bool is_marked;            /* of its owner */
	struct fby_limits *limits; /* of its owner; NULL: none */
	char *fault;               /* why it could not be started; heap; NULL */
	struct fby_subprocess process;
	struct event ev_kill;
	struct event ev_look; /* has what it had started exited? */
	uint64_t spawns, deaths;
};

struct fby_server *fby_server_new(struct fby_context *ctx,
    const struct fby_server_place *at, const struct fby_server_ops *ops,
    void *arg);
/* Its process ends at once. */
void fby_server_free(struct fby_server *sv);

bool fby_server_is_at(const struct fby_server *sv,
    const struct fby_server_place *at);

static inline const char *
fby_server_state_name(const struct fby_server *sv)
{
	static const char *const names[] = {
		[FBY_SERVER_NONE] = "none",
		[FBY_SERVER_RUNNING] = "running",
		[FBY_SERVER_ENDING] = "ending",
		[FBY_SERVER_BACKOFF] = "back-off",
	};

	return names[sv->state];
}

/* It shall be there; what runs with other settings is replaced. */
void fby_server_want(struct fby_server *sv);

/* It shall not; `gone` may be called before this returns. */
void fby_server_end(struct fby_server *sv, int64_t ms);

/* waitpid(2) has returned its process. */
void fby_server_reaped(struct fby_server *sv, int status);

/* What has survived even SIGKILL is said, and not waited for any longer. */
void fby_server_give_up(struct fby_server *sv);

#endif
