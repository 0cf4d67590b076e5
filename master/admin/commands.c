/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the control socket answers to: a table, and a function for each.
 */
#include "shared/fby.h"

#include "master/admin/control.h"

#include "shared/base/log.h"
#include "shared/base/str.h"
#include "shared/manifest/manifest.h"

#include "master/admin/status.h"
#include "master/base/json.h"
#include "master/base/version.h"
#include "master/master.h"
#include "master/signal.h"

static void
cmd_status(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	(void)args;
	fby_control_pieces(conn, fby_status_begin(mst));
}

static void
on_reloaded(void *arg, bool ok, const char *text)
{
	struct fby_control_conn *conn = arg;

	fby_control_result(conn, ok, text ? text : "");
}

static void
cmd_reload(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	(void)args;
	fby_reload_request(&mst->reload, on_reloaded, conn);
}

/* The connection is kept; fby_control_finished() answers. */
static void
cmd_drain(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	(void)args;
	fby_control_wait(conn);
	fby_signal_act(mst, "drain");
}

static void
cmd_stop(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	(void)args;
	fby_control_wait(conn);
	fby_signal_act(mst, "stop");
}

static void
on_reopened(void *arg, bool ok, const char *text)
{
	fby_control_result(arg, ok, text);
}

static void
cmd_reopen(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	(void)args;
	fby_log_file_reopen(&mst->log_file, on_reopened, conn);
}

static void
cmd_skip(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	fby_quarantine_skip(&mst->quarantine, conn, fby_control_who(conn),
	    args);
}

static void
cmd_watermark(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	char text[256];
	size_t n;

	if (strcmp(args, "reset") != 0) {
		fby_control_result(conn, false,
		    "what about it?  `watermark reset`");
		return;
	}
	if (mst->ctx.state != FBY_CYCLE_RUNNING) {
		fby_control_result(conn, false,
		    "there are no watermarks: this master is not running");
		return;
	}
	n = fby_event_time_reset(&mst->handoff,
	    mst->ctx.manifest->host.drain_timeout_ms);
	if (n == 0) {
		fby_control_result(conn, false,
		    "nothing was reset: this host holds no partition");
		return;
	}
	fby_notice("watermarks of %zu partitions reset by hand (%s)", n,
	    fby_control_who(conn));
	snprintf(text, sizeof(text),
	    "the watermarks of %zu partition%s begin anew; other hosts of the "
	    "group have their own",
	    n, n == 1 ? "" : "s");
	fby_control_result(conn, true, text);
}

static void
cmd_version(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	json_t *o = json_object();

	(void)mst;
	(void)args;
	for (const struct fby_version *v = fby_version_list(); v->name; v++)
		json_object_set_new(o, v->name, fby_json_text(v->text));
	fby_control_answer(conn, o);
}

static void
cmd_help(struct fby_master *mst, struct fby_control_conn *conn,
    const char *args)
{
	struct fby_str s;

	(void)mst;
	(void)args;
	fby_str_init(&s);
	for (const struct fby_control_cmd *c = fby_control_cmds; c->name; c++)
		fby_str_printf(&s, "%-9s %s\n", c->name, c->help);
	fby_control_text(conn, s.p);
	fby_str_fini(&s);
}

/* clang-format off */
const struct fby_control_cmd fby_control_cmds[] = {
	{ "status", cmd_status, false, "everything that can be seen, as JSON" },
	{ "reload", cmd_reload, true,
	    "read the manifest again; answers when that is done" },
	{ "drain", cmd_drain, true,
	    "finish what is in flight, commit, exit; answers at the end" },
	{ "stop", cmd_stop, true,
	    "like drain, but waits less; answers at the end" },
	{ "skip", cmd_skip, true,
	    "go on without the record TOPIC/PARTITION@OFFSET" },
	{ "watermark", cmd_watermark, false,
	    "reset: forget the watermarks of all partitions held" },
	{ "reopen", cmd_reopen, true,
	    "open the log file anew; answers when all workers have" },
	{ "version", cmd_version, false, "versions of forebay and its libraries" },
	{ "help", cmd_help, false, "this list" },
	{ 0 },
};
/* clang-format on */
