/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `forebay shm`: the ledger, decoded, whether its master lives or was killed.
 * It is opened read-only.
 */
#ifndef FBY_SHMDUMP_H
#define FBY_SHMDUMP_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_shm;

/* A new reference; all rows with a topic, all slots ever used. */
json_t *fby_shmdump_json(const struct fby_shm *shm);

/* `path` is the ledger or the directory it is in.  The exit status. */
int fby_shmdump(const char *path, bool json);

#endif
