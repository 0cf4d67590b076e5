/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP listener (host.http.listen): /metrics, /livez, /readyz, and / with
 * the list of them.  GET and HEAD, no TLS, nothing that changes anything.
 */
#ifndef FBY_HTTP_H
#define FBY_HTTP_H

#include "shared/fby.h"

struct fby_http;
struct fby_master;

/*
 * Listen where the manifest says.  NULL: that cannot be done, said in the
 * log; a listener that is turned off is not NULL.  Where it listens is
 * mst->http_address from then on.
 */
struct fby_http *fby_http_open(struct fby_master *mst);
void fby_http_close(struct fby_http *http); /* may be NULL */

#endif
