/* SPDX-License-Identifier: Apache-2.0 */
/* clang-format off */
/*
 * How much memory and CPU a function's process may take: a control group of
 * its own, below the one that was delegated to us (systemd: Delegate=).
 *
 * A group with processes in it cannot hand on controllers (cgroups(7)), so
 * when the first limit is asked for, all that is in ours moves into a group
 * `forebay` below it:
 *
 *	DELEGATED/forebay        the master, the workers
 *	DELEGATED/sink-0         a process of a function, with its limits
 *
 * Where nothing was delegated, or the machine has version 1, there are no
 * limits, which is said once.
 */
/* clang-format on */
#ifndef FBY_LIMITS_H
#define FBY_LIMITS_H

#include "shared/fby.h"

struct fby_function;

#define FBY_LIMITS_OURS "forebay"

struct fby_limits {
	char *dir; /* the delegated group; heap; NULL: none was found */
	bool is_tried, is_given;
};

/* `root` is before /proc and /sys: "", or a test's. */
void fby_limits_init(struct fby_limits *l, const char *root);
void fby_limits_fini(struct fby_limits *l);

/*
 * A descriptor by which a process gets into the group of that name, made with
 * the limits of that function.  -1: it has none, or there can be none, which
 * was said.
 */
int fby_limits_open(struct fby_limits *l, const struct fby_function *fn,
    const char *name);

/* In the child, with async-signal-safe calls only.  fd -1: nothing to do. */
int fby_limits_enter(int fd) FBY_MUSTCHECK;

/* Its process has gone; the group, too, if it was one. */
void fby_limits_remove(const struct fby_limits *l, const char *name);

#endif
