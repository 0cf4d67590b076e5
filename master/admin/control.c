/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket; see control.h.  What the commands do is in
 * admin/commands.c.
 *
 * A client may close its sending side after the line, as `echo status | nc -U`
 * does; that does not end the conversation.
 */
#include "shared/fby.h"

#include "master/admin/control.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/boundary/proto.h"

#include "master/admin/status.h"
#include "master/base/backoff.h"
#include "master/base/control_socket.h"
#include "master/base/procfs.h"
#include "master/master.h"

#define CONN_MAGIC 0x6c727463u /* "ctrl" */
#define LINE_MS 5000           /* to send the command */
#define HURRY_MS 1000          /* the same, when others wait to be heard */
#define ANSWER_MS 10000        /* to take each part of the answer */

struct fby_control_conn {
	unsigned magic;
	struct fby_control *ctl;
	struct bufferevent *bev;
	bool asked;                     /* the line has come */
	bool answered;                  /* goes when that is sent */
	bool waiting;                   /* for the end of the process */
	bool talks;                     /* counts in ntalking */
	bool hurries;                   /* has HURRY_MS */
	struct fby_status_text *pieces; /* that are still to come; or NULL */
	char who[64];                   /* "uid 0, pid 4711" */
	LIST_ENTRY(fby_control_conn) entry;
};

struct fby_control {
	struct fby_master *mst;
	struct evconnlistener *listener;
	struct fby_backoff backoff;
	struct stat st; /* of the socket's file */
	size_t nconns, ntalking;
	LIST_HEAD(, fby_control_conn) conns;
};

/* ---- how many --------------------------------------------------------- */

/*
 * Those that send their command or take an answer have a place; more are not
 * accepted, and wait in the socket's backlog.  Who waits for the end of what it
 * has asked for, a reload say, has none: no number of those keeps `status` out.
 */
static bool
is_full(const struct fby_control *ctl)
{
	return ctl->ntalking >= FBY_CONTROL_CLIENTS;
}

/* The places go to those that have something to say. */
static void
hurry(struct fby_control *ctl)
{
	const struct timeval tv = fby_clock_tv(HURRY_MS);
	struct fby_control_conn *conn;

	LIST_FOREACH (conn, &ctl->conns, entry) {
		if (conn->asked || conn->hurries)
			continue;
		/* Once: each time it begins anew. */
		conn->hurries = true;
		bufferevent_set_timeouts(conn->bev, &tv, NULL);
	}
}

static void
take_place(struct fby_control_conn *conn)
{
	struct fby_control *ctl = conn->ctl;

	conn->talks = true;
	ctl->ntalking++;
	if (!is_full(ctl))
		return;
	evconnlistener_disable(ctl->listener);
	hurry(ctl);
}

static void
leave_place(struct fby_control_conn *conn)
{
	struct fby_control *ctl = conn->ctl;

	if (!conn->talks)
		return;
	conn->talks = false;
	ctl->ntalking--;
	if (!is_full(ctl) && ctl->listener && !fby_backoff_is_on(&ctl->backoff))
		evconnlistener_enable(ctl->listener);
}

/* ---- conversations ---------------------------------------------------- */

static void
conn_free(struct fby_control_conn *conn)
{
	FBY_BUG_ON(conn->magic != CONN_MAGIC);
	fby_reload_forget(&conn->ctl->mst->reload, conn);
	fby_quarantine_forget(&conn->ctl->mst->quarantine, conn);
	fby_status_end(conn->pieces);
	fby_log_file_forget(&conn->ctl->mst->log_file, conn);
	LIST_REMOVE(conn, entry);
	conn->ctl->nconns--;
	leave_place(conn);
	bufferevent_free(conn->bev);
	conn->magic = 0;
	free(conn);
}

