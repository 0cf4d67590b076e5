/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What others find this master by: the run directory, and in it `pid`, the
 * control socket, and the ledger for the next master.  Somebody may remove
 * them at any time (a cleaner of /tmp, a hand).  What can be made anew is; the
 * alarm RUN_DIR says what cannot.
 */
#ifndef FBY_PRESENCE_H
#define FBY_PRESENCE_H

struct fby_master;

/* Every second. */
void fby_presence_tick(struct fby_master *mst);

#endif
