/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is the master ready, and if not, why: for /readyz, `status`, the metric
 * forebay_ready and systemd's status line, which all say the same.
 *
 * It is a question, and nothing is kept: the answer follows from the cycle's
 * state, from the alarms of a kind that makes unready (alarm.h), from a foreign
 * runtime's own readiness and from the group's state.
 */
#ifndef FBY_READY_H
#define FBY_READY_H

#include "shared/fby.h"

struct fby_master;

/* NULL: it is ready.  Else one sentence, valid until the next call. */
const char *fby_ready_why_not(const struct fby_master *mst);

#endif