static void
send_answer(struct fby_control_conn *conn, const char *text, size_t len)
{
	struct timeval tv = fby_clock_tv(ANSWER_MS);

	if (FBY_COUNT_IF(conn->answered))
		return;
	conn->answered = true;
	conn->waiting = false;
	bufferevent_set_timeouts(conn->bev, NULL, &tv);
	bufferevent_write(conn->bev, text, len);
}

static void
send_piece(struct fby_control_conn *conn)
{
	struct timeval tv = fby_clock_tv(ANSWER_MS);
	struct fby_str s;

	fby_str_init(&s);
	if (fby_status_next(conn->pieces, &s)) {
		bufferevent_set_timeouts(conn->bev, NULL, &tv);
		bufferevent_write(conn->bev, s.p, s.len);
	} else {
		fby_status_end(conn->pieces);
		conn->pieces = NULL;
		send_answer(conn, s.p, s.len);
	}
	fby_str_fini(&s);
}

void
fby_control_pieces(struct fby_control_conn *conn, struct fby_status_text *taken)
{
	conn->pieces = taken;
	send_piece(conn);
}

void
fby_control_text(struct fby_control_conn *conn, const char *text)
{
	send_answer(conn, text, strlen(text));
}

void
fby_control_answer(struct fby_control_conn *conn, json_t *o)
{
	char *line = json_dumps(o, JSON_COMPACT);
	struct fby_str s;

	if (line == NULL)
		fby_mem_fatal();
	fby_str_init(&s);
	fby_str_puts(&s, line);
	fby_str_puts(&s, "\n");
	send_answer(conn, s.p, s.len);
	fby_str_fini(&s);
	free(line);
	json_decref(o);
}

void
fby_control_result(struct fby_control_conn *conn, bool ok, const char *text)
{
	struct fby_str s;

	/* Broker and file names may be in it: any bytes. */
	fby_str_init(&s);
	fby_str_printable_lines(&s, text);
	fby_control_answer(conn,
	    json_pack("{s:b, s:s}", "ok", (int)ok, "text", s.p));
	fby_str_fini(&s);
}

void
fby_control_wait(struct fby_control_conn *conn)
{
	conn->waiting = true;
}

const char *
fby_control_who(const struct fby_control_conn *conn)
{
	return conn->who;
}

static void
run_command(struct fby_control_conn *conn, char *line)
{
	struct fby_master *mst = conn->ctl->mst;
	const struct fby_control_cmd *cmd;
	char *args = line + strcspn(line, " \t");
	struct fby_str s;

	if (*args)
		*args++ = '\0';
	args += strspn(args, " \t");
	for (cmd = fby_control_cmds; cmd->name; cmd++)
		if (strcmp(cmd->name, line) == 0)
			break;
	if (cmd->name && cmd->is_long &&
	    conn->ctl->nconns > FBY_CONTROL_CONNS) {
		fby_control_result(conn, false,
		    "too many others wait for this master; nothing was done");
		return;
	}
	if (cmd->name) {
		cmd->fn(mst, conn, args);
		return;
	}
	fby_str_init(&s);
	fby_str_printf(&s, "there is no command \"%.40s\"; `help` lists them",
	    line);
	fby_control_result(conn, false, s.p);
	fby_str_fini(&s);
}

