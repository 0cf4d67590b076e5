/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals of a running master: one table of number, word and action, which
 * also serves the control socket.
 */
#ifndef FBY_SIGNAL_H
#define FBY_SIGNAL_H

#include "shared/fby.h"

struct fby_master;

void fby_signal_init(struct fby_master *mst);
void fby_signal_fini(struct fby_master *mst);

/* The action of a signal's CLI word: "reload", "drain", "stop". */
bool fby_signal_act(struct fby_master *mst, const char *word);

#endif
