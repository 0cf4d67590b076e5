/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The connection to a function; see function.h.
 *
 * What is worth a line of the log: ready, lost, and why not ready.  A reason
 * that repeats is said once a minute; that a server is not there yet is none
 * for as long as servers take to start.
 */
#include "shared/fby.h"

#include "worker/function/function.h"

#include <errno.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shared/base/bug.h"
#include "shared/base/clock.h"
#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"
#include "shared/boundary/hist.h"

#include "worker/function/address.h"
#include "worker/function/info.h"
#include "worker/function/link.h"

#define POLL_MS 100       /* is it there now? */
#define POLL_LATER_MS 500 /* after FBY_FUNCTION_PATIENCE_MS */
#define FIRST_MS 50 /* what dies may still take connections for a moment */
#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 30000
#define STEADY_MS 10000  /* READY for so long: it works */
#define LEAVING_MS 30000 /* to answer what it has */
#define SAID_MS 60000    /* the same reason again */
#define END_MS 500       /* for the server's side of an end */

const struct fby_service fby_function_transformer = {
	.name = "sourcetransformer.v1.SourceTransform",
	.call = "/sourcetransformer.v1.SourceTransform/SourceTransformFn",
	.ready = "/sourcetransformer.v1.SourceTransform/IsReady",
	.ask = 2,
	.answer = 3,
};

const struct fby_service fby_function_map = {
	.name = "map.v1.Map",
	.call = "/map.v1.Map/MapFn",
	.ready = "/map.v1.Map/IsReady",
	.ask = 3,
	.answer = 3,
};

const struct fby_service fby_function_sink = {
	.name = "sink.v1.Sink",
	.call = "/sink.v1.Sink/SinkFn",
	.ready = "/sink.v1.Sink/IsReady",
	.ask = 3,
	.answer = 2,
};

struct peer {
	struct fby_function_conn *c;
	struct fby_link *link; /* NULL: none */
	enum fby_link_stage stage;
};

struct fby_function_conn {
	struct fby_function_conf conf;
	char *role, *dir, *socket, *info_name, *container; /* heap */
	const struct fby_function_conn_ops *ops;
	void *arg;
	struct event_base *base;
	struct event ev_due;

	enum fby_conn_state state;
	int64_t since;       /* of the state */
	int64_t due;         /* when something is to be done; INT64_MAX: no */
	int64_t waits_since; /* for a server; 0: it does not */
	unsigned failures;   /* one after the other */
	bool is_leaving, is_failing;

	struct fby_info info;
	struct peer peers[FBY_INFO_ENDPOINTS];
	size_t npeers, next;

	char *said; /* heap: the last reason that was logged, or NULL */
	int64_t said_at;
	unsigned unsaid;
};

static const struct fby_link_ops link_ops;

static int64_t
now(const struct fby_function_conn *c)
{
	return c->conf.clock != NULL ? c->conf.clock() : fby_clock_mono();
}

static void
set_due(struct fby_function_conn *c, int64_t due)
{
	struct timeval tv;

	c->due = due;
	event_del(&c->ev_due);
	if (due == INT64_MAX)
		return;
	tv = fby_clock_tv(FBY_MAX(due - now(c), 0));
	event_add(&c->ev_due, &tv);
}

static void
set_state(struct fby_function_conn *c, enum fby_conn_state state)
{
	if (c->state == state)
		return;
	c->state = state;
	c->since = now(c);
	fby_store(&c->conf.stats->since, c->since);
	fby_release(&c->conf.stats->state, state);
}

/* ---- reasons ---------------------------------------------------------- */

/* For those who look at the ledger. */
static void
set_why(struct fby_function_conn *c, const char *why)
{
	fby_str_print_into(c->conf.stats->why, sizeof(c->conf.stats->why), why,
	    strlen(why));
}

static bool
is_said(const struct fby_function_conn *c, const char *why)
{
	return c->said != NULL && strcmp(c->said, why) == 0 &&
	    now(c) - c->said_at < SAID_MS;
}

