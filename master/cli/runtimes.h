/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `forebay runtimes`: who could move the records, and who does.
 */
#ifndef FBY_RUNTIMES_H
#define FBY_RUNTIMES_H

#include "shared/fby.h"

struct fby_manifest;

/* `dir`: the run directory of the master that is asked, if there is one. */
void fby_runtimes_show(const struct fby_manifest *m, const char *dir,
    bool json);

#endif
