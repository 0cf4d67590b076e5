/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A worker's connection to one of the user's functions.  It knows messages of
 * bytes; what is in them, and which answer belongs to which call, is the
 * role's.  What it knows of itself it writes into the ledger.
 *
 *   OFF -> WAITING -> CONNECTING -> CHECKING -> HANDSHAKE -> READY
 *             ^           |            |            |          |
 *             |           v            v            v          v
 *             +------- BACKOFF <-------+------------+----- (LEAVING)
 *
 * WAITING ends when the info file is complete and somebody listens.  BACKOFF
 * lasts 1 s, twice as long after each further failure, at most 30 s; only a
 * moment after the first, or for a connection that was READY for ten seconds.
 * A connection that is not READY after FBY_FUNCTION_PATIENCE_MS has failed. How
 * long an answer to a call takes is nobody's business: a slow function is
 * back-pressure.
 *
 * LEAVING is READY for those who look from outside: the server is shutting
 * down, answers what it has, and is sent no more.
 *
 * A server of several processes has a connection to each.  What is sent goes
 * to one after the other, and if one is lost all are.
 */
#ifndef FBY_WORKER_FUNCTION_H
#define FBY_WORKER_FUNCTION_H

#include "shared/fby.h"

#include "shared/boundary/ledger.h"

struct evbuffer;
struct event_base;
struct fby_function_conn;
struct fby_info;
struct fby_service;

#define FBY_FUNCTION_PATIENCE_MS 10000

/* The services that there are. */
extern const struct fby_service fby_function_transformer, fby_function_map,
    fby_function_sink;

struct fby_function_conf {
	const char *role;          /* as the log names it: "sink" */
	const char *dir;           /* of the instance */
	const char *socket, *info; /* names of files in it */
	const struct fby_service *service;
	uint32_t instance;
	struct fby_ledger_function *stats; /* this process is its writer */
	int64_t (*clock)(void); /* monotonic, ms; NULL: the real one */
};

struct fby_function_conn_ops {
	/* Calls are taken from now on; all that was not answered is due. */
	void (*ready)(void *arg);
	/* An answer, whole; borrowed until it returns. */
	void (*message)(void *arg, const uint8_t *p, size_t n);
	/*
	 * It was ready and is no more: what was not answered will not be, and
	 * is to be sent again after the next `ready`.  On a turn of its own.
	 * `by_garbage`: the server did not die, but could not be understood.
	 */
	void (*lost)(void *arg, const char *why, bool by_garbage);
};

/* Texts and directory are copied; the rest is borrowed for as long. */
struct fby_function_conn *fby_function_conn_new(struct event_base *base,
    const struct fby_function_conf *conf,
    const struct fby_function_conn_ops *ops, void *arg);

/*
 * The state is OFF.  The server is told first, and has half a second to end its
 * side.  Not from a callback but `lost`.  NULL is fine.
 */
void fby_function_conn_free(struct fby_function_conn *c);

/*
 * Where messages are appended, each behind its prefix (grpc.h), until they are
 * sent; what belongs together goes into one such pair of calls, so that it goes
 * to one process.  NULL: it takes no calls now.
 */
struct evbuffer *fby_function_conn_output(struct fby_function_conn *c);
void fby_function_conn_send(struct fby_function_conn *c);

/*
 * An answer makes no sense.  The connection ends as a broken one does, with
 * `lost` on a later turn; no `message` comes before that.
 */
void fby_function_conn_fail(struct fby_function_conn *c, const char *format,
    ...) FBY_PRINTF(2, 3);

/* What the server says of itself; valid while it is ready. */
const struct fby_info *fby_function_conn_info(
    const struct fby_function_conn *c);

/* ---- statistics ------------------------------------------------------- */

/* So many records were sent. */
void fby_function_conn_called(struct fby_function_conn *c, size_t n);

/* A record was answered after so many microseconds; or refused. */
void fby_function_conn_answered(struct fby_function_conn *c, bool is_error,
    int64_t us);

/* So many will not be answered. */
void fby_function_conn_forgot(struct fby_function_conn *c, size_t n);

/* ---- tests ------------------------------------------------------------ */

/* What is due by now is done; a timer calls it. */
void fby_function_conn_tick(struct fby_function_conn *c);

#endif