/* `what` is what follows from it, or "". */
static void
say(struct fby_function_conn *c, const char *why, const char *what)
{
	char more[48] = "";

	set_why(c, why);
	if (is_said(c, why)) {
		c->unsaid++;
		return;
	}
	if (c->unsaid > 0 && strcmp(c->said, why) == 0)
		snprintf(more, sizeof(more), " (and %u times before)",
		    c->unsaid);
	fby_warn("function %s: %s%s%s", c->role, why, what, more);
	free(c->said);
	c->said = fby_strdup(why);
	c->said_at = now(c);
	c->unsaid = 0;
}

/* ---- failure ---------------------------------------------------------- */

static void
free_peers(struct fby_function_conn *c)
{
	for (size_t i = 0; i < c->npeers; i++)
		fby_link_free(c->peers[i].link);
	c->npeers = 0;
	c->next = 0;
	c->is_leaving = c->is_failing = false;
}

/* FIRST_MS, then 1 s, 2 s, ... */
static int64_t
next_pause(struct fby_function_conn *c)
{
	unsigned n = c->failures++;

	if (n == 0)
		return FIRST_MS;
	return n > 5 ? BACKOFF_MAX_MS :
		       FBY_MIN(BACKOFF_MS << (n - 1), BACKOFF_MAX_MS);
}

static void
fail(struct fby_function_conn *c, const char *why, bool by_garbage)
{
	bool was_ready = c->state == FBY_CONN_READY;
	char what[64] = "; it is connected anew";
	int64_t pause;

	free_peers(c);
	if (was_ready && now(c) - c->since >= STEADY_MS)
		c->failures = 0;
	pause = next_pause(c);
	if (pause >= BACKOFF_MS)
		snprintf(what, sizeof(what), "; the next try is in %d s",
		    (int)(pause / 1000));
	fby_bump(&c->conf.stats->failures, 1);
	say(c, why, what);
	c->waits_since = 0;
	set_state(c, FBY_CONN_BACKOFF);
	set_due(c, now(c) + pause);
	if (was_ready)
		c->ops->lost(c->arg, why, by_garbage);
}

/* ---- a server that is not there --------------------------------------- */

/* That is said when it takes longer than a start. */
static void
wait_on(struct fby_function_conn *c, const char *why)
{
	int64_t waited = now(c) - c->waits_since;

	free_peers(c);
	if (waited >= FBY_FUNCTION_PATIENCE_MS)
		say(c, why, "; it is waited for");
	else
		set_why(c, why);
	set_state(c, FBY_CONN_WAITING);
	set_due(c,
	    now(c) +
		(waited < FBY_FUNCTION_PATIENCE_MS ? POLL_MS : POLL_LATER_MS));
}

static void
wait_for(struct fby_function_conn *c, const char *name, int error)
{
	char *why = error == ENOENT ?
	    fby_asprintf("%s/%s is not there", c->dir, name) :
	    error == ECONNREFUSED ?
	    fby_asprintf("nobody listens at %s/%s", c->dir, name) :
	    fby_asprintf("%s/%s: %s", c->dir, name, strerrordesc_np(error));

	wait_on(c, why);
	free(why);
}

/* ---- the info file ---------------------------------------------------- */

/* It is the function's, which may put anything there.  -1: errno. */
static int
read_info(const struct fby_function_conn *c, struct fby_str *text)
{
	char *path = fby_asprintf("%s/%s", c->dir, c->info_name);
	int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;
	int rc = -1, error;

	if (fd != -1 && fstat(fd, &st) == 0) {
		errno = EINVAL;
		if (S_ISREG(st.st_mode))
			rc = fby_file_read_fd(fd, text, FBY_INFO_BYTES);
	}
	error = errno;
	if (fd != -1)
		close(fd);
	free(path);
	errno = error;
	return rc;
}

