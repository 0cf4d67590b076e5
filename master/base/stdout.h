/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master's standard output, which is that of all workers, as a place for
 * records.
 */
#ifndef FBY_STDOUT_H
#define FBY_STDOUT_H

#include "shared/fby.h"

struct fby_err;
struct fby_manifest;

/* Sinks that write there need one that can be written: else -1, `err` filled.
 */
int fby_stdout_try(const struct fby_manifest *m,
    struct fby_err *err) FBY_MUSTCHECK;

#endif
