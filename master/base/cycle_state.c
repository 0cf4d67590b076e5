/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The names of the cycle's states; see cycle_state.h.
 */
#include "shared/fby.h"

#include "master/base/cycle_state.h"

static const char *const state_names[] = {
#define S(name, what) #name,
	FBY_CYCLE_STATES(S)
#undef S
};

const char *
fby_cycle_state_name(enum fby_cycle_state state)
{
	return state_names[state];
}
