/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The processes of the user's functions: for each role that has a command, one
 * for each worker, or as many as `instances` says; and for each replica of a
 * runtime of protocol numaflow one in its pod.
 *
 * A function is there before the workers that need it and goes after them.  So
 * a reload that replaces workers has fby_servers_prepare() before the first is
 * replaced, and fby_servers_update() when the last has gone.
 */
#ifndef FBY_SERVERS_H
#define FBY_SERVERS_H

#include "shared/fby.h"

#include <sys/types.h>

#include "master/function/limits.h"
#include "master/function/server.h"

struct fby_context;
struct fby_foreign;
struct fby_manifest;

struct fby_servers {
	struct fby_context *ctx;         /* NULL: not begun */
	const struct fby_manifest *next; /* prepared for; NULL: in force */
	bool is_stopping;
	struct fby_limits limits;
	struct fby_server **v;
	size_t n;
	struct event ev_gone; /* one or more have */
	void (*gone)(void *arg);
	void *arg;
};

/* `gone` is called when one or more have ended for good, in a turn of its own.
 */
void fby_servers_init(struct fby_servers *all, struct fby_context *ctx,
    void (*gone)(void *arg), void *arg);
void fby_servers_fini(struct fby_servers *all);

/*
 * As the manifest in force has them: those that are missing are started, those
 * with other settings replaced, all others end.  The runtimes are those that
 * may run in our place; nforeign of them.
 */
void fby_servers_update(struct fby_servers *all,
    const struct fby_foreign *const *foreign, size_t nforeign);

/*
 * Workers are about to be replaced by some of that manifest: what they will
 * need is started, nothing ends.  Borrowed until the next update.
 */
void fby_servers_prepare(struct fby_servers *all,
    const struct fby_manifest *next);

/* None of that: the manifest in force is what is started. */
void fby_servers_forget(struct fby_servers *all);

/*
 * All end, or those of the workers alone; SIGKILL after ms.  `gone` follows for
 * each that is alive; again with less time.
 */
void fby_servers_stop(struct fby_servers *all, bool but_pods, int64_t ms);
size_t fby_servers_alive(const struct fby_servers *all, bool but_pods);
/* What has survived even SIGKILL is said, and not waited for any longer. */
void fby_servers_give_up(struct fby_servers *all, bool but_pods);

/*
 * Every second: the alarm FUNCTION, of those that are not running, else of what
 * workers wait for (traffic.h; "": nothing).
 */
void fby_servers_look(struct fby_servers *all, const char *waiting);

/*
 * Of those that were given new settings since then (monotonic): is one still to
 * be replaced, or has only just begun?  Why is one not running; NULL: all are,
 * and the caller frees.
 */
bool fby_servers_are_unsettled(const struct fby_servers *all, int64_t since);
char *fby_servers_fault(const struct fby_servers *all, int64_t since);

/* One of its processes, which lead a group each. */
bool fby_servers_has(const struct fby_servers *all, pid_t pid);
/* waitpid(2) has returned it.  True if it was one of them. */
bool fby_servers_reaped(struct fby_servers *all, pid_t pid, int status);

#endif
