/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads and checks the manifest of a running master in a process of its own.
 *
 * Files are what others write, and parsers have mistakes; so a reload starts
 * this very program (`forebay load`), with bounds for memory and time, and
 * takes what that has found good: the texts, packed and sealed.  Only those
 * are parsed in the master.  Whatever the child dies of, the master goes on
 * with the manifest that it has.
 *
 * The child's descriptors: 2 is read here, one complaint in each line; 3 is a
 * memfd for the packed manifest, which is sealed if and only if it is good.
 */
#ifndef FBY_LOADER_H
#define FBY_LOADER_H

#include "shared/fby.h"

#include <event2/event_struct.h>

#include "shared/base/str.h"

struct event_base;

#define FBY_LOADER_FD 3

/* `fd`: the packed manifest, the callee's; -1: `complaints` says why. */
typedef void (*fby_loader_fn)(void *arg, int fd, const char *complaints);

struct fby_loader {
	struct event_base *base;
	struct event ev_read, ev_deadline;
	bool is_running, is_late;
	int pidfd, pipe_fd, packed_fd;
	struct fby_str said;
	fby_loader_fn fn;
	void *arg;
};

void fby_loader_init(struct fby_loader *ld, struct event_base *base);
void fby_loader_fini(struct fby_loader *ld); /* ends a child; no call */

/* fn is called once, later.  -1 with errno: there is no child. */
int fby_loader_start(struct fby_loader *ld, char *const *files, size_t n,
    fby_loader_fn fn, void *arg) FBY_MUSTCHECK;

/* Ends the child, if there is one; fn is not called. */
void fby_loader_cancel(struct fby_loader *ld);

#endif
