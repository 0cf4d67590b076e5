/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every module of the master may use, whatever it is for: the loop, the
 * cycle's state, the manifest in force, the alarms, and the thread for calls
 * that wait.  It knows no module, so that each of them can be made, and tested,
 * without the others.
 *
 * There is one, in struct fby_master; modules have a pointer to it and ask it
 * each time: the manifest is another one after a reload.
 */
#ifndef FBY_CONTEXT_H
#define FBY_CONTEXT_H

#include "shared/fby.h"

#include "master/base/alarm.h"
#include "master/base/call.h"
#include "master/base/cycle_state.h"

struct event_base;
struct fby_manifest;

struct fby_context {
	struct event_base *base;
	enum fby_cycle_state state;
	const char *run_dir;           /* heap */
	struct fby_manifest *manifest; /* in force */
	int manifest_fd;               /* its sealed texts */
	unsigned generation;           /* of the manifest, from 1 */
	struct fby_alarms alarms;
	struct fby_calls calls;
};

#endif
