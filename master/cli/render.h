/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the status, or a ledger, as JSON to what people read.  Pure: no clock,
 * no terminal.
 */
#ifndef FBY_RENDER_H
#define FBY_RENDER_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_screen;

/* Heap text. */
char *fby_render_status(const json_t *status, const struct fby_screen *r);
char *fby_render_shm(const json_t *shm, const struct fby_screen *r);

#endif
