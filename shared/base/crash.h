/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last line of a process that a fault of its own ends: SIGSEGV, SIGBUS,
 * SIGILL, SIGFPE, SIGABRT.  It has the signal, the address and the way there,
 * as offsets into the program for addr2line(1); then the signal does what it
 * does.
 */
#ifndef FBY_CRASH_H
#define FBY_CRASH_H

#include "shared/fby.h"

/* Once, at start, before any thread. */
void fby_crash_catch(void);

/*
 * A file that is mapped here can be cut short by others who have it.  Touching
 * what is gone ends the process no more: its pages become zeros of our own,
 * and fby_crash_is_torn() says so until they are mapped and guarded anew.
 * NULL: nothing is guarded.
 */
void fby_crash_guard(void *base, size_t size);
bool fby_crash_is_torn(void);

#endif
