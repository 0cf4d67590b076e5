/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The other end of the control socket: what `forebay status`, `reload`,
 * `drain`, `stop` and `reopen` do.  Each prints its answer and returns the
 * exit status.
 */
#ifndef FBY_CLIENT_H
#define FBY_CLIENT_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_client {
	char **files; /* -c */
	size_t nfiles;
	char *dir; /* -d; NULL: not given */
	bool json;
	bool yes;         /* --yes: the only master that runs is meant */
	const char *verb; /* NULL: nothing that has to be confirmed */
};

/* The status of the master in that directory; NULL: nobody answers. */
json_t *fby_client_peek(const char *dir);

int fby_client_status(const struct fby_client *cl);

/* The same as one line; enum fby_check. */
int fby_client_check(const struct fby_client *cl);
int fby_client_reload(const struct fby_client *cl);
int fby_client_reopen(const struct fby_client *cl);
int fby_client_skip(const struct fby_client *cl, const char *record);
int fby_client_watermark(const struct fby_client *cl, const char *what);

/* Wait until the process has gone. */
int fby_client_drain(const struct fby_client *cl);
int fby_client_stop(const struct fby_client *cl);

#endif