/* False: it is waited for, or has failed. */
static bool
take_info(struct fby_function_conn *c, const struct fby_str *text)
{
	struct fby_str why;
	bool is_good;

	fby_str_init(&why);
	fby_str_printf(&why, "%s/%s: ", c->dir, c->info_name);
	if (!fby_info_is_whole(text->p, text->len)) {
		fby_str_puts(&why, "it is not complete");
		wait_on(c, why.p);
		fby_str_fini(&why);
		return false;
	}
	is_good = fby_info_parse(&c->info, c->container, text->p, text->len,
		      &why) == 0;
	if (!is_good)
		fail(c, why.p, true);
	fby_str_fini(&why);
	return is_good;
}

static void
tell_info(const struct fby_function_conn *c)
{
	struct fby_ledger_function *stats = c->conf.stats;

	snprintf(stats->language, sizeof(stats->language), "%s",
	    c->info.language);
	snprintf(stats->version, sizeof(stats->version), "%s", c->info.version);
}

/* ---- connecting ------------------------------------------------------- */

/* Of a map each mode has a socket of its own. */
static const char *
socket_name(const struct fby_function_conn *c)
{
	if (c->conf.service != &fby_function_map)
		return c->socket;
	return c->info.mode == FBY_INFO_BATCH ? "batchmap.sock" :
	    c->info.mode == FBY_INFO_STREAM   ? "mapstream.sock" :
						c->socket;
}

/* The name or the endpoint of the i-th process. */
static void
name_peer(const struct fby_function_conn *c, size_t i, char *buf, size_t size)
{
	if (c->info.is_tcp)
		snprintf(buf, size, "%s", c->info.endpoints[i]);
	else if (c->info.processes > 0)
		snprintf(buf, size, "multiproc%zu.sock", i);
	else
		snprintf(buf, size, "%s", socket_name(c));
}

static bool
connect_peer(struct fby_function_conn *c, size_t i)
{
	struct peer *p = &c->peers[i];
	struct fby_address a;
	char name[FBY_INFO_ENDPOINT + 32], why[FBY_INFO_ENDPOINT + 160];
	int rc;

	name_peer(c, i, name, sizeof(name));
	*p = (struct peer){ .c = c };
	c->npeers = i + 1;
	rc = c->info.is_tcp ? fby_address_endpoint(&a, name) :
			      fby_address_unix(&a, c->dir, name);
	if (rc == -1) {
		snprintf(why, sizeof(why),
		    c->info.is_tcp ? "%s is no endpoint of this machine" :
				     "the path of %s is too long for a socket",
		    name);
		fail(c, why, true);
		return false;
	}
	p->link = fby_link_new(c->base, &a, c->conf.service, &link_ops, p);
	if (p->link == NULL)
		wait_for(c, name, errno);
	return p->link != NULL;
}

static void
connect_all(struct fby_function_conn *c)
{
	size_t n = c->info.is_tcp ? c->info.nendpoints :
				    FBY_MAX(c->info.processes, 1);

	for (size_t i = 0; i < n; i++)
		if (!connect_peer(c, i))
			return;
	tell_info(c);
	set_state(c, FBY_CONN_CONNECTING);
	set_due(c, now(c) + FBY_FUNCTION_PATIENCE_MS);
}

/* Is it there?  Info file first: it says which sockets there are. */
static void
look(struct fby_function_conn *c)
{
	struct fby_str text;

	if (c->waits_since == 0)
		c->waits_since = now(c);
	fby_str_init(&text);
	if (read_info(c, &text) == -1)
		wait_for(c, c->info_name, errno);
	else if (take_info(c, &text))
		connect_all(c);
	fby_str_fini(&text);
}

/* ---- links ------------------------------------------------------------ */

