/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's upkeep: the one owner of alarm LEDGER.
 *
 * All who map the ledger can write to it, and cut its file short; no seal
 * keeps a file that has a name from that.  So on each tick the file gets its
 * size again, and the master's part of it says what the master knows; a row is
 * sought for each partition that has none.  What was acked and had not been
 * committed when the file was cut is said again by its holder, if that lives,
 * and else it is repeated.
 */
#ifndef FBY_UPKEEP_H
#define FBY_UPKEEP_H

#include "shared/fby.h"

struct fby_master;

/* Every second. */
void fby_upkeep_tick(struct fby_master *mst);

#endif
