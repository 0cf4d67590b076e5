/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The standard descriptors 0, 1 and 2, whatever the parent has left of them.
 *
 * If one is closed the next open() takes its number, and what is meant for
 * standard output goes into that file: a pid file, a ledger, a socket.
 */
#ifndef FBY_STDFD_H
#define FBY_STDFD_H

#include "shared/fby.h"

/*
 * To be called before anything is opened.  A closed one becomes /dev/null, but
 * the wrong way round: reading from 0, and writing to 1 and 2, fails with
 * EBADF, since bytes that go nowhere must not count as written.
 * -1 with errno.
 */
int fby_stdfd_secure(void) FBY_MUSTCHECK;

/* Can bytes be written to it, as far as its open mode tells? */
bool fby_stdfd_is_writable(int fd);

#endif