static void
become_ready(struct fby_function_conn *c)
{
	bool is_known = strcmp(c->info.language, "unknown") != 0;

	fby_notice("function %s: ready: %s%s%s%s%s", c->role,
	    is_known ? "SDK for " : "SDK ", c->info.language,
	    c->info.version[0] != '\0' ? " " : "", c->info.version,
	    c->npeers > 1 ? ", several processes" : "");
	c->waits_since = 0;
	set_why(c, "");
	fby_bump(&c->conf.stats->connects, 1);
	set_state(c, FBY_CONN_READY);
	/* One of several may be leaving before the last is ready. */
	if (!c->is_leaving)
		set_due(c, INT64_MAX);
	c->ops->ready(c->arg);
}

/*
 * A server that has answered all ends the call, which we have ended; that of
 * numaflow-go 0.12 waits there until the connection breaks off.
 */
static void
set_leaving_due(struct fby_function_conn *c)
{
	bool is_done = fby_load(&c->conf.stats->in_flight) == 0;

	set_due(c, now(c) + (is_done ? END_MS : LEAVING_MS));
}

/* As far as the one that is furthest behind. */
static void
on_moved(void *arg, enum fby_link_stage stage)
{
	static const enum fby_conn_state states[] = {
		[FBY_LINK_CONNECTING] = FBY_CONN_CONNECTING,
		[FBY_LINK_CHECKING] = FBY_CONN_CHECKING,
		[FBY_LINK_HANDSHAKE] = FBY_CONN_HANDSHAKE,
	};
	struct peer *p = arg;
	struct fby_function_conn *c = p->c;
	enum fby_link_stage least = stage;

	p->stage = stage;
	if (c->is_failing)
		return;
	if (stage == FBY_LINK_LEAVING) {
		if (!c->is_leaving)
			fby_notice("function %s: it is shutting down", c->role);
		c->is_leaving = true;
		set_leaving_due(c);
		return;
	}
	for (size_t i = 0; i < c->npeers; i++)
		least = FBY_MIN(least, c->peers[i].stage);
	if (least == FBY_LINK_READY)
		become_ready(c);
	else
		set_state(c, states[least]);
}

static void
on_message(void *arg, const uint8_t *p, size_t n)
{
	struct peer *peer = arg;
	struct fby_function_conn *c = peer->c;

	if (c->is_failing)
		return;
	if (c->state != FBY_CONN_READY)
		fby_function_conn_fail(c,
		    "a message came before it was called");
	else
		c->ops->message(c->arg, p, n);
}

static void
on_closed(void *arg, const char *why, bool by_garbage)
{
	struct peer *p = arg;
	char *copy = fby_strdup(why);

	fail(p->c, copy, by_garbage);
	free(copy);
}

static const struct fby_link_ops link_ops = {
	.moved = on_moved,
	.message = on_message,
	.closed = on_closed,
};

/* ---- time ------------------------------------------------------------- */

static const char *
overdue(const struct fby_function_conn *c)
{
	switch (c->state) {
	case FBY_CONN_CONNECTING:
		return "it does not accept the connection";
	case FBY_CONN_CHECKING:
		return "it does not answer whether it is ready";
	case FBY_CONN_HANDSHAKE:
		return "it does not answer the handshake";
	default:
		return fby_load(&c->conf.stats->in_flight) == 0 ?
		    "it is shutting down" :
		    "it is shutting down, and does not answer what it has";
	}
}

void
fby_function_conn_tick(struct fby_function_conn *c)
{
	if (now(c) < c->due) {
		set_due(c, c->due);
		return;
	}
	if (c->state == FBY_CONN_OFF || c->state == FBY_CONN_WAITING ||
	    c->state == FBY_CONN_BACKOFF)
		look(c);
	else
		fail(c, overdue(c), false);
}

static void
on_due(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	fby_function_conn_tick(arg);
}

/* ---- life ------------------------------------------------------------- */

/* "sinker" of "sinker-server-info". */
static char *
container_of_info(const char *name)
{
	const char *end = strstr(name, "-server-info");

	return fby_strndup(name,
	    end != NULL ? (size_t)(end - name) : strlen(name));
}

