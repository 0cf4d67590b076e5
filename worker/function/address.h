/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a function's server listens: a unix socket, or a port of this machine.
 */
#ifndef FBY_WORKER_ADDRESS_H
#define FBY_WORKER_ADDRESS_H

#include "shared/fby.h"

#include <netinet/in.h>
#include <sys/un.h>

struct fby_str;

struct fby_address {
	union {
		struct sockaddr any;
		struct sockaddr_un un;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	};
	socklen_t len;
};

/* The socket of that name in the directory.  -1: the path is too long. */
int fby_address_unix(struct fby_address *a, const char *dir,
    const char *name) FBY_MUSTCHECK;

/*
 * "http://127.0.0.1:5551".  The host is a number or "localhost"; names are not
 * looked up.  -1: it is none such.
 */
int fby_address_endpoint(struct fby_address *a, const char *text) FBY_MUSTCHECK;

/* A socket that is connected, or about to be; -1 with errno. */
int fby_address_connect(const struct fby_address *a) FBY_MUSTCHECK;

#endif
