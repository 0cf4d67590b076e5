/* SPDX-License-Identifier: Apache-2.0 */
/*
 * No core files: passwords, keys and records are in our memory.
 */
#ifndef FBY_CORE_H
#define FBY_CORE_H

#include "shared/fby.h"

/* For a debugger's sake; then nothing is done. */
#define FBY_CORE_ENV "FOREBAY_CORE"

/* For this process and all that it starts. */
void fby_core_forbid(void);

#endif
