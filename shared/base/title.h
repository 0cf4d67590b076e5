/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What ps(1) shows: "forebay: master orders", "forebay: worker 3".
 */
#ifndef FBY_TITLE_H
#define FBY_TITLE_H

#include "shared/fby.h"

/*
 * Before the first set, and before anything keeps a pointer into argv or the
 * environment: both are moved to the heap, since the title overwrites them.
 */
void fby_title_init(int argc, char **argv);
void fby_title_set(const char *fmt, ...) FBY_PRINTF(1, 2);

#endif
