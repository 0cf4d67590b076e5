/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SIGHUP: read the manifest again, check it aside, and go over to it if that
 * is possible without losing the group.
 *
 *	IDLE ─request─▶ READING ─▶ (compare)
 *	                    ├─▶ refused, nothing changed ──────────────▶ IDLE
 *	                    ├─▶ live settings only: told to all ───▶ SETTLING
 *	                    ├─▶ ROLLING: workers replaced one by one ▶ SETTLING
 *	                    │       │  (the canary's alone if it is about it)
 *	                    │       └─ a new one does not start: back to the
 *	                    │          old manifest, the same way ────▶ IDLE
 *	                    └─▶ SWITCHING from or to a runtime that is
 *	                        no worker of ours: out of the group,
 *	                        or into it ────────────────────────▶ SETTLING
 *
 * SETTLING ends when every runtime and function that was started for it has run
 * for a second, or has failed, which is no success.
 *
 * Requests that come meanwhile, or before there are workers, are gathered into
 * one more reload at the end.  It waits until none has come for 100 ms, and a
 * second at most: two hundred HUPs are not two hundred rolls.
 */
#ifndef FBY_RELOAD_H
#define FBY_RELOAD_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "master/base/loader.h"
#include "master/base/waiters.h"

struct fby_context;
struct fby_manifest;
struct fby_notify;
struct fby_supervisor;

enum fby_reload_state {
	FBY_RELOAD_IDLE,
	FBY_RELOAD_READING, /* by a process of its own: loader.h */
	FBY_RELOAD_ROLLING,
	FBY_RELOAD_SWITCHING,
	FBY_RELOAD_SETTLING
};

/* How it ended: `text` has one line for each thing that is to be said. */

/* What a reload needs of the cycle. */
struct fby_reload_ops {
	/* This manifest is in force from here on; takes both. */
	void (*adopt)(void *arg, struct fby_manifest *m, int fd,
	    unsigned generation);
	/* Start and stop foreign runtimes as the manifest in force says. */
	void (*update_foreign)(void *arg);
	/*
	 * Workers of that manifest will soon need its functions; NULL: they
	 * will not.
	 */
	void (*functions)(void *arg, const struct fby_manifest *next);
	/*
	 * Out of the group, or into it.  fby_reload_switched() follows, and
	 * fby_reload_continue().
	 */
	void (*leave)(void *arg, bool keep_foreign);
	/*
	 * Of what was given new settings since then (monotonic): has any not
	 * yet run for long enough?  Why is one not running; NULL: all are, and
	 * the caller frees.
	 */
	bool (*is_unsettled)(void *arg, int64_t since);
	char *(*fault)(void *arg, int64_t since);
};

struct fby_reload {
	struct fby_context *ctx; /* NULL: not begun */
	const struct fby_reload_ops *ops;
	void *arg;
	struct fby_supervisor *sup; /* replaces the workers */
	struct fby_notify *notify;
	char **files; /* -c, as given */
	size_t nfiles;
	enum fby_reload_state state;
	bool again;             /* `later` has been asked for */
	int64_t again_since;    /* monotonic: when first */
	int64_t restless_until; /* monotonic: what comes before that waits */
	struct event ev_calm;   /* that is over */
	struct fby_loader loader;
	struct fby_manifest *next; /* being rolled to */
	int next_fd;
	unsigned generation; /* last given out; never twice */
	bool rolling_back;
	bool only_canary; /* the others stay */
	char *rest;       /* SWITCHING: what the old runtime has left; NULL */
	char *done;       /* SETTLING: what has been done; NULL */
	struct event ev_settle;
	struct fby_waiter *waiters, *later;
	int64_t started_at;   /* monotonic */
	uint64_t ok, refused; /* counters */
	bool last_ok, last_in_force;
	char *last; /* text of the last; NULL */
};

/* sup, notify and files are to be set behind it. */
void fby_reload_init(struct fby_reload *r, struct fby_context *ctx,
    const struct fby_reload_ops *ops, void *arg);
void fby_reload_fini(struct fby_reload *r);

/* fn may be NULL.  It is called once, at once or later. */
void fby_reload_request(struct fby_reload *r, fby_waiter_fn *fn, void *arg);

/* Whoever asked has gone: do not call it. */
void fby_reload_forget(struct fby_reload *r, void *arg);

/*
 * The old runtime has left: the new manifest is in force from here on.  `rest`,
 * "" or "; ...", is what the old one could not do; the result has it, too.
 */
void fby_reload_switched(struct fby_reload *r, const char *rest);

/* The master stops: whoever waits is told so. */
void fby_reload_cancel(struct fby_reload *r);

/* Each second: the alarm, while the last reload was refused. */
void fby_reload_look(struct fby_reload *r);

/* A roll has ended, or the cycle has switched. */
void fby_reload_continue(struct fby_reload *r);

#endif
