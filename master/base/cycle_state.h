/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the master is between its start and its end.  cycle.c alone changes
 * it; every module may ask: nothing new is begun unless it is RUNNING.
 */
#ifndef FBY_CYCLE_STATE_H
#define FBY_CYCLE_STATE_H

#include "shared/fby.h"

/* clang-format off */
/*
 *	            +------------+  old workers gone,  +---------+
 *	 start ---->| RECOVERING |-------------------->| RUNNING |<---+
 *	            +------------+  ledger read        +---------+    |
 *	                                QUIT TERM, switch |           | switched
 *	                                                  v           | over
 *	                  lanes released, last      +----------+      |
 *	                  commit done               | DRAINING |      |
 *	                                            +----------+      |
 *	                                                  |           |
 *	                                                  v           |
 *	 +---------+  out of the group, workers exited +---------+    |
 *	 | STOPPED |<----------------------------------| LEAVING |----+
 *	 +---------+                                   +---------+
 */
/* clang-format on */
#define FBY_CYCLE_STATES(S)                                      \
	S(RECOVERING, "reading the ledger of the master before") \
	S(RUNNING, "running")                                    \
	S(DRAINING, "finishing what is in flight")               \
	S(LEAVING, "leaving the group")                          \
	S(STOPPED, "stopped")

enum fby_cycle_state {
#define S(name, what) FBY_CYCLE_##name,
	FBY_CYCLE_STATES(S)
#undef S
	    FBY_CYCLE_NSTATES
};

const char *fby_cycle_state_name(enum fby_cycle_state state);

#endif
