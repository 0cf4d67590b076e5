/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a record may be bound for: one of the functions before the sinks, or
 * a sink by its role.  What stands there is an outlet in both cases; a
 * function answers, and the record goes on.
 */
#ifndef FBY_STAGE_H
#define FBY_STAGE_H

#include "shared/fby.h"

#include "shared/manifest/manifest.h"

enum fby_stage {
	FBY_STAGE_TRANSFORMER = FBY_SINK_N, /* above all roles of sinks */
	FBY_STAGE_MAP,
	FBY_OUTLET_N
};

#define FBY_STAGE_COUNT (FBY_OUTLET_N - FBY_SINK_N)

static inline bool
fby_is_stage(unsigned role)
{
	return role >= FBY_SINK_N;
}

static inline enum fby_function_role
fby_stage_function(unsigned role)
{
	return role == FBY_STAGE_MAP ? FBY_FUNCTION_MAP :
				       FBY_FUNCTION_TRANSFORMER;
}

/* "sink", "transformer", ... */
static inline const char *
fby_stage_word(unsigned role)
{
	return fby_is_stage(role) ?
	    fby_function_word(fby_stage_function(role)) :
	    fby_manifest_sink_word((enum fby_sink_role)role);
}

#endif
