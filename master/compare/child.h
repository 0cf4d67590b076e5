/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One `forebay run` on a derived manifest, from its start to its end, in a
 * directory of its own and with a consumer group of its own.
 */
#ifndef FBY_COMPARE_CHILD_H
#define FBY_COMPARE_CHILD_H

#include "shared/fby.h"

#include <sys/types.h>

#include "shared/base/str.h"

#include "master/compare/manifest.h"

struct fby_compare;

struct fby_compare_child {
	struct fby_compare *c;
	const char *runtime; /* borrowed */
	char *group;
	char *dir; /* holds manifest, log and run directory */
	char *run_dir;
	pid_t pid;          /* 0: does not run */
	int64_t started_us; /* monotonic */
	int64_t looked_at;  /* last time that its status was asked for */
	bool is_asking;     /* and the answer has not come yet */
	int ask_fd;
	struct fby_str answer; /* what there is of it */
	char *why;             /* what went wrong first; NULL: nothing */
};

struct fby_compare_start {
	const char *runtime;
	const char *topic; /* NULL: the operator's */
	enum fby_compare_sink sink;
	bool single;
	int out; /* its standard output; -1: none */
};

/*
 * A group and a directory with the manifest; -1: `why`.  It has to be ended
 * by fby_compare_child_end() in any case.
 */
int fby_compare_child_prepare(struct fby_compare_child *ch,
    struct fby_compare *c, const struct fby_compare_start *s) FBY_MUSTCHECK;
int fby_compare_child_start(struct fby_compare_child *ch,
    const struct fby_compare_start *s) FBY_MUSTCHECK;

/*
 * -1: it has ended, or its runtime has died: `why`.  Does not wait for its
 * master's answer, which a later call looks at; a master whose backlog is full
 * takes up to a second of a call.
 */
int fby_compare_child_check(struct fby_compare_child *ch) FBY_MUSTCHECK;

/* Say what went wrong, unless something did before; always -1. */
int fby_compare_child_fail(struct fby_compare_child *ch, const char *fmt, ...)
    FBY_PRINTF(2, 3);

/* Stop it, delete its group and its files.  `why` stays, and is the caller's.
 */
char *fby_compare_child_end(struct fby_compare_child *ch);

/* Removes a directory and all in it. */
void fby_compare_child_remove(const char *dir);

#endif