static void
on_read(struct bufferevent *bev, void *arg)
{
	struct fby_control_conn *conn = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	char *line;

	FBY_BUG_ON(conn->magic != CONN_MAGIC);
	if (conn->asked) {
		/* One line is all that we listen to. */
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	line = evbuffer_readln(in, NULL, EVBUFFER_EOL_CRLF);
	if (line == NULL && evbuffer_get_length(in) < FBY_CONTROL_LINE)
		return;
	conn->asked = true;
	bufferevent_set_timeouts(bev, NULL, NULL);
	if (line == NULL)
		fby_control_result(conn, false, "the command is too long");
	else
		run_command(conn, line);
	free(line);
	if (!conn->answered && conn->pieces == NULL)
		leave_place(conn);
}

/* All that was to be sent is in the kernel's hands. */
static void
on_written(struct bufferevent *bev, void *arg)
{
	struct fby_control_conn *conn = arg;

	(void)bev;
	FBY_BUG_ON(conn->magic != CONN_MAGIC);
	if (conn->answered)
		conn_free(conn);
	else if (conn->pieces)
		send_piece(conn);
}

/* Closed altogether, and not only its sending side. */
static bool
is_gone(int fd)
{
	struct pollfd p = { .fd = fd };

	return poll(&p, 1, 0) == 1 && (p.revents & (POLLHUP | POLLERR));
}

static void
on_event(struct bufferevent *bev, short what, void *arg)
{
	struct fby_control_conn *conn = arg;

	FBY_BUG_ON(conn->magic != CONN_MAGIC);
	if ((what & BEV_EVENT_EOF) && conn->asked &&
	    !is_gone(bufferevent_getfd(bev))) {
		bufferevent_disable(bev, EV_READ);
		return;
	}
	if ((what & BEV_EVENT_TIMEOUT) && !conn->asked) {
		conn->asked = true;
		bufferevent_set_timeouts(bev, NULL, NULL);
		fby_control_result(conn, false, "no command came");
		return;
	}
	conn_free(conn);
}

/* ---- accepting -------------------------------------------------------- */

/*
 * Our user or root, as the run directory is theirs.  What we have started
 * ourselves has our user, too, unless `user` of a runtime says otherwise, and
 * has nothing to tell us here: it is known by its ancestors.
 */
static bool
is_allowed(int fd, struct ucred *peer)
{
	socklen_t len = sizeof(*peer);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, peer, &len) == -1) {
		fby_warn("control: SO_PEERCRED: %s", strerror(errno));
		return false;
	}
	if (peer->uid != 0 && peer->uid != geteuid())
		fby_warn("control: user %u (pid %d) turned away",
		    (unsigned)peer->uid, (int)peer->pid);
	else if (peer->uid == geteuid() && peer->pid > 0 &&
	    fby_procfs_is_descendant(peer->pid))
		fby_warn("control: pid %d, of a program that was started here, "
			 "turned away",
		    (int)peer->pid);
	else
		return true;
	return false;
}

static void
on_accept(struct evconnlistener *listener, evutil_socket_t fd,
    struct sockaddr *addr, int len, void *arg)
{
	struct timeval tv = fby_clock_tv(LINE_MS);
	struct fby_control *ctl = arg;
	struct fby_control_conn *conn;
	struct ucred peer;

	(void)listener;
	(void)addr;
	(void)len;
	if (!is_allowed(fd, &peer)) {
		evutil_closesocket(fd);
		return;
	}
	conn = fby_calloc(1, sizeof(*conn));
	conn->magic = CONN_MAGIC;
	conn->ctl = ctl;
	snprintf(conn->who, sizeof(conn->who), "uid %u, pid %d",
	    (unsigned)peer.uid, (int)peer.pid);
	conn->bev = bufferevent_socket_new(ctl->mst->ctx.base, fd,
	    BEV_OPT_CLOSE_ON_FREE);
	if (conn->bev == NULL)
		fby_mem_fatal();
	LIST_INSERT_HEAD(&ctl->conns, conn, entry);
	bufferevent_setcb(conn->bev, on_read, on_written, on_event, conn);
	bufferevent_setwatermark(conn->bev, EV_READ, 0, FBY_CONTROL_LINE);
	bufferevent_set_timeouts(conn->bev, &tv, NULL);
	bufferevent_enable(conn->bev, EV_READ | EV_WRITE);
	ctl->nconns++;
	take_place(conn);
}

static void
on_accept_error(struct evconnlistener *listener, void *arg)
{
	struct fby_control *ctl = arg;

	(void)listener;
	fby_backoff_rest(&ctl->backoff);
}

