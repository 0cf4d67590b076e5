/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those that wait for one result, as operators do at the control socket.  A
 * list of them is a pointer, NULL when it is empty.
 */
#ifndef FBY_WAITERS_H
#define FBY_WAITERS_H

#include "shared/fby.h"

struct fby_waiter;

/* The text ends without a line feed, and is the caller's. */
typedef void fby_waiter_fn(void *arg, bool ok, const char *text);

/* fn may be NULL: nobody waits. */
void fby_waiters_add(struct fby_waiter **list, fby_waiter_fn *fn, void *arg);

/* Those with that argument are not called any more; NULL: none is. */
void fby_waiters_forget(struct fby_waiter **list, const void *arg);

/* All are called, the last that came first, and then the list is empty. */
void fby_waiters_tell(struct fby_waiter **list, bool ok, const char *text);

#endif
