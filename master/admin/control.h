/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: <run directory>/control, a unix stream socket that only
 * root and the service's own user may talk to.
 *
 * A client sends one line, a command with its arguments, and reads until end
 * of file.  The answer is one line of JSON, for `help` text.  Some answers
 * take long: `reload` comes back when the reload is over, `drain` and `stop`
 * when the process is about to end.
 *
 * A client beyond FBY_CONTROL_CLIENTS is not refused, but accepted when another
 * one is done.
 */
#ifndef FBY_CONTROL_H
#define FBY_CONTROL_H

#include "shared/fby.h"

#include <jansson.h>

#define FBY_CONTROL_LINE 4096  /* longest command */
#define FBY_CONTROL_CLIENTS 16 /* that send or receive at a time */
#define FBY_CONTROL_CONNS 512  /* with those that wait for what they asked */

struct fby_control;
struct fby_control_conn;
struct fby_master;
struct fby_status_text;

/* NULL: the socket cannot be made, said in the log. */
struct fby_control *fby_control_open(struct fby_master *mst);
void fby_control_close(struct fby_control *ctl); /* may be NULL */

/*
 * Is the socket in the run directory still ours?  If not, make it anew; -1
 * with errno.  Conversations go on.
 */
bool fby_control_is_there(const struct fby_control *ctl);
int fby_control_again(struct fby_control *ctl) FBY_MUSTCHECK;

/*
 * The process ends, with this result for those that wait for it.  The event
 * loop need not run any more; nothing is accepted after it.
 */
void fby_control_finished(struct fby_control *ctl, bool ok, const char *text);

/* ---- for admin/commands.c ----------------------------------------------- */

struct fby_control_cmd {
	const char *name;
	/* Must answer, now or later, or wait. */
	void (*fn)(struct fby_master *mst, struct fby_control_conn *conn,
	    const char *args);
	bool is_long; /* what answers when it is over */
	const char *help;
};

extern const struct fby_control_cmd fby_control_cmds[]; /* ends: no name */

/* Each ends the conversation once it has been sent. */
void fby_control_answer(struct fby_control_conn *conn, json_t *taken);
void fby_control_result(struct fby_control_conn *conn, bool ok,
    const char *text);
/* Takes it: a piece is made when the one before is sent. */
void fby_control_pieces(struct fby_control_conn *conn,
    struct fby_status_text *taken);
void fby_control_text(struct fby_control_conn *conn, const char *text);

/* Who is talking, for the record: "uid 0, pid 4711". */
const char *fby_control_who(const struct fby_control_conn *conn);

/* The answer is what fby_control_finished() says. */
void fby_control_wait(struct fby_control_conn *conn);

#endif
