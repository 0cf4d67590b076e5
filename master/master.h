/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The master: one event loop that owns configuration, group membership,
 * assignment, commits and the workers' lives.  Every module is embedded here
 * by value; main.c makes the one instance.  Only files of master/ itself and
 * of admin/ include it; a module has what it was given when it was made.
 */
#ifndef FBY_MASTER_H
#define FBY_MASTER_H

#ifdef FBY_IN_WORKER
#error "a header of the worker was included before this one"
#endif
#define FBY_IN_MASTER

#include "shared/fby.h"

#include <event2/event_struct.h>
#include <netdb.h>

#include "master/base/context.h"
#include "master/base/notify.h"
#include "master/base/oom.h"
#include "master/base/rundir.h"
#include "master/function/servers.h"
#include "master/function/traffic.h"
#include "master/group/commit.h"
#include "master/group/ends.h"
#include "master/group/group.h"
#include "master/group/offsets.h"
#include "master/group/progress.h"
#include "master/group/quarantine.h"
#include "master/group/recover.h"
#include "master/group/topics.h"
#include "master/group/denied.h"
#include "master/group/unassigned.h"
#include "master/group/view.h"
#include "master/handoff/event_time.h"
#include "master/handoff/failure.h"
#include "master/handoff/handoff.h"
#include "master/log_file.h"
#include "master/pool/supervisor.h"
#include "master/reload.h"
#include "master/runtime/leftover.h"
#include "master/runtime/foreign.h"
#include "master/runtime/scrape.h"
#include "master/unfinished.h"
#include "shared/boundary/shm.h"

struct fby_control;
struct fby_http;

struct fby_master {
	struct fby_context ctx;
	char **files; /* -c, as given */
	size_t nfiles;
	const char *libexec; /* worker program; NULL: search */
	struct fby_rundir rundir;

	bool stopping;     /* else: switching runtimes */
	bool keep_foreign; /* and these are not what is switched */
	int64_t stop_drain_ms;
	int64_t stop_by;             /* monotonic deadline of DRAINING */
	int64_t leave_by;            /* and of LEAVING */
	bool group_out, workers_out; /* LEAVING: who is through */
	bool functions_asked;        /* LEAVING: to end */
	int exit_code;
	int64_t started_at; /* wall clock */

	struct fby_shm shm;
	struct fby_leftover leftover;
	struct fby_recover recover;
	struct fby_supervisor sup;
	struct fby_group group;
	struct fby_offsets offsets;
	struct fby_topics topics;
	struct fby_unassigned unassigned;
	struct fby_denied denied;
	struct fby_handoff handoff;
	struct fby_unfinished unfinished;
	struct fby_commit commit;
	struct fby_event_time event_time;
	struct fby_log_file log_file;
	struct fby_failures failures;
	struct fby_ends ends;
	struct fby_progress progress;
	struct fby_reload reload;
	struct fby_quarantine quarantine;
	struct fby_oom oom;
	/* The chosen runtime and the canary, as far as they are foreign. */
	struct fby_foreign foreign, foreign_canary;
	struct fby_servers servers; /* of the users' functions */
	struct fby_traffic_watch traffic;
	struct fby_group_view group_view;
	struct fby_scrape scrape;
	struct fby_notify notify;
	struct fby_control *control;
	struct fby_http *http;
	char http_address[NI_MAXHOST + 10]; /* as bound; "": it is off */

	struct event ev_tick;    /* every second */
	struct event ev_plan;    /* lanes have to be looked at */
	struct event ev_left;    /* has the last one left? */
	struct event ev_resolve; /* start offsets are wanted */
	struct event ev_sigs[8]; /* signal.c */
	size_t nsigs;
};

#endif
