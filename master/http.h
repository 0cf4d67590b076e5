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
 * log; a listener that is turned off is not NULL.
 */
struct fby_http *fby_http_open(struct fby_master *mst);
void fby_http_close(struct fby_http *http); /* may be NULL */

/* "127.0.0.1:2469" as bound; "" if it is off or NULL. */
const char *fby_http_address(const struct fby_http *http);

#endif
