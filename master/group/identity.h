/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker knows this master by, again after a crash: the default
 * group.instance.id, and the stem of the workers' transactional ids.  Two
 * masters must never have the same one, since each would fence the other.
 *
 * It is made of a random number that is kept in the run directory (file
 * `identity`), of that directory's real path, of the host name and of
 * /etc/machine-id.  The number alone tells two masters apart where everything
 * else is equal: cloned machines, containers with one host name.  The rest
 * tells them apart where the directory itself was copied.
 *
 * The number is lost with the directory, mostly by a boot, which takes longer
 * than the group's session.
 */
#ifndef FBY_IDENTITY_H
#define FBY_IDENTITY_H

#include "shared/fby.h"

/*
 * "forebay-<16 hex digits>-<name>", heap.  `dir` is the directory, open, and
 * run_dir its path.  The file is made if it is missing, and anew if it is not
 * one of ours.  NULL: said in the log.
 */
char *fby_identity(int dir, const char *run_dir,
    const char *name) FBY_MUSTCHECK;

/*
 * The directory was made anew: put the number of the last fby_identity() into
 * it, so that the next master is still this one.  -1 with errno.
 */
int fby_identity_again(int dir) FBY_MUSTCHECK;

#endif
