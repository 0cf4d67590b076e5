/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket, through a real one: up to 20 clients that send what
 * and when they like.  Who has sent a line gets one answer that is whole.
 *
 * Bytes are sent as they are, but for these: 0xff lets the master's loop turn,
 * 0xfe ends the sending side, 0xfd is the next client, 0xfc closes, 0xfb says
 * that the reload is over, 0xfa that the master is.
 */
#include "shared/fby.h"

#include "t/unit/master/fake_master.h"

#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "master/admin/control.h"
#include "master/base/control_socket.h"
#include "master/signal.h"
#include "t/fuzz/fuzz.h"

#define CLIENTS 20
#define TURNS 4 /* accept, read, write, and one for what follows */

struct client {
	int fd;      /* -1: closed */
	bool asked;  /* a whole line was sent, and maybe taken */
	bool is_end; /* of sending */
};

static char dir[] = "/tmp/fby-fuzz-XXXXXX";
static struct fby_control *ctl;
static struct client clients[CLIENTS];
static size_t nclients;
static bool is_over; /* nobody listens any more */

/* ---- what commands do in a master ------------------------------------- */

static struct {
	fby_waiter_fn *fn;
	void *arg;
} waiters[CLIENTS];

void
fby_reload_request(struct fby_reload *r, fby_waiter_fn *fn, void *arg)
{
	(void)r;
	for (size_t i = 0; i < CLIENTS; i++)
		if (waiters[i].fn == NULL) {
			waiters[i].fn = fn;
			waiters[i].arg = arg;
			return;
		}
	FBY_BUG_ON(true);
}

size_t
fby_event_time_reset(struct fby_handoff *h, int64_t drain_ms)
{
	(void)h;
	(void)drain_ms;
	return 0;
}

void
fby_reload_forget(struct fby_reload *r, void *arg)
{
	(void)r;
	for (size_t i = 0; i < CLIENTS; i++)
		if (waiters[i].arg == arg)
			waiters[i].fn = NULL;
}

static void
end_reload(void)
{
	for (size_t i = 0; i < CLIENTS; i++) {
		fby_waiter_fn *fn = waiters[i].fn;

		waiters[i].fn = NULL;
		if (fn)
			fn(waiters[i].arg, i % 2, "f.yaml:1:1: \xff\x1b\nno");
	}
}

void
fby_log_file_reopen(struct fby_log_file *lf, fby_waiter_fn *fn, void *arg)
{
	(void)lf;
	fn(arg, true, "log reopened");
}

void
fby_log_file_forget(struct fby_log_file *lf, const void *arg)
{
	(void)lf;
	(void)arg;
}

bool
fby_signal_act(struct fby_master *m, const char *word)
{
	(void)m;
	(void)word;
	return nclients % 2;
}

/* ---- clients ---------------------------------------------------------- */

static void
turn(void)
{
	for (int i = 0; i < TURNS; i++)
		event_base_loop(mst.ctx.base, EVLOOP_NONBLOCK);
}

/* NULL: there are enough. */
static struct client *
connect_client(void)
{
	struct client *c = &clients[nclients];

	/* The listener's queue is not as long; we would wait for ourselves. */
	if (nclients % 8 == 7)
		turn();
	if (nclients == CLIENTS ||
	    (c->fd = fby_control_socket_connect(mst.rundir.fd, 0)) == -1)
		return NULL;
	c->asked = c->is_end = false;
	nclients++;
	return c;
}

static void
say(struct client *c, const uint8_t *p, size_t len)
{
	if (len == 0 || c->fd == -1 || c->is_end || is_over)
		return;
	if (send(c->fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)len)
		c->asked |= memchr(p, '\n', len) != NULL;
}

static void
close_client(struct client *c)
{
	if (c->fd != -1)
		close(c->fd);
	c->fd = -1;
}

/* One line of JSON, or the list of commands. */
static void
check_answer(const char *text, size_t len)
{
	json_t *o;

	if (len == 0)
		return;
	FBY_BUG_ON(text[len - 1] != '\n');
	if (*text != '{') {
		FBY_BUG_ON(strncmp(text, "status ", 7) != 0);
		return;
	}
	FBY_BUG_ON(strchr(text, '\n') != text + len - 1);
	o = json_loadb(text, len, 0, NULL);
	FBY_BUG_ON(o == NULL);
	json_decref(o);
}

static void
read_answer(struct client *c)
{
	static char text[1 << 16];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 &&
	    (n = recv(c->fd, text + len, sizeof(text) - 1 - len,
		 MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	text[len] = '\0';
	check_answer(text, len);
	/* More than have a place may not be accepted before the end. */
	FBY_BUG_ON(c->asked && len == 0 && nclients <= FBY_CONTROL_CLIENTS);
}

/* ---- a run ------------------------------------------------------------ */

static void
end_master(void)
{
	end_reload();
	turn();
	fby_control_finished(ctl, nclients % 2, "stopped");
	is_over = true;
}

static struct client *
act(struct client *c, uint8_t what)
{
	struct client *next;

	switch (what) {
	case 0xff:
		turn();
		break;
	case 0xfe:
		c->is_end = c->fd == -1 || shutdown(c->fd, SHUT_WR) == 0;
		break;
	case 0xfd:
		next = connect_client();
		return next ? next : c;
	case 0xfc:
		close_client(c);
		break;
	case 0xfb:
		end_reload();
		break;
	default:
		end_master();
	}
	return c;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct client *c;
	size_t from = 0;

	nclients = 0;
	is_over = false;
	ctl = fby_control_open(&mst);
	FBY_BUG_ON(ctl == NULL || (c = connect_client()) == NULL);
	for (size_t i = 0; i < size; i++)
		if (data[i] >= 0xfa) {
			say(c, data + from, i - from);
			from = i + 1;
			c = act(c, data[i]);
		}
	say(c, data + from, size - from);
	turn();
	end_master();
	for (size_t i = 0; i < nclients; i++)
		if (clients[i].fd != -1) {
			read_answer(&clients[i]);
			close_client(&clients[i]);
		}
	fby_control_close(ctl);
	return 0;
}

static void
remove_dir(void)
{
	rmdir(dir);
}

/* The parts lie where the leak checker does not look for pointers. */
static void
fake_gone(void)
{
	fake_master_gone(NULL);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	signal(SIGPIPE, SIG_IGN); /* as in signal.c */
	atexit(fake_gone);
	if (fake_master(NULL) == -1 || mkdtemp(dir) == NULL ||
	    (mst.ctx.base = event_base_new()) == NULL)
		abort();
	atexit(remove_dir);
	fby_quarantine_init(&mst.quarantine, &mst.ctx, &mst.handoff,
	    &mst.progress, fby_control_result);
	mst.ctx.run_dir = dir;
	mst.rundir.fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return 0;
}
