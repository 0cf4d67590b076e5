/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a manifest means to a worker that has no YAML reader and none of our
 * tables: everything resolved, as JSON in a sealed memfd.  shared/README
 * lists the keys.
 *
 * Passwords are in it, as librdkafka wants them, so it is never written
 * anywhere else, and nobody but our child can open it.
 */
#ifndef FBY_SETTINGS_H
#define FBY_SETTINGS_H

#include "shared/fby.h"

struct fby_manifest;

/* A descriptor, close-on-exec; -1: said in the log. */
int fby_settings_pack(const struct fby_manifest *m,
    const char *runtime) FBY_MUSTCHECK;

#endif
