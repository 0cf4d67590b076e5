/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the pipeline share: pipeline.c hands records over and
 * settles; pipeline_functions.c has those that are with a function.
 */
#ifndef FBY_PIPELINE_OWN_H
#define FBY_PIPELINE_OWN_H

#include "shared/fby.h"

struct fby_lane;
struct fby_nack;
struct fby_record;

/* ---- pipeline.c ------------------------------------------------------- */

/* False: no room.  Otherwise the record is the outlet's, or its retry's. */
bool fby_pipeline_hand_over(struct fby_lane *ln, struct fby_record *rec);

/* Until an outlet has room again. */
void fby_pipeline_block(struct fby_lane *ln);

/* ---- pipeline_functions.c --------------------------------------------- */

void fby_pipeline_functions_init(struct fby_lane *ln);
void fby_pipeline_functions_forget(struct fby_lane *ln);

/* A function has it now. */
void fby_pipeline_keep(struct fby_lane *ln, struct fby_record *rec);

/* fby_pipeline_failed() of a function. */
void fby_pipeline_refused(struct fby_record *rec, const char *why,
    bool permanent);

/* A function before the sinks gets it once more. */
void fby_pipeline_send_later(struct fby_record *rec, int64_t ms);

/* fby_pipeline_nacked() of a function. */
void fby_pipeline_postponed(struct fby_record *rec,
    const struct fby_nack *nack);

/* What functions have answered goes on, as far as it can. */
void fby_pipeline_go_on(struct fby_lane *ln);

/* What is due is sent to them again. */
void fby_pipeline_send_again(struct fby_lane *ln);

#endif
