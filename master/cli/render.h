/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the status as JSON to what people read.  Pure: no clock, no terminal.
 */
#ifndef FBY_RENDER_H
#define FBY_RENDER_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_render {
	int width; /* columns; 0: no limit */
	bool color;
	int64_t now; /* wall clock, for ages */
};

/* Heap text. */
char *fby_render_status(const json_t *status, const struct fby_render *r);
char *fby_render_shm(const json_t *shm, const struct fby_render *r);

#endif
