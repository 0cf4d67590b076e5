/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who keeps a lock: the processes that have a file open through the open file
 * description which carries its flock(2).  Whoever merely reads the file has
 * one of his own, without a lock, and is none of them.
 */
#ifndef FBY_LEDGER_LOCK_H
#define FBY_LEDGER_LOCK_H

#include "shared/fby.h"

#include <sys/types.h>

typedef void (*fby_ledger_lock_fn)(void *arg, pid_t pid, const char *comm);

/*
 * Call fn for each of them but ourselves; their number.  Processes of others,
 * into whose descriptors we may not look, are not found.
 */
size_t fby_ledger_lock_holders(int fd, fby_ledger_lock_fn fn, void *arg);

#endif