struct fby_function_conn *
fby_function_conn_new(struct event_base *base,
    const struct fby_function_conf *conf,
    const struct fby_function_conn_ops *ops, void *arg)
{
	struct fby_function_conn *c = fby_calloc(1, sizeof(*c));

	c->conf = *conf;
	c->role = fby_strdup(conf->role);
	c->dir = fby_strdup(conf->dir);
	c->socket = fby_strdup(conf->socket);
	c->info_name = fby_strdup(conf->info);
	c->container = container_of_info(conf->info);
	c->ops = ops;
	c->arg = arg;
	c->base = base;
	c->state = FBY_CONN_OFF;
	evtimer_assign(&c->ev_due, base, on_due, c);
	fby_store(&conf->stats->instance, conf->instance);
	fby_store(&conf->stats->in_flight, 0);
	set_why(c, "");
	set_state(c, FBY_CONN_WAITING);
	set_due(c, now(c));
	return c;
}

static void
end_peers(struct fby_function_conn *c)
{
	int64_t until = fby_clock_mono() + END_MS;

	c->is_failing = true; /* nothing that comes now is passed on */
	for (size_t i = 0; i < c->npeers; i++)
		fby_link_end(c->peers[i].link);
	for (size_t i = 0; i < c->npeers; i++)
		fby_link_wait(c->peers[i].link, until);
}

void
fby_function_conn_free(struct fby_function_conn *c)
{
	if (c == NULL)
		return;
	end_peers(c);
	free_peers(c);
	event_del(&c->ev_due);
	set_state(c, FBY_CONN_OFF);
	free(c->role);
	free(c->dir);
	free(c->socket);
	free(c->info_name);
	free(c->container);
	free(c->said);
	free(c);
}

/* ---- calls ------------------------------------------------------------ */

struct evbuffer *
fby_function_conn_output(struct fby_function_conn *c)
{
	if (c->state != FBY_CONN_READY || c->is_leaving || c->is_failing)
		return NULL;
	return fby_link_output(c->peers[c->next].link);
}

void
fby_function_conn_send(struct fby_function_conn *c)
{
	struct peer *p = &c->peers[c->next];

	/* It was lost since; `lost` has been called. */
	if (c->npeers == 0)
		return;
	c->next = (c->next + 1) % c->npeers;
	fby_link_send(p->link);
}

void
fby_function_conn_fail(struct fby_function_conn *c, const char *format, ...)
{
	struct fby_str text;
	va_list ap;
	char *why;

	if (c->is_failing || c->npeers == 0)
		return;
	c->is_failing = true;
	va_start(ap, format);
	why = fby_vasprintf(format, ap);
	va_end(ap);
	fby_str_init(&text);
	fby_str_printable(&text, why, strlen(why));
	fby_link_fail(c->peers[0].link, text.p, true);
	fby_str_fini(&text);
	free(why);
}

const struct fby_info *
fby_function_conn_info(const struct fby_function_conn *c)
{
	return &c->info;
}

/* ---- statistics ------------------------------------------------------- */

void
fby_function_conn_called(struct fby_function_conn *c, size_t n)
{
	fby_bump(&c->conf.stats->calls, n);
	fby_bump(&c->conf.stats->in_flight, n);
}

void
fby_function_conn_answered(struct fby_function_conn *c, bool is_error,
    int64_t us)
{
	fby_bump(&c->conf.stats->answers, 1);
	if (is_error)
		fby_bump(&c->conf.stats->errors, 1);
	fby_store(&c->conf.stats->in_flight,
	    fby_load(&c->conf.stats->in_flight) - 1);
	fby_hist_add(&c->conf.stats->answer, us);
	if (c->is_leaving && fby_load(&c->conf.stats->in_flight) == 0)
		set_leaving_due(c);
}

void
fby_function_conn_forgot(struct fby_function_conn *c, size_t n)
{
	fby_store(&c->conf.stats->in_flight,
	    fby_load(&c->conf.stats->in_flight) - n);
	fby_bump(&c->conf.stats->lost, n);
}
