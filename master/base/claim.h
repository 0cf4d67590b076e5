/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A claim on a run directory that outlives the directory: a name in the
 * kernel's abstract namespace of sockets, made of the user, the file system
 * and the directory's path.  It is there as long as the process, and nobody
 * can remove it; the lock on the file `pid` is gone for others as soon as
 * somebody deletes that file.
 *
 * Abstract names belong to a network namespace: a master in another one
 * (PrivateNetwork=, a container) is not seen.  There the lock has to do.
 */
#ifndef FBY_CLAIM_H
#define FBY_CLAIM_H

#include "shared/fby.h"

/*
 * 0: it is ours, by *fd; or *fd is -1 and the log says why it had to be done
 * without.  -1: another process of this user, or of root, has it; *pid is its.
 */
int fby_claim_take(const char *run_dir, dev_t dev, int *fd,
    int *pid) FBY_MUSTCHECK;

/* To be called now and then: lets go of those who have asked whose it is. */
void fby_claim_tick(int fd);

#endif
