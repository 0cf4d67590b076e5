/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a manifest has that is accepted and yet is to be said: `forebay test`
 * prints it, the master logs it when it takes the manifest over.
 */
#ifndef FBY_NOTES_H
#define FBY_NOTES_H

#include "shared/fby.h"

struct fby_manifest;

/* One line each: to standard error, to the log. */
void fby_notes_print(const struct fby_manifest *m);
void fby_notes_log(const struct fby_manifest *m);

#endif
