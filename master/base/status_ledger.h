/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One row and one slot of a ledger, as `status` and `forebay shm` show them.
 */
#ifndef FBY_STATUS_LEDGER_H
#define FBY_STATUS_LEDGER_H

#include "shared/fby.h"

#include <jansson.h>

struct fby_ledger_function;
struct fby_ledger_row;
struct fby_ledger_slot;

/* New references. */
json_t *fby_status_slot(const struct fby_ledger_slot *slot);
json_t *fby_status_row(const struct fby_ledger_row *row);

/* A worker's connection to the function of this role. */
json_t *fby_status_function(const struct fby_ledger_function *fn,
    uint32_t role);

/*
 * As the row has it: high - max(committed, log start), never negative;
 * FBY_NONE: unknown.  For a ledger without a master; of a running one the ends
 * are asked for (ends.h).
 */
int64_t fby_status_lag(const struct fby_ledger_row *row);

/*
 * Records that were read and are neither done nor given back: read less
 * delivered, fallback, dead-lettered, dropped and returned; never negative.
 */
uint64_t fby_status_held(const struct fby_ledger_row *row);

/* Age of the oldest record in flight, ms; 0 if nothing is in flight. */
int64_t fby_status_oldest_age(const struct fby_ledger_row *row);

#endif
