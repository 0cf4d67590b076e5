/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many file descriptors this process may have.
 */
#ifndef FBY_DESCRIPTORS_H
#define FBY_DESCRIPTORS_H

#include "shared/fby.h"

/*
 * Raises the soft limit to the hard one.  The soft one, 1,024 mostly, is for
 * programs that call select(2); we do not, and a worker needs one descriptor
 * for each partition.  -1: refused, errno says why, and nothing has changed.
 */
int fby_descriptors_raise(void) FBY_MUSTCHECK;

#endif