static void
stop_listening(struct fby_control *ctl)
{
	if (ctl->listener == NULL)
		return;
	fby_backoff_fini(&ctl->backoff);
	evconnlistener_free(ctl->listener);
	ctl->listener = NULL;
}

/* -1 with errno: what was listened to before still is. */
static int
listen_in(struct fby_control *ctl, int dir)
{
	struct evconnlistener *listener = NULL;
	int fd = fby_control_socket_bind(dir), saved;

	if (fd == -1 || evutil_make_socket_nonblocking(fd) == -1 ||
	    fstatat(dir, FBY_CONTROL_SOCKET_NAME, &ctl->st,
		AT_SYMLINK_NOFOLLOW) == -1)
		goto fail;
	listener = evconnlistener_new(ctl->mst->ctx.base, on_accept, ctl,
	    LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, SOMAXCONN, fd);
	if (listener == NULL)
		goto fail;
	stop_listening(ctl);
	ctl->listener = listener;
	evconnlistener_set_error_cb(listener, on_accept_error);
	fby_backoff_init(&ctl->backoff, ctl->mst->ctx.base, listener,
	    "control");
	if (is_full(ctl))
		evconnlistener_disable(listener);
	return 0;
fail:
	saved = errno;
	if (fd != -1)
		close(fd);
	errno = saved;
	return -1;
}

struct fby_control *
fby_control_open(struct fby_master *mst)
{
	struct fby_control *ctl = fby_calloc(1, sizeof(*ctl));

	ctl->mst = mst;
	LIST_INIT(&ctl->conns);
	if (listen_in(ctl, mst->rundir.fd) == 0)
		return ctl;
	fby_error("control socket %s/" FBY_CONTROL_SOCKET_NAME ": %s",
	    mst->ctx.run_dir, strerror(errno));
	free(ctl);
	return NULL;
}

bool
fby_control_is_there(const struct fby_control *ctl)
{
	struct stat st;

	return fstatat(ctl->mst->rundir.fd, FBY_CONTROL_SOCKET_NAME, &st,
		   AT_SYMLINK_NOFOLLOW) == 0 &&
	    st.st_dev == ctl->st.st_dev && st.st_ino == ctl->st.st_ino;
}

int
fby_control_again(struct fby_control *ctl)
{
	return listen_in(ctl, ctl->mst->rundir.fd);
}

/* Another master's that has come by the same name stays. */
static void
take_away(const struct fby_control *ctl)
{
	if (fby_control_is_there(ctl))
		unlinkat(ctl->mst->rundir.fd, FBY_CONTROL_SOCKET_NAME, 0);
}

void
fby_control_close(struct fby_control *ctl)
{
	struct fby_control_conn *conn;

	if (ctl == NULL)
		return;
	if (ctl->listener) {
		stop_listening(ctl);
		take_away(ctl);
	}
	while ((conn = LIST_FIRST(&ctl->conns)) != NULL)
		conn_free(conn);
	free(ctl);
}

/* A short line fits into an empty socket buffer: no loop is needed for it. */
void
fby_control_finished(struct fby_control *ctl, bool ok, const char *text)
{
	struct fby_control_conn *conn, *next;
	struct evbuffer *out;

	if (ctl == NULL || ctl->listener == NULL)
		return;
	/* Unlinked before anybody hears of it: the next master may come. */
	stop_listening(ctl);
	take_away(ctl);
	for (conn = LIST_FIRST(&ctl->conns); conn; conn = next) {
		next = LIST_NEXT(conn, entry);
		if (conn->waiting)
			fby_control_result(conn, ok, text);
		else if (conn->asked && !conn->answered && !conn->pieces)
			fby_control_result(conn, false,
			    "the master has stopped meanwhile");
		out = bufferevent_get_output(conn->bev);
		/* Only the loop may take from it, as a rule. */
		evbuffer_unfreeze(out, 1);
		evbuffer_write(out, bufferevent_getfd(conn->bev));
		conn_free(conn);
	}
}
