/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a master listens, and clients find it: a unix stream socket in the run
 * directory.
 */
#ifndef FBY_CONTROL_SOCKET_H
#define FBY_CONTROL_SOCKET_H

#include "shared/fby.h"

#define FBY_CONTROL_SOCKET_NAME "control"

/* Bound in this directory, in place of what is there; -1 with errno. */
int fby_control_socket_bind(int dir) FBY_MUSTCHECK;

/* Connected to the one in this directory; -1 with errno. */
int fby_control_socket_connect(int dir, int64_t timeout_ms) FBY_MUSTCHECK;

#endif
