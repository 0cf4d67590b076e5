/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The functions before the sinks: which of them the manifest has.
 */
#ifndef FBY_STAGE_STAGE_H
#define FBY_STAGE_STAGE_H

#include "shared/fby.h"

struct fby_outlet;
struct fby_worker;

/* Those of the manifest. */
void fby_stages_open(struct fby_worker *w);
void fby_stages_close(struct fby_worker *w);
void fby_stages_tick(struct fby_worker *w, int64_t mono);

/* A transformer or a map; enum fby_stage. */
struct fby_outlet *fby_stage_function_open(struct fby_worker *w,
    unsigned stage);

#endif
